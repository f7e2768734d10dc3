//! The bytes of a file or of standard input: decompressed, checked and decoded to UTF-8 as they are read.
//!
//! A compressed file is recognised by its first bytes; its name may say nothing. Several gzip members or zstd frames in a row
//! are one text ([`members`]). The first bytes also name formats that are not read ([`unsupported`]), before and after
//! decompression. Text in another encoding is decoded last ([`decode`]), in front of everything that looks for line ends.
//! Nothing is decompressed ahead of what is read, so a file that decompresses to more than there is memory does no harm.

mod counting_reader;
mod decoding_reader;
mod encoding;
mod inspecting_reader;
mod invalid_data;
mod multi_member_reader;
mod peek_reader;
mod stream;
#[cfg(test)]
mod tests;
mod unsupported;

pub use self::encoding::TextEncoding;
pub use self::stream::ByteStream;
#[cfg(any(test, feature = "parquet"))]
pub use self::unsupported::LFS_POINTER_PREFIX;
