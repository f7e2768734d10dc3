//! Text in another encoding → UTF-8, as a stream.
//!
//! A malformed sequence becomes one byte that UTF-8 never has, so that its record is rejected as what is not UTF-8; a
//! replacement character would be indexed as if it had been in the text.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult};

use super::encoding::TextEncoding;
use super::peek::{BUFFER_BYTES, Peek};

/// What stands for a malformed sequence.
const INVALID: u8 = 0xff;

/// The byte-order mark, once it is decoded.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Number of bytes that may hold a byte-order mark by which an encoding is chosen.
const MARK_BYTES: usize = 2;

pub struct Decoded {
    input: Peek,
    encoding: TextEncoding,
    decoder: Option<Decoder>,
    output: Vec<u8>,
    start: usize,
    end: usize,
    has_begun: bool,
    has_ended: bool,
}

impl Decoded {
    pub fn new(input: Peek, encoding: TextEncoding) -> Self {
        let output = vec![0; BUFFER_BYTES];
        Self { input, encoding, decoder: None, output, start: 0, end: 0, has_begun: false, has_ended: false }
    }

    /// Decodes what is there, waiting for it if nothing is.
    fn decode(&mut self) -> io::Result<()> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            None => {
                let head = self.input.peek(|head| head.len() >= MARK_BYTES)?;
                let encoding = self.encoding.resolve(head);
                self.decoder.insert(encoding.new_decoder_without_bom_handling())
            }
        };
        let input = self.input.fill_buf()?;
        let is_last = input.is_empty();
        // One byte is left for a malformed sequence.
        let Some((spare, output)) = self.output.split_last_mut() else { return Ok(()) };
        let (result, used, mut written) = decoder.decode_to_utf8_without_replacement(input, output, is_last);
        self.input.consume(used);
        if matches!(result, DecoderResult::Malformed(..)) {
            *output.get_mut(written).unwrap_or(spare) = INVALID;
            written += 1;
        }
        self.has_ended = is_last && result == DecoderResult::InputEmpty;
        (self.start, self.end) = (0, written);
        self.skip_mark();
        Ok(())
    }

    /// Every encoding that has the mark decodes it to the same.
    fn skip_mark(&mut self) {
        if self.end > 0 && !std::mem::replace(&mut self.has_begun, true) && self.ahead().starts_with(MARK) {
            self.start = MARK.len();
        }
    }

    fn ahead(&self) -> &[u8] {
        self.output.get(self.start..self.end).unwrap_or_default()
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ahead().is_empty() && !self.has_ended {
            self.decode()?;
        }
        let read = self.ahead().read(buffer)?;
        self.start += read;
        Ok(read)
    }
}
