//! Reads the values of a column that holds no others, one after the other, with their levels.
//!
//! Values are read in batches of about a MiB: they keep the pages that they are in, and of long texts each may have its own.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::errors::{ParquetError, Result};

/// Maximum number of records that are read at once.
const MAX_BATCH_RECORDS: usize = 64;

/// Approximate size of a batch.
const BATCH_BYTES: usize = 1 << 20;

/// A value as it is in the file.
#[derive(Debug, Clone, Copy)]
pub enum LeafValue<'a> {
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Int96([u32; 3]),
    Float(f32),
    Double(f64),
    Bytes(&'a [u8]),
}

/// A position in a column: between two calls of `advance` there is a current level, and a value unless it is null.
pub trait LeafCursor: Send {
    /// Goes to the next position, of which there is none at the end of a row group.
    fn advance(&mut self) -> Result<()>;

    /// Returns the current levels; `None` at the end.
    fn levels(&self) -> Option<Levels>;

    /// Returns the current value.
    ///
    /// # Errors
    /// If there is none: then the levels of the file contradict its schema.
    fn value(&self) -> Result<LeafValue<'_>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    pub definition: i16,
    pub repetition: i16,
}

/// Begins to read a column of which the schema gives the largest levels, before its first position.
pub fn open_cursor(column: ColumnReader, max_levels: Levels) -> Box<dyn LeafCursor> {
    match column {
        ColumnReader::BoolColumnReader(reader) => TypedCursor::<BoolType>::boxed(reader, max_levels),
        ColumnReader::Int32ColumnReader(reader) => TypedCursor::<Int32Type>::boxed(reader, max_levels),
        ColumnReader::Int64ColumnReader(reader) => TypedCursor::<Int64Type>::boxed(reader, max_levels),
        ColumnReader::Int96ColumnReader(reader) => TypedCursor::<Int96Type>::boxed(reader, max_levels),
        ColumnReader::FloatColumnReader(reader) => TypedCursor::<FloatType>::boxed(reader, max_levels),
        ColumnReader::DoubleColumnReader(reader) => TypedCursor::<DoubleType>::boxed(reader, max_levels),
        ColumnReader::ByteArrayColumnReader(reader) => TypedCursor::<ByteArrayType>::boxed(reader, max_levels),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            TypedCursor::<FixedLenByteArrayType>::boxed(reader, max_levels)
        }
    }
}

struct TypedCursor<T: DataType> {
    reader: ColumnReaderImpl<T>,
    max_levels: Levels,
    /// Of the batch: the values that are not null, and the levels of all; none if the schema allows only one.
    values: Vec<T::T>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    /// How many positions the batch has, and which is the current one.
    batch_len: usize,
    index: usize,
    /// How many values are before the current position.
    value_index: usize,
    batch_records: usize,
}

impl<T: DataType> TypedCursor<T>
where
    T::T: AsLeafValue,
{
    fn boxed(reader: ColumnReaderImpl<T>, max_levels: Levels) -> Box<dyn LeafCursor> {
        Box::new(Self {
            reader,
            max_levels,
            values: Vec::new(),
            definitions: Vec::new(),
            repetitions: Vec::new(),
            batch_len: 0,
            index: 0,
            value_index: 0,
            batch_records: 1,
        })
    }

    fn has_value(&self) -> bool {
        self.levels().is_some_and(|levels| levels.definition == self.max_levels.definition)
    }

    fn read_batch(&mut self) -> Result<()> {
        self.values.clear();
        self.definitions.clear();
        self.repetitions.clear();
        (self.index, self.value_index) = (0, 0);
        let (records, _, levels) = self.reader.read_records(
            self.batch_records,
            Some(&mut self.definitions),
            Some(&mut self.repetitions),
            &mut self.values,
        )?;
        self.batch_len = levels;
        let bytes: usize = self.values.iter().map(AsLeafValue::memory_bytes).sum();
        let bytes_per_record = bytes.checked_div(records).unwrap_or_default().max(1);
        self.batch_records = (BATCH_BYTES / bytes_per_record).clamp(1, MAX_BATCH_RECORDS);
        Ok(())
    }
}

impl<T: DataType> LeafCursor for TypedCursor<T>
where
    T::T: AsLeafValue,
{
    fn advance(&mut self) -> Result<()> {
        self.value_index += usize::from(self.has_value());
        self.index += 1;
        if self.index >= self.batch_len {
            self.read_batch()?;
        }
        Ok(())
    }

    fn levels(&self) -> Option<Levels> {
        let level = |levels: &[i16], max| levels.get(self.index).copied().unwrap_or(max);
        (self.index < self.batch_len).then(|| Levels {
            definition: level(&self.definitions, self.max_levels.definition),
            repetition: level(&self.repetitions, self.max_levels.repetition),
        })
    }

    fn value(&self) -> Result<LeafValue<'_>> {
        let value = self.has_value().then(|| self.values.get(self.value_index)).flatten();
        value.map(AsLeafValue::as_leaf_value).ok_or_else(build_too_few_values_error)
    }
}

pub fn build_too_few_values_error() -> ParquetError {
    ParquetError::General("a column has fewer values than the file says".to_owned())
}

/// A value of the crate.
trait AsLeafValue: Send {
    fn as_leaf_value(&self) -> LeafValue<'_>;

    /// Returns how many bytes it keeps in memory, about.
    fn memory_bytes(&self) -> usize {
        size_of::<u64>()
    }
}

impl AsLeafValue for bool {
    fn as_leaf_value(&self) -> LeafValue<'_> {
        LeafValue::Bool(*self)
    }
}

impl AsLeafValue for i32 {
    fn as_leaf_value(&self) -> LeafValue<'_> {
        LeafValue::Int32(*self)
    }
}

impl AsLeafValue for i64 {
    fn as_leaf_value(&self) -> LeafValue<'_> {
        LeafValue::Int64(*self)
    }
}

impl AsLeafValue for Int96 {
    fn as_leaf_value(&self) -> LeafValue<'_> {
        LeafValue::Int96(self.data().try_into().unwrap_or_default())
    }
}

impl AsLeafValue for f32 {
    fn as_leaf_value(&self) -> LeafValue<'_> {
        LeafValue::Float(*self)
    }
}

impl AsLeafValue for f64 {
    fn as_leaf_value(&self) -> LeafValue<'_> {
        LeafValue::Double(*self)
    }
}

impl AsLeafValue for ByteArray {
    fn as_leaf_value(&self) -> LeafValue<'_> {
        LeafValue::Bytes(self.data())
    }

    fn memory_bytes(&self) -> usize {
        self.len()
    }
}

impl AsLeafValue for FixedLenByteArray {
    fn as_leaf_value(&self) -> LeafValue<'_> {
        LeafValue::Bytes(self.data())
    }

    fn memory_bytes(&self) -> usize {
        self.len()
    }
}
