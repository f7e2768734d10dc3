//! Supported input formats and the file extensions that select them.

use std::path::Path;

use clap::ValueEnum;

/// Input format of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// One JSON object per line, or one JSON array of objects
    Jsonl,
    /// Comma-separated values with a header row
    Csv,
    /// Tab-separated values with a header row
    Tsv,
    /// Apache Parquet, one document per row
    Parquet,
    /// Plain text, one document per file
    Text,
    /// Plain text, one document per line
    Lines,
}

impl InputFormat {
    /// Returns the format that a file extension selects, ignoring a trailing `.gz`, `.zst` or `.zstd`.
    pub fn from_path(path: &Path) -> Option<Self> {
        // The extension of a name that is not UTF-8 may still be ASCII.
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

    /// Returns whether files of this format are read line by line, so that they may grow.
    pub fn is_line_based(self) -> bool {
        !matches!(self, Self::Parquet | Self::Text)
    }

    /// Returns the value of `--format` that selects this format.
    pub fn flag_value(self) -> Option<String> {
        self.to_possible_value().map(|value| value.get_name().to_owned())
    }

    /// Returns whether the format has columns that all records of a file share.
    pub fn has_columns(self) -> bool {
        matches!(self, Self::Csv | Self::Tsv | Self::Parquet)
    }

    /// Returns whether each file or each line is plain text without fields.
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
    fn formats_are_selected_by_extension() {
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
