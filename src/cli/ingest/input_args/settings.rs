//! The settings that a checkpoint holds.

use std::collections::BTreeMap;

use serde_json::json;

use super::InputArgs;
use crate::cli::ingest::checkpoint::subject;
use crate::cli::ingest::reader::paths::{absolute_pattern, is_pattern};
use crate::cli::ingest::reader::{CellType, Format, TextEncoding};

impl InputArgs {
    /// Returns the settings that decide which documents there are, in the form of a checkpoint: with another value it is
    /// another ingest. No value depends on a name in this program (see [`subject`]).
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let paths = self.paths.iter().map(|path| {
            let whole = std::fs::canonicalize(path).ok();
            let whole =
                whole.or_else(|| Some(path).filter(|path| is_pattern(path)).and_then(|path| absolute_pattern(path)));
            // What has no whole path, such as a pipe, is called what it was called.
            whole.unwrap_or_else(|| path.clone()).display().to_string()
        });
        let types: BTreeMap<_, _> =
            self.csv_types.iter().map(|(name, cell_type)| (name, cell_type_name(*cell_type))).collect();
        vec![
            (subject::INPUT, json!(paths.collect::<Vec<_>>()).to_string()),
            (subject::FORMAT, self.format.map(format_name).unwrap_or_default().to_owned()),
            (subject::ID_FIELD, self.id_field()),
            (subject::TEXT_FIELDS, json!(self.text_fields()).to_string()),
            (subject::PAYLOAD_FIELDS, json_or_unset(self.payload_fields.as_ref())),
            (subject::SPLIT, self.split.clone().unwrap_or_default()),
            (subject::ENCODING, encoding_name(self.encoding)),
            (subject::COLUMNS, json_or_unset(self.columns.as_ref())),
            (subject::DELIMITER, char::from(self.delimiter()).to_string()),
            (subject::QUOTES, (!self.no_quotes).to_string()),
            (subject::CSV_TYPES, json!(types).to_string()),
            (subject::ID_PREFIX, self.id_prefix.clone().unwrap_or_default()),
            (subject::QUOTE, character_or_unset(self.quote.filter(|&quote| quote != b'"'))),
            (subject::ESCAPE, character_or_unset(self.escape)),
            (subject::NULL_VALUES, json_or_unset(Some(&self.null_value).filter(|values| !values.is_empty()))),
        ]
    }
}

fn json_or_unset(list: Option<&Vec<String>>) -> String {
    list.map(|list| json!(list).to_string()).unwrap_or_default()
}

fn character_or_unset(character: Option<u8>) -> String {
    character.map(|character| char::from(character).to_string()).unwrap_or_default()
}

/// The name of a format in checkpoints.
fn format_name(format: Format) -> &'static str {
    match format {
        Format::Jsonl => "jsonl",
        Format::Csv => "csv",
        Format::Tsv => "tsv",
        Format::Parquet => "parquet",
        Format::Text => "text",
        Format::Lines => "lines",
    }
}

/// The name of an encoding in checkpoints.
fn encoding_name(encoding: TextEncoding) -> String {
    if encoding == TextEncoding::Utf8 { String::new() } else { encoding.to_string() }
}

/// The name of a column's type in checkpoints.
fn cell_type_name(cell_type: CellType) -> &'static str {
    match cell_type {
        CellType::String => "string",
        CellType::Number => "number",
        CellType::Bool => "bool",
        CellType::Json => "json",
    }
}
