//! How a stream is read, by its first bytes.

use std::io::{self, Read};

use super::decoding_reader::DecodingReader;
use super::encoding::TextEncoding;
use super::invalid_data::into_invalid_data;
use super::multi_member_reader::Compression;
use super::peek_reader::{BoxedReader, PeekReader};
use super::unsupported::{UnsupportedFormat, find_by_bytes, find_by_extension, has_control_chars};
use crate::cli::ingest::reader::input_format::InputFormat;
use crate::cli::ingest::reader::paths::InputSource;

/// Number of bytes that are inspected: the header of a tar archive.
pub const HEAD_BYTES: usize = 512;

/// What is known of a stream before its first byte.
#[derive(Debug, Clone, Copy)]
pub struct Inspector {
    format: InputFormat,
    encoding: TextEncoding,
    /// What the ending of the file's name says, where its first bytes say nothing.
    by_extension: Option<&'static UnsupportedFormat>,
    /// How the file is compressed that these bytes come out of.
    outer_compression: Option<Compression>,
}

impl Inspector {
    pub fn new(source: &InputSource, encoding: TextEncoding) -> Self {
        Self { format: source.format, encoding, by_extension: find_by_extension(&source.path), outer_compression: None }
    }

    /// Returns how bytes are compressed that begin with `head`; `None` if they are the text itself.
    ///
    /// # Errors
    /// If they are something that is not read; the message names it and says what to do.
    pub fn detect_compression(&self, head: &[u8]) -> io::Result<Option<Compression>> {
        let subject = if self.outer_compression.is_some() { "what it decompresses to" } else { "it" };
        match (Compression::detect(head), self.outer_compression) {
            (Some(compression), None) => return Ok(Some(compression)),
            (Some(inner), Some(outer)) => {
                let command = outer.decompress_command();
                return Err(into_invalid_data(format!(
                    "it is compressed twice, by {inner} and then by {outer}; decompress it once first: {command} FILE"
                )));
            }
            (None, _) => {}
        }
        if let Some(UnsupportedFormat { name, remedy, .. }) = self.find_unsupported(head) {
            return Err(into_invalid_data(format!("{subject} is {name}; {remedy}")));
        }
        self.encoding.check_bom(head)?;
        Ok(None)
    }

    fn find_unsupported(&self, head: &[u8]) -> Option<&'static UnsupportedFormat> {
        let by_extension =
            self.by_extension.filter(|_| self.outer_compression.is_none() && !may_be_text(head, self.encoding));
        find_by_bytes(head, self.format, self.encoding).or(by_extension)
    }

    /// Whether no more bytes are needed to decide. Without a line's end no record can be whole yet, so that nothing is held
    /// back by waiting for more; what is compressed may have been whole for long.
    fn has_enough_bytes(&self, head: &[u8]) -> bool {
        head.len() >= HEAD_BYTES
            || head.iter().any(|byte| b"\r\n".contains(byte))
            || Compression::detect(head).is_some()
    }

    /// Returns the text of a stream that begins with what was inspected.
    ///
    /// # Errors
    /// If there is no memory for a decoder.
    pub fn open(self, compression: Option<Compression>, input: PeekReader) -> io::Result<BoxedReader> {
        Ok(match compression {
            Some(compression) => {
                let inner = Self { outer_compression: Some(compression), ..self };
                Box::new(InspectingReader::new(compression.decompress(input)?, inner))
            }
            None if self.encoding == TextEncoding::Utf8 => Box::new(input),
            None => Box::new(DecodingReader::new(input, self.encoding)),
        })
    }
}

/// Whether bytes may be a text in an encoding; the last character may be cut.
fn may_be_text(head: &[u8], encoding: TextEncoding) -> bool {
    let is_utf8 = || std::str::from_utf8(head).err().is_none_or(|error| error.error_len().is_none());
    encoding.is_utf16() || !has_control_chars(head) && (encoding != TextEncoding::Utf8 || is_utf8())
}

/// A stream that is inspected as soon as its first bytes are there.
pub struct InspectingReader {
    input: Option<PeekReader>,
    inspector: Inspector,
    decoded: BoxedReader,
}

impl InspectingReader {
    pub fn new(reader: BoxedReader, inspector: Inspector) -> Self {
        Self { input: Some(PeekReader::new(reader)), inspector, decoded: Box::new(io::empty()) }
    }
}

impl Read for InspectingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(input) = &mut self.input {
            let inspector = self.inspector;
            let head = input.peek(|head| inspector.has_enough_bytes(head))?;
            let compression = inspector.detect_compression(head.get(..HEAD_BYTES).unwrap_or(head))?;
            if let Some(input) = self.input.take() {
                self.decoded = inspector.open(compression, input)?;
            }
        }
        self.decoded.read(buffer)
    }
}
