//! The bytes of a file or of standard input: decompressed, checked and decoded to UTF-8 as they are read.
//!
//! A compressed file is recognised by its first bytes; its name may say nothing. Several gzip members or zstd frames in a row
//! are one text ([`members`]). The first bytes also name formats that are not read ([`unsupported`]), before and after
//! decompression. Text in another encoding is decoded last ([`decode`]), in front of everything that looks for line ends.
//! Nothing is decompressed ahead of what is read, so a file that decompresses to more than there is memory does no harm.

mod bytes;
mod counted;
mod decode;
mod encoding;
mod inspect;
mod invalid;
mod members;
mod peek;
#[cfg(test)]
mod tests;
mod unsupported;

pub use self::bytes::Bytes;
pub use self::encoding::TextEncoding;
#[cfg(any(test, feature = "parquet"))]
pub use self::unsupported::LFS_POINTER;
