//! Value kind of a column, by its Parquet type.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::schema::types::Type;

use super::time::Unit;

/// Maximum precision of a decimal type; 256-bit decimals have 76 digits. Guards against hostile files.
const MAX_DECIMAL_DIGITS: i32 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Signed numbers and booleans, which need no conversion.
    Plain,
    Unsigned,
    Float16,
    Decimal {
        precision: i32,
        scale: i32,
    },
    Date,
    Time(Unit),
    Timestamp {
        unit: Unit,
        is_utc: bool,
    },
    /// String type, whose bytes must be UTF-8.
    Text,
    /// Byte array without a string type. Some writers store strings this way, so it is read as text if it is valid text.
    Bytes,
    Uuid,
}

impl ColumnKind {
    /// Returns the kind of a primitive type.
    ///
    /// # Errors
    /// The name of the type, if its values can't be stored as JSON.
    pub fn from_type(ty: &Type) -> Result<Self, String> {
        let info = ty.get_basic_info();
        match info.logical_type_ref() {
            Some(logical) => Self::from_logical_type(logical, ty),
            None => Self::from_converted_type(info.converted_type(), ty),
        }
    }

    fn from_logical_type(logical: &LogicalType, ty: &Type) -> Result<Self, String> {
        Ok(match logical {
            LogicalType::String | LogicalType::Enum | LogicalType::Json => Self::Text,
            LogicalType::Integer(int) if int.is_signed => Self::Plain,
            LogicalType::Integer(_) => Self::Unsigned,
            LogicalType::Decimal(_) => Self::from_decimal_type(ty)?,
            LogicalType::Date => Self::Date,
            LogicalType::Time(time) => Self::Time(to_unit(time.unit)),
            LogicalType::Timestamp(time) => {
                Self::Timestamp { unit: to_unit(time.unit), is_utc: time.is_adjusted_to_u_t_c }
            }
            LogicalType::Uuid => Self::Uuid,
            LogicalType::Float16 => Self::Float16,
            // Columns of this type contain only nulls.
            LogicalType::Unknown => Self::Plain,
            LogicalType::Bson => return Err("BSON".to_owned()),
            other => return Err(describe_logical_type(other)),
        })
    }

    /// Returns the kind of a legacy converted type, as in old files. Their timestamps are in UTC.
    fn from_converted_type(converted: ConvertedType, ty: &Type) -> Result<Self, String> {
        Ok(match converted {
            ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => Self::Text,
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
                Self::Unsigned
            }
            ConvertedType::DECIMAL => Self::from_decimal_type(ty)?,
            ConvertedType::DATE => Self::Date,
            ConvertedType::TIME_MILLIS => Self::Time(Unit::Millis),
            ConvertedType::TIME_MICROS => Self::Time(Unit::Micros),
            ConvertedType::TIMESTAMP_MILLIS => Self::Timestamp { unit: Unit::Millis, is_utc: true },
            ConvertedType::TIMESTAMP_MICROS => Self::Timestamp { unit: Unit::Micros, is_utc: true },
            ConvertedType::INTERVAL | ConvertedType::BSON => return Err(converted.to_string()),
            _ => match ty.get_physical_type() {
                PhysicalType::BYTE_ARRAY | PhysicalType::FIXED_LEN_BYTE_ARRAY => Self::Bytes,
                _ => Self::Plain,
            },
        })
    }

    fn from_decimal_type(ty: &Type) -> Result<Self, String> {
        let (precision, scale) = (ty.get_precision(), ty.get_scale());
        match (0..=MAX_DECIMAL_DIGITS).contains(&precision) && (0..=precision).contains(&scale) {
            true => Ok(Self::Decimal { precision, scale }),
            false => Err(format!("DECIMAL({precision}, {scale})")),
        }
    }
}

/// Returns the name of an unsupported type, for messages.
pub fn describe_logical_type(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Variant(_) => "VARIANT".to_owned(),
        LogicalType::Geometry(_) => "GEOMETRY".to_owned(),
        LogicalType::Geography(_) => "GEOGRAPHY".to_owned(),
        other => format!("{other:?}"),
    }
}

fn to_unit(unit: TimeUnit) -> Unit {
    match unit {
        TimeUnit::MILLIS => Unit::Millis,
        TimeUnit::MICROS => Unit::Micros,
        TimeUnit::NANOS => Unit::Nanos,
    }
}
