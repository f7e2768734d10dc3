//! Decompression member by member (gzip) or frame by frame (zstd), so that what lies between them is seen: another one, zero
//! bytes as padding (tapes, block devices, `dd conv=sync`), or something that does not belong there.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use super::invalid::invalid;
use super::peek::{Peek, Reader};

/// Maximum window of a zstd frame, as a power of two: 128 MiB, which is also the limit of the command `zstd`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Number of bytes that tell where a member begins.
const MAGIC_BYTES: usize = 4;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// Recognises a compression by the first bytes.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or one that decoders skip.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decompresses a stream that begins with a member.
    ///
    /// # Errors
    /// If there is no memory for a decoder.
    pub fn decompress(self, input: Peek) -> io::Result<Reader> {
        Ok(match self {
            Self::Gzip => Box::new(Members::new(self, Gzip::new(input))),
            Self::Zstd => Box::new(Members::new(self, Zstd::new(input)?)),
        })
    }

    /// The command that decompresses such a file.
    pub fn command(self) -> &'static str {
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

/// A decoder of one member after the other.
trait Codec {
    fn input(&mut self) -> &mut Peek;

    /// Begins a member at the position of the input.
    fn begin(&mut self) -> io::Result<()>;

    /// Reads on in the member; 0 at its end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// All members of a stream as one text.
struct Members<C> {
    compression: Compression,
    codec: C,
    is_inside: bool,
}

impl<C: Codec> Members<C> {
    fn new(compression: Compression, codec: C) -> Self {
        Self { compression, codec, is_inside: false }
    }

    /// Begins the next member, if there is one.
    fn begin(&mut self) -> io::Result<bool> {
        let compression = self.compression;
        let input = self.codec.input();
        skip_padding(input)?;
        let position = input.position();
        let head = input.peek(|head| head.len() >= MAGIC_BYTES)?;
        if head.is_empty() {
            return Ok(false);
        }
        if Compression::of(head) != Some(compression) {
            return Err(invalid(format!(
                "byte {position} and what follows it are not {compression}, after a whole {compression} stream; remove them: \
                 head -c {position} FILE > NEW_FILE"
            )));
        }
        self.codec.begin()?;
        Ok(true)
    }
}

impl<C: Codec> Read for Members<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.is_inside && !self.begin()? {
                break;
            }
            let read = self.codec.read(buffer).map_err(|error| explain(error, self.compression))?;
            self.is_inside = read > 0;
            if read > 0 {
                return Ok(read);
            }
        }
        Ok(0)
    }
}

fn skip_padding(input: &mut Peek) -> io::Result<()> {
    loop {
        let ahead = input.fill_buf()?;
        let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
        if zeros == 0 {
            return Ok(());
        }
        input.consume(zeros);
    }
}

/// Says what is wrong with compressed bytes. An error of the disk is passed on as it is.
fn explain(error: io::Error, compression: Compression) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let zstd = error.get_ref().and_then(|error| error.downcast_ref::<zstd::Error>());
    let is = |kind| zstd.is_some_and(|zstd| zstd.is(kind));
    let message = if is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        format!(
            "its zstd window is larger than {} MiB; decompress it first: unzstd --long=31 FILE, or compress it with \
             --long={ZSTD_WINDOW_LOG} or less",
            1_u64 << (ZSTD_WINDOW_LOG - 20)
        )
    } else if is(ZSTD_ErrorCode::ZSTD_error_dictionary_wrong) {
        "it is compressed by zstd with a dictionary; decompress it first: unzstd -D DICTIONARY FILE".to_owned()
    } else {
        format!("its {compression} data is damaged or cut short ({error}); download or write the file again")
    };
    io::Error::new(error.kind(), message)
}

struct Gzip(GzDecoder<Peek>);

impl Gzip {
    fn new(input: Peek) -> Self {
        // A decoder reads from its input when it is made, which might block here.
        let mut decoder = GzDecoder::new(Peek::empty());
        *decoder.get_mut() = input;
        Self(decoder)
    }
}

impl Codec for Gzip {
    fn input(&mut self) -> &mut Peek {
        self.0.get_mut()
    }

    fn begin(&mut self) -> io::Result<()> {
        let input = std::mem::replace(self.0.get_mut(), Peek::empty());
        self.0.reset(input);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

struct Zstd {
    input: Peek,
    decoder: Decoder<'static>,
    has_ended: bool,
    /// Whether the decoder may have more to give without further input.
    is_full: bool,
}

impl Zstd {
    fn new(input: Peek) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self { input, decoder, has_ended: false, is_full: false })
    }
}

impl Codec for Zstd {
    fn input(&mut self) -> &mut Peek {
        &mut self.input
    }

    fn begin(&mut self) -> io::Result<()> {
        (self.has_ended, self.is_full) = (false, false);
        self.decoder.reinit()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.has_ended {
            // What is decoded is not held back until there is more input.
            let input = if self.is_full { self.input.ahead() } else { self.input.fill_buf()? };
            let is_cut_short = input.is_empty() && !self.is_full;
            let mut source = InBuffer::around(input);
            let mut target = OutBuffer::around(&mut *buffer);
            let missing = self.decoder.run(&mut source, &mut target)?;
            let (used, decoded) = (source.pos(), target.pos());
            self.input.consume(used);
            self.has_ended = missing == 0;
            self.is_full = decoded == buffer.len();
            if decoded > 0 {
                return Ok(decoded);
            }
            if is_cut_short && !self.has_ended {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete frame"));
            }
        }
        Ok(0)
    }
}
