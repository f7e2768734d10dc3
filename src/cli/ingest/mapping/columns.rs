//! Checks the named fields against the columns of a file, so that a wrong name is reported once instead of for each row.

use anyhow::bail;

use super::field_mapping::{DEFAULT_ID_FIELD, FieldMapping, ID_FLAG, TEXT_FLAG};
use super::names::{format_names, format_suggestion};
use super::seen_fields::NamedField;
use super::select;

/// Maximum number of columns listed in an error.
const MAX_LISTED: usize = 20;

/// A column of a file, or a field inside one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputColumn {
    /// Dotted name. Lists don't add a level: `paragraphs.text` is the text of each paragraph.
    pub name: String,
    /// True if the values may contain fields that the schema does not declare, such as JSON or a map.
    pub has_undeclared_fields: bool,
    /// True if the column is nested inside another one.
    pub is_nested: bool,
}

impl FieldMapping {
    /// Checks the named fields against columns without a schema, whose values may contain any fields.
    ///
    /// # Errors
    /// If a text field, or an id field other than the default, has no column.
    pub fn check_columns<'a>(&self, columns: impl Iterator<Item = &'a str> + Clone) -> anyhow::Result<()> {
        let columns: Vec<_> = columns
            .map(|name| InputColumn { name: name.to_owned(), has_undeclared_fields: true, is_nested: false })
            .collect();
        self.check_schema(&columns)
    }

    /// Checks the named fields against the schema of a file, and records those that have a column as seen.
    ///
    /// # Errors
    /// If a text field, or an id field other than the default, has no column.
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
    format!("no column `{name}`; the columns are {column_names}; {suggestion}set the column with {flag}")
}
