//! Decompressed and decoded content of a file, with the current offset and the digest of the bytes before it.
//!
//! All formats except Parquet are read through [`ContentReader`]. Offsets in checkpoints are offsets in this content, so they
//! do not depend on the compression of the file.

use std::io::{self, Read};

use super::byte_stream::ByteStream;
use crate::cli::ingest::content_digest::{ContentDigest, ContentHasher};
use crate::cli::ingest::input_position::InputPosition;

/// UTF-8 byte-order mark. Some programs write it at the start of a file, so concatenated files contain it in the middle.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Buffer size in bytes. Stays below the allocator's mmap threshold, so that reading a directory of many small files does
/// not map and unmap memory for each of them.
const BUFFER_BYTES: usize = 64 << 10;

const CONTENT_CHANGED: &str = "the content before the checkpointed offset has changed; restore the original input to resume, \
                            or delete the checkpoint to start over";

/// Buffered reader of the content of an open file.
pub struct ContentReader {
    stream: ByteStream,
    buffer: Box<[u8]>,
    /// Start of the unconsumed part of the buffer, which ends at `end`.
    start: usize,
    end: usize,
    offset: u64,
    hasher: ContentHasher,
    /// Offset that an earlier run reached, and the digest of the content before it; `None` once the digest was verified.
    expected_prefix: Option<(u64, ContentDigest)>,
}

impl ContentReader {
    /// Creates a reader at the start of a stream.
    pub fn new(stream: ByteStream, needs_digest: bool) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self {
            stream,
            buffer,
            start: 0,
            end: 0,
            offset: 0,
            hasher: ContentHasher::new(needs_digest),
            expected_prefix: None,
        }
    }

    /// Verifies that the content starts with what an earlier run read; if it does not, reads at or after `resume_at` fail.
    pub fn expect_prefix(self, resume_at: InputPosition) -> Self {
        let expected_prefix =
            resume_at.digest.filter(|_| resume_at.offset > 0).map(|digest| (resume_at.offset, digest));
        Self { expected_prefix, ..self }
    }

    /// Returns the next bytes without consuming them; an empty slice at the end. Blocks until at least one byte is available.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.expected_prefix.is_some_and(|(offset, _)| self.offset >= offset) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, CONTENT_CHANGED));
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.read_more()?;
        }
        Ok(self.buffered())
    }

    /// Consumes bytes that [`ContentReader::fill_buf`] returned.
    pub fn consume(&mut self, count: usize) {
        let end = self.end.min(self.start + count);
        // The digest is compared at its offset, which may lie within what is consumed at once.
        let until_digest =
            self.expected_prefix.map_or(0, |(offset, _)| usize::try_from(offset - self.offset).unwrap_or(usize::MAX));
        let digest_end = end.min(self.start.saturating_add(until_digest));
        self.consume_until(digest_end);
        if let Some((offset, digest)) = self.expected_prefix.filter(|(offset, _)| *offset == self.offset) {
            let is_same = self.digest() == Some(digest);
            self.expected_prefix = if is_same { None } else { Some((offset, digest)) };
        }
        if self.expected_prefix.is_none() || digest_end < end {
            self.consume_until(end);
        }
    }

    /// Consumes a byte-order mark if one comes next. Blocks for the remaining bytes if the first byte of a mark was read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn skip_bom(&mut self) -> io::Result<()> {
        if self.fill_buf()?.first() != BYTE_ORDER_MARK.first() {
            return Ok(());
        }
        while self.buffered().len() < BYTE_ORDER_MARK.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.read_more()? == 0 {
                break;
            }
        }
        if self.buffered().starts_with(BYTE_ORDER_MARK) {
            self.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    /// Consumes bytes up to an offset or to the end, passing them to `observe`. Returns whether the offset was reached.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn skip_to(&mut self, offset: u64, mut observe: impl FnMut(&[u8])) -> io::Result<bool> {
        while self.offset < offset {
            let remaining = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
            let buffer = self.fill_buf()?;
            let count = buffer.len().min(remaining);
            if count == 0 {
                return Ok(false);
            }
            observe(buffer.get(..count).unwrap_or(buffer));
            self.consume(count);
        }
        Ok(true)
    }

    /// Returns the number of consumed bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the digest of the consumed bytes; `None` if the reader was created without one.
    pub fn digest(&self) -> Option<ContentDigest> {
        self.hasher.digest()
    }

    /// Returns the number of bytes read from the file on disk; differs from the offset for compressed or decoded files.
    pub fn disk_bytes_read(&self) -> u64 {
        self.stream.disk_bytes_read().unwrap_or(self.offset)
    }

    /// Returns whether reading the next line may block.
    pub fn may_block(&self) -> bool {
        self.stream.may_block() && !self.buffered().contains(&b'\n')
    }

    /// Consumes bytes up to an index of the buffer.
    fn consume_until(&mut self, end: usize) {
        let consumed = self.buffer.get(self.start..end).unwrap_or_default();
        self.hasher.update(consumed);
        self.offset += consumed.len() as u64;
        self.start = end.max(self.start);
    }

    /// Returns whether the stream is a pipe or a followed file, whose data arrives over time.
    pub fn is_streamed(&self) -> bool {
        self.stream.may_block()
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.stream.read(free) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
