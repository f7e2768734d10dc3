//! A row of CSV, as both dialects give it.

use crate::cli::ingest::reader::line_reader::MAX_RECORD_BYTES;

/// Maximum values of a row that are kept.
pub const MAX_CELLS: usize = 1 << 16;

/// The values of a row, in buffers that are used again for the next one.
#[derive(Debug, Default)]
pub struct Cells {
    /// The bytes of all values, one after the other. What is behind the last one has no meaning.
    pub bytes: Vec<u8>,
    /// Where each value ends in `bytes`. What is behind the first `count` has no meaning.
    pub ends: Vec<usize>,
    pub count: usize,
    /// The positions of the values that are null by an escape, `\N`.
    pub null_positions: Vec<usize>,
}

impl Cells {
    /// Returns the values in order; a null one as `None`.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let ends = self.ends.get(..self.count).unwrap_or_default();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).enumerate().map(|(at, (start, &end))| {
            let is_null = self.null_positions.contains(&at);
            (!is_null).then(|| self.bytes.get(start..end).unwrap_or_default())
        })
    }
}

/// What is known of a row beside its values.
#[derive(Debug, Default)]
pub struct CsvRow {
    /// As it is in the file, without its end; at most [`MAX_PIECE_BYTES`] of it.
    pub raw: Vec<u8>,
    /// How many bytes it had, with its end.
    pub total_bytes: u64,
    /// How many lines it had, with the blank ones before it.
    pub lines: u64,
    /// How many blank lines were before it.
    pub blank_lines: u64,
    /// How many values it had.
    pub cell_count: usize,
    /// Whether more was there than is kept.
    pub is_truncated: bool,
    /// Whether it has an end: the last one of a file may still be written.
    pub is_terminated: bool,
}

impl CsvRow {
    pub fn is_blank(&self) -> bool {
        !self.is_truncated && self.raw.trim_ascii().is_empty()
    }

    /// Adds bytes of the file, as far as they are kept.
    pub fn push(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(MAX_RECORD_BYTES - self.raw.len());
        self.raw.extend_from_slice(bytes.get(..kept).unwrap_or(bytes));
        self.is_truncated |= kept < bytes.len();
        self.total_bytes += bytes.len() as u64;
    }
}
