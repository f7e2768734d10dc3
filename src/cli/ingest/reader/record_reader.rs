//! The records of a file, whatever its format.

use super::file_position::FilePosition;
use super::record::Record;

/// The records of one file, in order.
pub trait RecordReader: Send {
    /// Reads the next one.
    ///
    /// # Errors
    /// If the file can't be read on.
    fn next_record(&mut self) -> anyhow::Result<NextRecord>;

    /// How far the file is read.
    fn position(&self) -> FilePosition;

    /// Whether the next one may have to be waited for.
    fn may_block(&self) -> bool {
        false
    }

    /// Takes the remarks about the file, for people.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// What comes next in a file.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are records, and each is taken apart at once")]
pub enum NextRecord {
    Record(Record),
    /// A line that counts as one, but holds nothing.
    Blank,
    /// Blanks without a line's end, at the end of the file: they may be the beginning of a record.
    UnterminatedBlank,
    End,
}
