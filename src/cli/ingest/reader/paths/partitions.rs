//! Hive-style partition columns: directories such as `year=2023/country=DE/`, as written by Hive, Spark and others.

use std::path::{Component, Path};

use anyhow::{Context, ensure};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::path_display::display_path;
use crate::cli::ingest::mapping::Fields;

/// Partition value that Hive writes for null and for an empty string.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Parses the partition columns from the directories of a path.
///
/// # Errors
/// If a partition is not UTF-8, or occurs twice with different values.
pub fn parse_partitions(file: &Path) -> anyhow::Result<Fields> {
    let mut fields = Fields::new();
    for component in file.parent().into_iter().flat_map(Path::components) {
        let Component::Normal(name) = component else { continue };
        if !name.as_encoded_bytes().contains(&b'=') {
            continue;
        }
        let field = name.to_str().and_then(parse_name).with_context(|| {
            format!(
                "the partition {} of {} is not UTF-8; rename the directory",
                display_path(name.as_ref()),
                display_path(file)
            )
        })?;
        if let Some((key, value)) = field {
            let other = fields.get(&key).filter(|other| **other != value);
            ensure!(
                other.is_none(),
                "the path {} has the partition `{key}` twice with different values; rename one of the directories",
                display_path(file)
            );
            fields.insert(key, value);
        }
    }
    Ok(fields)
}

/// Splits `key=value`. `None` if the decoded text is not UTF-8, `Some(None)` if the name is not a partition.
fn parse_name(name: &str) -> Option<Option<(String, Value)>> {
    match name.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            Some(Some((decode_percent(key)?, parse_value(&decode_percent(value)?))))
        }
        _ => Some(None),
    }
}

/// Decodes percent escapes such as `%20`; a `%` without two hexadecimal digits stays, as in Spark.
fn decode_percent(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|decoded| decoded.into_owned())
}

/// Parses a value: an integer only if formatting it gives the same text again, so `007` is a string.
fn parse_value(text: &str) -> Value {
    match text.parse::<i64>() {
        _ if text == HIVE_NULL => Value::Null,
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn directories_give_partition_columns() {
        for (path, expected) in [
            ("a.parquet", json!({})),
            ("year=2023/a.parquet", json!({"year": 2023})),
            ("/data/year=2023/./month=01/x/a.parquet", json!({"year": 2023, "month": "01"})),
            ("a/year=2023", json!({})),
            ("../k=-5/k=-5/x.csv", json!({"k": -5})),
            ("n=-0/o=+1/p=9223372036854775808/x", json!({"n": "-0", "o": "+1", "p": "9223372036854775808"})),
            ("a=/=b/c=d=e/x", json!({"a": "", "c": "d=e"})),
            ("d=__HIVE_DEFAULT_PARTITION__/x", json!({"d": null})),
            ("a%20b=c%2Fd%3D/caf%C3%A9=é/x", json!({"a b": "c/d=", "café": "é"})),
            ("rate=5%/odd=%zz%4/x", json!({"rate": "5%", "odd": "%zz%4"})),
        ] {
            assert_eq!(Value::Object(parse_partitions(Path::new(path)).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn invalid_partitions_are_rejected() {
        let latin = Path::new(OsStr::from_bytes(b"data/caf\xe9=1/x.csv"));
        for (path, problem) in [
            (Path::new("k=1/k=2/x.csv"), "has the partition `k` twice"),
            (Path::new("k=%E9/x.csv"), "the partition k=%E9 of k=%E9/x.csv is not UTF-8"),
            (latin, r#"the partition "caf\xE9=1" of "data/caf\xE9=1/x.csv" is not UTF-8"#),
        ] {
            let error = parse_partitions(path).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    proptest! {
        /// Property: parsing reverses Hive's escaping; values that look like integers become integers.
        #[test]
        fn parsing_reverses_escaping(value in "[ -~äß]{0,12}", number: i64) {
            let escaped: String = value.chars().map(|c| match c {
                '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '{' | '[' | ']' | '^' | '.' => format!("%{:02X}", c as u32),
                c => c.to_string(),
            }).collect();
            let found = parse_partitions(Path::new(&format!("k={escaped}/n={number}/x"))).unwrap();
            let text = match &found["k"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            prop_assert_eq!(text, value);
            prop_assert_eq!(&found["n"], &json!(number));
        }
    }
}
