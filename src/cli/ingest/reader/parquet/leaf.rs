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
pub enum Raw<'a> {
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Int96([u32; 3]),
    Float(f32),
    Double(f64),
    Bytes(&'a [u8]),
}

/// A position in a column: between two calls of `advance` there is a current level, and a value unless it is null.
pub trait Leaf: Send {
    /// Goes to the next position, of which there is none at the end of a row group.
    fn advance(&mut self) -> Result<()>;

    /// Returns the current levels; `None` at the end.
    fn levels(&self) -> Option<Levels>;

    /// Returns the current value.
    ///
    /// # Errors
    /// If there is none: then the levels of the file contradict its schema.
    fn value(&self) -> Result<Raw<'_>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    pub definition: i16,
    pub repetition: i16,
}

/// Begins to read a column of which the schema gives the largest levels, before its first position.
pub fn open(column: ColumnReader, max: Levels) -> Box<dyn Leaf> {
    match column {
        ColumnReader::BoolColumnReader(reader) => TypedLeaf::<BoolType>::boxed(reader, max),
        ColumnReader::Int32ColumnReader(reader) => TypedLeaf::<Int32Type>::boxed(reader, max),
        ColumnReader::Int64ColumnReader(reader) => TypedLeaf::<Int64Type>::boxed(reader, max),
        ColumnReader::Int96ColumnReader(reader) => TypedLeaf::<Int96Type>::boxed(reader, max),
        ColumnReader::FloatColumnReader(reader) => TypedLeaf::<FloatType>::boxed(reader, max),
        ColumnReader::DoubleColumnReader(reader) => TypedLeaf::<DoubleType>::boxed(reader, max),
        ColumnReader::ByteArrayColumnReader(reader) => TypedLeaf::<ByteArrayType>::boxed(reader, max),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => TypedLeaf::<FixedLenByteArrayType>::boxed(reader, max),
    }
}

struct TypedLeaf<T: DataType> {
    reader: ColumnReaderImpl<T>,
    max: Levels,
    /// Of the batch: the values that are not null, and the levels of all; none if the schema allows only one.
    values: Vec<T::T>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    /// How many positions the batch has, and which is the current one.
    len: usize,
    at: usize,
    /// How many values are before the current position.
    value: usize,
    batch_records: usize,
}

impl<T: DataType> TypedLeaf<T>
where
    T::T: AsRaw,
{
    fn boxed(reader: ColumnReaderImpl<T>, max: Levels) -> Box<dyn Leaf> {
        Box::new(Self {
            reader,
            max,
            values: Vec::new(),
            definitions: Vec::new(),
            repetitions: Vec::new(),
            len: 0,
            at: 0,
            value: 0,
            batch_records: 1,
        })
    }

    fn is_value(&self) -> bool {
        self.levels().is_some_and(|levels| levels.definition == self.max.definition)
    }

    fn read_batch(&mut self) -> Result<()> {
        self.values.clear();
        self.definitions.clear();
        self.repetitions.clear();
        (self.at, self.value) = (0, 0);
        let (records, _, levels) = self.reader.read_records(
            self.batch_records,
            Some(&mut self.definitions),
            Some(&mut self.repetitions),
            &mut self.values,
        )?;
        self.len = levels;
        let bytes: usize = self.values.iter().map(AsRaw::bytes).sum();
        let bytes_per_record = bytes.checked_div(records).unwrap_or_default().max(1);
        self.batch_records = (BATCH_BYTES / bytes_per_record).clamp(1, MAX_BATCH_RECORDS);
        Ok(())
    }
}

impl<T: DataType> Leaf for TypedLeaf<T>
where
    T::T: AsRaw,
{
    fn advance(&mut self) -> Result<()> {
        self.value += usize::from(self.is_value());
        self.at += 1;
        if self.at >= self.len {
            self.read_batch()?;
        }
        Ok(())
    }

    fn levels(&self) -> Option<Levels> {
        let level = |levels: &[i16], max| levels.get(self.at).copied().unwrap_or(max);
        (self.at < self.len).then(|| Levels {
            definition: level(&self.definitions, self.max.definition),
            repetition: level(&self.repetitions, self.max.repetition),
        })
    }

    fn value(&self) -> Result<Raw<'_>> {
        let value = self.is_value().then(|| self.values.get(self.value)).flatten();
        value.map(AsRaw::as_raw).ok_or_else(end_of_column)
    }
}

pub fn end_of_column() -> ParquetError {
    ParquetError::General("a column has fewer values than the file says".to_owned())
}

/// A value of the crate.
trait AsRaw: Send {
    fn as_raw(&self) -> Raw<'_>;

    /// Returns how many bytes it keeps in memory, about.
    fn bytes(&self) -> usize {
        size_of::<u64>()
    }
}

impl AsRaw for bool {
    fn as_raw(&self) -> Raw<'_> {
        Raw::Bool(*self)
    }
}

impl AsRaw for i32 {
    fn as_raw(&self) -> Raw<'_> {
        Raw::Int32(*self)
    }
}

impl AsRaw for i64 {
    fn as_raw(&self) -> Raw<'_> {
        Raw::Int64(*self)
    }
}

impl AsRaw for Int96 {
    fn as_raw(&self) -> Raw<'_> {
        Raw::Int96(self.data().try_into().unwrap_or_default())
    }
}

impl AsRaw for f32 {
    fn as_raw(&self) -> Raw<'_> {
        Raw::Float(*self)
    }
}

impl AsRaw for f64 {
    fn as_raw(&self) -> Raw<'_> {
        Raw::Double(*self)
    }
}

impl AsRaw for ByteArray {
    fn as_raw(&self) -> Raw<'_> {
        Raw::Bytes(self.data())
    }

    fn bytes(&self) -> usize {
        self.len()
    }
}

impl AsRaw for FixedLenByteArray {
    fn as_raw(&self) -> Raw<'_> {
        Raw::Bytes(self.data())
    }

    fn bytes(&self) -> usize {
        self.len()
    }
}
