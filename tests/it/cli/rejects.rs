//! `rejects` returns the records that `ingest` rejected byte for byte.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::tempdir;
use tokio::task::spawn_blocking;

use super::fake::{Fake, Rule};
use super::{Run, command, run};

/// Runs `rejects` with `input` on standard input.
async fn rejects(directory: &Path, arguments: &[&str], input: Vec<u8>) -> Output {
    let mut command = command(directory, "http://unused", [&["rejects"], arguments].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        child.wait_with_output().unwrap()
    });
    output.await.unwrap()
}

async fn ingest(directory: &Path, arguments: &[&str]) -> Run {
    let server = Fake::new(Rule::Index).serve().await;
    run(directory, &server, &[&["ingest", "--collection", "docs"], arguments].concat()).await
}

#[tokio::test]
async fn rejected_records_come_back_byte_for_byte() {
    let directory = tempdir().unwrap();
    // Latin-1, NUL, an inner carriage return, control characters, invalid UTF-8 of all kinds, and characters that JSON escapes.
    let bad: [&[u8]; 8] = [
        b"{\"id\": 1, \"text\": \"caf\xe9 au lait\"}",
        b"\0 no json \0",
        b"no\rjson",
        b"\x1b[31m \x7f \x01",
        b"\xff\xfe\xc0\x80\xed\xa0\x80",
        b"\xc3",
        "\u{fffd} \u{feff}\u{2028}\u{10ffff}".as_bytes(),
        b"\"\\u0041\\\" /\t",
    ];
    let good = &b"{\"id\": 9, \"text\": \"good\"}"[..];
    let lines: Vec<u8> = bad.iter().flat_map(|line| [line, &b"\n"[..], good, b"\n"].concat()).collect();
    fs::write(directory.path().join("docs.jsonl"), lines).unwrap();
    let run = ingest(directory.path(), &["docs.jsonl"]).await;
    assert_eq!(run.code, 1, "{}", run.stderr);

    let file = directory.path().join("docs.jsonl.rejects.jsonl");
    let entries: Vec<Value> =
        fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (entry, line) in entries.iter().zip(bad) {
        assert_eq!(entry["line"].as_str(), str::from_utf8(line).ok(), "{entry}");
        assert_eq!(entry.get("line_base64").is_some(), entry["line"].is_null(), "{entry}");
    }
    let expected = bad.map(|line| [line, b"\n"].concat()).concat();
    let of_file = rejects(directory.path(), &["docs.jsonl.rejects.jsonl"], Vec::new()).await;
    let of_input = rejects(directory.path(), &["-"], fs::read(&file).unwrap()).await;
    for output in [of_file, of_input] {
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), expected.as_slice()));
    }

    // The decoded records are valid documents.
    let decoded: String =
        expected.split(|&byte| byte == b'\n').next().unwrap().iter().map(|&it| char::from(it)).collect();
    fs::write(directory.path().join("again.jsonl"), decoded).unwrap();
    assert_eq!(ingest(directory.path(), &["again.jsonl"]).await.code, 0);
}

#[tokio::test]
async fn rejected_rows_come_back_with_their_line_ends() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("docs.csv"), b"id,text\n1,\"a\nb\xe9\"\n2,b,c\n3,good\n").unwrap();
    assert_eq!(ingest(directory.path(), &["docs.csv"]).await.code, 1);
    let output = rejects(directory.path(), &["docs.csv.rejects.jsonl"], Vec::new()).await;
    assert_eq!(output.stdout, b"1,\"a\nb\xe9\"\n2,b,c\n");
}

#[tokio::test]
async fn a_record_that_was_not_kept_is_reported() {
    let directory = tempdir().unwrap();
    fs::create_dir(directory.path().join("notes")).unwrap();
    fs::write(directory.path().join("notes/a.txt"), b"\xff").unwrap();
    assert_eq!(ingest(directory.path(), &["notes", "--rejects", "r"]).await.code, 1);
    let output: Run = rejects(directory.path(), &["r"], Vec::new()).await.into();
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.contains("warning: notes/a.txt, line 1: "), "{}", output.stderr);
}

#[tokio::test]
async fn an_invalid_rejects_file_is_an_error() {
    let directory = tempdir().unwrap();
    let output: Run = rejects(directory.path(), &["-"], b"{\"line\":\"a\"}\n{\"id\": 1}\n".to_vec()).await.into();
    assert_eq!((output.code, output.stdout.as_str()), (2, "a\n"));
    assert!(output.stderr.starts_with("error: -, line 2: it is not an entry"), "{}", output.stderr);
    for wrong in ["absent", "."] {
        let output: Run = rejects(directory.path(), &[wrong], Vec::new()).await.into();
        assert_eq!(output.code, 2);
        assert!(output.stderr.starts_with(&format!("error: can't read {wrong}: ")), "{}", output.stderr);
    }
}

#[tokio::test]
async fn a_closed_output_pipe_is_not_an_error() {
    let directory = tempdir().unwrap();
    let entry = format!("{{\"line\":\"{}\"}}\n", "x".repeat(1 << 10));
    fs::write(directory.path().join("r"), entry.repeat(1 << 10)).unwrap();
    let mut command = command(directory.path(), "http://unused", ["rejects", "r"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        child.wait_with_output().unwrap()
    });
    let output: Run = output.await.unwrap().into();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
}
