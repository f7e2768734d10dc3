//! Selects decompression and decoding of a stream by its first bytes.

use std::io::{self, Read};

use super::decoding_reader::DecodingReader;
use super::encoding::TextEncoding;
use super::invalid_data::into_invalid_data;
use super::multi_member_reader::Compression;
use super::peek_reader::{BoxedReader, PeekReader};
use super::unsupported::{UnsupportedFormat, find_by_bytes, find_by_extension, has_control_chars};
use crate::cli::ingest::reader::input_format::InputFormat;
use crate::cli::ingest::reader::paths::InputSource;

/// Number of bytes inspected at the start of a stream; covers the header of a tar archive.
pub const HEAD_BYTES: usize = 512;

/// Format detection by the first bytes of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Inspector {
    format: InputFormat,
    encoding: TextEncoding,
    /// Unsupported format of the file extension, used if the first bytes identify none.
    by_extension: Option<&'static UnsupportedFormat>,
    /// Compression that these bytes were decompressed from.
    outer_compression: Option<Compression>,
}

impl Inspector {
    pub fn new(source: &InputSource, encoding: TextEncoding) -> Self {
        Self { format: source.format, encoding, by_extension: find_by_extension(&source.path), outer_compression: None }
    }

    /// Returns the compression of a stream that starts with `head`; `None` if it is uncompressed.
    ///
    /// # Errors
    /// If the stream has an unsupported format, is compressed twice or has the byte-order mark of another encoding.
    pub fn detect_compression(&self, head: &[u8]) -> io::Result<Option<Compression>> {
        let subject = if self.outer_compression.is_some() { "the decompressed data" } else { "the input" };
        match (Compression::detect(head), self.outer_compression) {
            (Some(compression), None) => return Ok(Some(compression)),
            (Some(inner), Some(outer)) => {
                let command = outer.decompress_command();
                return Err(into_invalid_data(format!(
                    "the input is compressed twice, by {inner} and then by {outer}; decompress it once first: {command} FILE"
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

    /// Returns whether `head` is long enough to decide. Before the first line ending there is no complete record, so waiting
    /// for more delays nothing; compressed data may hold complete records and is decided as soon as possible.
    fn has_enough_bytes(&self, head: &[u8]) -> bool {
        head.len() >= HEAD_BYTES
            || head.iter().any(|byte| b"\r\n".contains(byte))
            || Compression::detect(head).is_some()
    }

    /// Wraps an inspected stream with the decompression and decoding that it needs.
    ///
    /// # Errors
    /// If a decoder can't be allocated.
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

/// Returns whether the bytes may be text in an encoding; the last character may be cut.
fn may_be_text(head: &[u8], encoding: TextEncoding) -> bool {
    let is_utf8 = || std::str::from_utf8(head).err().is_none_or(|error| error.error_len().is_none());
    encoding.is_utf16() || !has_control_chars(head) && (encoding != TextEncoding::Utf8 || is_utf8())
}

/// Stream that is inspected when its first bytes arrive.
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
