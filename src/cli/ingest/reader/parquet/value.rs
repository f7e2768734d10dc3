//! Values of Parquet → JSON.
//!
//! Numbers stay numbers. What JSON has no number for becomes text: whole numbers beyond 2^53, and decimals of more than 15
//! digits. Times are text in the form of RFC 3339. Bytes are text if they are UTF-8, as some programs write strings, and else
//! hexadecimal digits. What is no number at all (NaN, infinity) is null.

use std::fmt::Write;
use std::num::ParseFloatError;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::{Number, Value};
use uuid::Uuid;

use super::time::{Unit, date, time, timestamp};
use crate::cli::ingest::mapping::MAX_EXACT;

/// The most digits that a 64-bit float keeps.
const EXACT_DIGITS: i32 = 15;

/// A value of a type; of one that is not known, by what it looks like.
pub fn to_json(field: Field, of: Option<&Type>) -> Value {
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
        Field::ULong(value) => whole(value.into(), value),
        // The shortest digits that are this float: 0.1, and not 0.10000000149011612.
        Field::Float16(value) => float(value.to_string().parse()),
        Field::Float(value) => float(value.to_string().parse()),
        Field::Double(value) => float(Ok(value)),
        Field::Decimal(value) if value.precision() > EXACT_DIGITS => decimal(value).into(),
        Field::Decimal(value) => float(decimal(value).parse()),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => binary(bytes.data(), of),
        Field::Date(days) => date(days.into()).into(),
        Field::TimeMillis(count) => time(count.into(), Unit::Millis).into(),
        Field::TimeMicros(count) => time(count, Unit::Micros).into(),
        Field::TimestampMillis(count) => timestamp(count, Unit::Millis, is_utc(of)).into(),
        Field::TimestampMicros(count) => timestamp(count, Unit::Micros, is_utc(of)).into(),
        Field::Group(row) => {
            let to_entry = |(name, field): (String, Field)| {
                let value = to_json(field, child(of, &name));
                (name, value)
            };
            Value::Object(row.into_columns().into_iter().map(to_entry).collect())
        }
        Field::ListInternal(list) => {
            Value::Array(list.elements().iter().map(|field| to_json(field.clone(), element(of))).collect())
        }
        Field::MapInternal(map) => {
            let (key_type, value_type) = (entry(of, 0), entry(of, 1));
            let name = |key: &Field| match to_json(key.clone(), key_type) {
                Value::String(name) => name,
                other => other.to_string(),
            };
            let entries = map.entries().iter();
            Value::Object(entries.map(|(key, value)| (name(key), to_json(value.clone(), value_type))).collect())
        }
    }
}

/// A whole number, or a time that the crate takes for one.
fn int(value: i64, of: Option<&Type>) -> Value {
    match of.and_then(|of| of.get_basic_info().logical_type_ref()) {
        Some(LogicalType::Timestamp(kind)) => timestamp(value, unit(kind.unit), kind.is_adjusted_to_u_t_c).into(),
        Some(LogicalType::Time(kind)) => time(value, unit(kind.unit)).into(),
        _ => whole(value.into(), value.unsigned_abs()),
    }
}

fn whole(number: Number, size: u64) -> Value {
    if size > MAX_EXACT { number.to_string().into() } else { number.into() }
}

fn float(value: Result<f64, ParseFloatError>) -> Value {
    value.ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

fn decimal(value: parquet::data_type::Decimal) -> String {
    Field::Decimal(value).to_string().trim_end_matches('.').to_owned()
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
