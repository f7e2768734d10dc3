//! A buffered reader whose next bytes can be looked at before they are read.

use std::io::{self, BufRead, Read};

/// Below what the allocator gives back to the kernel each time: a folder may have many small files.
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

    /// Returns a stream without bytes. It costs nothing: it stands in for one that is elsewhere.
    pub fn empty() -> Self {
        Self { reader: Box::new(io::empty()), buffer: Vec::new(), start: 0, end: 0, position: 0, is_at_end: true }
    }

    /// Returns the bytes that are buffered, after reading until they are `enough`, the buffer is full or the stream ends.
    ///
    /// # Errors
    /// If the stream can't be read.
    pub fn peek(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> io::Result<&[u8]> {
        while !is_enough(self.buffered()) && self.read_more()? {}
        Ok(self.buffered())
    }

    /// Returns the bytes that are buffered.
    pub fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads once; tells whether there are more bytes than before.
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
        // A terminal would be asked again.
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
        // A large read needs no copy.
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
