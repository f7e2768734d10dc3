//! An open file of the input.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::ingest::content_digest::ContentDigest;
use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::file_position::FilePosition;
use crate::cli::ingest::reader::follow::TailReader;
use crate::cli::ingest::reader::record_reader::RecordReader;

/// An open file, and how much is before it.
pub struct OpenFile {
    pub records: Box<dyn RecordReader>,
    pub file_index: usize,
    pub input_file: Arc<InputFile>,
    pub lines_before: u64,
    pub bytes_before: u64,
    /// Of a format that is read as a whole.
    pub digest: Option<ContentDigest>,
    /// Whether another file has its name now.
    pub is_rotated: bool,
    pub followed: Option<FollowedFile>,
    /// Where its last record begins, if it was taken though it has no end.
    pub partial_record_start: Option<InputPosition>,
}

/// What is known of a file that is followed, beside its records.
pub struct FollowedFile {
    /// The file itself.
    pub file: Option<File>,
    /// Set when the file loses what was read of it.
    is_overwritten: Arc<AtomicBool>,
}

impl FollowedFile {
    pub fn new(tail: &TailReader) -> Self {
        Self { file: tail.try_clone_file().ok(), is_overwritten: tail.overwritten_flag() }
    }

    fn is_overwritten(&self) -> bool {
        self.is_overwritten.load(Ordering::Relaxed)
    }
}

impl OpenFile {
    /// Tells whether the file has lost what was read of it.
    pub fn is_overwritten(&self) -> bool {
        self.followed.as_ref().is_some_and(FollowedFile::is_overwritten)
    }

    /// Returns the file itself, if it is followed and was left by its name only.
    pub fn take_rotated_file(&mut self) -> Option<File> {
        let is_overwritten = self.is_overwritten();
        let file = self.followed.as_mut()?.file.take();
        file.filter(|_| !self.is_rotated && !is_overwritten)
    }

    /// Returns how far the input is read.
    pub fn position(&self) -> InputPosition {
        let FilePosition { rows, offset, disk_bytes: bytes, digest } = self.records.position();
        let (lines, bytes) = (self.lines_before + rows, self.bytes_before + bytes);
        InputPosition { lines, bytes, file: self.file_index, row: rows, offset, digest: self.digest.or(digest) }
    }
}
