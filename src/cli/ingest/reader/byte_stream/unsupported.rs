//! Unsupported formats and compressions, detected by their first bytes or by the file extension.

use std::path::Path;

use super::encoding::TextEncoding;
use crate::cli::ingest::reader::input_format::InputFormat;

/// First bytes of a Git LFS pointer, the small text file that stands in for a large one.
pub const LFS_POINTER_PREFIX: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Byte sequences and their offsets; a file matches if it has all of them.
type Signature = &'static [(usize, &'static [u8])];

/// Unsupported format, with the remedy that error messages suggest.
#[derive(Debug, PartialEq)]
pub struct UnsupportedFormat {
    /// Name with its article, as used in messages.
    pub name: &'static str,
    pub remedy: &'static str,
    signatures: &'static [Signature],
    /// True if text could start with a signature; the format then matches only if there are control characters too.
    is_ambiguous: bool,
}

const fn define(name: &'static str, remedy: &'static str, signatures: &'static [Signature]) -> UnsupportedFormat {
    UnsupportedFormat { name, remedy, signatures, is_ambiguous: false }
}

const fn define_ambiguous(
    name: &'static str,
    remedy: &'static str,
    signatures: &'static [Signature],
) -> UnsupportedFormat {
    UnsupportedFormat { is_ambiguous: true, ..define(name, remedy, signatures) }
}

#[rustfmt::skip]
static UNSUPPORTED: &[UnsupportedFormat] = &[
    // Compressions.
    define("bzip2-compressed data", "decompress it first: bunzip2 FILE",
        &[&[(0, b"BZh"), (4, b"1AY&SY")], &[(0, b"BZh"), (4, b"\x17\x72\x45\x38\x50\x90")]]),
    define("xz-compressed data", "decompress it first: unxz FILE", &[&[(0, b"\xfd7zXZ\0")]]),
    define("lzma-compressed data", "decompress it first: unlzma FILE",
        &[&[(0, b"]\0\0"), (5, &[0xff; 8])], &[(0, b"]\0\0"), (10, &[0; 3])]]),
    define("lzip-compressed data", "decompress it first: lzip -d FILE", &[&[(0, b"LZIP\x01")], &[(0, b"LZIP\0")]]),
    define("lz4-compressed data", "decompress it first: unlz4 FILE",
        &[&[(0, b"\x04\x22\x4d\x18")], &[(0, b"\x02\x21\x4c\x18")], &[(0, b"\x03\x21\x4c\x18")]]),
    define("snappy-compressed data", "decompress it first, for example with snzip -d FILE",
        &[&[(0, b"\xff\x06\0\0sNaPpY")], &[(0, b"\x82SNAPPY\0")]]),
    define_ambiguous("data of the command compress (.Z)", "decompress it first: gunzip FILE", &[&[(0, b"\x1f\x9d")]]),
    define("lzop-compressed data", "decompress it first: lzop -d FILE", &[&[(0, b"\x89LZO\0")]]),
    define("zstd-compressed data of a release before 0.8", "decompress it with a zstd release before 0.8 first",
        &[&[(0, b"\x1e\xb5\x2f\xfd")], &[(0, b"\x22\xb5\x2f\xfd")], &[(0, b"\x23\xb5\x2f\xfd")], &[(0, b"\x24\xb5\x2f\xfd")],
          &[(0, b"\x25\xb5\x2f\xfd")], &[(0, b"\x26\xb5\x2f\xfd")], &[(0, b"\x27\xb5\x2f\xfd")]]),
    define_ambiguous("zlib-compressed data", "decompress it first: pigz -d -z < FILE",
        &[&[(0, b"x\x01")], &[(0, b"x\x5e")], &[(0, b"x\x9c")], &[(0, b"x\xda")]]),
    // Archives.
    define("a zip archive, as .xlsx, .docx and .npz files are too", "unzip it first, or save a workbook as CSV",
        &[&[(0, b"PK\x03\x04")], &[(0, b"PK\x05\x06")], &[(0, b"PK\x07\x08")], &[(0, b"PK00PK\x03\x04")]]),
    define("a 7z archive", "extract it first: 7z x FILE", &[&[(0, b"7z\xbc\xaf\x27\x1c")]]),
    define("a rar archive", "extract it first: unrar x FILE", &[&[(0, b"Rar!\x1a\x07")]]),
    define_ambiguous("a tar archive", "extract it first: tar -xf FILE", &[&[(257, b"ustar\0")], &[(257, b"ustar ")]]),
    // Data.
    define_ambiguous("a Parquet file", "read it from a file, with --format parquet", &[&[(0, b"PAR1")], &[(0, b"PARE")]]),
    define("an Avro file", "convert it to JSON Lines first: fastavro FILE > docs.jsonl", &[&[(0, b"Obj\x01")]]),
    define_ambiguous("an ORC file", "convert it to Parquet first, for example with pandas.read_orc", &[&[(0, b"ORC")]]),
    define("an Arrow file (Feather)", "convert it to Parquet first, for example with pandas.read_feather",
        &[&[(0, b"ARROW1\0\0")]]),
    define("an Arrow stream", "convert it to Parquet first, for example with pyarrow.ipc.open_stream",
        &[&[(0, b"\xff\xff\xff\xff"), (6, b"\0\0")]]),
    define_ambiguous("a Feather file", "convert it to Parquet first, for example with pandas.read_feather", &[&[(0, b"FEA1")]]),
    define("an SQLite database", "export a table first: sqlite3 -header -csv FILE 'SELECT * FROM docs' > docs.csv",
        &[&[(0, b"SQLite format 3\0")]]),
    define_ambiguous("a DuckDB database", "export a table first: duckdb FILE \"COPY docs TO 'docs.parquet'\"", &[&[(8, b"DUCK")]]),
    define("an HDF5 file", "convert it to Parquet first, for example with pandas.read_hdf", &[&[(0, b"\x89HDF")]]),
    define("a NumPy array", "write its rows as JSON Lines first, with numpy.load", &[&[(0, b"\x93NUMPY")]]),
    define_ambiguous("a Python pickle", "write its rows as JSON Lines first, in the program that created it",
        &[&[(0, b"\x80\x02")], &[(0, b"\x80\x03")], &[(0, b"\x80\x04")], &[(0, b"\x80\x05")]]),
    // Documents.
    define("an old Office document (OLE2), such as .xls or .doc", "save it as CSV or text first",
        &[&[(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")]]),
    define("a PDF document", "extract its text first: pdftotext FILE", &[&[(0, b"%PDF-")]]),
    define("a Git LFS pointer instead of the file itself", "fetch the file: git lfs pull", &[&[(0, LFS_POINTER_PREFIX)]]),
];

static MARKUP: [(&[u8], UnsupportedFormat); 3] = [(b"<!doctype html", HTML), (b"<html", HTML), (b"<?xml", XML)];

const HTML: UnsupportedFormat = define("an HTML page", "if it is a saved error page, download the data again", &[]);
const XML: UnsupportedFormat =
    define("an XML document", "convert it; if it is a saved error message, download the data again", &[]);

static UTF16_WITHOUT_BOM: UnsupportedFormat =
    define("UTF-16 without a byte-order mark", "pass --encoding utf-16le or utf-16be", &[]);

/// Compressions without a signature, by file extension.
#[rustfmt::skip]
static UNSUPPORTED_BY_EXTENSION: &[(&[&str], UnsupportedFormat)] = &[
    (&["br", "brotli"], define("brotli-compressed data", "decompress it first: brotli -d FILE", &[])),
    (&["zlib", "zz"], define("zlib-compressed data", "decompress it first: pigz -d -z < FILE", &[])),
    (&["deflate"], define("raw DEFLATE data", "decompress it first, with zlib.decompress(data, -15) in Python", &[])),
    (&["sz", "snappy"], define("snappy-compressed data", "decompress it first, for example with snzip -d FILE", &[])),
];

/// Detects an unsupported format by its first bytes; `None` if they may be text.
pub fn find_by_bytes(head: &[u8], format: InputFormat, encoding: TextEncoding) -> Option<&'static UnsupportedFormat> {
    // In UTF-16 the short signatures may be letters, and each ASCII character includes a zero byte, which looks like a
    // control character.
    let is_relevant =
        |unsupported: &UnsupportedFormat| !unsupported.is_ambiguous || !encoding.is_utf16() && has_control_chars(head);
    let found = UNSUPPORTED.iter().find(|unsupported| {
        unsupported.signatures.iter().any(|form| matches_signature(head, form)) && is_relevant(unsupported)
    });
    let markup = || if format.is_plain_text() { None } else { find_markup(head) };
    let utf16 = || Some(&UTF16_WITHOUT_BOM).filter(|_| !encoding.is_utf16() && looks_like_utf16(head));
    found.or_else(markup).or_else(utf16)
}

/// Detects an unsupported compression by the file extension.
pub fn find_by_extension(path: &Path) -> Option<&'static UnsupportedFormat> {
    let extension = path.extension()?.to_str()?;
    let has_extension = |(extensions, _): &&(&[&str], UnsupportedFormat)| {
        extensions.iter().any(|known| known.eq_ignore_ascii_case(extension))
    };
    UNSUPPORTED_BY_EXTENSION.iter().find(has_extension).map(|(_, unsupported)| unsupported)
}

/// Returns whether there are control characters that do not occur in text.
pub fn has_control_chars(head: &[u8]) -> bool {
    head.iter().any(|&byte| byte < b' ' && !b"\t\n\x0b\x0c\r\x1b".contains(&byte))
}

fn matches_signature(head: &[u8], signature: Signature) -> bool {
    signature.iter().all(|&(offset, bytes)| head.get(offset..).is_some_and(|rest| rest.starts_with(bytes)))
}

fn find_markup(head: &[u8]) -> Option<&'static UnsupportedFormat> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let starts_with_markup =
        |markup: &[u8]| head.get(..markup.len()).is_some_and(|start| start.eq_ignore_ascii_case(markup));
    MARKUP.iter().find(|(markup, _)| starts_with_markup(markup)).map(|(_, unsupported)| unsupported)
}

/// Returns whether the first eight bytes are four ASCII characters in UTF-16 of either byte order.
fn looks_like_utf16(head: &[u8]) -> bool {
    let is_ascii = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    let Some((units, [])) = head.get(..8).map(<[u8]>::as_chunks::<2>) else { return false };
    let all_ascii = |of: fn(&[u8; 2]) -> [u8; 2]| units.iter().map(of).all(|[byte, zero]| is_ascii(byte) && zero == 0);
    all_ascii(|&[low, high]| [low, high]) || all_ascii(|&[high, low]| [low, high])
}
