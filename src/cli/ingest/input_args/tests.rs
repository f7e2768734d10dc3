use clap::Parser;
use serde_json::json;

use super::*;
use crate::cli::ingest::checkpoint::settings;

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
    assert!(!input.mapping().uses_column("year") && input.mapping().uses_column("id"));
    let types = ["--csv-types", "year=number,tags=json", "--delimiter", "\\t", "--columns", "id,text"];
    let dialect = parse(&[&["-"][..], &types].concat()).unwrap().dialect();
    assert_eq!((dialect.delimiter, dialect.column_types["tags"]), (b'\t', CellType::Json));
    for (line, problem) in [
        (&["-", "--csv-types", "year=int"][..], "number, bool or json"),
        (&["-", "--csv-types", "year"], "such as year=number"),
        (&["-", "--delimiter", "||"], "one character"),
        (&["-", "--format", "xml"], "parquet"),
        (&["-", "--encoding", "ebcdic"], "shift_jis"),
        (&["-", "--encoding", "replacement"], "shift_jis"),
        (&[], "<FILE|DIR>"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}

/// Returns the error of listing these files with these flags.
async fn refusal(files: &[&str], flags: &[&str]) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let files = files.iter().map(|name| {
        let path = dir.path().join(name);
        std::fs::write(&path, "{}").unwrap();
        path.display().to_string()
    });
    let files: Vec<String> = files.collect();
    let line: Vec<&str> = files.iter().map(String::as_str).chain(flags.iter().copied()).collect();
    parse(&line).unwrap().list_sources(Vec::new()).await.err().map(|error| format!("{error:#}"))
}

#[cfg(feature = "parquet")]
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
        assert!(error.contains(&format!("{} (SPLADE_INGEST_", flags[0])) && error.contains("has no effect"), "{error}");
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
    assert_eq!(refusal(&["a.csv"], &["--csv-types", "a=number,a=number,=json", "--payload-fields", ""]).await, None);
}

#[test]
fn a_pattern_names_no_file_and_is_the_same_from_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().canonicalize().unwrap();
    let pattern = dir.path().join("*.jsonl").display().to_string();
    let input = parse(&[&pattern]).unwrap();
    assert_eq!(input.stem(), None);
    let expected = json!([here.join("*.jsonl").display().to_string()]).to_string();
    assert!(input.settings().contains(&(settings::INPUT, expected)), "{:?}", input.settings());
}

#[test]
fn encodings_are_in_checkpoints_by_their_canonical_names() {
    let name = |line: &[&str]| {
        let settings = parse(line).unwrap().settings();
        settings.into_iter().find(|(key, _)| *key == settings::ENCODING).unwrap().1
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
