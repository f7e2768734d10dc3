//! The bytes of one source.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counting_reader::CountingReader;
use super::encoding::TextEncoding;
use super::inspecting_reader::{HEAD_BYTES, InspectingReader, Inspector};
use super::peek_reader::{BUFFER_BYTES, BoxedReader, PeekReader};
use crate::cli::ingest::file_error::with_file_context;
use crate::cli::ingest::reader::paths::InputSource;

/// An open source.
pub struct ByteStream {
    reader: BufReader<BoxedReader>,
    /// Whether its bytes are those of the file, neither compressed nor in another encoding.
    is_plain_file: bool,
    /// How much is read of a file whose bytes are not those that are read from here.
    disk_bytes_read: Option<Arc<AtomicU64>>,
    /// Whether it may have to be waited for, as no file on a disk has to be.
    may_block: bool,
}

impl ByteStream {
    /// Opens a source whose text is in an encoding.
    ///
    /// # Errors
    /// If it can't be opened, or its first bytes are of something that is not read.
    pub fn open(source: &InputSource, encoding: TextEncoding) -> anyhow::Result<Self> {
        let inspector = Inspector::new(source, encoding);
        if source.is_stdin() {
            return Ok(Self::from_pipe(Box::new(io::stdin()), inspector));
        }
        let path = &source.path;
        let file = with_file_context(File::open(path), "open", path)?;
        if source.bytes.is_none() {
            return Ok(Self::from_pipe(Box::new(file), inspector));
        }
        let mut head = [0; HEAD_BYTES];
        let length = with_file_context(file.read_at(&mut head, 0), "read", path)?;
        let compression =
            with_file_context(inspector.detect_compression(head.get(..length).unwrap_or_default()), "read", path)?;
        if compression.is_none() && encoding == TextEncoding::Utf8 {
            return Ok(Self { is_plain_file: true, may_block: false, ..Self::from_reader(file) });
        }
        let count = Arc::new(AtomicU64::new(0));
        let counting_reader: BoxedReader = Box::new(CountingReader::new(file, Arc::clone(&count)));
        let reader = with_file_context(inspector.open(compression, PeekReader::new(counting_reader)), "read", path)?;
        Ok(Self {
            reader: wrap_in_buffer(reader),
            is_plain_file: false,
            disk_bytes_read: Some(count),
            may_block: false,
        })
    }

    /// Takes a pipe: its first bytes are looked at when they are there.
    pub(super) fn from_pipe(reader: BoxedReader, inspector: Inspector) -> Self {
        Self::from_reader(InspectingReader::new(reader, inspector))
    }

    /// Takes a file that is read as it is, and may have to be waited for.
    pub fn from_file(reader: impl Read + Send + 'static) -> Self {
        Self { is_plain_file: true, ..Self::from_reader(reader) }
    }

    /// Takes any reader, as it is.
    pub fn from_reader(reader: impl Read + Send + 'static) -> Self {
        Self { reader: wrap_in_buffer(Box::new(reader)), is_plain_file: false, disk_bytes_read: None, may_block: true }
    }

    /// Tells whether the next bytes may have to be waited for.
    pub fn may_block(&self) -> bool {
        self.may_block
    }

    /// Returns how much of the file on the disk is read, if its bytes are not those that are read from here: it is
    /// compressed, or in another encoding.
    pub fn disk_bytes_read(&self) -> Option<u64> {
        self.disk_bytes_read.as_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Tells whether its bytes are those of the file, neither compressed nor in another encoding.
    pub fn is_plain_file(&self) -> bool {
        self.is_plain_file
    }
}

impl Read for ByteStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

fn wrap_in_buffer(reader: BoxedReader) -> BufReader<BoxedReader> {
    BufReader::with_capacity(BUFFER_BYTES, reader)
}
