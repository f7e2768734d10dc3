//! Assembles rows from the values and levels of columns (Dremel record assembly).

use parquet::errors::Result;
use serde_json::{Map, Value};

use super::leaf_cursor::{LeafCursor, Levels, build_too_few_values_error};
use super::schema::{NodeShape, ParquetColumn, Schema, SchemaNode};
use super::value_converter::ValueConverter;
use crate::cli::ingest::mapping::Fields;
use crate::types::FieldPath;

/// Reads the next row of a row group.
///
/// # Errors
/// If a column ends early, or its levels contradict the schema.
pub fn read_row(
    schema: &Schema,
    cursors: &mut [Box<dyn LeafCursor>],
    converter: &mut ValueConverter,
) -> Result<Fields> {
    let mut assembler = RowAssembler { columns: &schema.columns, cursors, converter };
    let mut fields = Fields::new();
    for node in &schema.fields {
        fields.insert(node.name.clone(), assembler.read_value(node, &FieldPath::new(&node.name))?);
    }
    Ok(fields)
}

struct RowAssembler<'a> {
    columns: &'a [ParquetColumn],
    cursors: &'a mut [Box<dyn LeafCursor>],
    converter: &'a mut ValueConverter,
}

impl RowAssembler<'_> {
    fn read_value(&mut self, node: &SchemaNode, path: &FieldPath<'_>) -> Result<Value> {
        if self.levels(node)?.definition < node.min_definition_level {
            return self.skip_node(node).map(|()| Value::Null);
        }
        match &node.shape {
            NodeShape::Value => self.read_leaf(node, path),
            NodeShape::Struct(fields) => {
                let mut object = Map::new();
                for field in fields {
                    let path = path.field(&field.name);
                    let value = self.read_value(field, &path)?;
                    self.converter.insert_field(&mut object, &field.name, value, &path);
                }
                Ok(object.into())
            }
            NodeShape::List { outer_levels, element } => {
                let mut elements = Vec::new();
                self.read_repeated(node, *outer_levels, |assembler| {
                    let value = assembler.read_value(element, &path.element(elements.len()))?;
                    elements.push(value);
                    Ok(())
                })?;
                Ok(elements.into())
            }
            NodeShape::Map { outer_levels, key, value } => {
                let mut object = Map::new();
                self.read_repeated(node, *outer_levels, |assembler| {
                    assembler.read_entry(&mut object, key, value, path)
                })?;
                Ok(object.into())
            }
        }
    }

    /// Calls `read` for each element of a list or map. An empty one has a single position without a value, which is skipped.
    fn read_repeated(
        &mut self,
        node: &SchemaNode,
        outer_levels: Levels,
        mut read: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        if self.levels(node)?.definition <= outer_levels.definition {
            return self.skip_node(node);
        }
        loop {
            read(self)?;
            match self.cursor(node)?.levels() {
                Some(levels) if levels.repetition > outer_levels.repetition => {}
                _ => return Ok(()),
            }
        }
    }

    /// Reads an entry of a map. Keys other than strings are converted to JSON text.
    fn read_entry(
        &mut self,
        object: &mut Map<String, Value>,
        key: &SchemaNode,
        value: &SchemaNode,
        path: &FieldPath<'_>,
    ) -> Result<()> {
        let name = match self.read_value(key, path)? {
            Value::String(name) => name,
            other => other.to_string(),
        };
        let path = path.field(&name);
        let value = self.read_value(value, &path)?;
        self.converter.insert_field(object, &name, value, &path);
        Ok(())
    }

    fn read_leaf(&mut self, node: &SchemaNode, path: &FieldPath<'_>) -> Result<Value> {
        let column = self.columns.get(node.columns.start).ok_or_else(build_too_few_values_error)?;
        let cursor = self.cursors.get_mut(node.columns.start).ok_or_else(build_too_few_values_error)?;
        let value = self.converter.convert(cursor.value()?, column, path);
        cursor.advance()?;
        Ok(value)
    }

    fn skip_node(&mut self, node: &SchemaNode) -> Result<()> {
        let cursors = self.cursors.get_mut(node.columns.clone()).ok_or_else(build_too_few_values_error)?;
        cursors.iter_mut().try_for_each(|leaf| leaf.advance())
    }

    fn levels(&self, node: &SchemaNode) -> Result<Levels> {
        self.cursor(node)?.levels().ok_or_else(build_too_few_values_error)
    }

    fn cursor(&self, node: &SchemaNode) -> Result<&dyn LeafCursor> {
        self.cursors.get(node.columns.start).map(AsRef::as_ref).ok_or_else(build_too_few_values_error)
    }
}
