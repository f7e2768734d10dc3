//! Converts Parquet values to JSON.
//!
//! Integers are exact, decimals without a fraction become integers, and other decimals the nearest double. Times become RFC
//! 3339 text. Byte arrays become text if they are valid in the encoding of the input, because some writers store strings this
//! way. A row is rejected if a value has no JSON equivalent: NaN, infinities, integers beyond 64 bits, other bytes, years of
//! five digits, or maps with duplicate keys.

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

/// 2^24. Above it, 32-bit floats cannot represent every integer.
const INEXACT_FROM_F32: f32 = 16_777_216.0;

/// 2^53. Above it, doubles cannot represent every integer.
const INEXACT_FROM_F64: f64 = 9_007_199_254_740_992.0;

/// Maximum length of a decimal in bytes; 256-bit decimals have 32 bytes. Guards against hostile files.
const MAX_DECIMAL_BYTES: usize = 40;

/// Converter of Parquet values to JSON, with the errors and notices of a file.
#[derive(Debug, Default)]
pub struct ValueConverter {
    binary_text: BinaryText,
    /// Error of the first unsupported value of the current row.
    pub error: Option<ItemError>,
    /// Notices about the file, not yet reported.
    pub notices: Vec<String>,
    /// Indexes of the columns with a rounded decimal, so that each is reported once.
    rounded_columns: BTreeSet<usize>,
}

impl ValueConverter {
    pub fn new(binary_text: BinaryText) -> Self {
        Self { binary_text, ..Self::default() }
    }

    /// Converts a non-null value. An unsupported value sets `error` and is replaced by a placeholder.
    pub fn convert(&mut self, raw: LeafValue<'_>, column: &ParquetColumn, path: &FieldPath<'_>) -> Value {
        match (raw, column.kind) {
            (LeafValue::Int96(words), _) => self.convert_temporal(format_int96(words), path, || format!("{words:?}")),
            (LeafValue::Bool(value), _) => value.into(),
            // A rounded id could collide with another one.
            (LeafValue::Float(value), _) if column.is_id && value.abs() >= INEXACT_FROM_F32 => {
                let problem = format!(
                    "the id {value} is a 32-bit float of at least 2^24 and may have been rounded; write the ids as integers"
                );
                self.reject(path, problem, &value.to_string())
            }
            // Formatted first, for the shortest digits of the 32-bit float: 0.1, not 0.10000000149011612.
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

    /// Inserts a field into an object; a duplicate key is an error.
    pub fn insert_field(&mut self, object: &mut Map<String, Value>, name: &str, value: Value, path: &FieldPath<'_>) {
        if object.insert(name.to_owned(), value).is_some() {
            self.reject(path, format!("duplicate key `{name}`; write each key once"), "");
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
                    "the date or time (stored value {}) is outside of the years 0000 to 9999 or of a day; write null or a string",
                    count()
                );
                self.reject(path, problem, &count())
            }
        }
    }

    fn convert_bytes(&mut self, bytes: &[u8], kind: ColumnKind, column: &ParquetColumn, path: &FieldPath<'_>) -> Value {
        match kind {
            ColumnKind::Decimal { .. } if bytes.len() > MAX_DECIMAL_BYTES => {
                let problem = format!(
                    "the decimal has {} bytes, more than {MAX_DECIMAL_BYTES}; write it as a string",
                    bytes.len()
                );
                self.reject(path, problem, "")
            }
            ColumnKind::Decimal { precision, scale } => self.convert_decimal(
                Decimal::from_bytes(ByteArray::from(bytes.to_vec()), precision, scale),
                column,
                path,
            ),
            ColumnKind::Float16 => match bytes.try_into() {
                Ok(bytes) => self.convert_float(&f16::from_le_bytes(bytes).to_string(), path),
                Err(_) => self.reject(
                    path,
                    "the 16-bit float does not have 2 bytes; write it as a 32-bit float".to_owned(),
                    "",
                ),
            },
            ColumnKind::Uuid => match Uuid::from_slice(bytes) {
                Ok(uuid) => uuid.to_string().into(),
                Err(_) => self.reject(path, "the UUID does not have 16 bytes; write it as a string".to_owned(), ""),
            },
            // String types are UTF-8 by definition, so --encoding applies only to plain byte arrays.
            ColumnKind::Text => self.convert_text(bytes, BinaryText::Utf8, path),
            _ => self.convert_text(bytes, self.binary_text, path),
        }
    }

    fn convert_text(&mut self, bytes: &[u8], encoding: BinaryText, path: &FieldPath<'_>) -> Value {
        match encoding.decode(bytes) {
            Some(text) => text.into(),
            None => {
                let problem = "the bytes are not valid text; leave the column out with --payload-fields, write it as a string \
                               column, or set the encoding of its text with --encoding";
                self.reject(path, problem.to_owned(), &encode_hex(bytes))
            }
        }
    }

    fn convert_float(&mut self, digits: &str, path: &FieldPath<'_>) -> Value {
        match digits.parse().ok().and_then(Number::from_f64) {
            Some(number) => Value::Number(number),
            None => {
                let problem = format!("{digits} can't be stored as a JSON number; write null or leave it out");
                self.reject(path, problem, digits)
            }
        }
    }

    /// Converts a decimal by its significant digits: without trailing zeros, a decimal such as `5.00` is an integer.
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
                    format!("{shortened} does not fit into 64 bits and can't be stored exactly; write it as a string");
                self.reject(path, problem, shortened)
            }
        }
    }

    /// Converts a decimal with a fraction to the nearest double, as in JSON. The first rounded value of a column is reported; a
    /// value so large that integers would be rounded too is rejected.
    fn convert_fraction(&mut self, digits: &str, column: &ParquetColumn, path: &FieldPath<'_>) -> Value {
        let double: f64 = digits.parse().unwrap_or(f64::NAN);
        if double.abs() >= INEXACT_FROM_F64 {
            let problem = format!("{digits} has more digits than a double can store; write it as a string");
            return self.reject(path, problem, digits);
        }
        if double.to_string() != digits && self.rounded_columns.insert(column.index) {
            self.notices.push(format!(
                "column {}: {digits} has more digits than a double can store and was rounded to {double}; write the column as \
                 strings to keep all digits",
                column.name
            ));
        }
        self.convert_float(digits, path)
    }

    /// Records the first error of the row; returns the placeholder of the value.
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
