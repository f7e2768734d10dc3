//! How a stream is read, by its first bytes.

use std::io::{self, Read};

use super::decode::Decoded;
use super::encoding::TextEncoding;
use super::invalid::invalid;
use super::members::Compression;
use super::peek::{Peek, Reader};
use super::unsupported::{Unsupported, find_by_bytes, find_by_name, has_controls};
use crate::cli::ingest::reader::format::Format;
use crate::cli::ingest::reader::paths::Source;

/// Number of bytes that are inspected: the header of a tar archive.
pub const HEAD_BYTES: usize = 512;

/// What is known of a stream before its first byte.
#[derive(Debug, Clone, Copy)]
pub struct Inspector {
    format: Format,
    encoding: TextEncoding,
    /// What the ending of the file's name says, where its first bytes say nothing.
    by_name: Option<&'static Unsupported>,
    /// How the file is compressed that these bytes come out of.
    inside: Option<Compression>,
}

impl Inspector {
    pub fn new(source: &Source, encoding: TextEncoding) -> Self {
        Self { format: source.format, encoding, by_name: find_by_name(&source.path), inside: None }
    }

    /// Returns how bytes are compressed that begin with `head`; `None` if they are the text itself.
    ///
    /// # Errors
    /// If they are something that is not read; the message names it and says what to do.
    pub fn detect_compression(&self, head: &[u8]) -> io::Result<Option<Compression>> {
        let subject = if self.inside.is_some() { "what it decompresses to" } else { "it" };
        match (Compression::of(head), self.inside) {
            (Some(compression), None) => return Ok(Some(compression)),
            (Some(inner), Some(outer)) => {
                let command = outer.command();
                return Err(invalid(format!(
                    "it is compressed twice, by {inner} and then by {outer}; decompress it once first: {command} FILE"
                )));
            }
            (None, _) => {}
        }
        if let Some(Unsupported { name, remedy, .. }) = self.find_unsupported(head) {
            return Err(invalid(format!("{subject} is {name}; {remedy}")));
        }
        self.encoding.check_mark(head)?;
        Ok(None)
    }

    fn find_unsupported(&self, head: &[u8]) -> Option<&'static Unsupported> {
        let by_name = self.by_name.filter(|_| self.inside.is_none() && !is_text(head, self.encoding));
        find_by_bytes(head, self.format, self.encoding).or(by_name)
    }

    /// Whether no more bytes are needed to decide. Without a line's end no record can be whole yet, so that nothing is held
    /// back by waiting for more; what is compressed may have been whole for long.
    fn can_decide(&self, head: &[u8]) -> bool {
        head.len() >= HEAD_BYTES || head.iter().any(|byte| b"\r\n".contains(byte)) || Compression::of(head).is_some()
    }

    /// Returns the text of a stream that begins with what was inspected.
    ///
    /// # Errors
    /// If there is no memory for a decoder.
    pub fn open(self, compression: Option<Compression>, input: Peek) -> io::Result<Reader> {
        Ok(match compression {
            Some(compression) => {
                let inside = Self { inside: Some(compression), ..self };
                Box::new(Inspected::new(compression.decompress(input)?, inside))
            }
            None if self.encoding == TextEncoding::Utf8 => Box::new(input),
            None => Box::new(Decoded::new(input, self.encoding)),
        })
    }
}

/// Whether bytes may be a text in an encoding; the last character may be cut.
fn is_text(head: &[u8], encoding: TextEncoding) -> bool {
    let is_utf8 = || std::str::from_utf8(head).err().is_none_or(|error| error.error_len().is_none());
    encoding.is_wide() || !has_controls(head) && (encoding != TextEncoding::Utf8 || is_utf8())
}

/// A stream that is inspected as soon as its first bytes are there.
pub struct Inspected {
    input: Option<Peek>,
    inspector: Inspector,
    opened: Reader,
}

impl Inspected {
    pub fn new(reader: Reader, inspector: Inspector) -> Self {
        Self { input: Some(Peek::new(reader)), inspector, opened: Box::new(io::empty()) }
    }
}

impl Read for Inspected {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(input) = &mut self.input {
            let inspector = self.inspector;
            let head = input.peek(|head| inspector.can_decide(head))?;
            let compression = inspector.detect_compression(head.get(..HEAD_BYTES).unwrap_or(head))?;
            if let Some(input) = self.input.take() {
                self.opened = inspector.open(compression, input)?;
            }
        }
        self.opened.read(buffer)
    }
}
