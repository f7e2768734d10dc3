//! Buffered reader whose next bytes can be inspected before they are consumed.

use std::io::{self, BufRead, Read};

/// Buffer size in bytes. Stays below the allocator's mmap threshold, so that reading a directory of many small files does
/// not map and unmap memory for each of them.
pub const BUFFER_BYTES: usize = 64 << 10;

pub type BoxedReader = Box<dyn Read + Send>;

pub struct PeekReader {
    reader: BoxedReader,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Position of the next byte in the stream.
    position: u64,
    is_at_end: bool,
}

impl PeekReader {
    pub fn new(reader: BoxedReader) -> Self {
        Self { reader, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0, position: 0, is_at_end: false }
    }

    /// Creates an empty stream without a buffer, as a placeholder.
    pub fn empty() -> Self {
        Self { reader: Box::new(io::empty()), buffer: Vec::new(), start: 0, end: 0, position: 0, is_at_end: true }
    }

    /// Reads until `is_enough` accepts the buffered bytes, the buffer is full or the stream ends; returns the buffered bytes.
    ///
    /// # Errors
    /// If the stream can't be read.
    pub fn peek(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> io::Result<&[u8]> {
        while !is_enough(self.buffered()) && self.read_more()? {}
        Ok(self.buffered())
    }

    /// Returns the buffered bytes.
    pub fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads once; returns whether bytes were added.
    fn read_more(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        if self.is_at_end || free.is_empty() {
            return Ok(false);
        }
        let read = read_retrying(&mut self.reader, free)?;
        self.end += read;
        // Remembered, because a terminal would block for more input after its end of file.
        self.is_at_end = read == 0;
        Ok(read > 0)
    }
}

fn read_retrying(reader: &mut BoxedReader, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

impl BufRead for PeekReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(|ahead| !ahead.is_empty())
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.end - self.start);
        self.start += amount;
        self.position += amount as u64;
    }
}

impl Read for PeekReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Large reads bypass the buffer.
        if self.buffered().is_empty() && buffer.len() >= self.buffer.len() && !self.is_at_end {
            let read = read_retrying(&mut self.reader, buffer)?;
            self.position += read as u64;
            self.is_at_end = read == 0 && !buffer.is_empty();
            return Ok(read);
        }
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
