//! Merges partition values from the path of a file into its records.

use serde_json::Value;

use super::fields::Fields;
use super::rejection::reject_malformed;
use crate::proto::ItemError;

/// Adds partition values to a record. An equivalent value of the record itself is kept.
///
/// # Errors
/// If the record has a value that differs from the path.
pub fn merge_partitions(fields: &mut Fields, partitions: &Fields) -> Result<(), ItemError> {
    for (name, partition) in partitions {
        match fields.get(name) {
            Some(value) if value == partition || is_equivalent(value, partition) => {}
            None | Some(Value::Null) => {
                fields.insert(name.clone(), partition.clone());
            }
            Some(value) => return Err(reject_conflict(name, value, partition)),
        }
    }
    Ok(())
}

/// Returns whether two values have the same text or are the same number: `month=01` matches the number 1.
fn is_equivalent(value: &Value, partition: &Value) -> bool {
    let (Some(value), Some(partition)) = (to_path_text(value), to_path_text(partition)) else { return false };
    let parse_integer = |text: &str| text.parse::<i128>().ok();
    let parse_float = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    // Paths contain times with a space in place of the `T`.
    let is_same_time = value.replacen('T', " ", 1) == partition.replacen('T', " ", 1);
    value.eq_ignore_ascii_case(&partition) && matches!(partition.to_ascii_lowercase().as_str(), "true" | "false")
        || value == partition
        || is_same_time
        || parse_integer(&value).is_some_and(|value| Some(value) == parse_integer(&partition))
        || parse_float(&value)
            .is_some_and(|value| parse_integer(&partition).is_none() && Some(value) == parse_float(&partition))
}

/// Returns a value as it would be written in a path; `None` for null, arrays and objects.
fn to_path_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn reject_conflict(name: &str, value: &Value, partition: &Value) -> ItemError {
    let (value, partition) = (super::shorten(&value.to_string()), super::shorten(&partition.to_string()));
    let message = format!(
        "the record has {value}, but the path of its file has {name}={partition}; correct the record, or rename the directory"
    );
    reject_malformed(name, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(record: &Value, partitions: &Value) -> Result<Value, ItemError> {
        let mut fields = record.as_object().unwrap().clone();
        merge_partitions(&mut fields, partitions.as_object().unwrap())?;
        Ok(fields.into())
    }

    #[test]
    fn a_partition_is_added_or_agrees_or_is_refused() {
        let partitions = json!({"year": 2023, "month": "01", "country": "DE", "none": null});
        let whole = json!({"text": "a", "year": 2023, "month": "01", "country": "DE", "none": null});
        assert_eq!(merged(&json!({"text": "a"}), &partitions).unwrap(), whole);
        let own = json!({"year": "2023", "month": 1, "country": "DE", "none": null});
        assert_eq!(merged(&own, &partitions).unwrap(), own, "the value of the record is kept");
        assert_eq!(merged(&json!({"year": null}), &json!({"year": 1})).unwrap(), json!({"year": 1}));
        for (record, field) in [(json!({"year": 2024}), "year"), (json!({"country": ["DE"]}), "country")] {
            let rejection = merged(&record, &partitions).unwrap_err();
            assert_eq!(rejection.field, field);
            assert!(rejection.message.contains(&record[field].to_string()), "{}", rejection.message);
            assert!(rejection.message.contains(&partitions[field].to_string()), "{}", rejection.message);
        }
    }
}
