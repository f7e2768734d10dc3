//! Character encodings of text inputs, and byte-order marks.

use std::fmt;
use std::io;
use std::str::FromStr;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::invalid_data::into_invalid_data;
use crate::cli::ingest::mapping::BinaryText;

/// Character encoding of text inputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextEncoding {
    #[default]
    Utf8,
    /// UTF-16 with the byte order of its byte-order mark; little-endian without one.
    Utf16,
    Other(&'static Encoding),
}

impl FromStr for TextEncoding {
    type Err = String;

    fn from_str(label: &str) -> Result<Self, String> {
        if label.trim().eq_ignore_ascii_case("utf-16") {
            return Ok(Self::Utf16);
        }
        // The encoding `replacement` stands for encodings that browsers refuse, and decodes nothing.
        match Encoding::for_label_no_replacement(label.as_bytes()) {
            Some(encoding) if encoding == UTF_8 => Ok(Self::Utf8),
            Some(encoding) => Ok(Self::Other(encoding)),
            None => Err(
                "unknown encoding label; use a label of the WHATWG Encoding Standard, such as windows-1252 (latin1), \
                         iso-8859-2, shift_jis, gb18030 or utf-16le"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for TextEncoding {
    /// Writes the canonical label, which is stored in checkpoints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8 => f.write_str("utf-8"),
            Self::Utf16 => f.write_str("utf-16"),
            Self::Other(encoding) => f.write_str(&encoding.name().to_ascii_lowercase()),
        }
    }
}

impl TextEncoding {
    /// Returns the conversion of Parquet byte columns to text.
    pub fn binary_text(self) -> BinaryText {
        match self {
            Self::Utf8 => BinaryText::Utf8,
            Self::Utf16 => BinaryText::Utf16,
            Self::Other(encoding) => BinaryText::Other(encoding),
        }
    }

    /// Returns whether the encoding has code units of two bytes.
    pub fn is_utf16(self) -> bool {
        match self {
            Self::Utf8 => false,
            Self::Utf16 => true,
            Self::Other(encoding) => [UTF_16LE, UTF_16BE].contains(&encoding),
        }
    }

    /// Checks the byte-order mark at the start of the first bytes, if there is one.
    ///
    /// # Errors
    /// If the byte-order mark belongs to another encoding.
    pub fn check_bom(self, head: &[u8]) -> io::Result<()> {
        let Some(&(_, name, kind)) = BOMS.iter().find(|(mark, ..)| head.starts_with(mark)) else { return Ok(()) };
        let is_same = match kind {
            BomKind::Utf32 => {
                let message =
                    format!("the input starts with the byte-order mark of {name}; convert it first: iconv -f utf-32");
                return Err(into_invalid_data(format!("{message} -t utf-8 FILE")));
            }
            BomKind::Utf8 => self == Self::Utf8,
            BomKind::Utf16(encoding) => [Self::Utf16, Self::Other(encoding)].contains(&self),
        };
        if is_same {
            return Ok(());
        }
        let remedy = if kind == BomKind::Utf8 { "omit --encoding" } else { "pass --encoding utf-16" };
        Err(into_invalid_data(format!(
            "the input starts with the byte-order mark of {name}, but --encoding is {self}; {remedy}"
        )))
    }

    /// Returns the encoding of a text that starts with these bytes.
    pub fn resolve(self, head: &[u8]) -> &'static Encoding {
        match self {
            Self::Utf8 => UTF_8,
            Self::Utf16 if head.starts_with(b"\xfe\xff") => UTF_16BE,
            Self::Utf16 => UTF_16LE,
            Self::Other(encoding) => encoding,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum BomKind {
    Utf8,
    Utf16(&'static Encoding),
    Utf32,
}

/// Byte-order marks; a mark comes before its own prefixes (UTF-32LE starts with UTF-16LE).
const BOMS: [(&[u8], &str, BomKind); 5] = [
    (b"\xff\xfe\0\0", "UTF-32LE", BomKind::Utf32),
    (b"\0\0\xfe\xff", "UTF-32BE", BomKind::Utf32),
    (b"\xff\xfe", "UTF-16LE", BomKind::Utf16(UTF_16LE)),
    (b"\xfe\xff", "UTF-16BE", BomKind::Utf16(UTF_16BE)),
    (b"\xef\xbb\xbf", "UTF-8", BomKind::Utf8),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_standard() {
        let canonical = |label: &str| label.parse::<TextEncoding>().map(|encoding| encoding.to_string());
        for (label, name) in [
            ("UTF8", "utf-8"),
            ("utf-16", "utf-16"),
            ("UTF-16LE", "utf-16le"),
            ("utf-16be", "utf-16be"),
            ("latin1", "windows-1252"),
            ("ISO-8859-1", "windows-1252"),
            ("iso-8859-2", "iso-8859-2"),
            ("sjis", "shift_jis"),
            ("gbk", "gbk"),
            ("gb18030", "gb18030"),
            ("x-user-defined", "x-user-defined"),
        ] {
            assert_eq!(canonical(label).as_deref(), Ok(name), "{label}");
        }
        for label in ["", "utf-32", "ebcdic", "replacement", "iso-2022-cn", "hz-gb-2312"] {
            assert!(canonical(label).unwrap_err().contains("iso-8859-2"), "{label}");
        }
    }

    #[test]
    fn a_mark_of_another_encoding_is_refused_with_both_names() {
        for (mark, accepted, refused) in [
            (&b"\xff\xfea\0"[..], &["utf-16", "utf-16le"][..], &["utf-8", "utf-16be", "latin1"][..]),
            (b"\xfe\xff\0a", &["utf-16", "utf-16be"], &["utf-8", "utf-16le", "gb18030"]),
            (b"\xef\xbb\xbfa", &["utf-8"], &["utf-16", "latin1"]),
            (b"\xff\xfe\0\0", &[], &["utf-8", "utf-16", "utf-16le"]),
            (b"\0\0\xfe\xff", &[], &["utf-8", "utf-16"]),
        ] {
            let check = |label: &str| label.parse::<TextEncoding>().unwrap().check_bom(mark);
            assert!(accepted.iter().all(|label| check(label).is_ok()), "{mark:?}");
            for label in refused {
                let error = check(label).unwrap_err().to_string();
                assert!(error.contains("byte-order mark of UTF-") && error.contains("; "), "{error}");
            }
        }
        let error = "latin1".parse::<TextEncoding>().unwrap().check_bom(b"\xef\xbb\xbf").unwrap_err().to_string();
        assert!(error.contains("UTF-8") && error.contains("windows-1252") && error.contains("--encoding"), "{error}");
    }
}
