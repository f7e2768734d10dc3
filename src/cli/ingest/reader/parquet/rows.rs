//! Record reader of a Parquet file.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, ensure};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use serde_json::Value;

use super::check::{check_duplicate_columns, check_magic_bytes};
use super::columns::list_columns;
use super::leaf_cursor::{self, LeafCursor};
use super::panic_guard::catch_panic;
use super::row_assembler::read_row;
use super::schema::{ParquetColumn, Schema};
use super::value_converter::ValueConverter;
use crate::cli::ingest::file_error::with_file_context;
use crate::cli::ingest::mapping::{FieldMapping, Fields};
use crate::cli::ingest::reader::{FilePosition, NextRecord, Record, RecordReader};
use crate::proto::ItemError;

const DAMAGED_REMEDY: &str =
    "reading the Parquet data failed; if the file is corrupt or truncated, transfer or write it again";

/// Reader of the rows of a Parquet file.
pub struct ParquetRows {
    reader: SerializedFileReader<File>,
    schema: Schema,
    converter: ValueConverter,
    mapping: FieldMapping,
    /// Cursors of the columns of the current row group.
    cursors: Vec<Box<dyn LeafCursor>>,
    group_rows_remaining: u64,
    next_group: usize,
    rows_read: u64,
    total_rows: u64,
    file_bytes: u64,
}

impl ParquetRows {
    /// Opens a file at the row group that contains the row after the first `resume_at` rows.
    ///
    /// # Errors
    /// If the file is not a complete Parquet file, lacks the id or text column, or a mapped column has an unsupported type.
    pub fn open(path: &Path, mapping: FieldMapping, resume_at: u64) -> anyhow::Result<Self> {
        let mut file = with_file_context(File::open(path), "open", path)?;
        let file_bytes = with_file_context(file.metadata(), "read", path)?.len();
        check_magic_bytes(&mut file)?;
        let reader = catch_panic(|| Ok(SerializedFileReader::new(file)?)).context(DAMAGED_REMEDY)?;
        catch_panic(|| Self::from_reader(reader, file_bytes, mapping, resume_at))
    }

    fn from_reader(
        reader: SerializedFileReader<File>,
        file_bytes: u64,
        mapping: FieldMapping,
        resume_at: u64,
    ) -> anyhow::Result<Self> {
        let metadata = reader.metadata();
        let total_rows = count_rows_before(metadata, usize::MAX);
        // The last row group that starts at `resume_at` or before it.
        let next_group = (0..metadata.num_row_groups())
            .rev()
            .find(|&group| count_rows_before(metadata, group) <= resume_at)
            .unwrap_or(0);
        let rows_read = count_rows_before(metadata, next_group);

        let root = metadata.file_metadata().schema();
        mapping.check_schema(&list_columns(root, &mapping))?;
        check_duplicate_columns(root.get_fields(), &mapping)?;
        let schema = Schema::new(root, &mapping)?;
        let mut converter = ValueConverter::new(mapping.binary_text);
        converter.notices.extend(schema.skipped_index_columns.iter().map(|name| {
            format!(
                "column {name} is an unnamed pandas index and is not stored; list it in --payload-fields to store it"
            )
        }));
        Ok(Self {
            reader,
            schema,
            converter,
            mapping,
            cursors: Vec::new(),
            group_rows_remaining: 0,
            next_group,
            rows_read,
            total_rows,
            file_bytes,
        })
    }

    fn next_row(&mut self) -> anyhow::Result<(Fields, Option<ItemError>)> {
        while self.group_rows_remaining == 0 {
            self.open_group()?;
        }
        self.group_rows_remaining -= 1;
        // Rows are empty if no column is mapped, for example if the text comes from a partition of the path.
        let fields = read_row(&self.schema, &mut self.cursors, &mut self.converter)?;
        Ok((fields, self.converter.error.take()))
    }

    fn open_group(&mut self) -> anyhow::Result<()> {
        ensure!(
            self.next_group < self.reader.num_row_groups(),
            "the row groups hold fewer rows than the metadata declares"
        );
        let group = self.reader.get_row_group(self.next_group)?;
        let open = |column: &ParquetColumn| {
            let mut cursor = leaf_cursor::open_cursor(group.get_column_reader(column.index)?, column.max_levels);
            cursor.advance()?;
            anyhow::Ok(cursor)
        };
        self.cursors = self.schema.columns.iter().map(open).collect::<Result<_, _>>()?;
        self.group_rows_remaining = u64::try_from(group.metadata().num_rows()).unwrap_or_default();
        self.next_group += 1;
        Ok(())
    }
}

impl RecordReader for ParquetRows {
    fn next_record(&mut self) -> anyhow::Result<NextRecord> {
        if self.rows_read == self.total_rows {
            return Ok(NextRecord::End);
        }
        let (fields, error) = catch_panic(|| self.next_row()).context(DAMAGED_REMEDY)?;
        self.rows_read += 1;
        let content = Value::Object(fields.clone()).to_string().into_bytes();
        // The content of a row with an unsupported value has a placeholder, so it is not written to the rejects file.
        let is_complete = error.is_none();
        let document = error.map_or_else(|| self.mapping.map_record(fields), Err);
        Ok(NextRecord::Record(Record { number: self.rows_read, content, is_complete, is_terminated: true, document }))
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.converter.notices)
    }

    fn position(&self) -> FilePosition {
        // Columns are stored one after another in a row group, so progress is estimated by rows, not by file offset.
        let fraction = if self.total_rows == 0 { 1.0 } else { self.rows_read as f64 / self.total_rows as f64 };
        FilePosition {
            rows: self.rows_read,
            offset: 0,
            disk_bytes: (self.file_bytes as f64 * fraction) as u64,
            digest: None,
        }
    }
}

/// Returns the number of rows before a row group.
fn count_rows_before(metadata: &ParquetMetaData, group: usize) -> u64 {
    let groups = metadata.row_groups().iter().take(group);
    groups.map(|group| u64::try_from(group.num_rows()).unwrap_or_default()).sum()
}
