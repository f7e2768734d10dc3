//! Which inputs can be followed.

use anyhow::ensure;

use crate::cli::ingest::reader::byte_stream::{ByteStream, TextEncoding};
use crate::cli::ingest::reader::paths::InputSource;

/// Checks that a source can be followed: one file that is read line by line as it is.
///
/// # Errors
/// If it can't; the message says why.
pub fn check_followable(sources: &[InputSource], encoding: TextEncoding) -> anyhow::Result<()> {
    let [source] = sources else { anyhow::bail!("--follow reads one file; give one") };
    ensure!(source.bytes.is_some(), "--follow reads a file; standard input and pipes are read as they come without it");
    ensure!(
        source.format.is_line_based(),
        "--follow reads JSON lines, CSV, TSV or lines of text; {} can't grow (to read its lines, give --format lines)",
        source.path.display()
    );
    ensure!(
        encoding == TextEncoding::Utf8,
        "--follow reads UTF-8, and --encoding says {encoding}; have it written in UTF-8, or convert what there is with iconv -f \
         {encoding} -t utf-8 and ingest it without --follow"
    );
    let is_plain = ByteStream::open(source, encoding)?.is_plain_file();
    ensure!(is_plain, "--follow can't read on in a packed file; unpack {} first", source.path.display());
    Ok(())
}
