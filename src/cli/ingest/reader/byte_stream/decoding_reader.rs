//! Streaming conversion of text in another encoding to UTF-8.
//!
//! A malformed sequence becomes one byte that is invalid in UTF-8, so that its record is rejected; a replacement character
//! would be indexed as if it were part of the text.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult};

use super::encoding::TextEncoding;
use super::peek_reader::{BUFFER_BYTES, PeekReader};

/// Byte that replaces a malformed sequence; never valid in UTF-8.
const MALFORMED_BYTE: u8 = 0xff;

/// Byte-order mark after decoding to UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Length of the byte-order marks that select between UTF-16LE and UTF-16BE.
const BOM_PREFIX_BYTES: usize = 2;

pub struct DecodingReader {
    input: PeekReader,
    encoding: TextEncoding,
    decoder: Option<Decoder>,
    output: Vec<u8>,
    start: usize,
    end: usize,
    has_output: bool,
    is_finished: bool,
}

impl DecodingReader {
    pub fn new(input: PeekReader, encoding: TextEncoding) -> Self {
        let output = vec![0; BUFFER_BYTES];
        Self { input, encoding, decoder: None, output, start: 0, end: 0, has_output: false, is_finished: false }
    }

    /// Decodes the available input, blocking if there is none.
    fn decode_more(&mut self) -> io::Result<()> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            None => {
                let head = self.input.peek(|head| head.len() >= BOM_PREFIX_BYTES)?;
                let encoding = self.encoding.resolve(head);
                self.decoder.insert(encoding.new_decoder_without_bom_handling())
            }
        };
        let input = self.input.fill_buf()?;
        let is_last = input.is_empty();
        // The last byte is reserved for `MALFORMED_BYTE`, which is written after a full output.
        let Some((spare, output)) = self.output.split_last_mut() else { return Ok(()) };
        let (result, consumed, mut written) = decoder.decode_to_utf8_without_replacement(input, output, is_last);
        self.input.consume(consumed);
        if matches!(result, DecoderResult::Malformed(..)) {
            *output.get_mut(written).unwrap_or(spare) = MALFORMED_BYTE;
            written += 1;
        }
        self.is_finished = is_last && result == DecoderResult::InputEmpty;
        (self.start, self.end) = (0, written);
        self.skip_bom();
        Ok(())
    }

    /// Skips a byte-order mark at the start of the output; it decodes to the same bytes in every encoding that has one.
    fn skip_bom(&mut self) {
        if self.end > 0 && !std::mem::replace(&mut self.has_output, true) && self.pending_output().starts_with(BOM) {
            self.start = BOM.len();
        }
    }

    fn pending_output(&self) -> &[u8] {
        self.output.get(self.start..self.end).unwrap_or_default()
    }
}

impl Read for DecodingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.pending_output().is_empty() && !self.is_finished {
            self.decode_more()?;
        }
        let read = self.pending_output().read(buffer)?;
        self.start += read;
        Ok(read)
    }
}
