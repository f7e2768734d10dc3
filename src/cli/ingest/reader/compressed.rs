//! The bytes of a file or of standard input: decompressed, checked and decoded to UTF-8 as they are read.
//!
//! A compressed file is recognised by its first bytes; its name may say nothing. Several gzip members or zstd frames in a row
//! are one text ([`members`]). The first bytes also name formats that are not read ([`unsupported`]), before and after
//! decompression. Text in another encoding is decoded last ([`decode`]), in front of everything that looks for line ends.
//! Nothing is decompressed ahead of what is read, so a file that decompresses to more than there is memory does no harm.

mod decode;
mod encoding;
mod inspect;
mod members;
mod peek;
#[cfg(test)]
mod tests;
mod unsupported;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::encoding::TextEncoding;
use self::inspect::{HEAD_BYTES, Inspected, Inspector};
use self::peek::Peek;
pub use self::unsupported::LFS_POINTER;
use super::follow::Tail;
use super::paths::Source;
use crate::cli::ingest::on_file;

/// Below what the allocator gives back to the kernel each time: a folder may have many small files.
const BUFFER_BYTES: usize = 64 << 10;

type Reader = Box<dyn Read + Send>;

/// An open source.
pub struct Bytes {
    reader: BufReader<Reader>,
    /// Whether its bytes are those of the file, neither compressed nor in another encoding.
    is_plain: bool,
    /// How much is read of a file whose bytes are not those that are read from here.
    packed: Option<Arc<AtomicU64>>,
    /// Whether it may have to be waited for, as no file on a disk has to be.
    may_wait: bool,
}

impl Bytes {
    /// Opens a source whose text is in an encoding.
    ///
    /// # Errors
    /// If it can't be opened, or its first bytes are of something that is not read.
    pub fn open(source: &Source, encoding: TextEncoding) -> anyhow::Result<Self> {
        let inspector = Inspector::new(source, encoding);
        if source.is_stdin() {
            return Ok(Self::unsized_(Box::new(io::stdin()), inspector));
        }
        let path = &source.path;
        let file = on_file(File::open(path), "open", path)?;
        if source.bytes.is_none() {
            return Ok(Self::unsized_(Box::new(file), inspector));
        }
        let mut head = [0; HEAD_BYTES];
        let length = on_file(file.read_at(&mut head, 0), "read", path)?;
        let compression = on_file(inspector.detect_compression(head.get(..length).unwrap_or_default()), "read", path)?;
        if compression.is_none() && encoding == TextEncoding::Utf8 {
            return Ok(Self { is_plain: true, may_wait: false, ..Self::plain(file) });
        }
        let count = Arc::new(AtomicU64::new(0));
        let counted: Reader = Box::new(Counted { reader: file, count: Arc::clone(&count) });
        let reader = on_file(inspector.open(compression, Peek::new(counted)), "read", path)?;
        Ok(Self { reader: buffered(reader), is_plain: false, packed: Some(count), may_wait: false })
    }

    /// Of a pipe: its first bytes are looked at when they are there.
    fn unsized_(reader: Reader, inspector: Inspector) -> Self {
        Self::plain(Inspected::new(reader, inspector))
    }

    /// Of a file that grows.
    pub fn followed(tail: Tail) -> Self {
        Self { is_plain: true, ..Self::plain(tail) }
    }

    /// Of any reader, as it is.
    pub fn plain(reader: impl Read + Send + 'static) -> Self {
        Self { reader: buffered(Box::new(reader)), is_plain: false, packed: None, may_wait: true }
    }

    /// Tells whether the next bytes may have to be waited for.
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// Returns how much of the file on the disk is read, if its bytes are not those that are read from here: it is
    /// compressed, or in another encoding.
    pub fn packed(&self) -> Option<u64> {
        self.packed.as_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Tells whether its bytes are those of the file, neither compressed nor in another encoding.
    pub fn is_plain_file(&self) -> bool {
        self.is_plain
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

fn buffered(reader: Reader) -> BufReader<Reader> {
    BufReader::with_capacity(BUFFER_BYTES, reader)
}

/// Counts what goes by.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
