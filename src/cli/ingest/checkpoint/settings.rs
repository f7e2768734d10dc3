//! What a checkpoint is about, in a form that does not depend on names in this program or on the wording of messages.
//!
//! Each setting is a key and a text: lists are JSON arrays, objects JSON objects with sorted keys. The keys and values are
//! part of the format of version 3, described in docs/ingest.md. A setting that has its neutral value is left out, so a
//! setting that a later release adds costs nothing where it is not used: files without it stay readable, and files with it
//! are refused by a release that doesn't know it. The neutral value is part of the format too: it does not change with the
//! default of the flag.

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

/// A setting, its neutral value, and what it is called in messages and in files of version 2.
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

/// The settings that decide which documents an ingest has and where they go. A checkpoint of other settings is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IngestSettings(BTreeMap<String, String>);

impl IngestSettings {
    /// Takes settings; those that are neutral are left out.
    pub fn new(settings: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let settings = settings.into_iter().filter(|(key, value)| value != find_neutral_value(key));
        Self(settings.map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Describes what differs, by the flags that say it.
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

    /// Describes what differs from the settings of a file of version 2, which has them by their labels and in a form of its
    /// own, where lists are joined.
    pub fn describe_differences_from_v2(&self, file: &BTreeMap<String, String>) -> Vec<String> {
        let mut file = file.clone();
        if let Some(types) = file.get_mut(find_label(CSV_TYPES)) {
            *types = sort_types(types);
        }
        let labels: BTreeSet<&str> =
            file.keys().map(String::as_str).chain(SETTINGS.iter().map(|setting| setting.label)).collect();
        // What a file of version 2 can't say has to be neutral.
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

/// A setting that this release doesn't know is neutral where it is missing.
fn find_neutral_value(key: &str) -> &'static str {
    find_setting(key).map_or("", |setting| setting.neutral_value)
}

fn find_label(key: &str) -> &str {
    find_setting(key).map_or(key, |setting| setting.label)
}

fn describe_difference(label: &str, [then, now]: [String; 2]) -> String {
    format!("{label} was `{then}` and is `{now}`")
}

/// A value as a person typed it, about.
fn format_for_message(key: &str, value: &str) -> String {
    match key {
        INPUT => join_array(value, " "),
        TEXT_FIELDS | PAYLOAD_FIELDS | COLUMNS | NULL_VALUES => join_array(value, ","),
        QUOTES => negate(value),
        CSV_TYPES => format_types(value, |name| name),
        _ => value.to_owned(),
    }
}

/// A value as version 2 wrote it. The words are fixed: they were names of variants and parts of messages.
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

/// The columns' types of a file of version 2, in the order of their names: there they were in the order of the flag, which
/// decides nothing. The last of several counts.
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

/// The strings of a JSON array; what is none, as it is.
fn join_array(value: &str, separator: &str) -> String {
    let Ok(Value::Array(items)) = serde_json::from_str(value) else { return value.to_owned() };
    let items: Vec<_> = items.iter().map(|item| item.as_str().unwrap_or_default()).collect();
    items.join(separator)
}

fn negate(value: &str) -> String {
    (value != "true").to_string()
}
