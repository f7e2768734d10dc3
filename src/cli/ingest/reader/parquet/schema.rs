//! The tree of the columns that are read, by the types of a file.

use std::ops::Range;

use anyhow::{bail, ensure};
use parquet::basic::{ConvertedType, LogicalType, Repetition};
use parquet::schema::types::Type;

use super::column_kind::{self, ColumnKind};
use super::leaf_cursor::Levels;
use crate::cli::ingest::mapping::{self, FieldMapping, is_within};

/// Deeper values could not be stored.
pub const MAX_DEPTH: usize = 100;

/// A column that holds values.
#[derive(Debug, Clone)]
pub struct ParquetColumn {
    /// Its place in the row groups of the file.
    pub index: usize,
    /// Its dotted name, in which lists are no step.
    pub name: String,
    pub kind: ColumnKind,
    /// Whether its values are ids.
    pub is_id: bool,
    pub max_levels: Levels,
}

/// A field, or a list's element.
#[derive(Debug)]
pub struct SchemaNode {
    pub name: String,
    /// The columns below.
    pub columns: Range<usize>,
    /// The definition level from which on it is not null.
    pub min_definition_level: i16,
    pub shape: NodeShape,
}

#[derive(Debug)]
pub enum NodeShape {
    Value,
    Struct(Vec<SchemaNode>),
    /// There is an element where the definition level is beyond this one, and a further one where the repetition level is.
    List {
        outer_levels: Levels,
        element: Box<SchemaNode>,
    },
    Map {
        outer_levels: Levels,
        key: Box<SchemaNode>,
        value: Box<SchemaNode>,
    },
}

/// What is read of a file.
#[derive(Debug, Default)]
pub struct Schema {
    pub fields: Vec<SchemaNode>,
    pub columns: Vec<ParquetColumn>,
    /// The names of pandas' index columns, which are not read.
    pub skipped_index_columns: Vec<String>,
    /// How many columns of the file come before the next one.
    next_column_index: usize,
}

impl Schema {
    /// Builds the tree of what a mapping wants.
    ///
    /// # Errors
    /// If one of these columns has a type that can't be read.
    pub fn new(root: &Type, mapping: &FieldMapping) -> anyhow::Result<Self> {
        let mut schema = Self::default();
        for field in root.get_fields() {
            let name = field.name();
            let is_skipped_index = is_unnamed_index(name) && !mapping.names_column(name);
            if is_skipped_index && mapping.payload_fields.is_none() {
                schema.skipped_index_columns.push(name.to_owned());
            }
            let position =
                SchemaPosition { name: name.to_owned(), levels: Levels { definition: 0, repetition: 0 }, depth: 0 };
            match mapping.uses_column(name) && !is_skipped_index {
                true => schema.add_field(field, position, mapping)?,
                false => schema.next_column_index += count_leaf_columns(field, 0)?,
            }
        }
        Ok(schema)
    }

    fn add_field(&mut self, field: &Type, position: SchemaPosition, mapping: &FieldMapping) -> anyhow::Result<()> {
        if let Some(node) = self.build_node(field, &position, mapping)? {
            self.fields.push(node);
        }
        Ok(())
    }

    /// Builds what a type is; `None` if nothing inside it is wanted.
    fn build_node(
        &mut self,
        ty: &Type,
        position: &SchemaPosition,
        mapping: &FieldMapping,
    ) -> anyhow::Result<Option<SchemaNode>> {
        match ty.get_basic_info().repetition() {
            Repetition::REQUIRED => self.build_value(ty, position, mapping),
            Repetition::OPTIONAL => self.build_value(ty, &position.with_added_levels(1, 0), mapping),
            // A repeated field without a list around it.
            Repetition::REPEATED => {
                let element = self.build_value(ty, &position.with_added_levels(1, 1), mapping)?;
                Ok(element.map(|element| build_list(ty, position, element)))
            }
        }
    }

    /// Builds what a type is without its repetition.
    fn build_value(
        &mut self,
        ty: &Type,
        position: &SchemaPosition,
        mapping: &FieldMapping,
    ) -> anyhow::Result<Option<SchemaNode>> {
        ensure!(
            position.depth <= MAX_DEPTH,
            "its column {} is nested too deep; {LEAVE_OUT}",
            mapping::shorten(&position.name)
        );
        if ty.is_primitive() {
            return self.add_column(ty, position, mapping).map(Some);
        }
        let info = ty.get_basic_info();
        if let Some(logical @ (LogicalType::Variant(_) | LogicalType::_Unknown { .. })) = info.logical_type_ref() {
            bail!(
                "its column {} is of the type {}, which can't be read; {LEAVE_OUT}",
                position.name,
                column_kind::describe_logical_type(logical)
            );
        }
        let converted = info.converted_type();
        match (ty.get_fields(), converted) {
            ([repeated], ConvertedType::LIST) if is_repeated(repeated) => {
                let below = position.with_added_levels(1, 1);
                let element = match repeated.is_group().then(|| repeated.get_fields()) {
                    Some([only]) if !is_list_element(repeated) => self.build_node(only, &below, mapping),
                    _ => self.build_value(repeated, &below, mapping),
                };
                Ok(element?.map(|element| build_list(ty, position, element)))
            }
            ([entries], ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE)
                if is_repeated(entries) && entries.is_group() =>
            {
                self.build_map(ty, entries.get_fields(), position)
            }
            (_, ConvertedType::LIST | ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE) => {
                bail!("its column {} is a {converted} of an unknown form; {LEAVE_OUT}", position.name)
            }
            (fields, _) => self.build_struct(ty, fields, position, mapping),
        }
    }

    fn build_struct<T: AsRef<Type>>(
        &mut self,
        ty: &Type,
        fields: &[T],
        position: &SchemaPosition,
        mapping: &FieldMapping,
    ) -> anyhow::Result<Option<SchemaNode>> {
        let first = self.columns.len();
        let mut nodes = Vec::with_capacity(fields.len());
        for field in fields.iter().map(AsRef::as_ref) {
            let name = format!("{}.{}", position.name, field.name());
            match mapping.uses_nested_field(&name) {
                true => nodes.extend(self.build_node(field, &position.with_child(name), mapping)?),
                false => self.next_column_index += count_leaf_columns(field, position.depth)?,
            }
        }
        let node = SchemaNode {
            name: ty.name().to_owned(),
            columns: first..self.columns.len(),
            min_definition_level: position.levels.definition,
            shape: NodeShape::Struct(nodes),
        };
        // Without a column it is not known which rows have it.
        Ok((!node.columns.is_empty()).then_some(node))
    }

    /// Builds a map, of which all is read; one without values is a list of its keys.
    fn build_map<T: AsRef<Type>>(
        &mut self,
        ty: &Type,
        fields: &[T],
        position: &SchemaPosition,
    ) -> anyhow::Result<Option<SchemaNode>> {
        let (first, below, all) = (self.columns.len(), position.with_added_levels(1, 1), FieldMapping::default());
        let nodes =
            fields.iter().map(|field| self.build_node(field.as_ref(), &below, &all)).collect::<Result<Vec<_>, _>>()?;
        let mut nodes = nodes.into_iter().flatten();
        let (Some(key), value, None) = (nodes.next(), nodes.next(), nodes.next()) else {
            bail!("its column {} is a map of an unknown form; {LEAVE_OUT}", position.name)
        };
        let Some(value) = value else { return Ok(Some(build_list(ty, position, key))) };
        Ok(Some(SchemaNode {
            name: ty.name().to_owned(),
            columns: first..self.columns.len(),
            min_definition_level: position.levels.definition,
            shape: NodeShape::Map { outer_levels: position.levels, key: Box::new(key), value: Box::new(value) },
        }))
    }

    fn add_column(
        &mut self,
        ty: &Type,
        position: &SchemaPosition,
        mapping: &FieldMapping,
    ) -> anyhow::Result<SchemaNode> {
        let kind = match ColumnKind::from_type(ty) {
            Ok(kind) => kind,
            Err(name) => bail!("its column {} is of the type {name}, which can't be read; {LEAVE_OUT}", position.name),
        };
        let is_id = is_within(&position.name, &mapping.id_field);
        let at = self.columns.len();
        self.columns.push(ParquetColumn {
            index: self.next_column_index,
            name: position.name.clone(),
            kind,
            is_id,
            max_levels: position.levels,
        });
        self.next_column_index += 1;
        let min_definition_level = position.levels.definition;
        Ok(SchemaNode {
            name: ty.name().to_owned(),
            columns: at..at + 1,
            min_definition_level,
            shape: NodeShape::Value,
        })
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
    fn with_added_levels(&self, definition: i16, repetition: i16) -> Self {
        let Levels { definition: above, repetition: repetition_above } = self.levels;
        let levels = Levels { definition: above + definition, repetition: repetition_above + repetition };
        Self { name: self.name.clone(), levels, depth: self.depth + usize::from(repetition > 0) }
    }

    fn with_child(&self, name: String) -> Self {
        Self { name, levels: self.levels, depth: self.depth + 1 }
    }
}

fn build_list(ty: &Type, position: &SchemaPosition, element: SchemaNode) -> SchemaNode {
    SchemaNode {
        name: ty.name().to_owned(),
        columns: element.columns.clone(),
        min_definition_level: position.levels.definition,
        shape: NodeShape::List { outer_levels: position.levels, element: Box::new(element) },
    }
}

fn is_repeated(ty: &Type) -> bool {
    ty.get_basic_info().repetition() == Repetition::REPEATED
}

/// Whether the repeated group of a list, which has one field, is the element itself and not only what repeats it. The rules
/// are those of the format for lists of old writers.
pub fn is_list_element(repeated: &Type) -> bool {
    let holds_repeated = repeated.get_fields().iter().any(|field| is_repeated(field));
    match repeated.get_basic_info().converted_type() {
        ConvertedType::LIST => true,
        _ => !holds_repeated && (repeated.name() == "array" || repeated.name().ends_with("_tuple")),
    }
}

/// How many columns a type has in the row groups.
fn count_leaf_columns(ty: &Type, depth: usize) -> anyhow::Result<usize> {
    ensure!(depth <= 2 * MAX_DEPTH, "its column {} is nested too deep", mapping::shorten(ty.name()));
    if ty.is_primitive() {
        return Ok(1);
    }
    ty.get_fields().iter().map(|field| count_leaf_columns(field, depth + 1)).sum()
}

/// Whether a column is the index of a pandas table without a name of its own: row numbers, usually.
fn is_unnamed_index(name: &str) -> bool {
    let level = name.strip_prefix("__index_level_").and_then(|name| name.strip_suffix("__"));
    level.is_some_and(|level| !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit()))
}
