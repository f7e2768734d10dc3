//! The content of a file, unpacked and decoded, with the position in it and the digest of what is before that.
//!
//! All formats but Parquet are read through it: positions in checkpoints are positions in this content, whatever the file
//! is packed with.

use std::io::{self, Read};

use super::compressed::Bytes;
use crate::cli::ingest::content_digest::{ContentDigest, ContentHasher};

/// The mark that some programs put in front of UTF-8, and that joined files have in their middle.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Below what the allocator gives back to the kernel each time: a folder may have many small files.
const BUFFER_BYTES: usize = 64 << 10;

/// The content of an open file.
pub struct Content {
    bytes: Bytes,
    buffer: Box<[u8]>,
    /// The part of the buffer that is not consumed.
    start: usize,
    end: usize,
    offset: u64,
    hasher: ContentHasher,
}

impl Content {
    /// Takes content from its beginning on.
    pub fn new(bytes: Bytes, needs_digest: bool) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { bytes, buffer, start: 0, end: 0, offset: 0, hasher: ContentHasher::new(needs_digest) }
    }

    /// Returns the next bytes without consuming them; none at the end. Blocks until there are some.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn fill(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.read_more()?;
        }
        Ok(self.buffered())
    }

    /// Consumes bytes that [`Content::fill`] returned.
    pub fn consume(&mut self, count: usize) {
        let taken = self.buffer.get(self.start..self.end.min(self.start + count)).unwrap_or_default();
        self.hasher.update(taken);
        self.offset += taken.len() as u64;
        self.start += taken.len();
    }

    /// Consumes a byte order mark, if the next bytes are one. Blocks for its rest if its first byte is there.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn skip_mark(&mut self) -> io::Result<()> {
        if self.fill()?.first() != BYTE_ORDER_MARK.first() {
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

    /// Consumes bytes up to a position, or to the end, and shows them to `observe`. Returns whether the position was reached.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn skip_to(&mut self, offset: u64, mut observe: impl FnMut(&[u8])) -> io::Result<bool> {
        while self.offset < offset {
            let left = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
            let buffer = self.fill()?;
            let count = buffer.len().min(left);
            if count == 0 {
                return Ok(false);
            }
            observe(buffer.get(..count).unwrap_or(buffer));
            self.consume(count);
        }
        Ok(true)
    }

    /// Returns how many bytes were consumed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the digest of the consumed bytes, if it was asked for.
    pub fn digest(&self) -> Option<ContentDigest> {
        self.hasher.digest()
    }

    /// Returns how much of the file on the disk was read.
    pub fn bytes_on_disk(&self) -> u64 {
        self.bytes.packed().unwrap_or(self.offset)
    }

    /// Tells whether the next line may have to be waited for.
    pub fn may_wait(&self) -> bool {
        self.bytes.may_wait() && !self.buffered().contains(&b'\n')
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.bytes.read(free) {
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
