//! Decompression member by member (gzip) or frame by frame (zstd). The bytes between members are checked: another member,
//! zero padding (tapes, block devices, `dd conv=sync`), or trailing garbage, which is an error.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use super::invalid_data::into_invalid_data;
use super::peek_reader::{BoxedReader, PeekReader};

/// Base-2 logarithm of the maximum zstd window, 128 MiB; the `zstd` command has the same limit.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Number of bytes that identify the start of a member.
const MAGIC_BYTES: usize = 4;

/// Supported compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// Detects a compression by the first bytes.
    pub fn detect(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A zstd frame, or a skippable frame (RFC 8878, section 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decompresses a stream that starts with a member.
    ///
    /// # Errors
    /// If a decoder can't be allocated.
    pub fn decompress(self, input: PeekReader) -> io::Result<BoxedReader> {
        Ok(match self {
            Self::Gzip => Box::new(MultiMemberReader::new(self, GzipDecoder::new(input))),
            Self::Zstd => Box::new(MultiMemberReader::new(self, ZstdDecoder::new(input)?)),
        })
    }

    /// Returns the shell command that decompresses such a file.
    pub fn decompress_command(self) -> &'static str {
        match self {
            Self::Gzip => "gunzip",
            Self::Zstd => "unzstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Decoder of consecutive members.
trait MemberDecoder {
    fn input(&mut self) -> &mut PeekReader;

    /// Starts a member at the current input position.
    fn begin_member(&mut self) -> io::Result<()>;

    /// Reads from the current member; returns 0 at its end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Reader of all members of a stream as one text.
struct MultiMemberReader<C> {
    compression: Compression,
    decoder: C,
    is_in_member: bool,
}

impl<C: MemberDecoder> MultiMemberReader<C> {
    fn new(compression: Compression, decoder: C) -> Self {
        Self { compression, decoder, is_in_member: false }
    }

    /// Starts the next member; returns whether there is one.
    fn begin_next(&mut self) -> io::Result<bool> {
        let compression = self.compression;
        let input = self.decoder.input();
        skip_padding(input)?;
        let position = input.position();
        let head = input.peek(|head| head.len() >= MAGIC_BYTES)?;
        if head.is_empty() {
            return Ok(false);
        }
        if Compression::detect(head) != Some(compression) {
            return Err(into_invalid_data(format!(
                "trailing data at byte {position} is not {compression}, after a complete {compression} stream; remove it: \
                 head -c {position} FILE > NEW_FILE"
            )));
        }
        self.decoder.begin_member()?;
        Ok(true)
    }
}

impl<C: MemberDecoder> Read for MultiMemberReader<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.is_in_member && !self.begin_next()? {
                break;
            }
            let read = self.decoder.read(buffer).map_err(|error| explain_decode_error(error, self.compression))?;
            self.is_in_member = read > 0;
            if read > 0 {
                return Ok(read);
            }
        }
        Ok(0)
    }
}

fn skip_padding(input: &mut PeekReader) -> io::Result<()> {
    loop {
        let ahead = input.fill_buf()?;
        let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
        if zeros == 0 {
            return Ok(());
        }
        input.consume(zeros);
    }
}

/// Converts a decoder error to one that names the cause and remedy. Errors of the operating system are returned unchanged.
fn explain_decode_error(error: io::Error, compression: Compression) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let zstd_error = error.get_ref().and_then(|error| error.downcast_ref::<zstd::Error>());
    let has_code = |kind| zstd_error.is_some_and(|zstd| zstd.is(kind));
    let message = if has_code(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        format!(
            "the zstd window is larger than {} MiB; decompress the file first: unzstd --long=31 FILE, or compress it with \
             --long={ZSTD_WINDOW_LOG} or less",
            1_u64 << (ZSTD_WINDOW_LOG - 20)
        )
    } else if has_code(ZSTD_ErrorCode::ZSTD_error_dictionary_wrong) {
        "the input is compressed by zstd with a dictionary; decompress it first: unzstd -D DICTIONARY FILE".to_owned()
    } else {
        format!("the {compression} data is corrupt or truncated ({error}); download or write the file again")
    };
    io::Error::new(error.kind(), message)
}

struct GzipDecoder(GzDecoder<PeekReader>);

impl GzipDecoder {
    fn new(input: PeekReader) -> Self {
        // The constructor reads from its input, which might block here; so the input is set afterwards.
        let mut decoder = GzDecoder::new(PeekReader::empty());
        *decoder.get_mut() = input;
        Self(decoder)
    }
}

impl MemberDecoder for GzipDecoder {
    fn input(&mut self) -> &mut PeekReader {
        self.0.get_mut()
    }

    fn begin_member(&mut self) -> io::Result<()> {
        let input = std::mem::replace(self.0.get_mut(), PeekReader::empty());
        self.0.reset(input);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

struct ZstdDecoder {
    input: PeekReader,
    decoder: Decoder<'static>,
    is_finished: bool,
    /// True if the decoder may have more output without further input.
    has_buffered_output: bool,
}

impl ZstdDecoder {
    fn new(input: PeekReader) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self { input, decoder, is_finished: false, has_buffered_output: false })
    }
}

impl MemberDecoder for ZstdDecoder {
    fn input(&mut self) -> &mut PeekReader {
        &mut self.input
    }

    fn begin_member(&mut self) -> io::Result<()> {
        (self.is_finished, self.has_buffered_output) = (false, false);
        self.decoder.reinit()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_finished {
            // Decoded output is returned before blocking for more input.
            let input = if self.has_buffered_output { self.input.buffered() } else { self.input.fill_buf()? };
            let is_truncated = input.is_empty() && !self.has_buffered_output;
            let mut source = InBuffer::around(input);
            let mut target = OutBuffer::around(&mut *buffer);
            let hint = self.decoder.run(&mut source, &mut target)?;
            let (consumed, decoded) = (source.pos(), target.pos());
            self.input.consume(consumed);
            self.is_finished = hint == 0;
            self.has_buffered_output = decoded == buffer.len();
            if decoded > 0 {
                return Ok(decoded);
            }
            if is_truncated && !self.is_finished {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete frame"));
            }
        }
        Ok(0)
    }
}
