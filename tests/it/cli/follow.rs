//! `ingest --follow`: a file that grows, is rotated and truncated; signals, and the next run.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tempfile::tempdir;
use tokio::task::spawn_blocking;

use super::checkpoint::wait_tally;
use super::fake::{Fake, Rule};
use super::{Run, command, run};

const FLAGS: [&str; 9] =
    ["--collection", "docs", "--follow", "--follow-interval", "50ms", "--checkpoint", "checkpoint", "--output", "json"];

fn start(directory: &Path, server: &str, input: &[&str]) -> Child {
    let mut command = command(directory, server, [&["ingest"], input, &FLAGS].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn stop(child: Child, signal: &str) -> Run {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap().into()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn format_line(number: usize) -> String {
    json!({"id": number, "text": format!("document {number}")}).to_string() + "\n"
}

async fn wait_arrived(fake: &Fake, count: u32) {
    fake.arrivals.0.acquire_many(count).await.unwrap().forget();
}

fn sent_texts(fake: &Fake) -> Vec<String> {
    fake.seen().documents().into_iter().map(|document| document.text).collect()
}

fn numbered_texts(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| format!("document {number}")).collect()
}

#[tokio::test]
async fn a_growing_file_is_followed_through_rotation_until_a_signal() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    append(&path, &format_line(1));
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let child = start(directory.path(), &server, &["app.jsonl"]);
    wait_arrived(&fake, 1).await;
    // A line is read when it is complete.
    let (half, rest) = (format_line(2)[..9].to_owned(), format_line(2)[9..].to_owned());
    append(&path, &(half + &rest + &format_line(3)[..5]));
    wait_arrived(&fake, 1).await;
    append(&path, &format_line(3)[5..]);
    wait_arrived(&fake, 1).await;
    fs::rename(&path, directory.path().join("app.jsonl.1")).unwrap();
    append(&path, &format_line(4));
    wait_arrived(&fake, 1).await;
    // Truncates the file, as `copytruncate` does.
    fs::write(&path, "").unwrap();
    wait_tally(directory.path(), "/indexed", 4).await;
    // An idle stream is ended by the client before the server closes it; the next line opens another stream.
    fake.endings.0.acquire().await.unwrap().forget();
    append(&path, &format_line(5));
    wait_arrived(&fake, 1).await;
    assert_eq!(fake.seen().options.len(), 2);
    let first = stop(child, "-TERM").await;
    assert_eq!((first.code, &first.json()["indexed"]), (0, &json!(5)), "{}", first.stderr);
    assert_eq!(sent_texts(&fake), numbered_texts(1..=5));

    // The next run reads lines appended meanwhile, and reads no line twice.
    append(&path, &(format_line(6) + &format_line(7)));
    let child = start(directory.path(), &server, &["app.jsonl"]);
    wait_arrived(&fake, 2).await;
    wait_tally(directory.path(), "/indexed", 7).await;
    let second = stop(child, "-INT").await;
    assert_eq!((second.code, &second.json()["indexed"]), (0, &json!(7)), "{}", second.stderr);
    assert_eq!(sent_texts(&fake), numbered_texts(1..=7));

    // The file is rotated while no run is active: the new file is read from its beginning.
    fs::rename(directory.path().join("app.jsonl.1"), directory.path().join("app.jsonl.2")).unwrap();
    fs::rename(&path, directory.path().join("app.jsonl.1")).unwrap();
    append(&path, &(format_line(8) + &format_line(9) + &format_line(10)));
    let child = start(directory.path(), &server, &["app.jsonl"]);
    wait_arrived(&fake, 3).await;
    let third = stop(child, "-INT").await;
    assert_eq!(third.json()["indexed"], 10, "{}", third.stderr);
    assert_eq!(sent_texts(&fake), numbered_texts(1..=10));
}

/// Rotates by `copytruncate`; at the next poll the file has more lines than before. The copy ends with an incomplete line whose
/// rest is lost.
#[tokio::test]
async fn a_file_that_is_copied_and_emptied_loses_no_line() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    append(&path, &(format_line(1) + &format_line(2)));
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let child = start(directory.path(), &server, &["app.jsonl"]);
    wait_arrived(&fake, 2).await;
    append(&path, &format_line(3));
    fs::copy(&path, directory.path().join("app.jsonl.1")).unwrap();
    fs::write(&path, (4..=9).map(format_line).collect::<String>()).unwrap();
    wait_arrived(&fake, 7).await;
    let run = stop(child, "-TERM").await;
    assert_eq!((run.code, &run.json()["indexed"]), (0, &json!(9)), "{}", run.stderr);
    assert_eq!(sent_texts(&fake), numbered_texts(1..=9));
    assert!(run.stderr.contains("app.jsonl was truncated; the part already read is in"), "{}", run.stderr);
}

/// Covers a writer that reopens its log late after the rotation.
#[tokio::test]
async fn late_writes_to_a_rotated_file_are_read() {
    let directory = tempdir().unwrap();
    let (path, old) = (directory.path().join("app.jsonl"), directory.path().join("app.jsonl.1"));
    append(&path, &format_line(1));
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let child = start(directory.path(), &server, &["app.jsonl"]);
    wait_arrived(&fake, 1).await;
    fs::rename(&path, &old).unwrap();
    append(&path, &format_line(4));
    append(&old, &format_line(2));
    append(&old, &format_line(3)[..9]);
    append(&old, &format_line(3)[9..]);
    wait_arrived(&fake, 3).await;
    let run = stop(child, "-TERM").await;
    assert_eq!((run.code, sent_texts(&fake)), (0, numbered_texts(1..=4)), "{}", run.stderr);
}

/// Rotates the log after more lines were appended while no run is active: the rest of the old log is read first.
#[tokio::test]
async fn the_rest_of_a_log_that_was_rotated_between_two_runs_is_read() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    append(&path, &format_line(1));
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let child = start(directory.path(), &server, &["app.jsonl"]);
    wait_arrived(&fake, 1).await;
    wait_tally(directory.path(), "/indexed", 1).await;
    assert_eq!(stop(child, "-TERM").await.code, 0);
    append(&path, &format_line(2));
    fs::rename(&path, directory.path().join("app.jsonl.1")).unwrap();
    append(&path, &format_line(3));
    let child = start(directory.path(), &server, &["app.jsonl"]);
    wait_arrived(&fake, 2).await;
    let run = stop(child, "-TERM").await;
    assert_eq!((run.code, sent_texts(&fake)), (0, numbered_texts(1..=3)), "{}", run.stderr);
    assert!(run.stderr.contains("app.jsonl was rotated"), "{}", run.stderr);
}

#[tokio::test]
async fn on_stop_complete_lines_are_read_and_the_rest_is_reported() {
    for (flags, last) in [(&[][..], 1), (&["--final"], 2)] {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        append(&path, &format_line(1));
        let fake = Fake::new(Rule::Index);
        let server = fake.serve().await;
        let child = start(directory.path(), &server, &[&["app.jsonl"], flags].concat());
        wait_arrived(&fake, 1).await;
        append(&path, format_line(2).trim_end());
        let run = stop(child, "-TERM").await;
        let held_back = 2 - last;
        assert_eq!(
            (run.code, &run.json()["held_back"]),
            (i32::from(held_back > 0), &json!(held_back)),
            "{}",
            run.stderr
        );
        assert_eq!(sent_texts(&fake), numbered_texts(1..=last));
    }
}

/// Starts the second run when there is nothing new.
#[tokio::test]
async fn a_second_run_continues_following() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    append(&path, &format_line(1));
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    for number in 2..4 {
        let child = start(directory.path(), &server, &["app.jsonl"]);
        wait_tally(directory.path(), "/indexed", number - 1).await;
        append(&path, &format_line(number as usize));
        wait_tally(directory.path(), "/indexed", number).await;
        assert_eq!(stop(child, "-TERM").await.code, 0);
    }
    assert_eq!(sent_texts(&fake), numbered_texts(1..=3));
}

/// Array elements and multi-line rows are read when they are complete.
#[tokio::test]
async fn an_array_and_rows_of_several_lines_are_followed() {
    for (name, first, second) in [
        ("a.json", "[\n{\"id\": 1, \"text\": \"document 1\"},\n {\"id\": 2,\n", "\"text\": \"document 2\"}"),
        ("a.csv", "id,text\n1,document 1\n2,\"docu", "ment 2\"\n"),
    ] {
        let directory = tempdir().unwrap();
        let path = directory.path().join(name);
        append(&path, first);
        let fake = Fake::new(Rule::Index);
        let server = fake.serve().await;
        let child =
            start(directory.path(), &server, &[name, "--format", if name == "a.csv" { "csv" } else { "jsonl" }]);
        wait_arrived(&fake, 1).await;
        append(&path, second);
        wait_arrived(&fake, 1).await;
        stop(child, "-TERM").await;
        assert_eq!(sent_texts(&fake), numbered_texts(1..=2), "{name}");
    }
}

#[tokio::test]
async fn a_growing_csv_keeps_its_columns() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("docs.csv");
    append(&path, "text,id\ndocument 1,1\n");
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    for text in ["\"document 2\",2\n", "document 3,3\n"] {
        let seen = fake.seen().documents().len() as u64;
        let child = start(directory.path(), &server, &["docs.csv"]);
        append(&path, text);
        wait_tally(directory.path(), "/indexed", seen.max(1) + 1).await;
        assert_eq!(stop(child, "-TERM").await.code, 0);
    }
    assert_eq!(sent_texts(&fake), numbered_texts(1..=3));
}

#[tokio::test]
async fn inputs_that_cannot_be_followed_are_refused() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("packed.jsonl"), b"\x1f\x8b\x08\0").unwrap();
    fs::write(directory.path().join("a.txt"), "a").unwrap();
    for (input, words) in [
        (&["packed.jsonl"][..], "decompress packed.jsonl first"),
        (&["a.txt"], "pass --format lines"),
        (&["-"], "standard input"),
        (&["a.txt", "packed.jsonl"], "exactly one input file"),
    ] {
        let run = run(directory.path(), &server, &[&["ingest"], input, &FLAGS].concat()).await;
        assert!(run.code == 2 && run.stderr.contains("--follow") && run.stderr.contains(words), "{}", run.stderr);
    }
    assert!(fake.seen().messages.is_empty());
}
