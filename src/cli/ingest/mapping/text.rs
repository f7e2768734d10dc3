//! Joins the texts of a record.

use serde_json::Value;

use super::fields::Fields;
use super::rejection::reject_malformed;
use super::select;
use crate::json::describe_kind;
use crate::proto::ItemError;
use crate::types::FieldPath;

/// Separator of joined texts.
const TEXT_SEPARATOR: &str = "\n\n";

/// Joins the selected texts by blank lines, in the order of the names; `None` if there is no text. Lists are read element by
/// element, and nulls are omitted.
///
/// # Errors
/// If a selected value is neither a string nor a list of strings.
pub fn join_texts(fields: &Fields, names: &[String]) -> Result<Option<String>, ItemError> {
    let mut text = JoinedText::default();
    for name in names {
        if let Some((key, value, remaining)) = select::match_key(fields, name) {
            text.add(value, remaining, &FieldPath::new(key))?;
        }
    }
    Ok(text.0)
}

#[derive(Debug, Default)]
struct JoinedText(Option<String>);

impl JoinedText {
    fn add(&mut self, value: &Value, name: Option<&str>, path: &FieldPath<'_>) -> Result<(), ItemError> {
        match (value, name) {
            (Value::Null, _) => {}
            (Value::Array(elements), _) => {
                let mut elements = elements.iter().enumerate();
                return elements.try_for_each(|(index, element)| self.add(element, name, &path.element(index)));
            }
            (Value::Object(object), Some(name)) => {
                if let Some((key, value, remaining)) = select::match_key(object, name) {
                    return self.add(value, remaining, &path.field(key));
                }
            }
            (Value::String(part), None) => self.push(part),
            // The record has no such field.
            (_, Some(_)) => {}
            (other, None) => {
                let problem = format!("the text is {}; expected a string or a list of strings", describe_kind(other));
                return Err(reject_malformed(&path.to_string(), problem));
            }
        }
        Ok(())
    }

    fn push(&mut self, part: &str) {
        let text = self.0.get_or_insert_default();
        if !text.is_empty() && !part.is_empty() {
            text.push_str(TEXT_SEPARATOR);
        }
        text.push_str(part);
    }
}
