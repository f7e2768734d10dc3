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

use super::kind::Kind;
use super::leaf::Raw;
use super::schema::Column;
use super::time::{date, int96, time, timestamp};
use crate::cli::ingest::mapping::{BinaryText, malformed};
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
pub struct Converter {
    binary_text: BinaryText,
    /// The first value of the row that can't be a document's.
    pub problem: Option<ItemError>,
    /// What to report once about the file.
    pub notices: Vec<String>,
    /// The columns of which a decimal was rounded.
    rounded: BTreeSet<usize>,
}

impl Converter {
    pub fn new(binary_text: BinaryText) -> Self {
        Self { binary_text, ..Self::default() }
    }

    /// Converts a value that is not null.
    pub fn value(&mut self, raw: Raw<'_>, of: &Column, path: &FieldPath<'_>) -> Value {
        match (raw, of.kind) {
            (Raw::Int96(words), _) => self.moment(int96(words), path, || format!("{words:?}")),
            (Raw::Bool(value), _) => value.into(),
            // An id that may have been rounded is none.
            (Raw::Float(value), _) if of.is_id && value.abs() >= INEXACT_FROM_F32 => {
                let problem =
                    format!("{value} is a 32-bit float from 2^24 on, which may have been rounded; write integers");
                self.reject(path, problem, &value.to_string())
            }
            // The shortest digits that are this float: 0.1, and not 0.10000000149011612.
            (Raw::Float(value), _) => self.float(&value.to_string(), path),
            (Raw::Double(value), _) => self.float(&value.to_string(), path),
            (Raw::Int32(value), Kind::Unsigned) => value.cast_unsigned().into(),
            (Raw::Int64(value), Kind::Unsigned) => value.cast_unsigned().into(),
            (Raw::Int32(value), Kind::Decimal { precision, scale }) => {
                self.decimal(Decimal::from_i32(value, precision, scale), of, path)
            }
            (Raw::Int64(value), Kind::Decimal { precision, scale }) => {
                self.decimal(Decimal::from_i64(value, precision, scale), of, path)
            }
            (Raw::Int32(value), kind) => self.counted(value.into(), kind, path),
            (Raw::Int64(value), kind) => self.counted(value, kind, path),
            (Raw::Bytes(bytes), kind) => self.bytes(bytes, kind, of, path),
        }
    }

    /// Makes an object, which has no key twice.
    pub fn insert(&mut self, object: &mut Map<String, Value>, name: &str, value: Value, path: &FieldPath<'_>) {
        if object.insert(name.to_owned(), value).is_some() {
            self.reject(path, format!("the key `{name}` is there twice; give each key once"), "");
        }
    }

    fn counted(&mut self, count: i64, kind: Kind, path: &FieldPath<'_>) -> Value {
        let text = match kind {
            Kind::Date => date(count),
            Kind::Time(unit) => time(count, unit),
            Kind::Timestamp { unit, is_utc } => timestamp(count, unit, is_utc),
            _ => return count.into(),
        };
        self.moment(text, path, || count.to_string())
    }

    fn moment(&mut self, text: Option<String>, path: &FieldPath<'_>, count: impl Fn() -> String) -> Value {
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

    fn bytes(&mut self, bytes: &[u8], kind: Kind, of: &Column, path: &FieldPath<'_>) -> Value {
        match kind {
            Kind::Decimal { .. } if bytes.len() > MAX_DECIMAL_BYTES => {
                let problem = format!("the decimal has {} bytes, which is too long; make it a string", bytes.len());
                self.reject(path, problem, "")
            }
            Kind::Decimal { precision, scale } => {
                self.decimal(Decimal::from_bytes(ByteArray::from(bytes.to_vec()), precision, scale), of, path)
            }
            Kind::Float16 => match bytes.try_into() {
                Ok(bytes) => self.float(&f16::from_le_bytes(bytes).to_string(), path),
                Err(_) => self.reject(path, "it has not two bytes; write it as a 32-bit float".to_owned(), ""),
            },
            Kind::Uuid => match Uuid::from_slice(bytes) {
                Ok(uuid) => uuid.to_string().into(),
                Err(_) => self.reject(path, "the UUID has not 16 bytes; write it as a string".to_owned(), ""),
            },
            // A string is UTF-8 by its type.
            Kind::Text => self.text(bytes, BinaryText::Utf8, path),
            _ => self.text(bytes, self.binary_text, path),
        }
    }

    fn text(&mut self, bytes: &[u8], encoding: BinaryText, path: &FieldPath<'_>) -> Value {
        match encoding.decode(bytes) {
            Some(text) => text.into(),
            None => {
                let problem = "its bytes are not UTF-8; leave the column out with --payload-fields, write it as a string \
                               column, or name the encoding of its text with --encoding";
                self.reject(path, problem.to_owned(), &hexadecimal(bytes))
            }
        }
    }

    fn float(&mut self, digits: &str, path: &FieldPath<'_>) -> Value {
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
    fn decimal(&mut self, decimal: Decimal, of: &Column, path: &FieldPath<'_>) -> Value {
        let digits = Field::Decimal(decimal).to_string();
        let shortened = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
        if shortened.contains('.') {
            return self.fraction(shortened, of, path);
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
    fn fraction(&mut self, digits: &str, of: &Column, path: &FieldPath<'_>) -> Value {
        let double: f64 = digits.parse().unwrap_or(f64::NAN);
        if double.abs() >= INEXACT_FROM_F64 {
            let problem = format!("{digits} has more digits than a number that can be stored; make it a string");
            return self.reject(path, problem, digits);
        }
        if double.to_string() != digits && self.rounded.insert(of.index) {
            self.notices.push(format!(
                "column {}: {digits} has more digits than a number that can be stored, so the nearest, {double}, is; write the \
                 column as strings to keep all digits",
                of.name
            ));
        }
        self.float(digits, path)
    }

    /// Notes what is wrong; gives what is shown in its place.
    fn reject(&mut self, path: &FieldPath<'_>, problem: String, shown: &str) -> Value {
        self.problem.get_or_insert_with(|| malformed(&path.to_string(), problem));
        shown.into()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        // Writing to a string can't fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
