//! `ingest` of each format: killed and resumed, run twice, from a dataset and from standard input.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use splade_sidecar::proto::document_id::Kind;
use tempfile::{TempDir, tempdir};
use tokio::task::spawn_blocking;

use super::checkpoint::{kill, wait_tally};
use super::fake::{Fake, Rule, Seen};
use super::{Run, command, run};
use crate::support::sidecar::Sidecar;

/// Number of documents in each input.
const COUNT: u64 = 100;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    let half = text.len() / 2;
    // Two concatenated frames.
    [&text.as_bytes()[..half], &text.as_bytes()[half..]].map(|part| zstd::encode_all(part, 1).unwrap()).concat()
}

fn format_rows(numbers: impl Iterator<Item = u64>, row: impl Fn(u64) -> String) -> String {
    numbers.map(row).collect()
}

fn jsonl_row(number: u64) -> String {
    json!({"id": number, "text": format!("document {number}")}).to_string() + "\n"
}

fn create_csv(separator: char) -> String {
    format!("text{separator}id\n")
        + &format_rows(1..=COUNT, |number| format!("\"document {number}\"{separator}{number}\n"))
}

#[cfg(feature = "parquet")]
fn parquet() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet/groups.parquet")
}

/// Creates a directory with the same documents for each format; returns it with the arguments that read it.
fn create_inputs() -> Vec<(TempDir, Vec<&'static str>)> {
    let file = |name: &'static str, content: &[u8]| {
        let directory = tempdir().unwrap();
        fs::write(directory.path().join(name), content).unwrap();
        (directory, vec![name])
    };
    let all = format_rows(1..=COUNT, jsonl_row);
    let mut lines = file("docs.log", format_rows(1..=COUNT, |number| format!("document {number}\n\n")).as_bytes());
    lines.1.extend(["--format", "lines"]);
    let texts = tempdir().unwrap();
    fs::create_dir(texts.path().join("texts")).unwrap();
    for number in 1..=COUNT {
        fs::write(texts.path().join(format!("texts/{number:03}.txt")), format!("document {number}")).unwrap();
    }
    vec![
        file("docs.jsonl.gz", &gzip(&all)),
        file("docs.zst.jsonl", &zstd(&all)),
        file("docs.csv", create_csv(',').as_bytes()),
        file("docs.csv.zst", &zstd(&create_csv(','))),
        file("docs.tsv", create_csv('\t').as_bytes()),
        #[cfg(feature = "parquet")]
        file("docs.parquet", &fs::read(parquet()).unwrap()),
        lines,
        (texts, vec!["texts"]),
        create_mixed_directory(),
    ]
}

/// Creates a directory of several files in different formats.
fn create_mixed_directory() -> (TempDir, Vec<&'static str>) {
    let directory = tempdir().unwrap();
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("1.jsonl"), format_rows(1..=20, jsonl_row)).unwrap();
    fs::write(data.join("2.csv"), "id,text\n21,document 21\n22,document 22\n").unwrap();
    fs::write(data.join("3.jsonl.gz"), gzip(&format_rows(23..=90, jsonl_row))).unwrap();
    fs::write(data.join("4.tsv"), "text\tid\n".to_owned() + &format_rows(91..=100, |n| format!("document {n}\t{n}\n")))
        .unwrap();
    (directory, vec!["data"])
}

fn sent_texts(seen: &Seen) -> Vec<String> {
    seen.documents().into_iter().map(|document| document.text).collect()
}

fn numbered(numbers: impl Iterator<Item = u64>) -> Vec<String> {
    numbers.map(|number| format!("document {number}")).collect()
}

async fn ingest(directory: &Path, server: &str, input: &[&str], more: &[&str]) -> Run {
    let arguments = [&["ingest", "--collection", "docs", "--output", "json"], input, more].concat();
    run(directory, server, &arguments).await
}

#[tokio::test]
async fn a_killed_run_resumes_in_every_format() {
    const CHECKPOINT: [&str; 2] = ["--checkpoint", "checkpoint"];
    for (directory, input) in create_inputs() {
        let (directory, held) = (directory.path(), 45);
        let holding = Fake::new(Rule::HoldAfter(held));
        let server = holding.serve().await;
        let arguments = [&["ingest", "--collection", "docs"], input.as_slice(), &CHECKPOINT].concat();
        let mut first = command(directory, &server, arguments);
        let child = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_tally(directory, "/indexed", held).await;
        kill(child);

        let healthy = Fake::new(Rule::Index);
        let server = healthy.serve().await;
        let second = ingest(directory, &server, &input, &CHECKPOINT).await;
        assert_eq!(second.code, 0, "{input:?}: {}", second.stderr);
        assert_eq!(second.json()["indexed"], COUNT, "{input:?}: the counts cover both runs");
        assert_eq!(sent_texts(&healthy.seen()), numbered(held + 1..=COUNT), "{input:?}");
        // A completed run has nothing left to do, also from another working directory.
        let elsewhere = directory.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let above = format!("../{}", input[0]);
        let input = [&[above.as_str()], &input[1..]].concat();
        let rest = ["--checkpoint", "../checkpoint"];
        let third = ingest(&elsewhere, "http://127.0.0.1:1", &input, &rest).await;
        assert_eq!((third.code, &third.json()["indexed"]), (0, &json!(COUNT)), "{input:?}: {}", third.stderr);
    }
}

#[tokio::test]
async fn every_format_yields_the_same_documents_and_shards_cover_all() {
    for (directory, input) in create_inputs() {
        let fake = Fake::new(Rule::Index);
        let server = fake.serve().await;
        for shard in ["0/2", "1/2"] {
            let run = ingest(directory.path(), &server, &input, &["--shard", shard, "--payload-fields", ""]).await;
            assert_eq!(run.code, 0, "{input:?}: {}", run.stderr);
        }
        let mut found = sent_texts(&fake.seen());
        let number = |text: &String| text.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        found.sort_by_key(number);
        assert_eq!(found, numbered(1..=COUNT), "{input:?}");
        let with_number_id = |kind: &Kind, text: &str| *kind == Kind::Num(number(&text.to_owned()));
        let ids = fake.seen().documents().into_iter().map(|document| {
            let kind = document.id.and_then(|id| id.kind);
            kind.is_none_or(|kind| with_number_id(&kind, &document.text) || matches!(kind, Kind::Key(_)))
        });
        assert!(ids.into_iter().all(|is_right| is_right), "{input:?}");
    }
}

/// Ingests a dataset in the layout of `git clone` or `hf download`.
#[cfg(feature = "parquet")]
#[tokio::test]
async fn a_dataset_is_indexed_unmodified_and_a_second_run_adds_no_duplicates() {
    let directory = tempdir().unwrap();
    let data = directory.path().join("wiki/data");
    fs::create_dir_all(&data).unwrap();
    fs::copy(parquet(), data.join("train-00000-of-00001.parquet")).unwrap();
    fs::write(data.join("test-00000-of-00001.parquet"), "not read").unwrap();
    for beside in ["README.md", "dataset_infos.json", ".gitattributes"] {
        fs::write(directory.path().join("wiki").join(beside), "{}").unwrap();
    }
    fs::write(directory.path().join("app.log"), "one line\nanother line\none line\n").unwrap();
    let sidecar = Sidecar::start(&[]).await;
    let server = format!("http://{}", sidecar.address);
    for _ in 0..2 {
        let train = ["wiki/", "--split", "train", "--create-collection"];
        let run = ingest(directory.path(), &server, &train, &[]).await;
        assert_eq!((run.code, &run.json()["indexed"]), (0, &json!(COUNT)), "{}", run.stderr);
        // Without ids, ids are derived from texts: equal lines are one document.
        let lines = ingest(directory.path(), &server, &["app.log", "--format", "lines"], &[]).await;
        assert_eq!((lines.code, &lines.json()["indexed"]), (0, &json!(3)), "{}", lines.stderr);
        assert_eq!(sidecar.point_count("docs").await, COUNT + 2);
    }
    let all = ingest(directory.path(), &server, &["wiki/"], &[]).await;
    assert_eq!(all.code, 2);
    let words = ["test-00000-of-00001.parquet", "not a Parquet file"];
    assert!(words.iter().all(|word| all.stderr.contains(word)), "{}", all.stderr);
    sidecar.stop_drained().await;
}

#[tokio::test]
async fn standard_input_may_be_compressed_and_in_any_line_format() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("packed"), gzip("sku;name;price\na-1;good;3\na-2;bad;4\n")).unwrap();
    let flags = ["--format", "csv", "--delimiter", ";", "--id-field", "sku", "--text-field", "name"];
    let arguments = [&["ingest", "-", "--collection", "docs", "--csv-types", "price=number"], &flags[..]].concat();
    let mut command = command(directory.path(), &server, arguments);
    command.stdin(File::open(directory.path().join("packed")).unwrap());
    let run: Run = spawn_blocking(move || command.output()).await.unwrap().unwrap().into();
    assert_eq!(run.code, 1, "{}", run.stderr);
    let document = &fake.seen().documents()[0];
    assert_eq!(document.id.as_ref().unwrap().kind, Some(Kind::Key("a-1".to_owned())));
    assert_eq!(document.payload_json, r#"{"price":3}"#);
    let rejects = fs::read_to_string(directory.path().join("rejects.jsonl")).unwrap();
    let reject: Value = serde_json::from_str(&rejects).unwrap();
    assert_eq!(
        (&reject["file"], &reject["line_number"], &reject["line"]),
        (&json!("-"), &json!(3), &json!("a-2;bad;4"))
    );
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn unreadable_files_are_reported_before_anything_is_sent() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = tempdir().unwrap();
    let cut = fs::read(parquet()).unwrap();
    fs::write(directory.path().join("cut.parquet"), &cut[..cut.len() / 2]).unwrap();
    fs::write(directory.path().join("docs.csv"), "id,body\n1,a\n").unwrap();
    fs::write(directory.path().join("docs.dump"), "").unwrap();
    for (input, words) in [
        (&["cut.parquet"][..], "cut.parquet: reading the Parquet data failed"),
        (&["docs.csv"], "docs.csv: no column `text`; the columns are id, body; set the column with --text-field"),
        (&["docs.dump"], "can't detect the format of docs.dump by its extension; set it with --format"),
        (&["docs.csv", "-"], "pass `-` alone"),
        (&["."], "cut.parquet"),
    ] {
        let run = ingest(directory.path(), &server, input, &[]).await;
        assert!(run.code == 2 && run.stderr.contains(words), "{}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
    assert!(fake.seen().messages.is_empty());
}

/// Reads a compressed file with a line that must not be decompressed into memory as a whole.
#[tokio::test]
async fn a_line_that_decompresses_beyond_the_limit_is_rejected_alone() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = tempdir().unwrap();
    let mut encoder =
        GzEncoder::new(File::create(directory.path().join("docs.jsonl.gz")).unwrap(), Compression::fast());
    let blanks = vec![b'x'; 1 << 20];
    (0..200).for_each(|_| encoder.write_all(&blanks).unwrap());
    encoder.write_all(b"\n{\"text\": \"a\"}\n").unwrap();
    encoder.finish().unwrap();
    let run = ingest(directory.path(), &server, &["docs.jsonl.gz"], &[]).await;
    assert_eq!(
        (run.code, &run.json()["indexed"], &run.json()["rejected"]),
        (1, &json!(1), &json!(1)),
        "{}",
        run.stderr
    );
    let rejects = fs::read_to_string(directory.path().join("docs.jsonl.gz.rejects.jsonl")).unwrap();
    let reject: Value = serde_json::from_str(&rejects).unwrap();
    assert_eq!(
        (&reject["file"], &reject["line_number"], &reject["line"]),
        (&json!("docs.jsonl.gz"), &json!(1), &Value::Null)
    );
    assert!(reject["message"].as_str().unwrap().contains("too large: 209715201 bytes"), "{reject}");
}
