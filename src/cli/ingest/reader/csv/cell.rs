//! What a cell of CSV stands for: a string, unless its column is said to be something else.

use std::str::FromStr;

use serde_json::Value;

use crate::json::{self, JsonError};

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellType {
    String,
    Number,
    Bool,
    Json,
}

impl CellType {
    /// What a cell stands for; one that is empty for nothing, if it is no string.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_cell(self, cell: &str) -> Result<Value, String> {
        match (self, cell.trim()) {
            (Self::String, _) => Ok(cell.into()),
            (_, "") => Ok(Value::Null),
            (Self::Bool, "true" | "True" | "TRUE" | "1") => Ok(true.into()),
            (Self::Bool, "false" | "False" | "FALSE" | "0") => Ok(false.into()),
            (Self::Bool, _) => Err(self.describe_mismatch("")),
            (Self::Number | Self::Json, cell) => match json::parse(cell.as_bytes()) {
                Ok(value) if self == Self::Json || value.is_number() => Ok(value),
                Ok(_) => Err(self.describe_mismatch("")),
                Err(JsonError { path, message: problem, .. }) if path.is_empty() => {
                    Err(self.describe_mismatch(&problem))
                }
                Err(JsonError { path, message: problem, .. }) => {
                    Err(self.describe_mismatch(&format!("{path}: {problem}")))
                }
            },
        }
    }

    fn describe_mismatch(self, problem: &str) -> String {
        let problem = if problem.is_empty() { String::new() } else { format!(" ({problem})") };
        format!("the value is no {}, as --csv-types says{problem}; correct it", self.describe())
    }

    fn describe(self) -> &'static str {
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
