//! Open input file.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::ingest::content_digest::ContentDigest;
use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::file_position::FilePosition;
use crate::cli::ingest::reader::follow::TailReader;
use crate::cli::ingest::reader::record_reader::RecordReader;

/// Open input file, with the counts of lines and bytes before it.
pub struct OpenFile {
    pub records: Box<dyn RecordReader>,
    pub file_index: usize,
    pub input_file: Arc<InputFile>,
    pub lines_before: u64,
    pub bytes_before: u64,
    /// Digest of the whole file, for formats that are not read sequentially.
    pub digest: Option<ContentDigest>,
    /// True if the path of the file now names another file.
    pub is_rotated: bool,
    pub followed: Option<FollowedFile>,
    /// Start of the last record, if it was ingested without a line ending.
    pub partial_record_start: Option<InputPosition>,
}

/// Handle and state of a followed file.
pub struct FollowedFile {
    /// Handle of the file, which stays valid after a rotation.
    pub file: Option<File>,
    /// Set when the file no longer holds the content that was read.
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
    /// Returns whether the file no longer holds the content that was read.
    pub fn is_overwritten(&self) -> bool {
        self.followed.as_ref().is_some_and(FollowedFile::is_overwritten)
    }

    /// Takes the handle of a followed file that was rotated but not overwritten.
    pub fn take_rotated_file(&mut self) -> Option<File> {
        let is_overwritten = self.is_overwritten();
        let file = self.followed.as_mut()?.file.take();
        file.filter(|_| !self.is_rotated && !is_overwritten)
    }

    /// Returns the current position in the whole input.
    pub fn position(&self) -> InputPosition {
        let FilePosition { rows, offset, disk_bytes: bytes, digest } = self.records.position();
        let (lines, bytes) = (self.lines_before + rows, self.bytes_before + bytes);
        InputPosition { lines, bytes, file: self.file_index, row: rows, offset, digest: self.digest.or(digest) }
    }
}
