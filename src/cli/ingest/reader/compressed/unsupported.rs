//! Formats and compressions that are not read, known by their first bytes or by the ending of a file's name.

use std::path::Path;

use super::encoding::TextEncoding;
use crate::cli::ingest::reader::format::Format;

/// First bytes of a Git LFS pointer, the small file that stands for a large one.
pub const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Bytes at their offsets, all of which are there.
type Form = &'static [(usize, &'static [u8])];

/// Something that is not read.
#[derive(Debug, PartialEq)]
pub struct Unsupported {
    /// With its article.
    pub name: &'static str,
    pub remedy: &'static str,
    forms: &'static [Form],
    /// Whether a text could begin so; then it counts only beside control characters, which no text has.
    is_weak: bool,
}

const fn unsupported(name: &'static str, remedy: &'static str, forms: &'static [Form]) -> Unsupported {
    Unsupported { name, remedy, forms, is_weak: false }
}

const fn weak(name: &'static str, remedy: &'static str, forms: &'static [Form]) -> Unsupported {
    Unsupported { is_weak: true, ..unsupported(name, remedy, forms) }
}

#[rustfmt::skip]
static UNSUPPORTED: &[Unsupported] = &[
    // Compressions.
    unsupported("bzip2-compressed data", "decompress it first: bunzip2 FILE",
        &[&[(0, b"BZh"), (4, b"1AY&SY")], &[(0, b"BZh"), (4, b"\x17\x72\x45\x38\x50\x90")]]),
    unsupported("xz-compressed data", "decompress it first: unxz FILE", &[&[(0, b"\xfd7zXZ\0")]]),
    unsupported("lzma-compressed data", "decompress it first: unlzma FILE",
        &[&[(0, b"]\0\0"), (5, &[0xff; 8])], &[(0, b"]\0\0"), (10, &[0; 3])]]),
    unsupported("lzip-compressed data", "decompress it first: lzip -d FILE", &[&[(0, b"LZIP\x01")], &[(0, b"LZIP\0")]]),
    unsupported("lz4-compressed data", "decompress it first: unlz4 FILE",
        &[&[(0, b"\x04\x22\x4d\x18")], &[(0, b"\x02\x21\x4c\x18")], &[(0, b"\x03\x21\x4c\x18")]]),
    unsupported("snappy-compressed data", "decompress it first, for example with snzip -d FILE",
        &[&[(0, b"\xff\x06\0\0sNaPpY")], &[(0, b"\x82SNAPPY\0")]]),
    weak("data of the command compress (.Z)", "decompress it first: gunzip FILE", &[&[(0, b"\x1f\x9d")]]),
    unsupported("lzop-compressed data", "decompress it first: lzop -d FILE", &[&[(0, b"\x89LZO\0")]]),
    unsupported("zstd-compressed data of a release before 0.8", "decompress it with such a release first",
        &[&[(0, b"\x1e\xb5\x2f\xfd")], &[(0, b"\x22\xb5\x2f\xfd")], &[(0, b"\x23\xb5\x2f\xfd")], &[(0, b"\x24\xb5\x2f\xfd")],
          &[(0, b"\x25\xb5\x2f\xfd")], &[(0, b"\x26\xb5\x2f\xfd")], &[(0, b"\x27\xb5\x2f\xfd")]]),
    weak("zlib-compressed data", "decompress it first: pigz -d -z < FILE",
        &[&[(0, b"x\x01")], &[(0, b"x\x5e")], &[(0, b"x\x9c")], &[(0, b"x\xda")]]),
    // Archives.
    unsupported("a zip archive, as .xlsx, .docx and .npz files are too", "unzip it first, or save a workbook as CSV",
        &[&[(0, b"PK\x03\x04")], &[(0, b"PK\x05\x06")], &[(0, b"PK\x07\x08")], &[(0, b"PK00PK\x03\x04")]]),
    unsupported("a 7z archive", "extract it first: 7z x FILE", &[&[(0, b"7z\xbc\xaf\x27\x1c")]]),
    unsupported("a rar archive", "extract it first: unrar x FILE", &[&[(0, b"Rar!\x1a\x07")]]),
    weak("a tar archive", "extract it first: tar -xf FILE", &[&[(257, b"ustar\0")], &[(257, b"ustar ")]]),
    // Data.
    weak("a Parquet file", "read it from a file, with --format parquet", &[&[(0, b"PAR1")], &[(0, b"PARE")]]),
    unsupported("an Avro file", "convert it to JSON lines first: fastavro FILE > docs.jsonl", &[&[(0, b"Obj\x01")]]),
    weak("an ORC file", "convert it to Parquet first, for example with pandas.read_orc", &[&[(0, b"ORC")]]),
    unsupported("an Arrow file (Feather)", "convert it to Parquet first, for example with pandas.read_feather",
        &[&[(0, b"ARROW1\0\0")]]),
    unsupported("an Arrow stream", "convert it to Parquet first, for example with pyarrow.ipc.open_stream",
        &[&[(0, b"\xff\xff\xff\xff"), (6, b"\0\0")]]),
    weak("a Feather file", "convert it to Parquet first, for example with pandas.read_feather", &[&[(0, b"FEA1")]]),
    unsupported("an SQLite database", "export a table first: sqlite3 -header -csv FILE 'SELECT * FROM docs' > docs.csv",
        &[&[(0, b"SQLite format 3\0")]]),
    weak("a DuckDB database", "export a table first: duckdb FILE \"COPY docs TO 'docs.parquet'\"", &[&[(8, b"DUCK")]]),
    unsupported("an HDF5 file", "convert it to Parquet first, for example with pandas.read_hdf", &[&[(0, b"\x89HDF")]]),
    unsupported("a NumPy array", "write its rows as JSON lines first, with numpy.load", &[&[(0, b"\x93NUMPY")]]),
    weak("a Python pickle", "write its rows as JSON lines first, in the program that made it",
        &[&[(0, b"\x80\x02")], &[(0, b"\x80\x03")], &[(0, b"\x80\x04")], &[(0, b"\x80\x05")]]),
    // Documents.
    unsupported("an old Office document (OLE2), such as .xls or .doc", "save it as CSV or text first",
        &[&[(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")]]),
    unsupported("a PDF document", "extract its text first: pdftotext FILE", &[&[(0, b"%PDF-")]]),
    unsupported("a Git LFS pointer and not the file itself", "fetch that: git lfs pull", &[&[(0, LFS_POINTER)]]),
];

static MARKUP: [(&[u8], Unsupported); 3] = [(b"<!doctype html", HTML), (b"<html", HTML), (b"<?xml", XML)];

const HTML: Unsupported = unsupported("an HTML page", "if it is a saved error page, download the data again", &[]);
const XML: Unsupported =
    unsupported("an XML document", "convert it; if it is a saved error message, download the data again", &[]);

static WIDE: Unsupported = unsupported("UTF-16 without a byte-order mark", "give --encoding utf-16le or utf-16be", &[]);

/// Compressions whose bytes begin with nothing of their own.
#[rustfmt::skip]
static BY_NAME: &[(&[&str], Unsupported)] = &[
    (&["br", "brotli"], unsupported("brotli-compressed data", "decompress it first: brotli -d FILE", &[])),
    (&["zlib", "zz"], unsupported("zlib-compressed data", "decompress it first: pigz -d -z < FILE", &[])),
    (&["deflate"], unsupported("raw DEFLATE data", "decompress it first, with zlib.decompress(data, -15) in Python", &[])),
    (&["sz", "snappy"], unsupported("snappy-compressed data", "decompress it first, for example with snzip -d FILE", &[])),
];

/// Finds what bytes are that begin with `head`; `None` if they may be a text.
pub fn find_by_bytes(head: &[u8], format: Format, encoding: TextEncoding) -> Option<&'static Unsupported> {
    // In UTF-16 the short marks are letters, and each ASCII character has a control character beside it.
    let counts = |unsupported: &Unsupported| !unsupported.is_weak || !encoding.is_wide() && has_controls(head);
    let found = UNSUPPORTED
        .iter()
        .find(|unsupported| unsupported.forms.iter().any(|form| has_form(head, form)) && counts(unsupported));
    let markup = || if format.is_plain() { None } else { find_markup(head) };
    let wide = || Some(&WIDE).filter(|_| !encoding.is_wide() && is_wide(head));
    found.or_else(markup).or_else(wide)
}

/// Finds what the ending of a name says.
pub fn find_by_name(path: &Path) -> Option<&'static Unsupported> {
    let ending = path.extension()?.to_str()?;
    let is = |(endings, _): &&(&[&str], Unsupported)| endings.iter().any(|known| known.eq_ignore_ascii_case(ending));
    BY_NAME.iter().find(is).map(|(_, unsupported)| unsupported)
}

/// Whether bytes have control characters that no text has.
pub fn has_controls(head: &[u8]) -> bool {
    head.iter().any(|&byte| byte < b' ' && !b"\t\n\x0b\x0c\r\x1b".contains(&byte))
}

fn has_form(head: &[u8], form: Form) -> bool {
    form.iter().all(|&(offset, bytes)| head.get(offset..).is_some_and(|rest| rest.starts_with(bytes)))
}

fn find_markup(head: &[u8]) -> Option<&'static Unsupported> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |markup: &[u8]| head.get(..markup.len()).is_some_and(|start| start.eq_ignore_ascii_case(markup));
    MARKUP.iter().find(|(markup, _)| begins(markup)).map(|(_, unsupported)| unsupported)
}

/// Whether four ASCII characters stand in two bytes each.
fn is_wide(head: &[u8]) -> bool {
    let is_ascii = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    let Some((units, [])) = head.get(..8).map(<[u8]>::as_chunks::<2>) else { return false };
    let all = |of: fn(&[u8; 2]) -> [u8; 2]| units.iter().map(of).all(|[byte, zero]| is_ascii(byte) && zero == 0);
    all(|&[low, high]| [low, high]) || all(|&[high, low]| [low, high])
}
