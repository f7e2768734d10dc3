//! Cursor over the values and levels of a leaf column.
//!
//! Values are read in batches of about 1 MiB: each value keeps its page in memory, and a long text may fill a page alone.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::errors::{ParquetError, Result};

/// Maximum number of records per batch.
const MAX_BATCH_RECORDS: usize = 64;

/// Approximate size of a batch in bytes.
const BATCH_BYTES: usize = 1 << 20;

/// Physical value of a leaf column.
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

/// Cursor over a leaf column. Each position has levels, and a value unless it is null.
pub trait LeafCursor: Send {
    /// Moves to the next position; at the end of the row group there is none.
    fn advance(&mut self) -> Result<()>;

    /// Returns the levels at the current position; `None` at the end.
    fn levels(&self) -> Option<Levels>;

    /// Returns the value at the current position.
    ///
    /// # Errors
    /// If there is no value although the schema requires one, so the levels of the file contradict its schema.
    fn value(&self) -> Result<LeafValue<'_>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    pub definition: i16,
    pub repetition: i16,
}

/// Opens a cursor before the first position of a column; `max_levels` are the maximum levels of the schema.
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
    /// Non-null values of the batch.
    values: Vec<T::T>,
    /// Definition levels of the batch; empty if the schema allows only one.
    definitions: Vec<i16>,
    /// Repetition levels of the batch; empty if the schema allows only one.
    repetitions: Vec<i16>,
    /// Number of positions of the batch; `index` is the current one.
    batch_len: usize,
    index: usize,
    /// Number of non-null values before the current position.
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
    ParquetError::General("a column has fewer values than the metadata of the file declares".to_owned())
}

/// Value of the `parquet` crate.
trait AsLeafValue: Send {
    fn as_leaf_value(&self) -> LeafValue<'_>;

    /// Returns the approximate memory use in bytes.
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
