//! Byte streams of files and standard input: decompressed, validated and decoded to UTF-8 while they are read.
//!
//! Compression is detected by the first bytes, not by the file name. Concatenated gzip members or zstd frames form one text
//! ([`multi_member_reader`]). The first bytes also identify unsupported formats ([`unsupported`]), before and after
//! decompression. Other character encodings are decoded last ([`decoding_reader`]), so line endings are always searched
//! in UTF-8. Decompression never runs ahead of reading, so a decompression bomb does not exhaust memory.

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
