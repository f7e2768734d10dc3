//! The bytes of one source.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counted::Counted;
use super::encoding::TextEncoding;
use super::inspect::{HEAD_BYTES, Inspected, Inspector};
use super::peek::{BUFFER_BYTES, Peek, Reader};
use crate::cli::ingest::file_error::name_file;
use crate::cli::ingest::reader::paths::Source;

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
            return Ok(Self::from_pipe(Box::new(io::stdin()), inspector));
        }
        let path = &source.path;
        let file = name_file(File::open(path), "open", path)?;
        if source.bytes.is_none() {
            return Ok(Self::from_pipe(Box::new(file), inspector));
        }
        let mut head = [0; HEAD_BYTES];
        let length = name_file(file.read_at(&mut head, 0), "read", path)?;
        let compression =
            name_file(inspector.detect_compression(head.get(..length).unwrap_or_default()), "read", path)?;
        if compression.is_none() && encoding == TextEncoding::Utf8 {
            return Ok(Self { is_plain: true, may_wait: false, ..Self::plain(file) });
        }
        let count = Arc::new(AtomicU64::new(0));
        let counted: Reader = Box::new(Counted::new(file, Arc::clone(&count)));
        let reader = name_file(inspector.open(compression, Peek::new(counted)), "read", path)?;
        Ok(Self { reader: buffered(reader), is_plain: false, packed: Some(count), may_wait: false })
    }

    /// Takes a pipe: its first bytes are looked at when they are there.
    pub(super) fn from_pipe(reader: Reader, inspector: Inspector) -> Self {
        Self::plain(Inspected::new(reader, inspector))
    }

    /// Takes a file that is read as it is, and may have to be waited for.
    pub fn plain_file(reader: impl Read + Send + 'static) -> Self {
        Self { is_plain: true, ..Self::plain(reader) }
    }

    /// Takes any reader, as it is.
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
