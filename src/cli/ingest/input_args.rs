//! What to read and how: the flags of the input.

mod effects;
mod names;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::checkpoint::subject;
use super::mapping::{DEFAULT_ID_FIELD, Mapping};
use super::reader::paths::{Listing, Selection, Source, absolute_pattern, is_pattern, is_stdin, list};
use super::reader::{CellType, Dialect, Format, TextEncoding, check_followed};
use crate::cli::duration;

/// The field that holds the text, unless `--text-field` names another.
const DEFAULT_TEXT_FIELD: &str = "text";

/// How often a file that is followed is looked at.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// Files and folders to read, in this order, or `-` for standard input. Patterns such as 'data/**/*.jsonl' are expanded.
    #[arg(value_name = "FILE|FOLDER", required = true)]
    pub paths: Vec<PathBuf>,
    /// How the documents are written [default: as the ending of a file's name says (.jsonl .ndjson .json .csv .tsv .parquet
    /// .txt .md, with or without .gz or .zst); standard input is jsonl].
    // `--output` has the id `format`.
    #[arg(id = "input_format", long = "format", env = "SPLADE_INGEST_FORMAT", value_name = "FORMAT")]
    format: Option<Format>,
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
    #[arg(long, env = "SPLADE_INGEST_DELIMITER", value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Take quotes in CSV and TSV as what they are: no value holds a separator or a line's end.
    #[arg(long, env = "SPLADE_INGEST_NO_QUOTES", value_parser = BoolishValueParser::new())]
    no_quotes: bool,
    /// The character around values of CSV and TSV that hold a separator or a line's end [default: "].
    #[arg(long, env = "SPLADE_INGEST_QUOTE", value_name = "CHAR", value_parser = ascii_character)]
    quote: Option<u8>,
    /// The character of CSV and TSV that protects the one behind it in quoted values, such as \. With --no-quotes it does so
    /// everywhere, and \N is null: the text format of PostgreSQL's COPY and of MySQL's SELECT … INTO OUTFILE.
    #[arg(long, env = "SPLADE_INGEST_ESCAPE", value_name = "CHAR", value_parser = ascii_character)]
    escape: Option<u8>,
    /// Value of CSV and TSV that stands for null, such as \N; '' for empty values. May be given several times.
    #[arg(long, env = "SPLADE_INGEST_NULL_VALUE", value_name = "VALUE")]
    null_value: Vec<String>,
    /// Columns of CSV and TSV that are no strings: number, bool or json, such as year=number,tags=json.
    #[arg(long, env = "SPLADE_INGEST_CSV_TYPES", value_name = "NAME=TYPE,…", value_delimiter = ',', value_parser = cell_type)]
    csv_types: Vec<(String, CellType)>,
}

impl InputArgs {
    /// Lists the files to read, off the async threads, and reports on standard error what is skipped. The run's own files are
    /// none of them.
    ///
    /// # Errors
    /// If one can't be read, or followed, or a flag has no effect on any of them.
    pub async fn sources(&self, own_files: Vec<PathBuf>) -> anyhow::Result<Arc<[Source]>> {
        self.check_names()?;
        let args = self.clone();
        let listed = spawn_blocking(move || {
            let Listing { sources, notices } = list(&args.paths, &args.selection(own_files))?;
            args.check_effects(&sources)?;
            if args.follow {
                check_followed(&sources, args.encoding)?;
            }
            let notices: String = notices.iter().map(|notice| format!("notice: {notice}\n")).collect();
            // Nothing can be done if standard error is gone.
            let _ = std::io::stderr().write_all(notices.as_bytes());
            anyhow::Ok(sources)
        });
        Ok(listed.await??.into())
    }

    fn selection(&self, own_files: Vec<PathBuf>) -> Selection {
        Selection {
            format: self.format,
            split: self.split.clone(),
            id_prefix: self.id_prefix.clone().unwrap_or_default(),
            own_files,
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

    pub fn mapping(&self) -> Mapping {
        Mapping {
            id_field: self.id_field(),
            text_fields: self.text_fields(),
            payload_fields: self.payload_fields.clone(),
            binary_text: self.encoding.binary_text(),
            ..Mapping::default()
        }
    }

    pub fn dialect(&self) -> Dialect {
        Dialect {
            delimiter: self.delimiter(),
            quotes: !self.no_quotes,
            columns: self.columns.clone(),
            types: self.csv_types.iter().cloned().collect(),
            quote: self.quote.unwrap_or(b'"'),
            escape: self.escape,
            null_values: self.null_value.clone(),
        }
    }

    pub fn encoding(&self) -> TextEncoding {
        self.encoding
    }

    pub fn follow(&self) -> Option<Duration> {
        self.follow.then(|| self.follow_interval.unwrap_or(FOLLOW_INTERVAL))
    }

    /// Returns the settings that decide which documents there are, in the form of a checkpoint: with another value it is
    /// another ingest. No value depends on a name in this program (see [`subject`]).
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let paths = self.paths.iter().map(|path| {
            let whole = std::fs::canonicalize(path).ok();
            let whole =
                whole.or_else(|| Some(path).filter(|path| is_pattern(path)).and_then(|path| absolute_pattern(path)));
            // What has no whole path, such as a pipe, is called what it was called.
            whole.unwrap_or_else(|| path.clone()).display().to_string()
        });
        let types: BTreeMap<_, _> =
            self.csv_types.iter().map(|(name, cell_type)| (name, cell_type_name(*cell_type))).collect();
        vec![
            (subject::INPUT, json!(paths.collect::<Vec<_>>()).to_string()),
            (subject::FORMAT, self.format.map(format_name).unwrap_or_default().to_owned()),
            (subject::ID_FIELD, self.id_field()),
            (subject::TEXT_FIELDS, json!(self.text_fields()).to_string()),
            (subject::PAYLOAD_FIELDS, json_or_unset(self.payload_fields.as_ref())),
            (subject::SPLIT, self.split.clone().unwrap_or_default()),
            (subject::ENCODING, encoding_name(self.encoding)),
            (subject::COLUMNS, json_or_unset(self.columns.as_ref())),
            (subject::DELIMITER, char::from(self.delimiter()).to_string()),
            (subject::QUOTES, (!self.no_quotes).to_string()),
            (subject::CSV_TYPES, json!(types).to_string()),
            (subject::ID_PREFIX, self.id_prefix.clone().unwrap_or_default()),
            (subject::QUOTE, character_or_unset(self.quote.filter(|&quote| quote != b'"'))),
            (subject::ESCAPE, character_or_unset(self.escape)),
            (subject::NULL_VALUES, json_or_unset(Some(&self.null_value).filter(|values| !values.is_empty()))),
        ]
    }

    /// What files about this input are called: as the one that was given.
    pub fn stem(&self) -> Option<PathBuf> {
        match self.paths.as_slice() {
            // A folder may have been given with a slash at its end.
            [path] if Self::is_unexpanded(path) => None,
            [path] if !is_stdin(path) && path.file_name().is_some() => Some(path.components().collect()),
            _ => None,
        }
    }

    /// Whether an argument is a pattern, which may stand for several files.
    fn is_unexpanded(path: &Path) -> bool {
        is_pattern(path) && path.symlink_metadata().is_err()
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

fn character_or_unset(character: Option<u8>) -> String {
    character.map(|character| char::from(character).to_string()).unwrap_or_default()
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

/// Parses a character that surrounds or protects others.
fn ascii_character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_graphic() => Ok(*byte),
        _ => Err("give one character, such as ' or \\".to_owned()),
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

    /// Lists a folder's files with these flags, which are given after them.
    async fn refusal(files: &[&str], flags: &[&str]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let files = files.iter().map(|name| {
            let path = folder.path().join(name);
            std::fs::write(&path, "{}").unwrap();
            path.display().to_string()
        });
        let files: Vec<String> = files.collect();
        let line: Vec<&str> = files.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        parse(&line).unwrap().sources(Vec::new()).await.err().map(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn a_flag_without_effect_is_refused() {
        for (file, flags) in [
            ("a.jsonl", &["--delimiter", ";"][..]),
            ("a.tsv", &["--delimiter", ","]),
            ("a.jsonl", &["--columns", "a"]),
            ("a.txt", &["--no-quotes"]),
            ("a.parquet", &["--csv-types", "a=number"]),
            ("a.jsonl", &["--follow-interval", "1s"]),
            ("a.jsonl", &["--id-prefix", "a/"]),
            ("a.txt", &["--text-field", "text"]),
            ("a.txt", &["--id-field", "path"]),
            ("a.txt", &["--split", "train"]),
        ] {
            let error = refusal(&[file], flags).await.unwrap();
            assert!(
                error.contains(&format!("{} (SPLADE_INGEST_", flags[0])) && error.contains("has no effect"),
                "{error}"
            );
            assert!(error.contains("; remove it") || error.contains(", or remove it"), "{error}");
        }
        for (files, flags) in [
            (
                &["a.jsonl", "a.csv"][..],
                &["--delimiter", ";", "--columns", "text", "--no-quotes", "--csv-types", "a=json"][..],
            ),
            (&["a.tsv"], &["--columns", "text", "--no-quotes"]),
            (&["a.jsonl", "a.txt"], &["--id-prefix", "a/", "--text-field", "a", "--id-field", "b"]),
            (&["a.txt"], &["--id-prefix", "", "--payload-fields", ""]),
            (&["a.jsonl"], &["--follow", "--follow-interval", "1s"]),
        ] {
            assert_eq!(refusal(files, flags).await, None, "{flags:?}");
        }
    }

    #[tokio::test]
    async fn lists_of_names_are_checked() {
        for (flags, problem) in [
            (["--text-field", "a,,b"], "--text-field has an empty name"),
            (["--text-field", ""], "--text-field has an empty name"),
            (["--text-field", "a,b,a"], "--text-field has `a` twice"),
            (["--payload-fields", ","], "--payload-fields has an empty name"),
            (["--payload-fields", "a,a"], "--payload-fields has `a` twice"),
            (["--columns", "a,"], "--columns has an empty name"),
            (["--columns", "a,b,b"], "--columns has `b` twice"),
            (["--csv-types", "a=number,a=json"], "--csv-types gives `a` two types"),
            (["--split", ""], "--split is empty"),
        ] {
            let error = refusal(&["a.csv"], &flags).await.unwrap();
            assert!(error.contains(problem), "{error}");
        }
        assert_eq!(
            refusal(&["a.csv"], &["--csv-types", "a=number,a=number,=json", "--payload-fields", ""]).await,
            None
        );
    }

    #[test]
    fn a_pattern_names_no_file_and_is_the_same_from_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().canonicalize().unwrap();
        let pattern = folder.path().join("*.jsonl").display().to_string();
        let input = parse(&[&pattern]).unwrap();
        assert_eq!(input.stem(), None);
        let expected = json!([here.join("*.jsonl").display().to_string()]).to_string();
        assert!(input.settings().contains(&(subject::INPUT, expected)), "{:?}", input.settings());
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
