//! An open file of the input.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::ingest::content_digest::ContentDigest;
use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::file_position::FilePosition;
use crate::cli::ingest::reader::follow::Tail;
use crate::cli::ingest::reader::records::Records;

/// An open file, and how much is before it.
pub struct Opened {
    pub records: Box<dyn Records>,
    pub file: usize,
    pub info: Arc<InputFile>,
    pub lines: u64,
    pub bytes: u64,
    /// Of a format that is read as a whole.
    pub digest: Option<ContentDigest>,
    /// Whether another file has its name now.
    pub is_rotated: bool,
    pub followed: Option<Followed>,
    /// Where its last record begins, if it was taken though it has no end.
    pub partial: Option<InputPosition>,
}

/// What is known of a file that is followed, beside its records.
pub struct Followed {
    /// The file itself.
    pub file: Option<File>,
    /// Set when the file loses what was read of it.
    is_overwritten: Arc<AtomicBool>,
}

impl Followed {
    pub fn new(tail: &Tail) -> Self {
        Self { file: tail.file().ok(), is_overwritten: tail.is_overwritten() }
    }

    fn is_overwritten(&self) -> bool {
        self.is_overwritten.load(Ordering::Relaxed)
    }
}

impl Opened {
    /// Tells whether the file has lost what was read of it.
    pub fn is_overwritten(&self) -> bool {
        self.followed.as_ref().is_some_and(Followed::is_overwritten)
    }

    /// Returns the file itself, if it is followed and was left by its name only.
    pub fn take_rotated_file(&mut self) -> Option<File> {
        let is_overwritten = self.is_overwritten();
        let file = self.followed.as_mut()?.file.take();
        file.filter(|_| !self.is_rotated && !is_overwritten)
    }

    /// Returns how far the input is read.
    pub fn place(&self) -> InputPosition {
        let FilePosition { rows, offset, bytes, digest } = self.records.at();
        let (lines, bytes) = (self.lines + rows, self.bytes + bytes);
        InputPosition { lines, bytes, file: self.file, row: rows, offset, digest: self.digest.or(digest) }
    }
}
