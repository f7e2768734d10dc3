//! What to read and how: the flags of the input.

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

/// The field that holds the text, unless `--text-field` names another.
const DEFAULT_TEXT_FIELD: &str = "text";

/// How often a file that is followed is looked at.
const DEFAULT_FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// Files and folders to read, in this order, or `-` for standard input. Patterns such as 'data/**/*.jsonl' are expanded.
    #[arg(value_name = "FILE|FOLDER", required = true)]
    pub paths: Vec<PathBuf>,
    /// How the documents are written [default: as the ending of a file's name says (.jsonl .ndjson .json .csv .tsv .parquet
    /// .txt .md, with or without .gz or .zst); standard input is jsonl].
    // `--output` has the id `format`.
    #[arg(id = "input_format", long = "format", env = "SPLADE_INGEST_FORMAT", value_name = "FORMAT")]
    format: Option<InputFormat>,
    /// The field that holds the id, which may be inside objects, such as meta.id. Where there is none, an id is made of the text [default: id].
    #[arg(long, env = "SPLADE_INGEST_ID_FIELD", value_name = "FIELD")]
    id_field: Option<String>,
    /// Prefix of the ids of whole-file documents (`text`), which are paths: so that folders with files of the same names can
    /// go to one collection.
    #[arg(long, env = "SPLADE_INGEST_ID_PREFIX", value_name = "TEXT")]
    id_prefix: Option<String>,
    /// The field that holds the text. If it is given several times, their texts are joined by a blank line, in this order
    /// [default: text].
    #[arg(long, env = "SPLADE_INGEST_TEXT_FIELD", value_name = "FIELD", value_delimiter = ',')]
    text_field: Option<Vec<String>>,
    /// The fields to store beside the text; '' for none [default: all other fields].
    #[arg(long, env = "SPLADE_INGEST_PAYLOAD_FIELDS", value_name = "FIELD,…", value_delimiter = ',')]
    payload_fields: Option<Vec<String>>,
    /// Read only those files of a folder that have this word in their names: a split of a dataset, such as train.
    #[arg(long, env = "SPLADE_INGEST_SPLIT", value_name = "NAME")]
    split: Option<String>,
    /// Wait at the end of the file for more, as tail -F does, until SIGINT or SIGTERM. One file of lines, not packed.
    #[arg(long, env = "SPLADE_INGEST_FOLLOW", value_parser = BoolishValueParser::new())]
    follow: bool,
    /// How often a file that is followed is looked at [default: 1s].
    #[arg(long, env = "SPLADE_INGEST_FOLLOW_INTERVAL", value_name = "TIME", value_parser = duration::parse)]
    follow_interval: Option<Duration>,
    /// Character encoding of text inputs: a label of the WHATWG Encoding Standard, such as windows-1252 (which latin1 means too),
    /// shift_jis or utf-16le; utf-16 goes by the byte-order mark and is little-endian without one. Parquet has its own.
    #[arg(long, env = "SPLADE_INGEST_ENCODING", value_name = "NAME", default_value = "utf-8")]
    encoding: TextEncoding,
    /// The names of the columns of CSV or TSV that has no line of them.
    #[arg(long, env = "SPLADE_INGEST_COLUMNS", value_name = "NAME,…", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// What stands between the values of CSV [default: ,].
    #[arg(long, env = "SPLADE_INGEST_DELIMITER", value_name = "CHAR", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// Take quotes in CSV and TSV as what they are: no value holds a separator or a line's end.
    #[arg(long, env = "SPLADE_INGEST_NO_QUOTES", value_parser = BoolishValueParser::new())]
    no_quotes: bool,
    /// The character around values of CSV and TSV that hold a separator or a line's end [default: "].
    #[arg(long, env = "SPLADE_INGEST_QUOTE", value_name = "CHAR", value_parser = parse_character)]
    quote: Option<u8>,
    /// The character of CSV and TSV that protects the one behind it in quoted values, such as \. With --no-quotes it does so
    /// everywhere, and \N is null: the text format of PostgreSQL's COPY and of MySQL's SELECT … INTO OUTFILE.
    #[arg(long, env = "SPLADE_INGEST_ESCAPE", value_name = "CHAR", value_parser = parse_character)]
    escape: Option<u8>,
    /// Value of CSV and TSV that stands for null, such as \N; '' for empty values. May be given several times.
    #[arg(long, env = "SPLADE_INGEST_NULL_VALUE", value_name = "VALUE")]
    null_value: Vec<String>,
    /// Columns of CSV and TSV that are no strings: number, bool or json, such as year=number,tags=json.
    #[arg(long, env = "SPLADE_INGEST_CSV_TYPES", value_name = "NAME=TYPE,…", value_delimiter = ',', value_parser = parse_cell_type)]
    csv_types: Vec<(String, CellType)>,
}

impl InputArgs {
    /// Lists the files to read, off the async threads, and reports on standard error what is skipped. The run's own files are
    /// none of them.
    ///
    /// # Errors
    /// If one can't be read, or followed, or a flag has no effect on any of them.
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
            // Nothing can be done if standard error is gone.
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

    pub fn mapping(&self) -> FieldMapping {
        FieldMapping {
            id_field: self.id_field(),
            text_fields: self.text_fields(),
            payload_fields: self.payload_fields.clone(),
            binary_text: self.encoding.binary_text(),
            ..FieldMapping::default()
        }
    }

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

    pub fn follow_interval(&self) -> Option<Duration> {
        self.follow.then(|| self.follow_interval.unwrap_or(DEFAULT_FOLLOW_INTERVAL))
    }

    /// What files about this input are called: as the one that was given.
    pub fn stem(&self) -> Option<PathBuf> {
        match self.paths.as_slice() {
            // A folder may have been given with a slash at its end.
            [path] if Self::is_unexpanded_pattern(path) => None,
            [path] if !is_stdin(path) && path.file_name().is_some() => Some(path.components().collect()),
            _ => None,
        }
    }

    /// Whether an argument is a pattern, which may stand for several files.
    fn is_unexpanded_pattern(path: &Path) -> bool {
        is_pattern(path) && path.symlink_metadata().is_err()
    }

    /// The input in a message.
    pub fn describe(&self) -> String {
        match self.paths.as_slice() {
            [path] if is_stdin(path) => "standard input".to_owned(),
            [path] => path.display().to_string(),
            paths => format!("{} files and folders", paths.len()),
        }
    }
}
