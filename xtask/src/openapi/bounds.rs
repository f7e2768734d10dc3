//! Converts the bounds of fields, which the contract declares as field options, to JSON Schema.

use prost_reflect::{DynamicMessage, FieldDescriptor, Value as ProtoValue};
use serde_json::{Map, Value};

/// Full name of the field option.
const BOUNDS_EXTENSION: &str = "splade_sidecar.v1.bounds";

/// Fields of the option, with the corresponding JSON Schema keywords.
const KEYWORDS: [(&str, &str); 9] = [
    ("min_length", "minLength"),
    ("max_length", "maxLength"),
    ("pattern", "pattern"),
    ("min_items", "minItems"),
    ("max_items", "maxItems"),
    ("unique_items", "uniqueItems"),
    ("max_entries", "maxProperties"),
    ("minimum", "minimum"),
    ("maximum", "maximum"),
];

/// Bounds of a field, of its elements or of its keys: a decoded `splade_sidecar.v1.Bounds`.
pub struct Bounds(DynamicMessage);

impl Bounds {
    /// Returns the bounds of a field, or `None` if it declares none.
    pub fn from_field(field: &FieldDescriptor) -> Option<Self> {
        let option = field.parent_pool().get_extension_by_name(BOUNDS_EXTENSION)?;
        let options = field.options();
        let bounds = options.has_extension(&option).then(|| options.get_extension(&option).into_owned())?;
        bounds.as_message().cloned().map(Self)
    }

    /// Returns the bounds of the elements of a repeated field.
    pub fn items(&self) -> Option<Self> {
        self.sub_bounds("items")
    }

    /// Adds the JSON Schema keywords of the bounds to the schema of a field.
    pub fn add(&self, schema: &mut Map<String, Value>) {
        for (field, keyword) in KEYWORDS {
            if let Some(value) = self.value(field) {
                schema.insert(keyword.to_owned(), value);
            }
        }
        if let Some(keys) = self.sub_bounds("keys") {
            let mut names = Map::new();
            keys.add(&mut names);
            schema.insert("propertyNames".to_owned(), Value::Object(names));
        }
    }

    /// Returns whether the bounds exclude the default value of the field's type, which makes the field required.
    pub fn refuses_default(&self) -> bool {
        let is_positive =
            |field| self.value(field).and_then(|minimum| minimum.as_u64()).is_some_and(|minimum| minimum > 0);
        ["min_items", "min_length", "minimum"].into_iter().any(is_positive)
    }

    /// Returns the value of a scalar bound; `None` if it is not set.
    fn value(&self, field: &str) -> Option<Value> {
        if !self.0.has_field_by_name(field) {
            return None;
        }
        match self.0.get_field_by_name(field)?.as_ref() {
            ProtoValue::U64(number) => Some((*number).into()),
            ProtoValue::Bool(value) => Some((*value).into()),
            ProtoValue::String(text) => Some(text.as_str().into()),
            _ => None,
        }
    }

    /// Returns nested bounds, which the field `items` or `keys` holds.
    fn sub_bounds(&self, field: &str) -> Option<Self> {
        let part = self.0.has_field_by_name(field).then(|| self.0.get_field_by_name(field))??;
        part.as_message().cloned().map(Self)
    }
}
