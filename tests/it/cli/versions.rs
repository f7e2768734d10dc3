//! `ingest --checkpoint` over files that change between two runs: grown, replaced, rotated, partially written.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use splade_sidecar::proto::document_id::Kind;
use tempfile::{TempDir, tempdir};

use super::checkpoint::{kill, wait_done};
use super::fake::{Fake, Rule};
use super::{Run, command, run, run_with_input};

const FLAGS: [&str; 6] = ["--collection", "docs", "--checkpoint", "checkpoint", "--output", "json"];

fn format_line(id: usize, text: &str) -> String {
    format!("{}\n", json!({"id": id, "text": text}))
}

fn format_lines(ids: impl IntoIterator<Item = usize>, text: &str) -> String {
    ids.into_iter().map(|id| format_line(id, text)).collect()
}

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Directory of input files, and a fake server that indexes every document.
struct Setup {
    directory: TempDir,
    fake: Fake,
    server: String,
}

impl Setup {
    async fn new() -> Self {
        let fake = Fake::new(Rule::Index);
        let server = fake.serve().await;
        Self { directory: tempdir().unwrap(), fake, server }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Runs `ingest`; returns the run and the documents that it sent.
    async fn ingest(&self, input: &[&str], more: &[&str]) -> (Run, Vec<(u64, String)>) {
        let before = self.fake.seen().documents().len();
        let run = run(self.directory.path(), &self.server, &[&["ingest"], input, &FLAGS, more].concat()).await;
        (run, self.sent_after(before))
    }

    fn sent_after(&self, before: usize) -> Vec<(u64, String)> {
        let documents = self.fake.seen().documents().into_iter().skip(before);
        let id = |kind| if let Some(Kind::Num(num)) = kind { num } else { panic!("{kind:?}") };
        documents.map(|document| (id(document.id.and_then(|id| id.kind)), document.text)).collect()
    }
}

fn documents(ids: impl IntoIterator<Item = u64>, text: &str) -> Vec<(u64, String)> {
    ids.into_iter().map(|id| (id, text.to_owned())).collect()
}

#[tokio::test]
async fn a_replaced_file_is_read_from_its_beginning_at_any_size() {
    let csv = |ids: std::ops::RangeInclusive<usize>, text: &str| {
        "id,text\n".to_owned() + &ids.map(|id| format!("{id},{text}\n")).collect::<String>()
    };
    let json_lines = |ids: std::ops::RangeInclusive<usize>, text: &str| format_lines(ids, text);
    let array = |ids: std::ops::RangeInclusive<usize>, text: &str| {
        json!(ids.map(|id| json!({"id": id, "text": text})).collect::<Vec<_>>()).to_string()
    };
    for (name, content) in
        [("docs.jsonl", &json_lines as &dyn Fn(_, &str) -> String), ("docs.csv", &csv), ("array.json", &array)]
    {
        for is_packed in [false, true] {
            let setup = Setup::new().await;
            let name = if is_packed { format!("{name}.gz") } else { name.to_owned() };
            let write = |text: &str| if is_packed { setup.write(&name, gzip(text)) } else { setup.write(&name, text) };
            write(&content(1..=3, "first"));
            assert_eq!(setup.ingest(&[&name], &[]).await.1, documents(1..=3, "first"), "{name}");
            assert_eq!(setup.ingest(&[&name], &[]).await.1, [], "{name}");
            // Larger, of the same size, and smaller.
            for (ids, text) in [(1..=5, "other"), (1..=5, "OTHER"), (2..=3, "small")] {
                write(&content(ids.clone(), text));
                let (run, sent) = setup.ingest(&[&name], &[]).await;
                assert_eq!((run.code, sent), (0, documents(*ids.start() as u64..=*ids.end() as u64, text)), "{name}");
                assert!(run.stderr.contains(&format!("{name} was replaced")), "{}", run.stderr);
            }
            // Replaces the file by a rename, as atomic writers do.
            write(&content(7..=9, "moved"));
            fs::rename(setup.path(&name), setup.path("new")).unwrap();
            write("");
            fs::rename(setup.path("new"), setup.path(&name)).unwrap();
            let (run, sent) = setup.ingest(&[&name], &[]).await;
            assert_eq!((run.code, sent), (0, documents(7..=9, "moved")), "{name}");
        }
    }
}

#[tokio::test]
async fn content_after_a_change_is_read_again_so_that_the_last_version_wins() {
    let setup = Setup::new().await;
    let (base, updates) = (format_lines(1..=3, "base"), format_lines(2..=2, "update"));
    setup.write("1.jsonl", &base);
    setup.write("2.jsonl", &updates);
    let input = ["1.jsonl", "2.jsonl"];
    assert_eq!(setup.ingest(&input, &[]).await.1.len(), 4);
    append(&setup.path("1.jsonl"), &format_line(4, "base"));
    let (run, sent) = setup.ingest(&input, &[]).await;
    assert_eq!((run.code, sent), (0, [documents([4], "base"), documents([2], "update")].concat()));
    assert!(run.stderr.contains("reading it and the files after it again"), "{}", run.stderr);
    assert!(setup.fake.seen().options.last().unwrap().1.skip_unchanged, "stored documents are not encoded again");
    append(&setup.path("2.jsonl"), &format_line(5, "update"));
    assert_eq!(setup.ingest(&input, &[]).await.1, documents([5], "update"));
}

#[tokio::test]
async fn added_removed_and_changed_files_are_distinguished() {
    let setup = Setup::new().await;
    let directory = setup.path("in");
    fs::create_dir(&directory).unwrap();
    for id in [1, 3, 5] {
        fs::write(directory.join(format!("{id}.jsonl")), format_line(id, "a")).unwrap();
    }
    assert_eq!(setup.ingest(&["in"], &[]).await.1, documents([1, 3, 5], "a"));
    fs::write(directory.join("6.jsonl"), format_line(6, "a")).unwrap();
    assert_eq!(setup.ingest(&["in"], &[]).await.1, documents([6], "a"));
    fs::remove_file(directory.join("1.jsonl")).unwrap();
    let (run, sent) = setup.ingest(&["in"], &[]).await;
    assert_eq!((run.code, sent), (0, Vec::new()));
    assert!(run.stderr.contains("1.jsonl was read by an earlier run and no longer exists"), "{}", run.stderr);
    fs::write(directory.join("4.jsonl"), format_line(4, "a")).unwrap();
    let (run, sent) = setup.ingest(&["in"], &[]).await;
    assert_eq!((run.code, sent), (0, documents([4, 5, 6], "a")));
    assert!(run.stderr.contains("4.jsonl is new and sorts before"), "{}", run.stderr);
}

#[tokio::test]
async fn a_rotated_log_is_read_to_its_end_and_then_the_new_one() {
    for rotation in ["rename", "copytruncate", "rename and gzip"] {
        let setup = Setup::new().await;
        let log = setup.path("app.jsonl");
        append(&log, &format_lines(1..=2, "a"));
        assert_eq!(setup.ingest(&["app.jsonl"], &[]).await.1, documents(1..=2, "a"));
        append(&log, &format_line(3, "a"));
        let old = fs::read_to_string(&log).unwrap();
        match rotation {
            "rename" => fs::rename(&log, setup.path("app.jsonl.1")).unwrap(),
            "copytruncate" => drop(fs::copy(&log, setup.path("app.jsonl.1")).unwrap()),
            _ => {
                setup.write("app.jsonl.1.gz", gzip(&old));
                fs::remove_file(&log).unwrap();
            }
        }
        // The new log is longer than the part read of the old one.
        fs::write(&log, format_lines(4..=9, "b")).unwrap();
        let (run, sent) = setup.ingest(&["app.jsonl"], &[]).await;
        assert_eq!((run.code, sent), (0, [documents([3], "a"), documents(4..=9, "b")].concat()), "{rotation}");
        assert!(run.stderr.contains("app.jsonl was rotated"), "{}", run.stderr);
        let (run, sent) = setup.ingest(&["app.jsonl"], &[]).await;
        assert!(run.stderr.contains("nothing to do") && sent.is_empty(), "{}", run.stderr);
    }
}

#[tokio::test]
async fn an_unterminated_last_record_is_held_back_until_complete() {
    let half_json = format_line(2, "the summary")[..20].to_owned();
    for (name, whole, half, rest) in [
        ("docs.jsonl", format_line(1, "a"), half_json, format_line(2, "the summary")[20..].to_owned()),
        ("docs.csv", "id,text\n1,a\n".to_owned(), "2,the su".to_owned(), "mmary\n".to_owned()),
        ("quoted.csv", "id,text\r\n1,a\r\n".to_owned(), "2,\"the ".to_owned(), "summary\"\r\n".to_owned()),
        ("names.csv", String::new(), "id,te".to_owned(), "xt\n1,a\n2,the summary\n".to_owned()),
        ("docs.tsv", "id\ttext\n1\ta\n".to_owned(), "2\tthe su".to_owned(), "mmary\n".to_owned()),
    ] {
        let setup = Setup::new().await;
        setup.write(name, format!("{whole}{half}"));
        let (run, sent) = setup.ingest(&[name], &[]).await;
        let first = if whole.is_empty() { Vec::new() } else { documents([1], "a") };
        assert_eq!((run.code, &run.json()["held_back"], sent), (1, &json!(1), first.clone()), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(name) && run.stderr.contains("pass --final"), "{}", run.stderr);
        let again = setup.ingest(&[name], &[]).await;
        assert_eq!((again.0.code, again.1), (1, Vec::new()), "{name}");
        append(&setup.path(name), &rest);
        let (run, sent) = setup.ingest(&[name], &[]).await;
        let all = [documents([1], "a"), documents([2], "the summary")].concat();
        assert_eq!((run.code, sent), (0, all[first.len()..].to_vec()), "{name}: {}", run.stderr);
    }
}

#[tokio::test]
async fn an_unterminated_last_record_is_read_if_it_is_final() {
    let setup = Setup::new().await;
    setup.write("docs.csv", "id,text\n1,a\n2,b");
    assert_eq!(setup.ingest(&["docs.csv"], &[]).await.1, documents([1], "a"));
    let (run, sent) = setup.ingest(&["docs.csv"], &["--final"]).await;
    assert_eq!((run.code, &run.json()["held_back"], sent), (0, &json!(0), documents([2], "b")));
    // Without a checkpoint, no later run would read it.
    let flags = ["ingest", "docs.csv", "--collection", "docs", "--output", "json"];
    let run = run_with_input(setup.directory.path(), &setup.server, &flags, "").await;
    assert_eq!((run.code, &run.json()["indexed"]), (0, &json!(2)));
}

/// Covers pairs of initial and later content: the second run succeeds and reads the added records.
#[tokio::test]
async fn a_file_that_begins_empty_or_blank_grows() {
    let (one, array) = (format_line(1, "a"), "[{\"id\": 1, \"text\": \"a\"}]");
    for (name, first, second, flags) in [
        ("a.jsonl", "", one.as_str(), &[][..]),
        ("a.jsonl", "\n\n", &format!("\n\n{one}"), &[]),
        ("a.jsonl", "\u{feff}", &format!("\u{feff}{one}"), &[]),
        ("a.json", "\n\n", &format!("\n\n{array}"), &["--format", "jsonl"]),
        ("a.csv", "", "id,text\n1,a\n", &[]),
        ("a.csv", "\u{feff}", "\u{feff}id,text\n1,a\n", &[]),
        ("a.csv", "\n", "\nid,text\n1,a\n", &[]),
        ("a.csv", "id,text\r", "id,text\r\n1,a\r\n", &[]),
        ("a.tsv", "", "1\ta\n", &["--columns", "id,text", "--no-quotes", "--escape", "\\"]),
        ("a.tsv", "\u{feff}", "\u{feff}1\ta\n", &["--columns", "id,text", "--no-quotes", "--escape", "\\"]),
    ] {
        let setup = Setup::new().await;
        setup.write(name, first);
        let (run, sent) = setup.ingest(&[name], flags).await;
        assert_eq!((run.code, sent), (0, Vec::new()), "{name} {first:?}: {}", run.stderr);
        setup.write(name, second);
        let (run, sent) = setup.ingest(&[name], flags).await;
        assert_eq!((run.code, sent), (0, documents([1], "a")), "{name} {first:?}: {}", run.stderr);
        let (run, sent) = setup.ingest(&[name], flags).await;
        assert!(run.code == 0 && sent.is_empty(), "{name} {first:?}: {}", run.stderr);
    }
}

#[tokio::test]
async fn reading_resumes_between_cr_and_lf() {
    let setup = Setup::new().await;
    setup.write("a.csv", "1,a\r\n2,b");
    let flags = ["--columns", "id,text"];
    assert_eq!(setup.ingest(&["a.csv"], &flags).await.1, documents([1], "a"));
    setup.write("a.csv", "1,a\r\n2,bc\r\n3,d\r\n");
    let (run, sent) = setup.ingest(&["a.csv"], &flags).await;
    assert_eq!((run.code, sent), (0, [documents([2], "bc"), documents([3], "d")].concat()), "{}", run.stderr);
}

#[tokio::test]
async fn an_unterminated_record_is_read_again_once_terminated() {
    let setup = Setup::new().await;
    setup.write("a.csv", "id,text\n1,a\n2,the su");
    let sent = setup.ingest(&["a.csv"], &["--final"]).await.1;
    assert_eq!(sent, [documents([1], "a"), documents([2], "the su")].concat());
    assert!(setup.ingest(&["a.csv"], &[]).await.0.stderr.contains("nothing to do"));
    append(&setup.path("a.csv"), "n\n3,b\n");
    let (run, sent) = setup.ingest(&["a.csv"], &[]).await;
    assert_eq!((run.code, sent), (0, [documents([2], "the sun"), documents([3], "b")].concat()), "{}", run.stderr);
}

#[tokio::test]
async fn a_closed_array_stays_closed() {
    let setup = Setup::new().await;
    let array = "[{\"id\": 1, \"text\": \"a\"}]";
    setup.write("a.json", array);
    assert_eq!(setup.ingest(&["a.json"], &[]).await.1, documents([1], "a"));
    setup.write("a.json", format!("{array}\n"));
    let (run, sent) = setup.ingest(&["a.json"], &[]).await;
    assert_eq!((run.code, sent), (0, Vec::new()), "{}", run.stderr);
    setup.write("a.json", format!("{array}\n,{{\"id\": 2}}]"));
    let (run, sent) = setup.ingest(&["a.json"], &[]).await;
    assert_eq!((run.code, sent), (2, Vec::new()), "{}", run.stderr);
}

#[tokio::test]
async fn an_emptied_file_that_is_replaced_is_read_from_its_beginning() {
    let setup = Setup::new().await;
    setup.write("a.jsonl", format_lines(1..=2, "a"));
    assert_eq!(setup.ingest(&["a.jsonl"], &[]).await.1.len(), 2);
    setup.write("a.jsonl", "");
    assert_eq!(setup.ingest(&["a.jsonl"], &[]).await.0.code, 0);
    setup.write("new", format_lines(3..=5, "b"));
    fs::rename(setup.path("new"), setup.path("a.jsonl")).unwrap();
    assert_eq!(setup.ingest(&["a.jsonl"], &[]).await.1, documents(3..=5, "b"));
}

/// A document of a removed or replaced file may have overwritten one of an earlier file.
#[tokio::test]
async fn files_before_one_that_is_gone_are_read_again() {
    for is_gone in [true, false] {
        let setup = Setup::new().await;
        fs::create_dir(setup.path("in")).unwrap();
        setup.write("in/1.jsonl", format_line(1, "first"));
        setup.write("in/2.jsonl", format_line(1, "second"));
        assert_eq!(setup.ingest(&["in"], &[]).await.1.len(), 2);
        if is_gone {
            fs::remove_file(setup.path("in/2.jsonl")).unwrap();
        } else {
            setup.write("in/2.jsonl", format_line(2, "other"));
        }
        let (run, sent) = setup.ingest(&["in"], &[]).await;
        assert_eq!((run.code, &sent[0]), (0, &(1, "first".to_owned())), "{}", run.stderr);
        assert!(run.stderr.contains("reading all files again"), "{}", run.stderr);
        assert!(setup.ingest(&["in"], &[]).await.0.stderr.contains("nothing to do"));
    }
}

/// The growth of an earlier file does not mask the replacement of a later one.
#[tokio::test]
async fn a_file_that_is_replaced_behind_one_that_has_grown_is_noticed() {
    for is_rotated in [true, false] {
        let setup = Setup::new().await;
        setup.write("1.jsonl", format_line(1, "first"));
        setup.write("2.jsonl", format_line(1, "second"));
        let input = ["1.jsonl", "2.jsonl"];
        assert_eq!(setup.ingest(&input, &[]).await.1.len(), 2);
        if is_rotated {
            fs::rename(setup.path("2.jsonl"), setup.path("2.jsonl.1")).unwrap();
        } else {
            append(&setup.path("1.jsonl"), &format_line(3, "first"));
        }
        setup.write("2.jsonl", format_line(2, "other"));
        let (run, sent) = setup.ingest(&input, &[]).await;
        assert_eq!((run.code, &sent[0]), (0, &(1, "first".to_owned())), "{}", run.stderr);
        assert!(setup.ingest(&input, &[]).await.0.stderr.contains("nothing to do"));
    }
}

#[tokio::test]
async fn logs_that_were_rotated_twice_are_all_read() {
    let setup = Setup::new().await;
    let log = setup.path("app.jsonl");
    append(&log, &format_line(1, "a"));
    assert_eq!(setup.ingest(&["app.jsonl"], &[]).await.1, documents([1], "a"));
    append(&log, &format_line(2, "a"));
    fs::rename(&log, setup.path("app.jsonl.2")).unwrap();
    append(&log, &format_line(3, "a"));
    fs::rename(&log, setup.path("app.jsonl.1")).unwrap();
    append(&log, &format_line(4, "a"));
    let (run, sent) = setup.ingest(&["app.jsonl"], &[]).await;
    assert_eq!((run.code, sent), (0, documents(2..=4, "a")), "{}", run.stderr);
}

#[tokio::test]
async fn standard_input_must_begin_with_what_was_read_of_it() {
    let setup = Setup::new().await;
    let ingest = async |input: &str| {
        let before = setup.fake.seen().documents().len();
        let flags = [&["ingest", "-"][..], &FLAGS].concat();
        let run = run_with_input(setup.directory.path(), &setup.server, &flags, input).await;
        (run, setup.sent_after(before))
    };
    assert_eq!(ingest(&format_lines(1..=3, "a")).await.1, documents(1..=3, "a"));
    assert_eq!(ingest(&format_lines(1..=5, "a")).await.1, documents(4..=5, "a"));
    let (refused, sent) = ingest(&format_lines(6..=12, "a")).await;
    assert_eq!((refused.code, sent), (2, Vec::new()));
    assert!(refused.stderr.contains("the content before the checkpointed offset has changed"), "{}", refused.stderr);
}

#[tokio::test]
async fn a_second_run_on_a_checkpoint_is_refused_with_the_owner() {
    let holding = Fake::new(Rule::HoldAfter(1));
    let server = holding.serve().await;
    let setup = Setup::new().await;
    setup.write("docs.jsonl", format_lines(1..=9, "a"));
    let arguments = [&["ingest", "docs.jsonl"][..], &FLAGS].concat();
    let mut first = command(setup.directory.path(), &server, arguments);
    let child = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_done(setup.directory.path(), 1).await;
    let (second, sent) = setup.ingest(&["docs.jsonl"], &[]).await;
    assert_eq!((second.code, sent), (2, Vec::new()));
    assert!(second.stderr.contains(&format!("process {} on ", child.id())), "{}", second.stderr);
    kill(child);
    let (third, sent) = setup.ingest(&["docs.jsonl"], &[]).await;
    assert_eq!((third.code, sent), (0, documents(2..=9, "a")), "{}", third.stderr);
}
