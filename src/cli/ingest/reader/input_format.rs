//! The formats that are read, and the endings of files by which they are told.

use std::path::Path;

use clap::ValueEnum;

/// How documents are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// A JSON object on each line
    Jsonl,
    /// Comma-separated values below a line of names
    Csv,
    /// The same, separated by tabs
    Tsv,
    /// Apache Parquet: a document a row
    Parquet,
    /// A document a file
    Text,
    /// A document a line
    Lines,
}

impl InputFormat {
    /// By the ending of a file's name, of which `.gz` and `.zst` are none.
    pub fn from_path(path: &Path) -> Option<Self> {
        // A name that is not UTF-8 may have an ending all the same.
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let name = [".gz", ".zst", ".zstd"].into_iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
        let (stem, extension) = name.rsplit_once('.')?;
        Some(match extension {
            _ if stem.is_empty() => return None,
            "jsonl" | "ndjson" | "jsonlines" | "json" => Self::Jsonl,
            "csv" => Self::Csv,
            "tsv" | "tab" => Self::Tsv,
            "parquet" | "pq" => Self::Parquet,
            "txt" | "text" | "md" | "markdown" => Self::Text,
            _ => return None,
        })
    }

    /// Whether it is read line by line, so that a file may grow.
    pub fn is_line_based(self) -> bool {
        !matches!(self, Self::Parquet | Self::Text)
    }

    /// Returns the value of `--format` that names it.
    pub fn flag_value(self) -> Option<String> {
        self.to_possible_value().map(|value| value.get_name().to_owned())
    }

    /// Tells whether a file has columns, which all of its records have.
    pub fn has_columns(self) -> bool {
        matches!(self, Self::Csv | Self::Tsv | Self::Parquet)
    }

    /// Whether each file, or each line, is a text and nothing else.
    pub fn is_plain_text(self) -> bool {
        matches!(self, Self::Text | Self::Lines)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn endings_tell_formats() {
        for (name, format) in [
            ("docs.jsonl", Some(InputFormat::Jsonl)),
            ("docs.ndjson.gz", Some(InputFormat::Jsonl)),
            ("DOCS.CSV.ZST", Some(InputFormat::Csv)),
            ("a/b.c/x.tsv", Some(InputFormat::Tsv)),
            ("train-00000-of-00002.parquet", Some(InputFormat::Parquet)),
            ("notes.md", Some(InputFormat::Text)),
            ("a.csv/notes", None),
            ("docs.gz", None),
            (".csv", None),
            ("docs.bin", None),
        ] {
            assert_eq!(InputFormat::from_path(Path::new(name)), format, "{name}");
        }
        assert_eq!(InputFormat::from_path(Path::new(OsStr::from_bytes(b"caf\xe9.csv.gz"))), Some(InputFormat::Csv));
        assert_eq!(InputFormat::Csv.flag_value().as_deref(), Some("csv"));
    }
}
