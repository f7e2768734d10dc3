//! Record reader of a CSV file.

use std::io;

use anyhow::{Context, ensure};

use super::dialect::CsvDialect;
use super::quoted_parser::check_quotes;
use super::row::{Cells, CsvRow};
use super::row_mapper::RowMapper;
use super::row_parser::RowParser;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::{FieldMapping, reject_malformed};
use crate::cli::ingest::reader::content_reader::ContentReader;
use crate::cli::ingest::reader::{FilePosition, NextRecord, Record, RecordReader};
use crate::proto::{Document, ItemError};

/// Reader of the rows of a CSV file.
pub struct CsvRows {
    content: ContentReader,
    parser: RowParser,
    dialect: CsvDialect,
    row_mapper: RowMapper,
    notices: Vec<String>,
    cells: Cells,
    lines_read: u64,
    /// Header row without a line ending, which may still be written to.
    unterminated_header: Option<CsvRow>,
    /// First row and the number of lines before it, if it was read to detect the line ending style.
    first_row: Option<(u64, CsvRow)>,
}

impl CsvRows {
    /// Reads the header row and skips the rows that an earlier run read. An unterminated header row counts only if `is_final`.
    ///
    /// # Errors
    /// If the header row is malformed, two mapped columns have the same name, or the id or text column is missing.
    pub fn open(
        content: ContentReader,
        mapping: FieldMapping,
        dialect: CsvDialect,
        resume_at: InputPosition,
        is_final: bool,
    ) -> anyhow::Result<Self> {
        let mut reader = Self {
            content,
            parser: RowParser::new(&dialect),
            row_mapper: RowMapper::new(mapping, dialect.clone()),
            dialect,
            notices: Vec::new(),
            cells: Cells::default(),
            lines_read: 0,
            unterminated_header: None,
            first_row: None,
        };
        let columns = match &reader.dialect.columns {
            Some(columns) => Some(columns.clone()),
            None => reader.read_header(is_final)?,
        };
        // An empty file has neither columns nor rows.
        if let Some(columns) = columns {
            reader.notices.extend(reader.row_mapper.set_columns(columns)?.map(str::to_owned));
        }
        reader.skip_to(resume_at)?;
        Ok(reader)
    }

    fn read_header(&mut self, is_final: bool) -> anyhow::Result<Option<Vec<String>>> {
        while let Some(row) = self.next_row()? {
            if row.is_blank() {
                continue;
            }
            if !row.is_terminated && !is_final {
                self.unterminated_header = Some(row);
                return Ok(None);
            }
            let is_row = !row.is_truncated && check_quotes(&row.raw, &self.dialect).is_ok();
            ensure!(
                is_row,
                "the first row is not a valid header row; check that the file is CSV and its quotes are closed"
            );
            let names = self.cells.iter().map(Option::unwrap_or_default);
            let names = names.map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
            let names = names.collect::<Result<_, _>>();
            let not_utf8 =
                "the header row is not UTF-8; pass the encoding of the file, such as --encoding windows-1252";
            return names.map(Some).context(not_utf8);
        }
        Ok(None)
    }

    /// Skips the rows that an earlier run read. With `--columns`, the first row is read to detect the line ending style.
    fn skip_to(&mut self, resume_at: InputPosition) -> io::Result<()> {
        if resume_at.offset == 0 {
            return Ok(());
        }
        if self.dialect.columns.is_some() && self.parser.detects_line_endings() {
            let first = (self.lines_read, self.next_row()?);
            // If the earlier run read only blank lines, the first row is still unread and is kept.
            self.first_row = first.1.filter(|_| self.content.offset() > resume_at.offset).map(|row| (first.0, row));
        }
        if self.content.offset() >= resume_at.offset {
            return Ok(());
        }
        self.parser.skip_to(&mut self.content, resume_at.offset)?;
        self.lines_read = resume_at.row;
        Ok(())
    }

    fn next_row(&mut self) -> io::Result<Option<CsvRow>> {
        let row = self.parser.next_row(&mut self.content, &mut self.cells)?;
        if let Some(row) = &row {
            self.lines_read += row.lines;
        }
        Ok(row)
    }
}

impl RecordReader for CsvRows {
    fn next_record(&mut self) -> anyhow::Result<NextRecord> {
        if let Some(row) = self.unterminated_header.take() {
            return Ok(NextRecord::Record(build_record(
                row,
                self.lines_read,
                Err(reject_malformed("", "the header row has no line end")),
            )));
        }
        let (lines_before, row) = match self.first_row.take() {
            Some((first, row)) => (first, Some(row)),
            None => (self.lines_read, self.next_row()?),
        };
        let Some(row) = row else { return Ok(NextRecord::End) };
        if row.is_blank() {
            return Ok(if row.is_terminated || row.raw.is_empty() {
                NextRecord::Blank
            } else {
                NextRecord::UnterminatedBlank
            });
        }
        let document = self.row_mapper.map_row(&row, &self.cells);
        let number = lines_before + row.blank_lines + 1;
        Ok(NextRecord::Record(build_record(row, number, document)))
    }

    fn position(&self) -> FilePosition {
        FilePosition::new(self.lines_read, &self.content)
    }

    fn may_block(&self) -> bool {
        // A line ending inside quotes does not end the row, so a buffered line ending does not prove a complete row.
        self.content.may_block() || self.content.is_streamed() && self.dialect.has_quotes
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

fn build_record(row: CsvRow, number: u64, document: Result<Document, ItemError>) -> Record {
    Record { number, is_complete: !row.is_truncated, is_terminated: row.is_terminated, content: row.raw, document }
}
