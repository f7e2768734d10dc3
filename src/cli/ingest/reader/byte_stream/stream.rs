//! Byte stream of one source.

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

/// Open source, decompressed and decoded.
pub struct ByteStream {
    reader: BufReader<BoxedReader>,
    /// True if the bytes are those of the file, neither decompressed nor decoded.
    is_plain_file: bool,
    /// Number of bytes read from the file on disk; `None` if they equal the bytes of the stream.
    disk_bytes_read: Option<Arc<AtomicU64>>,
    /// True if reads may block; files on disk do not.
    may_block: bool,
}

impl ByteStream {
    /// Opens a source with text in the given encoding.
    ///
    /// # Errors
    /// If the source can't be opened, or its first bytes identify an unsupported format.
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

    /// Wraps a pipe, whose first bytes are inspected when they arrive.
    pub(super) fn from_pipe(reader: BoxedReader, inspector: Inspector) -> Self {
        Self::from_reader(InspectingReader::new(reader, inspector))
    }

    /// Wraps a followed file: uncompressed UTF-8, with reads that may block.
    pub fn from_file(reader: impl Read + Send + 'static) -> Self {
        Self { is_plain_file: true, ..Self::from_reader(reader) }
    }

    /// Wraps a reader without inspecting its bytes.
    pub fn from_reader(reader: impl Read + Send + 'static) -> Self {
        Self { reader: wrap_in_buffer(Box::new(reader)), is_plain_file: false, disk_bytes_read: None, may_block: true }
    }

    /// Returns whether the next read may block.
    pub fn may_block(&self) -> bool {
        self.may_block
    }

    /// Returns the number of bytes read from a file on disk that is compressed or in another encoding; `None` for other sources,
    /// where it equals the number of bytes read from the stream.
    pub fn disk_bytes_read(&self) -> Option<u64> {
        self.disk_bytes_read.as_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Returns whether the bytes are those of the file, neither decompressed nor decoded.
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
