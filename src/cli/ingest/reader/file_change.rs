//! Change detection: compares a file with the record that an earlier run made of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::byte_stream::{ByteStream, TextEncoding};
use super::content_reader::ContentReader;
use super::input_format::InputFormat;
use super::paths::InputSource;
use crate::cli::ingest::content_digest::{ContentDigest, ContentHasher};
use crate::cli::ingest::input_file::{FileRecord, InputFile};
use crate::cli::ingest::input_position::InputPosition;

/// Change of a file since an earlier run read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// The file holds exactly the content that was read.
    Unchanged,
    /// The file starts with the content that was read and has more after it.
    Appended,
    /// The file no longer starts with the content that was read.
    Replaced,
    /// The input can be read only once (a pipe), so it is compared while it is read.
    Unknown,
}

/// Compares a file with the record of an earlier run. Reads the file up to the recorded position.
pub fn detect_change(source: &InputSource, record: &FileRecord, encoding: TextEncoding) -> FileChange {
    if source.bytes.is_none() {
        return FileChange::Unknown;
    }
    // A file that fails here counts as replaced. Reading it from the start then reports the actual error.
    let change = if source.format == InputFormat::Parquet {
        compare_file_digest(source, record)
    } else {
        compare_prefix(source, record, encoding)
    };
    change.unwrap_or(FileChange::Replaced)
}

fn compare_prefix(source: &InputSource, record: &FileRecord, encoding: TextEncoding) -> anyhow::Result<FileChange> {
    if record.bytes == 0 && ![0, std::fs::metadata(&source.path)?.ino()].contains(&record.inode) {
        // An empty prefix matches every file, so the inode decides.
        return Ok(FileChange::Replaced);
    }
    let mut content = ContentReader::new(ByteStream::open(source, encoding)?, true);
    if !content.skip_to(record.bytes, |_| {})? || content.digest() != record.digest && record.bytes > 0 {
        return Ok(FileChange::Replaced);
    }
    let has_more = !content.fill_buf().is_ok_and(<[u8]>::is_empty);
    Ok(match has_more {
        true if source.format == InputFormat::Text => FileChange::Replaced,
        true => FileChange::Appended,
        false => FileChange::Unchanged,
    })
}

fn compare_file_digest(source: &InputSource, record: &FileRecord) -> anyhow::Result<FileChange> {
    Ok(if Some(digest_file(source)?) == record.digest { FileChange::Unchanged } else { FileChange::Replaced })
}

/// Returns the digest of all bytes of a file on disk, without decompression.
///
/// # Errors
/// If the file can't be read.
pub fn digest_file(source: &InputSource) -> io::Result<ContentDigest> {
    let mut file = File::open(&source.path)?;
    let mut hasher = ContentHasher::new(true);
    io::copy(&mut file, &mut hasher)?;
    hasher.digest().ok_or_else(|| io::Error::other("the hasher returned no digest"))
}

/// Reads a file to the end and returns the record of a completely read file.
///
/// # Errors
/// If the file can't be read.
pub fn build_full_record(source: &InputSource) -> anyhow::Result<FileRecord> {
    let file = InputFile::from_path(&source.path, "");
    let position = if source.format == InputFormat::Parquet {
        InputPosition { digest: Some(digest_file(source)?), ..InputPosition::default() }
    } else {
        let mut content = ContentReader::new(ByteStream::open(source, TextEncoding::Utf8)?, true);
        content.skip_to(u64::MAX, |_| {})?;
        InputPosition { offset: content.offset(), digest: content.digest(), ..InputPosition::default() }
    };
    Ok(file.to_record(position))
}
