//! Interface of the readers of all formats.

use super::file_position::FilePosition;
use super::record::Record;

/// Reader of the records of one file, in order.
pub trait RecordReader: Send {
    /// Reads the next record.
    ///
    /// # Errors
    /// If the file can't be read, or is malformed beyond a single record.
    fn next_record(&mut self) -> anyhow::Result<NextRecord>;

    /// Returns the current read position.
    fn position(&self) -> FilePosition;

    /// Returns whether reading the next record may block.
    fn may_block(&self) -> bool {
        false
    }

    /// Takes the human-readable notices about the file.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Next item of a file.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are records, and each is taken apart at once")]
pub enum NextRecord {
    Record(Record),
    /// Blank line, which only counts as a line.
    Blank,
    /// Whitespace without a line ending at the end of the file, which may be the start of a record.
    UnterminatedBlank,
    End,
}
