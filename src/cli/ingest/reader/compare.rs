//! What an earlier run read of a file, compared with what the file holds now.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::compressed::{Bytes, TextEncoding};
use super::content::Content;
use super::format::Format;
use super::paths::Source;
use crate::cli::ingest::content_digest::{ContentDigest, ContentHasher};
use crate::cli::ingest::input_file::{FileRecord, InputFile};
use crate::cli::ingest::input_position::InputPosition;

/// What became of a file since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It holds what was read, and nothing more.
    Same,
    /// It holds what was read, and more behind it.
    Grown,
    /// What was read is no longer there.
    Replaced,
    /// It can be read only once, so it is compared while it is read.
    Unknown,
}

/// Compares a file with what was read of it. Reads it up to there.
pub fn compare(source: &Source, record: &FileRecord, encoding: TextEncoding) -> Change {
    if source.bytes.is_none() {
        return Change::Unknown;
    }
    // A file that can't be read so far is no longer what it was. Reading it from its beginning tells what is wrong with it.
    let change = if source.format == Format::Parquet {
        compare_whole(source, record)
    } else {
        compare_content(source, record, encoding)
    };
    change.unwrap_or(Change::Replaced)
}

fn compare_content(source: &Source, record: &FileRecord, encoding: TextEncoding) -> anyhow::Result<Change> {
    if record.bytes == 0 && ![0, std::fs::metadata(&source.path)?.ino()].contains(&record.inode) {
        // Without any content, only the inode tells.
        return Ok(Change::Replaced);
    }
    let mut content = Content::new(Bytes::open(source, encoding)?, true);
    if !content.skip_to(record.bytes, |_| {})? || content.digest() != record.digest && record.bytes > 0 {
        return Ok(Change::Replaced);
    }
    let has_more = !content.fill().is_ok_and(<[u8]>::is_empty);
    Ok(match has_more {
        true if source.format == Format::Text => Change::Replaced,
        true => Change::Grown,
        false => Change::Same,
    })
}

fn compare_whole(source: &Source, record: &FileRecord) -> anyhow::Result<Change> {
    Ok(if Some(digest_file(source)?) == record.digest { Change::Same } else { Change::Replaced })
}

/// Returns the digest of all bytes of a file as it is on the disk.
///
/// # Errors
/// If it can't be read.
pub fn digest_file(source: &Source) -> io::Result<ContentDigest> {
    let mut file = File::open(&source.path)?;
    let mut hasher = ContentHasher::new(true);
    io::copy(&mut file, &mut hasher)?;
    hasher.digest().ok_or_else(|| io::Error::other("there is no digest"))
}

/// Records a file as read to its end.
///
/// # Errors
/// If it can't be read.
pub fn record_whole(source: &Source) -> anyhow::Result<FileRecord> {
    let info = InputFile::of(&source.path, "");
    let place = if source.format == Format::Parquet {
        InputPosition { digest: Some(digest_file(source)?), ..InputPosition::default() }
    } else {
        let mut content = Content::new(Bytes::open(source, TextEncoding::Utf8)?, true);
        content.skip_to(u64::MAX, |_| {})?;
        InputPosition { offset: content.offset(), digest: content.digest(), ..InputPosition::default() }
    };
    Ok(info.read_up_to(place))
}
