//! Parquet: a document a row.
//!
//! Rows are put together by the `parquet` crate, a row group after the other and of each a page a column, of the columns that
//! are wanted. That crate panics on some files that contradict themselves; here that is an error like others.

mod guard;
mod time;
mod value;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use parquet::basic::ConvertedType;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

use self::guard::guarded;
use self::value::Converter;
use super::compressed::LFS_POINTER;
use super::{At, Next, Record, Records};
use crate::cli::ingest::mapping::{Fields, Mapping};
use crate::cli::ingest::on_file;
use crate::proto::ItemError;
use crate::types::FieldPath;

/// The rows of a file.
pub struct ParquetRows {
    rows: RowIter<'static>,
    /// Of the columns that are read, in their order.
    types: Vec<TypePtr>,
    mapping: Mapping,
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
        guarded(|| Self::of(file, bytes, mapping, done)).context(REMEDY)
    }

    fn of(file: File, bytes: u64, mapping: Mapping, done: u64) -> anyhow::Result<Self> {
        let reader = SerializedFileReader::new(file.try_clone()?)?;
        let metadata = reader.metadata();
        let total = count(metadata, usize::MAX);
        // The last group that begins at that row or before.
        let first = (0..metadata.num_row_groups()).rev().find(|&group| count(metadata, group) <= done).unwrap_or(0);
        let read = count(metadata, first);

        let root = metadata.file_metadata().schema();
        mapping.check_columns(root.get_fields().iter().map(|column| column.name()))?;
        check_names(root.get_fields(), &mapping)?;
        let types: Vec<TypePtr> =
            root.get_fields().iter().filter(|column| mapping.wants(column.name())).cloned().collect();
        types.iter().try_for_each(|column| check_type(column, column.name()))?;
        let projection = Type::group_type_builder(root.name()).with_fields(types.clone()).build()?;

        let options = ReadOptionsBuilder::new().with_predicate(Box::new(move |_, group| group >= first)).build();
        let reader = SerializedFileReader::new_with_options(file, options)?;
        let rows = RowIter::from_file_into(Box::new(reader)).project(Some(projection))?;
        Ok(Self { rows, types, mapping, read, total, bytes })
    }

    fn next_row(&mut self) -> anyhow::Result<Option<(Fields, Option<ItemError>)>> {
        let Some(row) = self.rows.next() else { return Ok(None) };
        let mut converter = Converter::default();
        let mut fields = Fields::new();
        for ((name, field), column) in row?.into_columns().into_iter().zip(&self.types) {
            let value = match name == self.mapping.id_field {
                true => converter.id(field, column),
                false => converter.value(field, Some(column), &FieldPath::new(&name)),
            };
            fields.insert(name, value);
        }
        Ok(Some((fields, converter.problem)))
    }
}

impl Records for ParquetRows {
    fn next(&mut self) -> anyhow::Result<Next> {
        if self.read == self.total {
            return Ok(Next::End);
        }
        let Some((fields, problem)) = guarded(|| self.next_row()).context(REMEDY)? else {
            bail!("it has too few rows; {REMEDY}")
        };
        self.read += 1;
        let content = Value::Object(fields.clone()).to_string().into_bytes();
        let document = problem.map_or_else(|| self.mapping.document(fields), Err);
        Ok(Next::Record(Record { number: self.read, content, is_whole: true, is_ended: true, document }))
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
    for (at, column) in columns.iter().enumerate().filter(|(_, column)| mapping.wants(column.name())) {
        let name = column.name();
        let is_twice = columns.iter().skip(at + 1).any(|other| other.name() == name);
        ensure!(!is_twice, "two of its columns are called `{name}`; name those to read with --payload-fields");
    }
    Ok(())
}

/// Looks for types that the crate doesn't know to read.
fn check_type(column: &Type, path: &str) -> anyhow::Result<()> {
    if column.is_primitive() {
        let is_interval = column.get_basic_info().converted_type() == ConvertedType::INTERVAL;
        ensure!(
            !is_interval,
            "its column {path} is an INTERVAL, which can't be read; name others with --payload-fields"
        );
        return Ok(());
    }
    column.get_fields().iter().try_for_each(|child| check_type(child, &format!("{path}.{}", child.name())))
}

#[cfg(test)]
mod tests;
