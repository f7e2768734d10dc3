//! Values of Parquet → JSON.
//!
//! A number is the number that its text would be in JSON, whatever its type: whole numbers are exact, decimals without a
//! fraction are whole numbers, others the nearest double. Times are text in the form of RFC 3339. Bytes are text if they
//! are UTF-8, as some programs write strings. What JSON doesn't have (NaN, infinities, a whole number beyond 64 bits, bytes
//! that are no text, a year of five digits, a map that has a key twice) makes the row no document.

use std::collections::BTreeSet;
use std::fmt::Write;

use half::f16;
use parquet::data_type::{ByteArray, Decimal};
use parquet::record::Field;
use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::column_kind::ColumnKind;
use super::leaf_cursor::LeafValue;
use super::schema::ParquetColumn;
use super::time::{format_date, format_int96, format_time, format_timestamp};
use crate::cli::ingest::mapping::{BinaryText, reject_malformed};
use crate::proto::ItemError;
use crate::types::FieldPath;

/// From here on, several whole numbers are one 32-bit float. 2^24.
const INEXACT_FROM_F32: f32 = 16_777_216.0;

/// From here on, several whole numbers are one double. 2^53.
const INEXACT_FROM_F64: f64 = 9_007_199_254_740_992.0;

/// The longest decimal that is read; those of 256 bits have 32 bytes.
const MAX_DECIMAL_BYTES: usize = 40;

/// Converts the values of rows.
#[derive(Debug, Default)]
pub struct ValueConverter {
    binary_text: BinaryText,
    /// The first value of the row that can't be a document's.
    pub error: Option<ItemError>,
    /// What to report once about the file.
    pub notices: Vec<String>,
    /// The columns of which a decimal was rounded.
    rounded_columns: BTreeSet<usize>,
}

impl ValueConverter {
    pub fn new(binary_text: BinaryText) -> Self {
        Self { binary_text, ..Self::default() }
    }

    /// Converts a value that is not null.
    pub fn convert(&mut self, raw: LeafValue<'_>, column: &ParquetColumn, path: &FieldPath<'_>) -> Value {
        match (raw, column.kind) {
            (LeafValue::Int96(words), _) => self.convert_temporal(format_int96(words), path, || format!("{words:?}")),
            (LeafValue::Bool(value), _) => value.into(),
            // An id that may have been rounded is none.
            (LeafValue::Float(value), _) if column.is_id && value.abs() >= INEXACT_FROM_F32 => {
                let problem =
                    format!("{value} is a 32-bit float from 2^24 on, which may have been rounded; write integers");
                self.reject(path, problem, &value.to_string())
            }
            // The shortest digits that are this float: 0.1, and not 0.10000000149011612.
            (LeafValue::Float(value), _) => self.convert_float(&value.to_string(), path),
            (LeafValue::Double(value), _) => self.convert_float(&value.to_string(), path),
            (LeafValue::Int32(value), ColumnKind::Unsigned) => value.cast_unsigned().into(),
            (LeafValue::Int64(value), ColumnKind::Unsigned) => value.cast_unsigned().into(),
            (LeafValue::Int32(value), ColumnKind::Decimal { precision, scale }) => {
                self.convert_decimal(Decimal::from_i32(value, precision, scale), column, path)
            }
            (LeafValue::Int64(value), ColumnKind::Decimal { precision, scale }) => {
                self.convert_decimal(Decimal::from_i64(value, precision, scale), column, path)
            }
            (LeafValue::Int32(value), kind) => self.convert_integer(value.into(), kind, path),
            (LeafValue::Int64(value), kind) => self.convert_integer(value, kind, path),
            (LeafValue::Bytes(bytes), kind) => self.convert_bytes(bytes, kind, column, path),
        }
    }

    /// Makes an object, which has no key twice.
    pub fn insert_field(&mut self, object: &mut Map<String, Value>, name: &str, value: Value, path: &FieldPath<'_>) {
        if object.insert(name.to_owned(), value).is_some() {
            self.reject(path, format!("the key `{name}` is there twice; give each key once"), "");
        }
    }

    fn convert_integer(&mut self, count: i64, kind: ColumnKind, path: &FieldPath<'_>) -> Value {
        let text = match kind {
            ColumnKind::Date => format_date(count),
            ColumnKind::Time(unit) => format_time(count, unit),
            ColumnKind::Timestamp { unit, is_utc } => format_timestamp(count, unit, is_utc),
            _ => return count.into(),
        };
        self.convert_temporal(text, path, || count.to_string())
    }

    fn convert_temporal(&mut self, text: Option<String>, path: &FieldPath<'_>, count: impl Fn() -> String) -> Value {
        match text {
            Some(text) => text.into(),
            None => {
                let problem = format!(
                    "the date or time, stored as {}, is outside of the years 0000 to 9999 or of a day; write null, or a string",
                    count()
                );
                self.reject(path, problem, &count())
            }
        }
    }

    fn convert_bytes(&mut self, bytes: &[u8], kind: ColumnKind, column: &ParquetColumn, path: &FieldPath<'_>) -> Value {
        match kind {
            ColumnKind::Decimal { .. } if bytes.len() > MAX_DECIMAL_BYTES => {
                let problem = format!("the decimal has {} bytes, which is too long; make it a string", bytes.len());
                self.reject(path, problem, "")
            }
            ColumnKind::Decimal { precision, scale } => self.convert_decimal(
                Decimal::from_bytes(ByteArray::from(bytes.to_vec()), precision, scale),
                column,
                path,
            ),
            ColumnKind::Float16 => match bytes.try_into() {
                Ok(bytes) => self.convert_float(&f16::from_le_bytes(bytes).to_string(), path),
                Err(_) => self.reject(path, "it has not two bytes; write it as a 32-bit float".to_owned(), ""),
            },
            ColumnKind::Uuid => match Uuid::from_slice(bytes) {
                Ok(uuid) => uuid.to_string().into(),
                Err(_) => self.reject(path, "the UUID has not 16 bytes; write it as a string".to_owned(), ""),
            },
            // A string is UTF-8 by its type.
            ColumnKind::Text => self.convert_text(bytes, BinaryText::Utf8, path),
            _ => self.convert_text(bytes, self.binary_text, path),
        }
    }

    fn convert_text(&mut self, bytes: &[u8], encoding: BinaryText, path: &FieldPath<'_>) -> Value {
        match encoding.decode(bytes) {
            Some(text) => text.into(),
            None => {
                let problem = "its bytes are not UTF-8; leave the column out with --payload-fields, write it as a string \
                               column, or name the encoding of its text with --encoding";
                self.reject(path, problem.to_owned(), &encode_hex(bytes))
            }
        }
    }

    fn convert_float(&mut self, digits: &str, path: &FieldPath<'_>) -> Value {
        match digits.parse().ok().and_then(Number::from_f64) {
            Some(number) => Value::Number(number),
            None => {
                let problem =
                    format!("it is {digits}, which is no number that can be stored; write null, or leave it out");
                self.reject(path, problem, digits)
            }
        }
    }

    /// Converts a decimal by its digits, not by the digits that its type allows.
    fn convert_decimal(&mut self, decimal: Decimal, column: &ParquetColumn, path: &FieldPath<'_>) -> Value {
        let digits = Field::Decimal(decimal).to_string();
        let shortened = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
        if shortened.contains('.') {
            return self.convert_fraction(shortened, column, path);
        }
        let signed = shortened.parse::<i64>().map(Number::from);
        match signed.or_else(|_| shortened.parse::<u64>().map(Number::from)) {
            Ok(number) => Value::Number(number),
            Err(_) => {
                let problem =
                    format!("{shortened} does not fit 64 bits, so it can't be stored exactly; make it a string");
                self.reject(path, problem, shortened)
            }
        }
    }

    /// Converts a decimal with a fraction to the nearest double, as JSON has it. The first one that has other digits then is
    /// reported; where even whole numbers would be rounded, the row is rejected.
    fn convert_fraction(&mut self, digits: &str, column: &ParquetColumn, path: &FieldPath<'_>) -> Value {
        let double: f64 = digits.parse().unwrap_or(f64::NAN);
        if double.abs() >= INEXACT_FROM_F64 {
            let problem = format!("{digits} has more digits than a number that can be stored; make it a string");
            return self.reject(path, problem, digits);
        }
        if double.to_string() != digits && self.rounded_columns.insert(column.index) {
            self.notices.push(format!(
                "column {}: {digits} has more digits than a number that can be stored, so the nearest, {double}, is; write the \
                 column as strings to keep all digits",
                column.name
            ));
        }
        self.convert_float(digits, path)
    }

    /// Notes what is wrong; gives what is shown in its place.
    fn reject(&mut self, path: &FieldPath<'_>, problem: String, placeholder: &str) -> Value {
        self.error.get_or_insert_with(|| reject_malformed(&path.to_string(), problem));
        placeholder.into()
    }
}

fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        // Writing to a string can't fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
