//! Looks for the named fields among the columns of a file, so that a wrong name is reported once and not for each row.

use anyhow::bail;

use super::field_mapping::{DEFAULT_ID_FIELD, FieldMapping, ID_FLAG, TEXT_FLAG};
use super::names::{format_names, format_suggestion};
use super::seen_fields::NamedField;
use super::select;

/// How many columns a message lists.
const MAX_LISTED: usize = 20;

/// A column of a file, or a field inside one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputColumn {
    /// Its dotted name. Lists are no part of it, so it is `paragraphs.text` for each paragraph's text.
    pub name: String,
    /// Whether its values may hold fields that the file doesn't declare, such as JSON or a map.
    pub has_undeclared_fields: bool,
    /// Whether it is inside another column.
    pub is_nested: bool,
}

impl FieldMapping {
    /// Looks for the fields in columns that don't say what is inside them.
    ///
    /// # Errors
    /// If the id or the text has no column.
    pub fn check_columns<'a>(&self, columns: impl Iterator<Item = &'a str> + Clone) -> anyhow::Result<()> {
        let columns: Vec<_> = columns
            .map(|name| InputColumn { name: name.to_owned(), has_undeclared_fields: true, is_nested: false })
            .collect();
        self.check_schema(&columns)
    }

    /// Looks for the fields in all columns and what they declare to be inside them. Notes the payload fields that are there.
    ///
    /// # Errors
    /// If the id or the text has no column.
    pub fn check_schema(&self, columns: &[InputColumn]) -> anyhow::Result<()> {
        let is_default_id = self.id_field == DEFAULT_ID_FIELD;
        let id = (!is_default_id).then_some(NamedField { name: &self.id_field, flag: ID_FLAG });
        let texts = self.text_fields.iter().map(|name| NamedField { name, flag: TEXT_FLAG });
        if let Some(missing) = texts.chain(id).find(|named| !self.has_column(columns, named.name)) {
            bail!("{}", describe_missing(missing, columns));
        }
        for named in self.named_fields().filter(|named| columns.iter().any(|column| column.name == named.name)) {
            self.seen_fields.insert(named.name);
        }
        Ok(())
    }

    fn has_column(&self, columns: &[InputColumn], name: &str) -> bool {
        let has_field = |column: &InputColumn| {
            column.name == name || (column.has_undeclared_fields && select::is_within(name, &column.name))
        };
        columns.iter().any(has_field) || self.partitions.keys().any(|partition| partition == name)
    }
}

fn describe_missing(NamedField { name, flag }: NamedField<'_>, columns: &[InputColumn]) -> String {
    let column_names =
        format_names(columns.iter().filter(|column| !column.is_nested).map(|column| column.name.as_str()), MAX_LISTED);
    let suggestion = format_suggestion(name, columns.iter().map(|column| column.name.as_str()));
    format!("it has no column `{name}`, but {column_names}; {suggestion}name the right one with {flag}")
}
