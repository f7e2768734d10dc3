//! The rows of a file, one after the other.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, ensure};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use serde_json::Value;

use super::assembly::read_row;
use super::check::{check_beginning, check_names};
use super::columns::list_columns;
use super::guard::guarded;
use super::leaf::{self, Leaf};
use super::schema::{Column, Schema};
use super::value::Converter;
use crate::cli::ingest::file_error::name_file;
use crate::cli::ingest::mapping::{Fields, Mapping};
use crate::cli::ingest::reader::{FilePosition, Next, Record, Records};
use crate::proto::ItemError;

const REMEDY: &str = "it can't be read on as Parquet; if it is damaged or cut short, bring or write it anew";

/// The rows of a file.
pub struct ParquetRows {
    reader: SerializedFileReader<File>,
    schema: Schema,
    converter: Converter,
    mapping: Mapping,
    /// The columns of the row group that is read, and how many of its rows are left.
    leaves: Vec<Box<dyn Leaf>>,
    rows_left: u64,
    next_group: usize,
    read: u64,
    total: u64,
    bytes: u64,
}

impl ParquetRows {
    /// Opens a file at the row group that holds the row after so many.
    ///
    /// # Errors
    /// If it is no Parquet file, is not whole, has no column for the text or one that can't be read.
    pub fn open(path: &Path, mapping: Mapping, done: u64) -> anyhow::Result<Self> {
        let mut file = name_file(File::open(path), "open", path)?;
        let bytes = name_file(file.metadata(), "read", path)?.len();
        check_beginning(&mut file)?;
        let reader = guarded(|| Ok(SerializedFileReader::new(file)?)).context(REMEDY)?;
        guarded(|| Self::of(reader, bytes, mapping, done))
    }

    fn of(reader: SerializedFileReader<File>, bytes: u64, mapping: Mapping, done: u64) -> anyhow::Result<Self> {
        let metadata = reader.metadata();
        let total = count(metadata, usize::MAX);
        // The last group that begins at that row or before.
        let next_group =
            (0..metadata.num_row_groups()).rev().find(|&group| count(metadata, group) <= done).unwrap_or(0);
        let read = count(metadata, next_group);

        let root = metadata.file_metadata().schema();
        mapping.check_schema(&list_columns(root, &mapping))?;
        check_names(root.get_fields(), &mapping)?;
        let schema = Schema::new(root, &mapping)?;
        let mut converter = Converter::new(mapping.binary_text);
        converter.notices.extend(schema.left_out.iter().map(|name| format!(
            "column {name} is an index of pandas without a name, so it is not stored; name it with --payload-fields to store it"
        )));
        Ok(Self {
            reader,
            schema,
            converter,
            mapping,
            leaves: Vec::new(),
            rows_left: 0,
            next_group,
            read,
            total,
            bytes,
        })
    }

    fn next_row(&mut self) -> anyhow::Result<(Fields, Option<ItemError>)> {
        while self.rows_left == 0 {
            self.open_group()?;
        }
        self.rows_left -= 1;
        // Without a wanted column, such as of a file whose text is in its path, rows are empty.
        let fields = read_row(&self.schema, &mut self.leaves, &mut self.converter)?;
        Ok((fields, self.converter.problem.take()))
    }

    fn open_group(&mut self) -> anyhow::Result<()> {
        ensure!(self.next_group < self.reader.num_row_groups(), "it has too few rows");
        let group = self.reader.get_row_group(self.next_group)?;
        let open = |column: &Column| {
            let mut leaf = leaf::open(group.get_column_reader(column.index)?, column.max);
            leaf.advance()?;
            anyhow::Ok(leaf)
        };
        self.leaves = self.schema.columns.iter().map(open).collect::<Result<_, _>>()?;
        self.rows_left = u64::try_from(group.metadata().num_rows()).unwrap_or_default();
        self.next_group += 1;
        Ok(())
    }
}

impl Records for ParquetRows {
    fn next(&mut self) -> anyhow::Result<Next> {
        if self.read == self.total {
            return Ok(Next::End);
        }
        let (fields, problem) = guarded(|| self.next_row()).context(REMEDY)?;
        self.read += 1;
        let content = Value::Object(fields.clone()).to_string().into_bytes();
        // What stands for a value that can't be stored is not that value: such a row is not written to the rejects.
        let is_whole = problem.is_none();
        let document = problem.map_or_else(|| self.mapping.document(fields), Err);
        Ok(Next::Record(Record { number: self.read, content, is_whole, is_ended: true, document }))
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.converter.notices)
    }

    fn at(&self) -> FilePosition {
        // Columns are read beside each other, so rows tell better how far it is than bytes do.
        let share = if self.total == 0 { 1.0 } else { self.read as f64 / self.total as f64 };
        FilePosition { rows: self.read, offset: 0, bytes: (self.bytes as f64 * share) as u64, digest: None }
    }
}

/// How many rows are before a row group.
fn count(metadata: &ParquetMetaData, group: usize) -> u64 {
    let groups = metadata.row_groups().iter().take(group);
    groups.map(|group| u64::try_from(group.num_rows()).unwrap_or_default()).sum()
}
