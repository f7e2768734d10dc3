//! Conversion of CSV cells to values: strings, unless `--csv-types` gives the column another type.

use std::str::FromStr;

use serde_json::Value;

use crate::json::{self, JsonError};

/// Type of the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellType {
    String,
    Number,
    Bool,
    Json,
}

impl CellType {
    /// Converts a cell to a value; an empty cell of a type other than string is null.
    ///
    /// # Errors
    /// A description of the mismatch, if the cell is not of this type.
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
        format!(
            "the value is not {}, the type set by --csv-types{problem}; correct the value or the type",
            self.describe()
        )
    }

    fn describe(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Json => "valid JSON",
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
            _ => Err("unknown type; use string, number, bool or json".to_owned()),
        }
    }
}
