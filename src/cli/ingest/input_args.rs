//! The flags that select the input and determine how it is read.

mod flag_effects;
mod name_checks;
mod settings;
#[cfg(test)]
mod tests;
mod value_parsers;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tokio::task::spawn_blocking;

use self::value_parsers::{parse_cell_type, parse_character, parse_delimiter};
use super::mapping::{DEFAULT_ID_FIELD, FieldMapping};
use super::reader::paths::{FileListing, FileSelection, InputSource, is_pattern, is_stdin, list_sources};
use super::reader::{CellType, CsvDialect, InputFormat, TextEncoding, check_followable};
use crate::cli::duration;

/// Default of `--text-field`.
const DEFAULT_TEXT_FIELD: &str = "text";

/// Default of `--follow-interval`.
const DEFAULT_FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

/// Flags that select the input and determine how it is read.
#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// Files and directories to read, in this order, or `-` for standard input. Patterns such as 'data/**/*.jsonl' are expanded.
    #[arg(value_name = "FILE|DIR", required = true)]
    pub paths: Vec<PathBuf>,
    /// Input format [default: detected from the file extension (.jsonl .ndjson .json .csv .tsv .parquet .txt .md, with or
    /// without .gz or .zst); jsonl for standard input].
    // The explicit id avoids a conflict with `--output`, whose id is `format`.
    #[arg(id = "input_format", long = "format", env = "SPLADE_INGEST_FORMAT", value_name = "FORMAT")]
    format: Option<InputFormat>,
    /// Field with the document id; may be nested in objects, such as meta.id. Without an id, it is derived from the text
    /// [default: id].
    #[arg(long, env = "SPLADE_INGEST_ID_FIELD", value_name = "FIELD")]
    id_field: Option<String>,
    /// Prefix for the ids of whole-file documents (format text), which are paths. Keeps them unique when directories that
    /// contain the same file names are ingested into one collection.
    #[arg(long, env = "SPLADE_INGEST_ID_PREFIX", value_name = "TEXT")]
    id_prefix: Option<String>,
    /// Field with the text; may be nested, such as paragraphs.text. Can be repeated: the texts are joined by blank lines, in
    /// this order [default: text].
    #[arg(long, env = "SPLADE_INGEST_TEXT_FIELD", value_name = "FIELD", value_delimiter = ',')]
    text_field: Option<Vec<String>>,
    /// Fields to store in the payload; '' = none [default: all except the id and the text].
    #[arg(long, env = "SPLADE_INGEST_PAYLOAD_FIELDS", value_name = "FIELD,…", value_delimiter = ',')]
    payload_fields: Option<Vec<String>>,
    /// Read only files of a directory whose path contains this word: a split of a dataset, such as train.
    #[arg(long, env = "SPLADE_INGEST_SPLIT", value_name = "NAME")]
    split: Option<String>,
    /// Wait for more lines at the end of the file, as tail -F does, until SIGINT or SIGTERM. Requires a single uncompressed
    /// UTF-8 file of lines (jsonl, csv, tsv or lines).
    #[arg(long, env = "SPLADE_INGEST_FOLLOW", value_parser = BoolishValueParser::new())]
    follow: bool,
    /// Polling interval of --follow [default: 1s].
    #[arg(long, env = "SPLADE_INGEST_FOLLOW_INTERVAL", value_name = "DURATION", value_parser = duration::parse)]
    follow_interval: Option<Duration>,
    /// Character encoding of text inputs: a label of the WHATWG Encoding Standard, such as windows-1252 (also
    /// called latin1), shift_jis or utf-16le; utf-16 uses the byte order mark, or little-endian without one. In Parquet, it
    /// applies only to columns of bytes.
    #[arg(long, env = "SPLADE_INGEST_ENCODING", value_name = "NAME", default_value = "utf-8")]
    encoding: TextEncoding,
    /// Column names of CSV or TSV files that have no header line.
    #[arg(long, env = "SPLADE_INGEST_COLUMNS", value_name = "NAME,…", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Delimiter between CSV values: one character, or \t [default: ,].
    #[arg(long, env = "SPLADE_INGEST_DELIMITER", value_name = "CHAR", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// Treat quotes in CSV and TSV as literal characters; values may not contain delimiters or newlines.
    #[arg(long, env = "SPLADE_INGEST_NO_QUOTES", value_parser = BoolishValueParser::new())]
    no_quotes: bool,
    /// Quote character of CSV and TSV, for values that contain delimiters or newlines [default: "].
    #[arg(long, env = "SPLADE_INGEST_QUOTE", value_name = "CHAR", value_parser = parse_character)]
    quote: Option<u8>,
    /// Escape character inside quoted values of CSV and TSV, such as \. With --no-quotes it applies to all values, and \N is
    /// null: the text format of PostgreSQL's COPY and of MySQL's SELECT … INTO OUTFILE.
    #[arg(long, env = "SPLADE_INGEST_ESCAPE", value_name = "CHAR", value_parser = parse_character)]
    escape: Option<u8>,
    /// CSV or TSV value that is read as null, such as \N; '' = empty values. Can be repeated.
    #[arg(long, env = "SPLADE_INGEST_NULL_VALUE", value_name = "VALUE")]
    null_value: Vec<String>,
    /// Types of CSV and TSV columns that are not strings: number, bool or json, such as year=number,tags=json.
    #[arg(long, env = "SPLADE_INGEST_CSV_TYPES", value_name = "NAME=TYPE,…", value_delimiter = ',', value_parser = parse_cell_type)]
    csv_types: Vec<(String, CellType)>,
}

impl InputArgs {
    /// Lists the files to read, on a blocking thread, and reports skipped files on standard error. `output_files` are the files
    /// that the run writes; they are never read.
    ///
    /// # Errors
    /// If a list of names is invalid, a file can't be read or followed, or a flag has no effect on any file.
    pub async fn list_sources(&self, output_files: Vec<PathBuf>) -> anyhow::Result<Arc<[InputSource]>> {
        self.check_names()?;
        let args = self.clone();
        let list_task = spawn_blocking(move || {
            let FileListing { sources, notices } = list_sources(&args.paths, &args.selection(output_files))?;
            args.check_effects(&sources)?;
            if args.follow {
                check_followable(&sources, args.encoding)?;
            }
            let notices: String = notices.iter().map(|notice| format!("notice: {notice}\n")).collect();
            // The run continues if standard error is closed.
            let _ = std::io::stderr().write_all(notices.as_bytes());
            anyhow::Ok(sources)
        });
        Ok(list_task.await??.into())
    }

    fn selection(&self, output_files: Vec<PathBuf>) -> FileSelection {
        FileSelection {
            format: self.format,
            split: self.split.clone(),
            id_prefix: self.id_prefix.clone().unwrap_or_default(),
            own_files: output_files,
        }
    }

    fn id_field(&self) -> String {
        self.id_field.clone().unwrap_or_else(|| DEFAULT_ID_FIELD.to_owned())
    }

    fn text_fields(&self) -> Vec<String> {
        self.text_field.clone().unwrap_or_else(|| vec![DEFAULT_TEXT_FIELD.to_owned()])
    }

    fn delimiter(&self) -> u8 {
        self.delimiter.unwrap_or(b',')
    }

    /// Returns how fields become documents.
    pub fn mapping(&self) -> FieldMapping {
        FieldMapping {
            id_field: self.id_field(),
            text_fields: self.text_fields(),
            payload_fields: self.payload_fields.clone(),
            binary_text: self.encoding.binary_text(),
            ..FieldMapping::default()
        }
    }

    /// Returns how CSV and TSV files are parsed.
    pub fn dialect(&self) -> CsvDialect {
        CsvDialect {
            delimiter: self.delimiter(),
            has_quotes: !self.no_quotes,
            columns: self.columns.clone(),
            column_types: self.csv_types.iter().cloned().collect(),
            quote: self.quote.unwrap_or(b'"'),
            escape: self.escape,
            null_values: self.null_value.clone(),
        }
    }

    pub fn encoding(&self) -> TextEncoding {
        self.encoding
    }

    /// Returns the polling interval; `None` without `--follow`.
    pub fn follow_interval(&self) -> Option<Duration> {
        self.follow.then(|| self.follow_interval.unwrap_or(DEFAULT_FOLLOW_INTERVAL))
    }

    /// Returns the path from which the names of output files are derived; `None` for standard input, patterns and several
    /// inputs.
    pub fn stem(&self) -> Option<PathBuf> {
        match self.paths.as_slice() {
            [path] if Self::is_unexpanded_pattern(path) => None,
            // `components` removes a trailing slash, so that the suffix is appended to the name of a directory.
            [path] if !is_stdin(path) && path.file_name().is_some() => Some(path.components().collect()),
            _ => None,
        }
    }

    /// Returns whether an argument is a pattern and not the name of an existing file.
    fn is_unexpanded_pattern(path: &Path) -> bool {
        is_pattern(path) && path.symlink_metadata().is_err()
    }

    /// Describes the input for messages.
    pub fn describe(&self) -> String {
        match self.paths.as_slice() {
            [path] if is_stdin(path) => "standard input".to_owned(),
            [path] => path.display().to_string(),
            paths => format!("{} files and directories", paths.len()),
        }
    }
}
