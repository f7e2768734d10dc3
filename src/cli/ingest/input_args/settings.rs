//! Converts the flags of the input to the settings stored in a checkpoint.

use std::collections::BTreeMap;

use serde_json::json;

use super::InputArgs;
use crate::cli::ingest::checkpoint::settings;
use crate::cli::ingest::reader::paths::{is_pattern, to_absolute_pattern};
use crate::cli::ingest::reader::{CellType, InputFormat, TextEncoding};

impl InputArgs {
    /// Returns the settings that determine the documents, as stored in a checkpoint: a run with different settings can't
    /// resume from it. The values don't depend on names in the source code (see [`settings`]).
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let paths = self.paths.iter().map(|path| {
            let absolute = std::fs::canonicalize(path).ok();
            let absolute = absolute
                .or_else(|| Some(path).filter(|path| is_pattern(path)).and_then(|path| to_absolute_pattern(path)));
            // Standard input and pipes can't be resolved to an absolute path and keep their names.
            absolute.unwrap_or_else(|| path.clone()).display().to_string()
        });
        let types: BTreeMap<_, _> =
            self.csv_types.iter().map(|(name, cell_type)| (name, cell_type_as_str(*cell_type))).collect();
        vec![
            (settings::INPUT, json!(paths.collect::<Vec<_>>()).to_string()),
            (settings::FORMAT, self.format.map(format_as_str).unwrap_or_default().to_owned()),
            (settings::ID_FIELD, self.id_field()),
            (settings::TEXT_FIELDS, json!(self.text_fields()).to_string()),
            (settings::PAYLOAD_FIELDS, list_to_json(self.payload_fields.as_ref())),
            (settings::SPLIT, self.split.clone().unwrap_or_default()),
            (settings::ENCODING, encoding_to_string(self.encoding)),
            (settings::COLUMNS, list_to_json(self.columns.as_ref())),
            (settings::DELIMITER, char::from(self.delimiter()).to_string()),
            (settings::QUOTES, (!self.no_quotes).to_string()),
            (settings::CSV_TYPES, json!(types).to_string()),
            (settings::ID_PREFIX, self.id_prefix.clone().unwrap_or_default()),
            (settings::QUOTE, character_to_string(self.quote.filter(|&quote| quote != b'"'))),
            (settings::ESCAPE, character_to_string(self.escape)),
            (settings::NULL_VALUES, list_to_json(Some(&self.null_value).filter(|values| !values.is_empty()))),
        ]
    }
}

fn list_to_json(list: Option<&Vec<String>>) -> String {
    list.map(|list| json!(list).to_string()).unwrap_or_default()
}

fn character_to_string(character: Option<u8>) -> String {
    character.map(|character| char::from(character).to_string()).unwrap_or_default()
}

/// Returns the name of a format in checkpoints.
fn format_as_str(format: InputFormat) -> &'static str {
    match format {
        InputFormat::Jsonl => "jsonl",
        InputFormat::Csv => "csv",
        InputFormat::Tsv => "tsv",
        InputFormat::Parquet => "parquet",
        InputFormat::Text => "text",
        InputFormat::Lines => "lines",
    }
}

/// Returns the label of an encoding in checkpoints; empty for UTF-8, the neutral value.
fn encoding_to_string(encoding: TextEncoding) -> String {
    if encoding == TextEncoding::Utf8 { String::new() } else { encoding.to_string() }
}

/// Returns the name of a column type in checkpoints.
fn cell_type_as_str(cell_type: CellType) -> &'static str {
    match cell_type {
        CellType::String => "string",
        CellType::Number => "number",
        CellType::Bool => "bool",
        CellType::Json => "json",
    }
}
