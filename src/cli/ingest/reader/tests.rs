//! Tests of behavior that all formats share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

use super::paths::{FileSelection, list_sources};
use super::resume::ResumePoint;
use super::*;
use crate::cli::ingest::ingest_line::IngestLine;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::FieldMapping;
use crate::cli::ingest::shard::{InputShard, ShardFilter};
use crate::proto::Document;

fn plan(shard: &str) -> ReadPlan {
    let mapping = FieldMapping::default();
    let part = ShardFilter { shard: shard.parse::<InputShard>().unwrap(), collection: "docs".to_owned() };
    ReadPlan {
        mapping,
        dialect: CsvDialect::default(),
        encoding: TextEncoding::Utf8,
        shard_filter: part,
        follow: None,
        has_checkpoint: false,
        is_final: false,
    }
}

fn open(paths: &[PathBuf], done: InputPosition, plan: &ReadPlan) -> anyhow::Result<Input> {
    // A position with only a line count stands for `--skip`.
    let is_skip = done == (InputPosition { lines: done.lines, ..InputPosition::default() });
    let start = if is_skip {
        ResumePoint::after_lines(done.lines)
    } else {
        ResumePoint { position: done, ..ResumePoint::default() }
    };
    Input::open(list_sources(paths, &FileSelection::default())?.sources.into(), start, plan)
}

fn batches(paths: &[PathBuf], done: InputPosition, plan: &ReadPlan) -> (Vec<Vec<IngestLine>>, InputEnd) {
    let mut batches = Vec::new();
    let send = |batch| {
        if let InputEvent::Lines(lines) = batch {
            batches.push(lines);
        }
        true
    };
    let end = open(paths, done, plan).unwrap().read(plan, send).unwrap().unwrap();
    (batches, end)
}

/// Clears the bytes read from disk, which depend on where reading of a compressed file started.
fn without_bytes(lines: &[IngestLine]) -> Vec<IngestLine> {
    let position = |line: &IngestLine| InputPosition { bytes: 0, ..line.position };
    lines.iter().map(|line| IngestLine { position: position(line), ..line.clone() }).collect()
}

fn lines(paths: &[PathBuf], done: InputPosition) -> Vec<IngestLine> {
    batches(paths, done, &plan("0/1")).0.concat()
}

fn write(dir: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Returns a document as JSON: its id, text and payload.
fn in_json(line: &IngestLine) -> Value {
    let document = Document::decode(line.document.clone().unwrap()).unwrap();
    let payload: Value = serde_json::from_str(&document.payload_json).unwrap_or_default();
    json!([format!("{:?}", document.id), document.text, payload])
}

#[test]
fn lines_keep_their_numbers_offsets_and_texts() {
    let dir = tempfile::tempdir().unwrap();
    let input = "{\"text\": \"a\"}\r\n\n  \nno json\n{\"text\": \"b\"}";
    let path = write(dir.path(), "docs.jsonl", input);
    let lines = lines(std::slice::from_ref(&path), InputPosition::default());
    let seen: Vec<_> =
        lines.iter().map(|line| (line.position.lines, line.position.bytes, line.document.is_ok())).collect();
    assert_eq!(seen, [(1, 15, true), (4, 27, false), (5, 40, true)]);
    assert_eq!(lines[1].raw_bytes.as_deref(), Some(&b"no json"[..]));
    assert_eq!((lines[1].file.name.as_str(), lines[1].number), (path.to_str().unwrap(), 4));
    let skipped = batches(&[path], InputPosition { lines: 4, ..InputPosition::default() }, &plan("0/1"));
    assert_eq!(skipped.0.concat().iter().map(|line| line.position.lines).collect::<Vec<_>>(), [5]);
    assert_eq!(skipped.1.position.lines, 5);
}

#[test]
fn lines_that_are_here_go_together_and_do_not_wait_for_others() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (sent, received) = crossbeam_channel::bounded::<Vec<u64>>(100);
    let path = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader)));
    thread::spawn(move || {
        let plan = plan("0/1");
        let numbers = |lines: Vec<IngestLine>| lines.iter().map(|line| line.number).collect();
        let send = |batch| match batch {
            InputEvent::Lines(lines) => sent.send(numbers(lines)).is_ok(),
            _ => true,
        };
        open(&[path], InputPosition::default(), &plan).unwrap().read(&plan, send).unwrap();
        drop(reader);
    });
    let mut writer = writer;
    for (chunk, numbers) in [
        ("{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"te", vec![1, 2]),
        ("xt\": \"c\"}\n\n", vec![3]),
        ("{\"text\": \"d\"}\n", vec![5]),
    ] {
        writer.write_all(chunk.as_bytes()).unwrap();
        assert_eq!(received.recv_timeout(Duration::from_secs(60)).unwrap(), numbers);
    }
}

#[test]
fn reading_stops_when_nobody_listens() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "docs.jsonl", "{\"text\": \"a\"}\n".repeat(1000));
    let mut sent = 0;
    let plan = plan("0/1");
    let send = |_| {
        sent += 1;
        false
    };
    assert_eq!(open(&[path], InputPosition::default(), &plan).unwrap().read(&plan, send).unwrap(), None);
    assert_eq!(sent, 1);
}

#[test]
fn a_file_is_read_from_where_a_line_ended() {
    let dir = tempfile::tempdir().unwrap();
    let line = "{\"text\": \"a\"}\n";
    let bytes = line.len() as u64;
    let path = write(dir.path(), "docs.jsonl", line.repeat(3));
    let position = |lines| InputPosition {
        lines,
        bytes: lines * bytes,
        row: lines,
        offset: lines * bytes,
        ..InputPosition::default()
    };
    let positions =
        |done| lines(std::slice::from_ref(&path), done).iter().map(|line| line.position).collect::<Vec<_>>();
    assert_eq!(positions(position(2)), [position(3)]);
    // Without an offset, lines are counted.
    assert_eq!(positions(InputPosition { offset: 0, ..position(2) }), [position(3)]);
    assert_eq!(positions(position(3)), []);
}

/// Writes files of every format and compression, with the same documents as far as the format allows.
#[cfg(feature = "parquet")]
fn input(dir: &Path) -> Vec<PathBuf> {
    let rows = |from: u64| (from..from + 40).map(|id| (id, format!("text \"{id}\"\nof two lines"))).collect::<Vec<_>>();
    let jsonl = |from| {
        rows(from).iter().map(|(id, text)| json!({"id": id, "text": text}).to_string() + "\n\n").collect::<String>()
    };
    let csv = |from| {
        let row = |(id, text): &(u64, String)| format!("{id},\"{}\"\r\n", text.replace('"', "\"\""));
        "id,text\r\n".to_owned() + &rows(from).iter().map(row).collect::<String>()
    };
    vec![
        write(dir, "1.jsonl", jsonl(100)),
        write(dir, "2.jsonl.gz", [gzip(jsonl(200).as_bytes()), gzip(b"no json\n")].concat()),
        write(dir, "3.csv", csv(300)),
        write(dir, "4.csv.zst", zstd::encode_all(csv(400).as_bytes(), 1).unwrap()),
        write(dir, "5.txt", "a whole text"),
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet/groups.parquet"),
        write(dir, "7.tsv", "id\ttext\nragged\n7\tthe last\n"),
    ]
}

#[cfg(feature = "parquet")]
#[test]
fn every_place_can_be_gone_on_from() {
    let dir = tempfile::tempdir().unwrap();
    let paths = input(dir.path());
    let all = lines(&paths, InputPosition::default());
    assert!(all.is_sorted_by(|a, b| a.position.lines < b.position.lines && a.position.bytes <= b.position.bytes));
    let size: u64 = paths.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    for at in (0..all.len()).step_by(7).chain([all.len() - 1]) {
        let done = all[at].position;
        let (rest, end) = batches(&paths, done, &plan("0/1"));
        let (found, expected) = (without_bytes(&rest.concat()), without_bytes(&all[at + 1..]));
        let difference = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert!(found == expected, "{done:?}: {} of {} lines, {difference:?}", found.len(), expected.len());
        assert_eq!(end.position.bytes, size);
        // Resuming by a line count alone gives the same lines.
        let skipped = lines(&paths, InputPosition { lines: done.lines, ..InputPosition::default() });
        assert!(without_bytes(&skipped) == without_bytes(&all[at + 1..]), "{done:?}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn shards_have_every_line_once_and_count_those_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let paths = input(dir.path());
    let all = lines(&paths, InputPosition::default());
    let mut seen = Vec::new();
    for shard in ["0/3", "1/3", "2/3"] {
        let (batches, end) = batches(&paths, InputPosition::default(), &plan(shard));
        let lines = batches.concat();
        let passed: u64 = lines.iter().map(|line| line.other_shard_lines).sum::<u64>() + end.other_shard_lines;
        assert_eq!(lines.len() as u64 + passed, all.len() as u64);
        assert!(lines.len() > all.len() / 5, "{}", lines.len());
        seen.extend(lines.iter().map(|line| line.position.lines));
    }
    seen.sort_unstable();
    assert_eq!(seen, all.iter().map(|line| line.position.lines).collect::<Vec<_>>());
}

/// Records longer than the limit still count with all their lines.
#[test]
fn a_record_that_is_too_long_has_a_number_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x ".repeat(line_reader::MAX_RECORD_BYTES / 2 + 9);
    let dialect = |escape: Option<u8>| CsvDialect { escape, has_quotes: escape.is_none(), ..CsvDialect::default() };
    for (name, content, dialect) in [
        ("a.csv", format!("id,text\n1,a\n2,{long}\n3,c\n"), dialect(None)),
        ("a.csv", format!("id,text\n1,a\n2,\"{long}\n\"\n3,c\n"), dialect(None)),
        ("a.csv", format!("id,text\n1,a\n2,{long}\n3,c\n"), dialect(Some(b'\\'))),
        ("a.json", json!([{"text": "a"}, {"text": long}, {"text": "c"}]).to_string(), dialect(None)),
        ("a.jsonl", format!("{{\"text\": \"a\"}}\n{{\"text\": \"{long}\"}}\n{{\"text\": \"c\"}}\n"), dialect(None)),
    ] {
        let plan = ReadPlan { dialect, ..plan("0/1") };
        let lines = batches(&[write(dir.path(), name, content)], InputPosition::default(), &plan).0.concat();
        let seen: Vec<_> = lines.iter().map(|line| (line.document.is_ok(), line.raw_bytes.is_some())).collect();
        assert_eq!(seen, [(true, true), (false, false), (true, true)], "{name}");
        assert!(lines.is_sorted_by(|a, b| a.position.lines < b.position.lines), "{name}");
    }
}

#[test]
fn an_array_that_is_not_closed_is_rejected_once() {
    let dir = tempfile::tempdir().unwrap();
    for (content, documents) in
        [("[", 0), ("[{\"text\": \"a\"}", 1), ("[{\"text\": \"a\"},", 1), ("[{\"text\": \"a\"}, {\"te", 1)]
    {
        let path = write(dir.path(), "a.json", content);
        let lines = lines(&[path], InputPosition::default());
        let accepted = lines.iter().filter(|line| line.document.is_ok()).count();
        assert_eq!((accepted, lines.len() - accepted), (documents, 1), "{content}");
    }
}

#[test]
fn more_lines_to_skip_than_there_are_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.jsonl", "{\"text\": \"a\"}\n");
    let input = open(&[path], InputPosition { lines: 2, ..InputPosition::default() }, &plan("0/1")).unwrap();
    let error = input.read(&plan("0/1"), |_| true).unwrap_err().to_string();
    assert!(error.contains("--skip 2 is more than the 1 lines"), "{error}");
}

#[test]
fn rejected_lines_are_told_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let content = "\u{feff}id,text\n1,\"a\nb\"\n2,b,c\n3,\"d\n\n4,\"e\" f\n5,g";
    let path = write(dir.path(), "docs.csv", content);
    let lines = lines(&[path], InputPosition::default());
    let text = |line: &IngestLine| String::from_utf8(line.raw_bytes.clone().unwrap()).unwrap();
    let seen: Vec<_> = lines.iter().map(|line| (line.number, line.document.is_ok(), text(line))).collect();
    // The opening quote of row 3 is closed by that of row 4, so both form one row with text after its closing quote.
    let joined = "3,\"d\n\n4,\"e\" f".to_owned();
    assert_eq!(
        seen,
        [(2, true, "1,\"a\nb\"".into()), (4, false, "2,b,c".into()), (5, false, joined), (8, true, "5,g".into())]
    );
    let rejection = lines[1].document.clone().unwrap_err();
    assert!(rejection.message.contains("3 values, but there are 2 columns"), "{}", rejection.message);
}

#[test]
fn texts_are_documents_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("notes");
    std::fs::create_dir(&notes).unwrap();
    write(&notes, "a.txt", "\u{feff}one\n");
    write(&notes, "b.md.gz", gzip(b"two"));
    write(&notes, "c.txt", b"\xff");
    let size = crate::cli::ingest::MAX_DOCUMENT_BYTES as u64 + 1;
    std::fs::File::create(notes.join("d.txt")).unwrap().set_len(size).unwrap();
    let lines = lines(&[notes], InputPosition::default());
    let id = |name: &str| format!("{:?}", crate::cli::id::from_json(&json!(name)).unwrap());
    assert_eq!(in_json(&lines[0]), json!([id("a.txt"), "one\n", {"path": "a.txt"}]));
    assert_eq!(in_json(&lines[1]), json!([id("b.md.gz"), "two", {"path": "b.md.gz"}]));
    let message = lines[2].document.clone().unwrap_err().message;
    assert!(message.contains("invalid byte at offset 0: ") && message.contains("UTF-8"), "{message}");
    assert_eq!(lines[3].document.clone().unwrap_err().reason, "TEXT_TOO_LONG");
    assert!(lines[3].file.name.ends_with("notes/d.txt") && lines[3].raw_bytes.is_none());
}

#[cfg(feature = "parquet")]
#[test]
fn files_that_are_something_else_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let problem = |name: &str, content: &[u8]| {
        let path = write(dir.path(), name, content);
        let plan = plan("0/1");
        let read = open(&[path], InputPosition::default(), &plan).and_then(|input| input.read(&plan, |_| true));
        let error = format!("{:#}", read.unwrap_err());
        assert!(error.contains(name), "{error}");
        error
    };
    assert!(problem("pretty.json", b"{\n\"text\": \"a\"\n}").contains("jq -c ."));
    assert!(problem("array.json", b"[{\"text\": \"a\"}] {}").contains("unexpected data after"));
    assert!(problem("excel.csv", b"sep=;\nid;text\n").contains("Excel"));
    assert!(problem("semicolons.csv", b"id;text\n").contains("--delimiter ';'"));
    assert!(problem("names.csv", b"id,body\n1,a\n").contains("no column `text`; the columns are id, body"));
    assert!(problem("twice.csv", b"text,text\n").contains("duplicate column name `text`"));
    assert!(problem("not.parquet", b"id,text\n").contains("not a Parquet file"));
    assert!(problem("lfs.parquet", b"version https://git-lfs.github.com/spec/v1\noid").contains("git lfs pull"));
    assert!(problem("short.parquet", b"PAR1\0\0\0\0PAR1").contains("transfer or write it again"));
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z\",;\n\t é]{0,12}", ".{0,6}"].prop_map(|text| text.replace('\r', ""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Property: the same documents give the same lines in every format and compression.
    #[test]
    fn the_format_makes_no_difference(
        rows in prop::collection::vec((any::<u64>(), cell(), cell(), -1000_i64..1000, any::<bool>()), 1..12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let jsonl: String = rows
            .iter()
            .map(|(id, text, name, n, ok)| json!({"id": id, "text": text, "name": name, "n": n, "ok": ok}).to_string() + "\n")
            .collect();
        let csv = |delimiter| {
            let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            writer.write_record(["ok", "text", "id", "name", "n"]).unwrap();
            for (id, text, name, n, ok) in &rows {
                writer.write_record([&ok.to_string(), text, &id.to_string(), name, &n.to_string()]).unwrap();
            }
            writer.into_inner().unwrap()
        };
        let mut plan = plan("0/1");
        plan.dialect.column_types = [("n".to_owned(), CellType::Number), ("ok".to_owned(), CellType::Bool)].into();
        let expected = read_all(&write(dir.path(), "docs.jsonl", &jsonl), &plan);
        prop_assert_eq!(expected.len(), rows.len());
        for (name, content) in [("docs.csv", csv(b',')), ("docs.tsv", csv(b'\t')), ("docs.ndjson", jsonl.clone().into())] {
            for content in [content.clone(), gzip(&content), zstd::encode_all(&content[..], 1).unwrap()] {
                prop_assert_eq!(&read_all(&write(dir.path(), name, content), &plan), &expected, "{}", name);
            }
        }
    }

    /// Property: any bytes are split into the rows that the csv crate finds. Rows with text after a closing quote are rejected,
    /// since that crate guesses there.
    #[test]
    fn rows_are_those_of_the_csv_crate(rest in "[ab\",\n]{0,40}", quotes: bool) {
        let dir = tempfile::tempdir().unwrap();
        let content = format!("id,text\n{rest}");
        let path = write(dir.path(), "docs.csv", &content);
        let mut plan = plan("0/1");
        plan.dialect.has_quotes = quotes;
        let mut builder = ::csv::ReaderBuilder::new();
        let mut reader = builder.flexible(true).quoting(quotes).terminator(::csv::Terminator::Any(b'\n')).from_reader(content.as_bytes());
        let rows: Vec<_> = reader.records().map(Result::unwrap).filter(|row| row.len() == 2).collect();
        let lines = batches(&[path], InputPosition::default(), &plan).0.concat();
        let guessed = |line: &&IngestLine| line.document.as_ref().is_err_and(|rejection| rejection.message.contains("quote") && !rejection.message.contains("values"));
        let texts: Vec<_> = lines.iter().filter(|line| line.document.is_ok()).map(|line| in_json(line)[1].clone()).collect();
        let mut rest = rows.iter().map(|row| json!(row[1]));
        prop_assert!(texts.iter().all(|text| rest.any(|row| row == *text)), "{:?} of {:?}", texts, rows);
        prop_assert!(rows.len() - texts.len() <= lines.iter().filter(guessed).count());
    }
}

fn read_all(path: &Path, plan: &ReadPlan) -> Vec<Value> {
    batches(&[path.to_owned()], InputPosition::default(), plan).0.concat().iter().map(in_json).collect()
}

#[test]
fn a_file_in_another_encoding_is_read_and_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..40).map(|id| format!("{id},\"é€😀 {id}\nof two lines\"\r\n")).collect();
    let csv = format!("\u{feff}id,text\r\n{rows}");
    let expected = read_all(&write(dir.path(), "utf-8.csv", &csv), &plan("0/1"));
    let bytes: Vec<u8> = csv.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let plan = ReadPlan { encoding: "utf-16".parse().unwrap(), ..plan("0/1") };
    for content in [gzip(&bytes), bytes] {
        let path = write(dir.path(), "utf-16.csv", &content);
        let (all, end) = batches(std::slice::from_ref(&path), InputPosition::default(), &plan);
        let all = all.concat();
        assert_eq!(all.iter().map(in_json).collect::<Vec<_>>(), expected);
        assert_eq!(end.position.bytes, content.len() as u64, "as it is on the disk");
        for at in [0, 20, all.len() - 1] {
            let rest = batches(std::slice::from_ref(&path), all[at].position, &plan).0.concat();
            assert_eq!(without_bytes(&rest), without_bytes(&all[at + 1..]));
        }
    }
    // A malformed sequence rejects only its own line.
    let path = write(dir.path(), "sjis.jsonl", b"{\"text\": \"\x81\"}\n{\"text\": \"\x82\xa0\"}\n");
    let plan = ReadPlan { encoding: "shift_jis".parse().unwrap(), ..plan };
    let lines = batches(&[path], InputPosition::default(), &plan).0.concat();
    assert!(lines[0].document.is_err());
    assert_eq!(in_json(&lines[1])[1], "あ");
}
