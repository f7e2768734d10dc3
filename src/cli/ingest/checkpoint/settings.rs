//! The settings recorded in a checkpoint, in a format that is independent of names in the source code and of messages.
//!
//! A setting is a key with a string value: lists are JSON arrays, objects are JSON objects with sorted keys. Keys and values are
//! part of the file format (version 3 and later), described in docs/ingest.md. Settings with their neutral value are omitted.
//! Files without a setting that a later release adds therefore stay readable, and files with it are refused by releases that
//! don't support it. The neutral values are part of the format too: they don't change with the defaults of the flags.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const INPUT: &str = "input";
pub const COLLECTION: &str = "collection";
pub const SHARD: &str = "shard";
pub const FORMAT: &str = "format";
pub const ID_FIELD: &str = "id_field";
pub const TEXT_FIELDS: &str = "text_fields";
pub const PAYLOAD_FIELDS: &str = "payload_fields";
pub const SPLIT: &str = "split";
pub const ENCODING: &str = "encoding";
pub const COLUMNS: &str = "columns";
pub const DELIMITER: &str = "delimiter";
pub const QUOTES: &str = "quotes";
pub const CSV_TYPES: &str = "csv_types";
pub const ID_PREFIX: &str = "id_prefix";
pub const QUOTE: &str = "quote";
pub const ESCAPE: &str = "escape";
pub const NULL_VALUES: &str = "null_values";

/// A setting with its neutral value and its label in messages and in version 2 files.
struct CheckpointSetting {
    key: &'static str,
    neutral_value: &'static str,
    label: &'static str,
}

const fn define_setting(key: &'static str, neutral_value: &'static str, label: &'static str) -> CheckpointSetting {
    CheckpointSetting { key, neutral_value, label }
}

const SETTINGS: [CheckpointSetting; 17] = [
    define_setting(INPUT, "", "the input"),
    define_setting(COLLECTION, "", "--collection"),
    define_setting(SHARD, "0/1", "--shard"),
    define_setting(FORMAT, "", "--format"),
    define_setting(ID_FIELD, "id", "--id-field"),
    define_setting(TEXT_FIELDS, r#"["text"]"#, "--text-field"),
    define_setting(PAYLOAD_FIELDS, "", "--payload-fields"),
    define_setting(SPLIT, "", "--split"),
    define_setting(ENCODING, "", "--encoding"),
    define_setting(COLUMNS, "", "--columns"),
    define_setting(DELIMITER, ",", "--delimiter"),
    define_setting(QUOTES, "true", "--no-quotes"),
    define_setting(CSV_TYPES, "{}", "--csv-types"),
    define_setting(ID_PREFIX, "", "--id-prefix"),
    define_setting(QUOTE, "", "--quote"),
    define_setting(ESCAPE, "", "--escape"),
    define_setting(NULL_VALUES, "", "--null-value"),
];

/// Settings that determine the documents and their destination. A run with different settings can't resume from a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IngestSettings(BTreeMap<String, String>);

impl IngestSettings {
    /// Creates the settings, without those that have their neutral value.
    pub fn new(settings: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let settings = settings.into_iter().filter(|(key, value)| value != find_neutral_value(key));
        Self(settings.map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Describes each difference, labelled with its flag.
    pub fn describe_differences(&self, now: &Self) -> Vec<String> {
        let keys: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let differing = keys.into_iter().filter(|key| self.get(key) != now.get(key));
        differing
            .map(|key| {
                describe_difference(
                    find_label(key),
                    [self, now].map(|settings| format_for_message(key, settings.get(key))),
                )
            })
            .collect()
    }

    /// Describes each difference from the settings of a version 2 file, which stores them by label and as joined lists.
    pub fn describe_differences_from_v2(&self, file: &BTreeMap<String, String>) -> Vec<String> {
        let mut file = file.clone();
        if let Some(types) = file.get_mut(find_label(CSV_TYPES)) {
            *types = sort_types(types);
        }
        let labels: BTreeSet<&str> =
            file.keys().map(String::as_str).chain(SETTINGS.iter().map(|setting| setting.label)).collect();
        // A setting that version 2 does not have must be neutral.
        let unknown = self.0.iter().filter(|(key, _)| SETTINGS.iter().all(|setting| setting.key != key.as_str()));
        let unknown = unknown.map(|(key, value)| describe_difference(key, [String::new(), value.clone()]));
        let known = labels.into_iter().filter_map(|label| {
            let then = file.get(label).cloned().unwrap_or_default();
            let setting = SETTINGS.iter().find(|setting| setting.label == label);
            let now = setting.map(|setting| format_for_v2(setting.key, self.get(setting.key))).unwrap_or_default();
            (then != now).then(|| describe_difference(label, [then, now]))
        });
        known.chain(unknown).collect()
    }

    fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or_else(|| find_neutral_value(key), String::as_str)
    }
}

fn find_setting(key: &str) -> Option<&'static CheckpointSetting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// Returns the neutral value of a setting; empty for a setting that this release doesn't support.
fn find_neutral_value(key: &str) -> &'static str {
    find_setting(key).map_or("", |setting| setting.neutral_value)
}

fn find_label(key: &str) -> &str {
    find_setting(key).map_or(key, |setting| setting.label)
}

fn describe_difference(label: &str, [then, now]: [String; 2]) -> String {
    format!("{label} was `{then}` and is `{now}`")
}

/// Formats a value roughly as it was given on the command line.
fn format_for_message(key: &str, value: &str) -> String {
    match key {
        INPUT => join_array(value, " "),
        TEXT_FIELDS | PAYLOAD_FIELDS | COLUMNS | NULL_VALUES => join_array(value, ","),
        QUOTES => negate(value),
        CSV_TYPES => format_types(value, |name| name),
        _ => value.to_owned(),
    }
}

/// Formats a value as in a version 2 file. The strings are pinned: they were names of enum variants and parts of messages.
fn format_for_v2(key: &str, value: &str) -> String {
    match (key, value) {
        (FORMAT, "") => "by the endings".to_owned(),
        (FORMAT, "jsonl") => "Jsonl".to_owned(),
        (FORMAT, "csv") => "Csv".to_owned(),
        (FORMAT, "tsv") => "Tsv".to_owned(),
        (FORMAT, "parquet") => "Parquet".to_owned(),
        (FORMAT, "text") => "Text".to_owned(),
        (FORMAT, "lines") => "Lines".to_owned(),
        (PAYLOAD_FIELDS, "") => "all".to_owned(),
        (CSV_TYPES, value) => format_types(value, |name| match name {
            "string" => "String",
            "number" => "Number",
            "bool" => "Bool",
            "json" => "Json",
            other => other,
        }),
        (key, value) => format_for_message(key, value),
    }
}

/// Sorts the column types of a version 2 file by column, because it stores them in the order of the flags, which has no meaning.
/// The last type of a column wins.
fn sort_types(text: &str) -> String {
    let types: BTreeMap<&str, &str> = text.split(',').filter_map(|entry| entry.split_once('=')).collect();
    let types: Vec<_> = types.into_iter().map(|(name, cell_type)| format!("{name}={cell_type}")).collect();
    types.join(",")
}

fn format_types(value: &str, map_type_name: impl Fn(&str) -> &str) -> String {
    let types: BTreeMap<String, String> = serde_json::from_str(value).unwrap_or_default();
    let types: Vec<_> = types.iter().map(|(name, cell_type)| format!("{name}={}", map_type_name(cell_type))).collect();
    types.join(",")
}

/// Joins the strings of a JSON array; any other value is returned unchanged.
fn join_array(value: &str, separator: &str) -> String {
    let Ok(Value::Array(items)) = serde_json::from_str(value) else { return value.to_owned() };
    let items: Vec<_> = items.iter().map(|item| item.as_str().unwrap_or_default()).collect();
    items.join(separator)
}

fn negate(value: &str) -> String {
    (value != "true").to_string()
}
