//! Parquet: a document a row.
//!
//! Columns are read by the `parquet` crate, a row group after the other and a page at a time, those that are wanted. Their
//! values are put together to rows here: the crate's own rows lose digits of old timestamps, and end at a string that is not
//! UTF-8. The crate panics on some files that contradict themselves; here that is an error like others.

mod assembly;
mod columns;
mod guard;
mod kind;
mod leaf;
mod schema;
mod time;
mod value;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::TypePtr;
use serde_json::Value;

use self::assembly::read_row;
use self::columns::list_columns;
use self::guard::guarded;
use self::leaf::Leaf;
use self::schema::Schema;
use self::value::Converter;
use super::compressed::LFS_POINTER;
use super::{At, Next, Record, Records};
use crate::cli::ingest::mapping::{Fields, Mapping};
use crate::cli::ingest::on_file;
use crate::proto::ItemError;

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
        let mut file = on_file(File::open(path), "open", path)?;
        let bytes = on_file(file.metadata(), "read", path)?.len();
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
        let open = |column: &schema::Column| {
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

    fn at(&self) -> At {
        // Columns are read beside each other, so rows tell better how far it is than bytes do.
        let share = if self.total == 0 { 1.0 } else { self.read as f64 / self.total as f64 };
        At { rows: self.read, offset: 0, bytes: (self.bytes as f64 * share) as u64, digest: None }
    }
}

const REMEDY: &str = "it can't be read on as Parquet; if it is damaged or cut short, bring or write it anew";

/// How many rows are before a row group.
fn count(metadata: &ParquetMetaData, group: usize) -> u64 {
    let groups = metadata.row_groups().iter().take(group);
    groups.map(|group| u64::try_from(group.num_rows()).unwrap_or_default()).sum()
}

/// What is something else altogether has another remedy.
fn check_beginning(file: &mut File) -> anyhow::Result<()> {
    let mut head = Vec::new();
    file.take(LFS_POINTER.len() as u64).read_to_end(&mut head)?;
    ensure!(head != LFS_POINTER, "it is a pointer of Git LFS and not the file itself; bring that with git lfs pull");
    ensure!(!head.starts_with(b"PARE"), "it is encrypted; write it without");
    ensure!(
        head.starts_with(b"PAR1"),
        "it is no Parquet file, for it doesn't begin as one; check its name, or --format"
    );
    Ok(())
}

/// Two columns of one name would become one field.
fn check_names(columns: &[TypePtr], mapping: &Mapping) -> anyhow::Result<()> {
    let mut names = HashSet::new();
    for name in columns.iter().map(|column| column.name()).filter(|name| mapping.wants(name)) {
        ensure!(names.insert(name), "two of its columns are called `{name}`; name those to read with --payload-fields");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
