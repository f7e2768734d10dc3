//! Checks the requirements of `--follow`.

use anyhow::ensure;

use crate::cli::ingest::reader::byte_stream::{ByteStream, TextEncoding};
use crate::cli::ingest::reader::paths::InputSource;

/// Checks that the input can be followed: a single uncompressed UTF-8 file of a line-based format.
///
/// # Errors
/// If there is not exactly one such file.
pub fn check_followable(sources: &[InputSource], encoding: TextEncoding) -> anyhow::Result<()> {
    let [source] = sources else { anyhow::bail!("--follow requires exactly one input file") };
    ensure!(
        source.bytes.is_some(),
        "--follow requires a regular file; remove it for standard input and pipes, which are read as data arrives"
    );
    ensure!(
        source.format.is_line_based(),
        "--follow supports the formats jsonl, csv, tsv and lines, but {} has another one; to read it line by line, pass \
         --format lines",
        source.path.display()
    );
    ensure!(
        encoding == TextEncoding::Utf8,
        "--follow supports only UTF-8, but --encoding is {encoding}; write the file in UTF-8, or convert it with iconv -f \
         {encoding} -t utf-8 and ingest it without --follow"
    );
    let is_plain = ByteStream::open(source, encoding)?.is_plain_file();
    ensure!(is_plain, "--follow does not support compressed files; decompress {} first", source.path.display());
    Ok(())
}
