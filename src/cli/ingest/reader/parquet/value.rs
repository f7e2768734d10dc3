//! Values of Parquet → JSON.
//!
//! A number is the number that its text would be in JSON, whatever its type: whole numbers are exact, decimals without a
//! fraction are whole numbers, others the nearest double. Times are text in the form of RFC 3339. Bytes are text if they
//! are UTF-8, as some programs write strings, and else hexadecimal digits. What JSON doesn't have (NaN, infinities, a whole
//! number beyond 64 bits, a map that has a key twice) makes the row no document.

use std::fmt::Write;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::time::{Unit, date, time, timestamp};
use crate::cli::ingest::mapping::malformed;
use crate::proto::ItemError;
use crate::types::FieldPath;

/// From here on, several whole numbers are one 32-bit float. 2^24.
const INEXACT_FROM_F32: f32 = 16_777_216.0;

/// Converts the values of a row.
#[derive(Debug, Default)]
pub struct Converter {
    /// The first value that can't be a document's.
    pub problem: Option<ItemError>,
}

impl Converter {
    /// The value of a column that holds ids: a float that may have been rounded is none.
    pub fn id(&mut self, field: Field, of: &Type) -> Value {
        let name = of.name();
        match &field {
            Field::Float(value) if value.abs() >= INEXACT_FROM_F32 => {
                let problem =
                    format!("{value} is a 32-bit float from 2^24 on, which may have been rounded; write integers");
                self.reject(&FieldPath::new(name), problem, &value.to_string())
            }
            _ => self.value(field, Some(of), &FieldPath::new(name)),
        }
    }

    /// A value of a type; of one that is not known, by what it looks like.
    pub fn value(&mut self, field: Field, of: Option<&Type>, path: &FieldPath<'_>) -> Value {
        match field {
            Field::Null => Value::Null,
            Field::Bool(value) => value.into(),
            Field::Byte(value) => value.into(),
            Field::Short(value) => value.into(),
            Field::Int(value) => int(value.into(), of),
            Field::Long(value) => int(value, of),
            Field::UByte(value) => value.into(),
            Field::UShort(value) => value.into(),
            Field::UInt(value) => value.into(),
            Field::ULong(value) => value.into(),
            // The shortest digits that are this float: 0.1, and not 0.10000000149011612.
            Field::Float16(value) => self.float(&value.to_string(), path),
            Field::Float(value) => self.float(&value.to_string(), path),
            Field::Double(value) => self.float(&value.to_string(), path),
            Field::Decimal(value) => self.decimal(&Field::Decimal(value).to_string(), path),
            Field::Str(text) => text.into(),
            Field::Bytes(bytes) => binary(bytes.data(), of),
            Field::Date(days) => date(days.into()).into(),
            Field::TimeMillis(count) => time(count.into(), Unit::Millis).into(),
            Field::TimeMicros(count) => time(count, Unit::Micros).into(),
            Field::TimestampMillis(count) => timestamp(count, Unit::Millis, is_utc(of)).into(),
            Field::TimestampMicros(count) => timestamp(count, Unit::Micros, is_utc(of)).into(),
            Field::Group(row) => {
                let fields = row.into_columns().into_iter();
                self.object(fields.map(|(name, field)| (name.clone(), field, child(of, &name))), path)
            }
            Field::ListInternal(list) => {
                let elements = list.elements().iter().enumerate();
                let elements = elements.map(|(i, field)| self.value(field.clone(), element(of), &path.element(i)));
                Value::Array(elements.collect())
            }
            Field::MapInternal(map) => {
                let (key_type, value_type) = (entry(of, 0), entry(of, 1));
                let mut entries = Vec::with_capacity(map.entries().len());
                for (key, value) in map.entries() {
                    let name = match self.value(key.clone(), key_type, path) {
                        Value::String(name) => name,
                        other => other.to_string(),
                    };
                    entries.push((name, value.clone(), value_type));
                }
                self.object(entries.into_iter(), path)
            }
        }
    }

    fn object<'a>(
        &mut self,
        entries: impl Iterator<Item = (String, Field, Option<&'a Type>)>,
        path: &FieldPath<'_>,
    ) -> Value {
        let mut fields = Map::new();
        for (name, field, of) in entries {
            let value = self.value(field, of, &path.field(&name));
            if fields.contains_key(&name) {
                self.reject(&path.field(&name), format!("the key `{name}` is there twice; give each key once"), "");
            }
            fields.insert(name, value);
        }
        Value::Object(fields)
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

    /// A decimal by its digits, not by the digits that its type allows.
    fn decimal(&mut self, digits: &str, path: &FieldPath<'_>) -> Value {
        let shortened = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
        if shortened.contains('.') {
            return self.float(shortened, path);
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

    /// Notes what is wrong; gives what is shown in its place.
    fn reject(&mut self, path: &FieldPath<'_>, problem: String, shown: &str) -> Value {
        self.problem.get_or_insert_with(|| malformed(&path.to_string(), problem));
        shown.into()
    }
}

/// A whole number, or a time that the crate takes for one.
fn int(value: i64, of: Option<&Type>) -> Value {
    match of.and_then(|of| of.get_basic_info().logical_type_ref()) {
        Some(LogicalType::Timestamp(kind)) => timestamp(value, unit(kind.unit), kind.is_adjusted_to_u_t_c).into(),
        Some(LogicalType::Time(kind)) => time(value, unit(kind.unit)).into(),
        _ => value.into(),
    }
}

fn binary(bytes: &[u8], of: Option<&Type>) -> Value {
    let is_uuid = of.is_some_and(|of| of.get_basic_info().logical_type_ref() == Some(&LogicalType::Uuid));
    match (Uuid::from_slice(bytes), std::str::from_utf8(bytes)) {
        (Ok(uuid), _) if is_uuid => uuid.to_string().into(),
        (_, Ok(text)) => text.into(),
        (_, Err(_)) => hexadecimal(bytes).into(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        // Writing to a string can't fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn unit(unit: TimeUnit) -> Unit {
    match unit {
        TimeUnit::MILLIS => Unit::Millis,
        TimeUnit::MICROS => Unit::Micros,
        TimeUnit::NANOS => Unit::Nanos,
    }
}

/// Whether a timestamp is of a time zone; those of old files always are.
fn is_utc(of: Option<&Type>) -> bool {
    match of.and_then(|of| of.get_basic_info().logical_type_ref()) {
        Some(LogicalType::Timestamp(kind)) => kind.is_adjusted_to_u_t_c,
        _ => true,
    }
}

fn child<'a>(of: Option<&'a Type>, name: &str) -> Option<&'a Type> {
    let of = of.filter(|of| of.is_group())?;
    of.get_fields().iter().find(|field| field.name() == name).map(|field| &**field)
}

/// The type of a list's elements: below its repeated field, if that only groups one.
fn element(of: Option<&Type>) -> Option<&Type> {
    let of = of?;
    if !of.is_group() || of.get_basic_info().converted_type() != ConvertedType::LIST {
        // A repeated field without a list around it.
        return Some(of);
    }
    let repeated = of.get_fields().first()?;
    match repeated.is_group().then(|| repeated.get_fields()) {
        Some([only]) if repeated.name() != "array" && !repeated.name().ends_with("_tuple") => Some(only),
        _ => Some(repeated),
    }
}

/// The type of a map's keys, or of its values.
fn entry(of: Option<&Type>, position: usize) -> Option<&Type> {
    let pairs = of.filter(|of| of.is_group())?.get_fields().first()?;
    pairs.is_group().then(|| pairs.get_fields().get(position)).flatten().map(|field| &**field)
}
