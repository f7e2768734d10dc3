//! Tree of the mapped columns, built from the schema of a Parquet file.

use std::ops::Range;

use anyhow::{bail, ensure};
use parquet::basic::{ConvertedType, LogicalType, Repetition};
use parquet::schema::types::Type;

use super::column_kind::{self, ColumnKind};
use super::leaf_cursor::Levels;
use crate::cli::ingest::mapping::{self, FieldMapping, is_within};

/// Maximum nesting depth of a column; the server rejects deeper payloads.
pub const MAX_DEPTH: usize = 100;

/// Leaf column.
#[derive(Debug, Clone)]
pub struct ParquetColumn {
    /// Index of the column in the row groups of the file.
    pub index: usize,
    /// Dotted name; list levels are not part of it.
    pub name: String,
    pub kind: ColumnKind,
    /// True if the values are document ids.
    pub is_id: bool,
    pub max_levels: Levels,
}

/// Field or list element.
#[derive(Debug)]
pub struct SchemaNode {
    pub name: String,
    /// Range of leaf columns below this node.
    pub columns: Range<usize>,
    /// Minimum definition level at which the value is not null.
    pub min_definition_level: i16,
    pub shape: NodeShape,
}

#[derive(Debug)]
pub enum NodeShape {
    Value,
    Struct(Vec<SchemaNode>),
    /// List. A position with a higher definition level than `outer_levels` has an element; one with a higher repetition level
    /// continues the list.
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

/// Mapped columns of a file.
#[derive(Debug, Default)]
pub struct Schema {
    pub fields: Vec<SchemaNode>,
    pub columns: Vec<ParquetColumn>,
    /// Names of unnamed pandas index columns, which are not read.
    pub skipped_index_columns: Vec<String>,
    /// Index in the file of the next leaf column.
    next_column_index: usize,
}

impl Schema {
    /// Builds the tree of the columns that a mapping uses.
    ///
    /// # Errors
    /// If one of these columns has an unsupported type or is nested too deeply.
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

    /// Builds the node of a type; `None` if the mapping uses nothing inside it.
    fn build_node(
        &mut self,
        ty: &Type,
        position: &SchemaPosition,
        mapping: &FieldMapping,
    ) -> anyhow::Result<Option<SchemaNode>> {
        match ty.get_basic_info().repetition() {
            Repetition::REQUIRED => self.build_value(ty, position, mapping),
            Repetition::OPTIONAL => self.build_value(ty, &position.with_added_levels(1, 0), mapping),
            // A repeated field outside of a LIST group is a list of required elements (legacy rule of the format).
            Repetition::REPEATED => {
                let element = self.build_value(ty, &position.with_added_levels(1, 1), mapping)?;
                Ok(element.map(|element| build_list(ty, position, element)))
            }
        }
    }

    /// Builds the node of a type, ignoring its own repetition.
    fn build_value(
        &mut self,
        ty: &Type,
        position: &SchemaPosition,
        mapping: &FieldMapping,
    ) -> anyhow::Result<Option<SchemaNode>> {
        ensure!(
            position.depth <= MAX_DEPTH,
            "column {} is nested more than {MAX_DEPTH} levels deep; {LEAVE_OUT}",
            mapping::shorten(&position.name)
        );
        if ty.is_primitive() {
            return self.add_column(ty, position, mapping).map(Some);
        }
        let info = ty.get_basic_info();
        if let Some(logical @ (LogicalType::Variant(_) | LogicalType::_Unknown { .. })) = info.logical_type_ref() {
            bail!(
                "column {} has the unsupported type {}; {LEAVE_OUT}",
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
                bail!("column {} is a {converted} with an unsupported structure; {LEAVE_OUT}", position.name)
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
        // Nullness of a struct is only known from the levels of a column inside it.
        Ok((!node.columns.is_empty()).then_some(node))
    }

    /// Builds the node of a map, which is read completely; a map without values becomes a list of its keys.
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
            bail!("column {} is a map with an unsupported structure; {LEAVE_OUT}", position.name)
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
            Err(name) => bail!("column {} has the unsupported type {name}; {LEAVE_OUT}", position.name),
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

const LEAVE_OUT: &str = "leave it out by listing the other columns in --payload-fields";

/// Position of a type in the schema.
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

/// Returns whether the repeated group of a list is the element itself, not a wrapper around it, by the backward
/// compatibility rules of the format: <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md>.
pub fn is_list_element(repeated: &Type) -> bool {
    let holds_repeated = repeated.get_fields().iter().any(|field| is_repeated(field));
    match repeated.get_basic_info().converted_type() {
        ConvertedType::LIST => true,
        _ => !holds_repeated && (repeated.name() == "array" || repeated.name().ends_with("_tuple")),
    }
}

/// Returns the number of leaf columns of a type.
fn count_leaf_columns(ty: &Type, depth: usize) -> anyhow::Result<usize> {
    ensure!(depth <= 2 * MAX_DEPTH, "column {} is nested too deeply", mapping::shorten(ty.name()));
    if ty.is_primitive() {
        return Ok(1);
    }
    ty.get_fields().iter().map(|field| count_leaf_columns(field, depth + 1)).sum()
}

/// Returns whether a column is an unnamed index of pandas (`__index_level_N__`), which usually holds row numbers.
fn is_unnamed_index(name: &str) -> bool {
    let level = name.strip_prefix("__index_level_").and_then(|name| name.strip_suffix("__"));
    level.is_some_and(|level| !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit()))
}
