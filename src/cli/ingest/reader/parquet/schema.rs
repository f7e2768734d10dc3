//! The tree of the columns that are read, by the types of a file.

use std::ops::Range;

use anyhow::{bail, ensure};
use parquet::basic::{ConvertedType, LogicalType, Repetition};
use parquet::schema::types::Type;

use super::kind::{self, Kind};
use super::leaf::Levels;
use crate::cli::ingest::mapping::{self, Mapping, is_within};

/// Deeper values could not be stored.
pub const MAX_DEPTH: usize = 100;

/// A column that holds values.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its place in the row groups of the file.
    pub index: usize,
    /// Its dotted name, in which lists are no step.
    pub name: String,
    pub kind: Kind,
    /// Whether its values are ids.
    pub is_id: bool,
    pub max: Levels,
}

/// A field, or a list's element.
#[derive(Debug)]
pub struct Node {
    pub name: String,
    /// The columns below.
    pub columns: Range<usize>,
    /// The definition level from which on it is not null.
    pub not_null_from: i16,
    pub shape: Shape,
}

#[derive(Debug)]
pub enum Shape {
    Value,
    Struct(Vec<Node>),
    /// There is an element where the definition level is beyond this one, and a further one where the repetition level is.
    List {
        beyond: Levels,
        element: Box<Node>,
    },
    Map {
        beyond: Levels,
        key: Box<Node>,
        value: Box<Node>,
    },
}

/// What is read of a file.
#[derive(Debug, Default)]
pub struct Schema {
    pub fields: Vec<Node>,
    pub columns: Vec<Column>,
    /// The names of pandas' index columns, which are not read.
    pub left_out: Vec<String>,
    /// How many columns of the file come before the next one.
    passed: usize,
}

impl Schema {
    /// Builds the tree of what a mapping wants.
    ///
    /// # Errors
    /// If one of these columns has a type that can't be read.
    pub fn new(root: &Type, mapping: &Mapping) -> anyhow::Result<Self> {
        let mut schema = Self::default();
        for field in root.get_fields() {
            let name = field.name();
            let is_left_out = is_unnamed_index(name) && !mapping.names(name);
            if is_left_out && mapping.payload_fields.is_none() {
                schema.left_out.push(name.to_owned());
            }
            let place =
                SchemaPosition { name: name.to_owned(), levels: Levels { definition: 0, repetition: 0 }, depth: 0 };
            match mapping.wants(name) && !is_left_out {
                true => schema.add(field, place, mapping)?,
                false => schema.passed += count_columns(field, 0)?,
            }
        }
        Ok(schema)
    }

    fn add(&mut self, field: &Type, place: SchemaPosition, mapping: &Mapping) -> anyhow::Result<()> {
        if let Some(node) = self.node(field, &place, mapping)? {
            self.fields.push(node);
        }
        Ok(())
    }

    /// Builds what a type is; `None` if nothing inside it is wanted.
    fn node(&mut self, of: &Type, place: &SchemaPosition, mapping: &Mapping) -> anyhow::Result<Option<Node>> {
        match of.get_basic_info().repetition() {
            Repetition::REQUIRED => self.value(of, place, mapping),
            Repetition::OPTIONAL => self.value(of, &place.deeper(1, 0), mapping),
            // A repeated field without a list around it.
            Repetition::REPEATED => {
                let element = self.value(of, &place.deeper(1, 1), mapping)?;
                Ok(element.map(|element| list(of, place, element)))
            }
        }
    }

    /// Builds what a type is without its repetition.
    fn value(&mut self, of: &Type, place: &SchemaPosition, mapping: &Mapping) -> anyhow::Result<Option<Node>> {
        ensure!(
            place.depth <= MAX_DEPTH,
            "its column {} is nested too deep; {LEAVE_OUT}",
            mapping::shorten(&place.name)
        );
        if of.is_primitive() {
            return self.column(of, place, mapping).map(Some);
        }
        let info = of.get_basic_info();
        if let Some(logical @ (LogicalType::Variant(_) | LogicalType::_Unknown { .. })) = info.logical_type_ref() {
            bail!("its column {} is of the type {}, which can't be read; {LEAVE_OUT}", place.name, kind::name(logical));
        }
        let converted = info.converted_type();
        match (of.get_fields(), converted) {
            ([repeated], ConvertedType::LIST) if is_repeated(repeated) => {
                let below = place.deeper(1, 1);
                let element = match repeated.is_group().then(|| repeated.get_fields()) {
                    Some([only]) if !is_element(repeated) => self.node(only, &below, mapping),
                    _ => self.value(repeated, &below, mapping),
                };
                Ok(element?.map(|element| list(of, place, element)))
            }
            ([entries], ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE)
                if is_repeated(entries) && entries.is_group() =>
            {
                self.map(of, entries.get_fields(), place)
            }
            (_, ConvertedType::LIST | ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE) => {
                bail!("its column {} is a {converted} of an unknown form; {LEAVE_OUT}", place.name)
            }
            (fields, _) => self.fields(of, fields, place, mapping),
        }
    }

    fn fields<T: AsRef<Type>>(
        &mut self,
        of: &Type,
        fields: &[T],
        place: &SchemaPosition,
        mapping: &Mapping,
    ) -> anyhow::Result<Option<Node>> {
        let first = self.columns.len();
        let mut nodes = Vec::with_capacity(fields.len());
        for field in fields.iter().map(AsRef::as_ref) {
            let name = format!("{}.{}", place.name, field.name());
            match mapping.wants_inside(&name) {
                true => nodes.extend(self.node(field, &place.inside(name), mapping)?),
                false => self.passed += count_columns(field, place.depth)?,
            }
        }
        let node = Node {
            name: of.name().to_owned(),
            columns: first..self.columns.len(),
            not_null_from: place.levels.definition,
            shape: Shape::Struct(nodes),
        };
        // Without a column it is not known which rows have it.
        Ok((!node.columns.is_empty()).then_some(node))
    }

    /// Builds a map, of which all is read; one without values is a list of its keys.
    fn map<T: AsRef<Type>>(&mut self, of: &Type, fields: &[T], place: &SchemaPosition) -> anyhow::Result<Option<Node>> {
        let (first, below, all) = (self.columns.len(), place.deeper(1, 1), Mapping::default());
        let nodes =
            fields.iter().map(|field| self.node(field.as_ref(), &below, &all)).collect::<Result<Vec<_>, _>>()?;
        let mut nodes = nodes.into_iter().flatten();
        let (Some(key), value, None) = (nodes.next(), nodes.next(), nodes.next()) else {
            bail!("its column {} is a map of an unknown form; {LEAVE_OUT}", place.name)
        };
        let Some(value) = value else { return Ok(Some(list(of, place, key))) };
        Ok(Some(Node {
            name: of.name().to_owned(),
            columns: first..self.columns.len(),
            not_null_from: place.levels.definition,
            shape: Shape::Map { beyond: place.levels, key: Box::new(key), value: Box::new(value) },
        }))
    }

    fn column(&mut self, of: &Type, place: &SchemaPosition, mapping: &Mapping) -> anyhow::Result<Node> {
        let kind = match Kind::of(of) {
            Ok(kind) => kind,
            Err(name) => bail!("its column {} is of the type {name}, which can't be read; {LEAVE_OUT}", place.name),
        };
        let is_id = is_within(&place.name, &mapping.id_field);
        let at = self.columns.len();
        self.columns.push(Column { index: self.passed, name: place.name.clone(), kind, is_id, max: place.levels });
        self.passed += 1;
        let not_null_from = place.levels.definition;
        Ok(Node { name: of.name().to_owned(), columns: at..at + 1, not_null_from, shape: Shape::Value })
    }
}

const LEAVE_OUT: &str = "name others with --payload-fields";

/// Where in the schema a type is.
struct SchemaPosition {
    name: String,
    levels: Levels,
    depth: usize,
}

impl SchemaPosition {
    fn deeper(&self, definition: i16, repetition: i16) -> Self {
        let Levels { definition: above, repetition: repetition_above } = self.levels;
        let levels = Levels { definition: above + definition, repetition: repetition_above + repetition };
        Self { name: self.name.clone(), levels, depth: self.depth + usize::from(repetition > 0) }
    }

    fn inside(&self, name: String) -> Self {
        Self { name, levels: self.levels, depth: self.depth + 1 }
    }
}

fn list(of: &Type, place: &SchemaPosition, element: Node) -> Node {
    Node {
        name: of.name().to_owned(),
        columns: element.columns.clone(),
        not_null_from: place.levels.definition,
        shape: Shape::List { beyond: place.levels, element: Box::new(element) },
    }
}

fn is_repeated(of: &Type) -> bool {
    of.get_basic_info().repetition() == Repetition::REPEATED
}

/// Whether the repeated group of a list, which has one field, is the element itself and not only what repeats it. The rules
/// are those of the format for lists of old writers.
pub fn is_element(repeated: &Type) -> bool {
    let holds_repeated = repeated.get_fields().iter().any(|field| is_repeated(field));
    match repeated.get_basic_info().converted_type() {
        ConvertedType::LIST => true,
        _ => !holds_repeated && (repeated.name() == "array" || repeated.name().ends_with("_tuple")),
    }
}

/// How many columns a type has in the row groups.
fn count_columns(of: &Type, depth: usize) -> anyhow::Result<usize> {
    ensure!(depth <= 2 * MAX_DEPTH, "its column {} is nested too deep", mapping::shorten(of.name()));
    if of.is_primitive() {
        return Ok(1);
    }
    of.get_fields().iter().map(|field| count_columns(field, depth + 1)).sum()
}

/// Whether a column is the index of a pandas table without a name of its own: row numbers, usually.
fn is_unnamed_index(name: &str) -> bool {
    let level = name.strip_prefix("__index_level_").and_then(|name| name.strip_suffix("__"));
    level.is_some_and(|level| !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit()))
}
