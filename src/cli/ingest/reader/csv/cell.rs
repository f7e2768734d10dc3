//! What a cell of CSV stands for: a string, unless its column is said to be something else.

use std::str::FromStr;

use serde_json::Value;

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellType {
    String,
    Number,
    Bool,
    Json,
}

/// What an id's cell stands for: the digits of a number are one, as they are in JSON; but `007` is a name.
pub fn id(cell: &str) -> Value {
    match cell.parse::<u64>() {
        _ if cell.is_empty() => Value::Null,
        Ok(number) if number.to_string() == cell => number.into(),
        _ => cell.into(),
    }
}

impl CellType {
    /// What a cell stands for; one that is empty for nothing, if it is no string.
    pub fn value(self, cell: &str) -> Option<Value> {
        match (self, cell.trim()) {
            (Self::String, _) => Some(cell.into()),
            (_, "") => Some(Value::Null),
            (Self::Number, cell) => serde_json::from_str(cell).ok().map(Value::Number),
            (Self::Bool, "true" | "True" | "TRUE" | "1") => Some(true.into()),
            (Self::Bool, "false" | "False" | "FALSE" | "0") => Some(false.into()),
            (Self::Bool, _) => None,
            (Self::Json, cell) => serde_json::from_str(cell).ok(),
        }
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "true or false",
            Self::Json => "JSON",
        }
    }
}

impl FromStr for CellType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "string" => Ok(Self::String),
            "number" => Ok(Self::Number),
            "bool" => Ok(Self::Bool),
            "json" => Ok(Self::Json),
            _ => Err("the types are string, number, bool and json".to_owned()),
        }
    }
}
