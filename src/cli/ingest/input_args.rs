//! What to read and how: the flags of the input.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::checkpoint::subject;
use super::mapping::{DEFAULT_ID_FIELD, Mapping};
use super::reader::paths::{Source, is_stdin, list};
use super::reader::{CellType, Dialect, Format, TextEncoding, check_followed};
use crate::cli::duration;

#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// Files and folders to read, in this order, or `-` for standard input.
    #[arg(value_name = "FILE|FOLDER", required = true)]
    pub paths: Vec<PathBuf>,
    /// How the documents are written [default: as the ending of a file's name says (.jsonl .ndjson .json .csv .tsv .parquet
    /// .txt .md, with or without .gz or .zst); standard input is jsonl].
    // `--output` has the id `format`.
    #[arg(id = "input_format", long = "format", env = "SPLADE_INGEST_FORMAT", value_name = "FORMAT")]
    format: Option<Format>,
    /// The field that holds the id. Where there is none, an id is made of the text.
    #[arg(long, env = "SPLADE_INGEST_ID_FIELD", value_name = "FIELD", default_value = DEFAULT_ID_FIELD)]
    id_field: String,
    /// The field that holds the text. If it is given several times, their texts are joined by a blank line, in this order.
    #[arg(long, env = "SPLADE_INGEST_TEXT_FIELD", value_name = "FIELD", default_value = "text", value_delimiter = ',')]
    text_field: Vec<String>,
    /// The fields to store beside the text; '' for none [default: all other fields].
    #[arg(long, env = "SPLADE_INGEST_PAYLOAD_FIELDS", value_name = "FIELD,…", value_delimiter = ',')]
    payload_fields: Option<Vec<String>>,
    /// Read only those files of a folder that have this word in their names: a split of a dataset, such as train.
    #[arg(long, env = "SPLADE_INGEST_SPLIT", value_name = "NAME")]
    split: Option<String>,
    /// Wait at the end of the file for more, as tail -F does, until SIGINT or SIGTERM. One file of lines, not packed.
    #[arg(long, env = "SPLADE_INGEST_FOLLOW", value_parser = BoolishValueParser::new())]
    follow: bool,
    /// How often a file that is followed is looked at.
    #[arg(long, env = "SPLADE_INGEST_FOLLOW_INTERVAL", value_name = "TIME", default_value = "1s", value_parser = duration::parse)]
    follow_interval: Duration,
    /// Character encoding of text inputs: a label of the WHATWG Encoding Standard, such as windows-1252 (which latin1 means too),
    /// shift_jis or utf-16le; utf-16 goes by the byte-order mark and is little-endian without one. Parquet has its own.
    #[arg(long, env = "SPLADE_INGEST_ENCODING", value_name = "NAME", default_value = "utf-8")]
    encoding: TextEncoding,
    /// The names of the columns of CSV or TSV that has no line of them.
    #[arg(long, env = "SPLADE_INGEST_COLUMNS", value_name = "NAME,…", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// What stands between the values of CSV.
    #[arg(long, env = "SPLADE_INGEST_DELIMITER", value_name = "CHAR", default_value = ",", value_parser = delimiter)]
    delimiter: u8,
    /// Take quotes in CSV and TSV as what they are: no value holds a separator or a line's end.
    #[arg(long, env = "SPLADE_INGEST_NO_QUOTES", value_parser = BoolishValueParser::new())]
    no_quotes: bool,
    /// Columns of CSV and TSV that are no strings: number, bool or json, such as year=number,tags=json.
    #[arg(long, env = "SPLADE_INGEST_CSV_TYPES", value_name = "NAME=TYPE,…", value_delimiter = ',', value_parser = cell_type)]
    csv_types: Vec<(String, CellType)>,
}

impl InputArgs {
    /// The files, found off the async threads.
    ///
    /// # Errors
    /// If one can't be read, or followed.
    pub async fn sources(&self) -> anyhow::Result<Arc<[Source]>> {
        let args = self.clone();
        let listed = spawn_blocking(move || {
            let sources = list(&args.paths, args.format, args.split.as_deref())?;
            if args.follow {
                check_followed(&sources, args.encoding)?;
            }
            anyhow::Ok(sources)
        });
        Ok(listed.await??.into())
    }

    pub fn mapping(&self) -> Mapping {
        Mapping {
            id_field: self.id_field.clone(),
            text_fields: self.text_field.clone(),
            payload_fields: self.payload_fields.clone(),
            ..Mapping::default()
        }
    }

    pub fn dialect(&self) -> Dialect {
        Dialect {
            delimiter: self.delimiter,
            quotes: !self.no_quotes,
            columns: self.columns.clone(),
            types: self.csv_types.iter().cloned().collect(),
            ..Dialect::default()
        }
    }

    pub fn encoding(&self) -> TextEncoding {
        self.encoding
    }

    pub fn follow(&self) -> Option<Duration> {
        self.follow.then_some(self.follow_interval)
    }

    /// Returns the settings that decide which documents there are, in the form of a checkpoint: with another value it is
    /// another ingest. No value depends on a name in this program (see [`subject`]).
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let paths = self.paths.iter().map(|path| {
            // What has no whole path, such as a pipe, is called what it was called.
            std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()).display().to_string()
        });
        let types: BTreeMap<_, _> =
            self.csv_types.iter().map(|(name, cell_type)| (name, cell_type_name(*cell_type))).collect();
        vec![
            (subject::INPUT, json!(paths.collect::<Vec<_>>()).to_string()),
            (subject::FORMAT, self.format.map(format_name).unwrap_or_default().to_owned()),
            (subject::ID_FIELD, self.id_field.clone()),
            (subject::TEXT_FIELDS, json!(self.text_field).to_string()),
            (subject::PAYLOAD_FIELDS, json_or_unset(self.payload_fields.as_ref())),
            (subject::SPLIT, self.split.clone().unwrap_or_default()),
            (subject::ENCODING, encoding_name(self.encoding)),
            (subject::COLUMNS, json_or_unset(self.columns.as_ref())),
            (subject::DELIMITER, char::from(self.delimiter).to_string()),
            (subject::QUOTES, (!self.no_quotes).to_string()),
            (subject::CSV_TYPES, json!(types).to_string()),
        ]
    }

    /// What files about this input are called: as the one that was given.
    pub fn stem(&self) -> Option<PathBuf> {
        match self.paths.as_slice() {
            // A folder may have been given with a slash at its end.
            [path] if !is_stdin(path) && path.file_name().is_some() => Some(path.components().collect()),
            _ => None,
        }
    }

    /// The input in a message.
    pub fn in_words(&self) -> String {
        match self.paths.as_slice() {
            [path] if is_stdin(path) => "standard input".to_owned(),
            [path] => path.display().to_string(),
            paths => format!("{} files and folders", paths.len()),
        }
    }
}

fn json_or_unset(list: Option<&Vec<String>>) -> String {
    list.map(|list| json!(list).to_string()).unwrap_or_default()
}

/// The name of a format in checkpoints.
fn format_name(format: Format) -> &'static str {
    match format {
        Format::Jsonl => "jsonl",
        Format::Csv => "csv",
        Format::Tsv => "tsv",
        Format::Parquet => "parquet",
        Format::Text => "text",
        Format::Lines => "lines",
    }
}

/// The name of an encoding in checkpoints.
fn encoding_name(encoding: TextEncoding) -> String {
    if encoding == TextEncoding::Utf8 { String::new() } else { encoding.to_string() }
}

/// The name of a column's type in checkpoints.
fn cell_type_name(cell_type: CellType) -> &'static str {
    match cell_type {
        CellType::String => "string",
        CellType::Number => "number",
        CellType::Bool => "bool",
        CellType::Json => "json",
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("give one character, such as ; or | or \\t".to_owned()),
    }
}

fn cell_type(text: &str) -> Result<(String, CellType), String> {
    let (name, cell_type) = text.split_once('=').ok_or("write a column and its type, such as year=number")?;
    Ok((name.to_owned(), cell_type.parse()?))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        input: InputArgs,
    }

    fn parse(line: &[&str]) -> Result<InputArgs, String> {
        let line = [&["ingest"], line].concat();
        Line::try_parse_from(line).map(|line| line.input).map_err(|error| error.to_string())
    }

    #[test]
    fn what_one_types() {
        let input =
            parse(&["a.csv", "b", "--text-field", "title", "--text-field", "body", "--payload-fields", ""]).unwrap();
        assert_eq!(input.mapping().text_fields, ["title", "body"]);
        assert!(!input.mapping().wants("year") && input.mapping().wants("id"));
        let types = ["--csv-types", "year=number,tags=json", "--delimiter", "\\t", "--columns", "id,text"];
        let dialect = parse(&[&["-"][..], &types].concat()).unwrap().dialect();
        assert_eq!((dialect.delimiter, dialect.types["tags"]), (b'\t', CellType::Json));
        for (line, problem) in [
            (&["-", "--csv-types", "year=int"][..], "number, bool and json"),
            (&["-", "--csv-types", "year"], "such as year=number"),
            (&["-", "--delimiter", "||"], "one character"),
            (&["-", "--format", "xml"], "parquet"),
            (&["-", "--encoding", "ebcdic"], "shift_jis"),
            (&["-", "--encoding", "replacement"], "shift_jis"),
            (&[], "<FILE|FOLDER>"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn encodings_are_in_checkpoints_by_their_canonical_names() {
        let name = |line: &[&str]| {
            let settings = parse(line).unwrap().settings();
            settings.into_iter().find(|(key, _)| *key == subject::ENCODING).unwrap().1
        };
        for (label, canonical) in [("UTF-8", ""), ("utf8", ""), ("Latin1", "windows-1252"), ("UTF-16", "utf-16")] {
            assert_eq!(name(&["-", "--encoding", label]), canonical);
        }
        assert_eq!(name(&["-"]), "");
    }

    #[test]
    fn files_are_named_after_a_single_input() {
        let stem = |line: &[&str]| parse(line).unwrap().stem().map(|path| path.display().to_string());
        assert_eq!(stem(&["data/docs.csv"]).as_deref(), Some("data/docs.csv"));
        assert_eq!(stem(&["data/"]).as_deref(), Some("data"));
        assert!([&["-"][..], &["."], &[".."], &["a", "b"]].iter().all(|line| stem(line).is_none()));
    }
}
