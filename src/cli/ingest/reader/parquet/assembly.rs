//! Puts rows together out of the values of columns and their levels.

use parquet::errors::Result;
use serde_json::{Map, Value};

use super::leaf::{Leaf, Levels, end_of_column};
use super::schema::{Column, Node, Schema, Shape};
use super::value::Converter;
use crate::cli::ingest::mapping::Fields;
use crate::types::FieldPath;

/// Reads the next row of a row group.
///
/// # Errors
/// If a column ends before, or its levels contradict the schema.
pub fn read_row(schema: &Schema, leaves: &mut [Box<dyn Leaf>], converter: &mut Converter) -> Result<Fields> {
    let mut assembler = Assembler { columns: &schema.columns, leaves, converter };
    let mut fields = Fields::new();
    for node in &schema.fields {
        fields.insert(node.name.clone(), assembler.read(node, &FieldPath::new(&node.name))?);
    }
    Ok(fields)
}

struct Assembler<'a> {
    columns: &'a [Column],
    leaves: &'a mut [Box<dyn Leaf>],
    converter: &'a mut Converter,
}

impl Assembler<'_> {
    fn read(&mut self, node: &Node, path: &FieldPath<'_>) -> Result<Value> {
        if self.levels(node)?.definition < node.not_null_from {
            return self.skip(node).map(|()| Value::Null);
        }
        match &node.shape {
            Shape::Value => self.value(node, path),
            Shape::Struct(fields) => {
                let mut object = Map::new();
                for field in fields {
                    let path = path.field(&field.name);
                    let value = self.read(field, &path)?;
                    self.converter.insert(&mut object, &field.name, value, &path);
                }
                Ok(object.into())
            }
            Shape::List { beyond, element } => {
                let mut elements = Vec::new();
                self.repeat(node, *beyond, |rows| {
                    let value = rows.read(element, &path.element(elements.len()))?;
                    elements.push(value);
                    Ok(())
                })?;
                Ok(elements.into())
            }
            Shape::Map { beyond, key, value } => {
                let mut object = Map::new();
                self.repeat(node, *beyond, |rows| rows.entry(&mut object, key, value, path))?;
                Ok(object.into())
            }
        }
    }

    /// Reads what is repeated, until it is another list's or row's; of an empty list there is one position.
    fn repeat(&mut self, node: &Node, beyond: Levels, mut read: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.levels(node)?.definition <= beyond.definition {
            return self.skip(node);
        }
        loop {
            read(self)?;
            match self.leaf(node)?.levels() {
                Some(levels) if levels.repetition > beyond.repetition => {}
                _ => return Ok(()),
            }
        }
    }

    /// Reads an entry of a map. Keys that are no strings are written as JSON.
    fn entry(&mut self, object: &mut Map<String, Value>, key: &Node, value: &Node, path: &FieldPath<'_>) -> Result<()> {
        let name = match self.read(key, path)? {
            Value::String(name) => name,
            other => other.to_string(),
        };
        let path = path.field(&name);
        let value = self.read(value, &path)?;
        self.converter.insert(object, &name, value, &path);
        Ok(())
    }

    fn value(&mut self, node: &Node, path: &FieldPath<'_>) -> Result<Value> {
        let column = self.columns.get(node.columns.start).ok_or_else(end_of_column)?;
        let leaf = self.leaves.get_mut(node.columns.start).ok_or_else(end_of_column)?;
        let value = self.converter.value(leaf.value()?, column, path);
        leaf.advance()?;
        Ok(value)
    }

    fn skip(&mut self, node: &Node) -> Result<()> {
        let leaves = self.leaves.get_mut(node.columns.clone()).ok_or_else(end_of_column)?;
        leaves.iter_mut().try_for_each(|leaf| leaf.advance())
    }

    fn levels(&self, node: &Node) -> Result<Levels> {
        self.leaf(node)?.levels().ok_or_else(end_of_column)
    }

    fn leaf(&self, node: &Node) -> Result<&dyn Leaf> {
        self.leaves.get(node.columns.start).map(AsRef::as_ref).ok_or_else(end_of_column)
    }
}
