//! CSV row, as returned by both parsers.

use crate::cli::ingest::reader::line_reader::MAX_RECORD_BYTES;

/// Maximum number of values per row; rows with more are rejected.
pub const MAX_CELLS: usize = 1 << 16;

/// Values of a row, in buffers that are reused for the next row.
#[derive(Debug, Default)]
pub struct Cells {
    /// Bytes of all values, concatenated. Bytes after the last value are garbage.
    pub bytes: Vec<u8>,
    /// End offset of each value in `bytes`. Entries after the first `count` are garbage.
    pub ends: Vec<usize>,
    pub count: usize,
    /// Indexes of the values that are null by the escape sequence `\N`.
    pub null_positions: Vec<usize>,
}

impl Cells {
    /// Returns the values in order; `None` for null.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let ends = self.ends.get(..self.count).unwrap_or_default();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).enumerate().map(|(at, (start, &end))| {
            let is_null = self.null_positions.contains(&at);
            (!is_null).then(|| self.bytes.get(start..end).unwrap_or_default())
        })
    }
}

/// Raw bytes and counts of a row.
#[derive(Debug, Default)]
pub struct CsvRow {
    /// Raw bytes of the row without its line ending, at most [`MAX_RECORD_BYTES`].
    pub raw: Vec<u8>,
    /// Length of the whole row with its line ending, in bytes.
    pub total_bytes: u64,
    /// Number of lines of the row, including blank lines before it.
    pub lines: u64,
    /// Number of blank lines before the row.
    pub blank_lines: u64,
    /// Number of values of the whole row.
    pub cell_count: usize,
    /// True if the row exceeded a limit, so that `raw` or the values are incomplete.
    pub is_truncated: bool,
    /// True if the row has a line ending; the last row of a file may still be written to.
    pub is_terminated: bool,
}

impl CsvRow {
    pub fn is_blank(&self) -> bool {
        !self.is_truncated && self.raw.trim_ascii().is_empty()
    }

    /// Appends raw bytes, up to the limit.
    pub fn push(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(MAX_RECORD_BYTES - self.raw.len());
        self.raw.extend_from_slice(bytes.get(..kept).unwrap_or(bytes));
        self.is_truncated |= kept < bytes.len();
        self.total_bytes += bytes.len() as u64;
    }
}
