use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use serde_json::{Value, json};

use super::file::write_checkpoint;
use super::format::StoredCheckpoint;
use super::settings::{INPUT, IngestSettings, SHARD, SPLIT};
use super::state::{CheckpointState, VERSION};
use super::*;
use crate::cli::ingest::IngestCommand;
use crate::cli::ingest::content_digest::ContentHasher;
use crate::cli::ingest::file_tracker::FileRecords;
use crate::cli::ingest::ingest_stats::IngestStats;
use crate::cli::ingest::input_file::FileRecord;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::file_change::build_full_record;
use crate::cli::ingest::reader::paths::InputSource;
use crate::cli::ingest::reader::{InputFormat, TextEncoding};

fn settings() -> IngestSettings {
    IngestSettings::new([(INPUT, r#"["/docs.jsonl"]"#.to_owned()), (SHARD, "1/2".to_owned())])
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints").join(name)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn stats(lines: u64) -> IngestStats {
    let position =
        InputPosition { lines, bytes: 10 * lines, row: lines, offset: 10 * lines, ..InputPosition::default() };
    IngestStats { indexed: lines, position, ..IngestStats::default() }
}

/// Returns the records after `lines` lines, of ten bytes each, of `docs.jsonl`.
fn records(directory: &Path, lines: u64) -> FileRecords {
    let path = directory.join("docs.jsonl");
    let source = InputSource::of_file(&path, InputFormat::Jsonl);
    let whole = build_full_record(&source).unwrap();
    let mut content = ContentHasher::new(true);
    content.update(&fs::read(&path).unwrap()[..10 * lines as usize]);
    let current = FileRecord { rows: lines, bytes: 10 * lines, digest: content.digest(), ..whole };
    FileRecords { finished: Arc::default(), current: Some(current) }
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_where_the_last_one_was() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fs::write(directory.join("docs.jsonl"), "123456789\n".repeat(10)).unwrap();
    let path = directory.join("checkpoint");
    let sources: Arc<[InputSource]> = [InputSource::of_file(&directory.join("docs.jsonl"), InputFormat::Jsonl)].into();
    let start = async |checkpoint: &IngestCheckpoint| {
        checkpoint.find_start(Arc::clone(&sources), TextEncoding::Utf8, false).await.unwrap()
    };
    let mut first = IngestCheckpoint::open(&path, settings()).await.unwrap();
    assert_eq!((first.stats(), first.rejects_bytes()), (IngestStats::default(), 0));
    assert_eq!(start(&first).await.position, InputPosition::default());
    first.wait_until_due().await;
    first.save(stats(4), records(directory, 4), 7).await.unwrap();
    first.wait_for_write().await.unwrap();
    let in_use = format!("{:#}", IngestCheckpoint::open(&path, settings()).await.unwrap_err());
    assert!(in_use.contains(&format!("process {} on", std::process::id())), "{in_use}");
    // Dropping the checkpoint without closing it stands for a killed process.
    drop(first);
    let second = IngestCheckpoint::open(&path, settings()).await.unwrap();
    assert_eq!((second.stats(), second.rejects_bytes()), (stats(4), 7));
    let found = start(&second).await;
    assert_eq!((found.position.row, found.position.offset, found.position.lines, found.is_complete), (4, 40, 4, false));
    assert!((1.0..1.5).contains(&second.elapsed().as_secs_f64()));
    let all = FileRecords { finished: Arc::new(records(directory, 10).current.into_iter().collect()), current: None };
    second.close(stats(10), all, 9, true).await.unwrap();
    let third = IngestCheckpoint::open(&path, settings()).await.unwrap();
    assert!(start(&third).await.is_complete);
    drop(third);
    let left: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn what_is_of_another_ingest_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checkpoint");
    IngestCheckpoint::open(&path, settings()).await.unwrap();
    let open_error =
        async |settings: IngestSettings| format!("{:#}", IngestCheckpoint::open(&path, settings).await.unwrap_err());
    let other = IngestSettings::new([(INPUT, r#"["/docs.csv","/b"]"#.to_owned()), (SPLIT, "a".to_owned())]);
    let error = open_error(other).await;
    assert!(
        error
            .starts_with(&format!("--checkpoint: {}: it was written by a run with different settings", path.display())),
        "{error}"
    );
    let differences = [
        "the input was `/docs.jsonl` and is `/docs.csv /b`",
        "--shard was `1/2` and is `0/1`",
        "--split was `` and is `a`",
    ];
    assert!(error.contains(&differences.join(", ")), "{error}");
    fs::write(&path, "{}").unwrap();
    assert!(open_error(settings()).await.contains("is not a checkpoint"));
}

/// Version 3 identifies files by size, so they are compared as the builds that wrote it did.
#[test]
fn files_of_earlier_versions_are_compared_by_their_sizes() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: usize| fs::write(directory.path().join(name), vec![b'x'; bytes]).unwrap();
    let source = |name: &str, format| InputSource::of_file(&directory.path().join(name), format);
    for (name, bytes) in [("a", 10), ("b", 20), ("c", 30)] {
        write(name, bytes);
    }
    let whole = |name: &str| directory.path().join(name).canonicalize().unwrap();
    let text = json!({
        "version": 3, "subject": {}, "input_bytes": 60, "files": 3,
        "standing": {"path": whole("b"), "bytes": 20, "bytes_before": 10}, "finished": false,
        "tally": {
            "indexed": 7, "unchanged": 0, "rejected": 0, "truncated": 0, "windows": 0, "tokens": 0, "terms": 0,
            "pruned_terms": 0, "other_shards": 0,
            "done": {"lines": 7, "bytes": 15, "file": 1, "row": 2, "offset": 5, "inode": 0},
        },
        "rejects_bytes": 0, "seconds": 0.0,
    });
    let StoredCheckpoint::V3(state, legacy_files) = format::parse(text.to_string().as_bytes()).unwrap() else {
        panic!("version 3")
    };
    let find = |names: &[&str], format| {
        let sources: Vec<_> = names.iter().map(|name| source(name, format)).collect();
        legacy_files.find_start(&sources, state.stats.position, false, false).map_err(|error| error.to_string())
    };
    let found = find(&["a", "b", "c"], InputFormat::Jsonl).unwrap();
    assert_eq!(
        (found.position.file, found.position.row, found.position.offset, found.finished_files.len()),
        (1, 2, 5, 1)
    );
    assert!(found.notices[0].contains("earlier build"), "{:?}", found.notices);
    assert!(find(&["a", "c", "b"], InputFormat::Jsonl).unwrap_err().contains("have changed"));
    write("b", 21);
    assert!(find(&["a", "b", "c"], InputFormat::Jsonl).is_ok(), "it has grown");
    assert!(
        find(&["a", "b", "c"], InputFormat::Parquet).unwrap_err().contains("has 21 now"),
        "Parquet files are not appended to"
    );
    write("a", 11);
    assert!(find(&["a", "b", "c"], InputFormat::Jsonl).unwrap_err().contains("have changed"));
}

#[tokio::test]
async fn an_unwritable_checkpoint_path_is_reported_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("absent").join("checkpoint");
    let error = format!("{:#}", IngestCheckpoint::open(&path, settings()).await.unwrap_err());
    assert!(error.contains("can't write the lock file"), "{error}");
}

/// Returns the checkpoint settings of a command line.
fn settings_of(arguments: &Value) -> IngestSettings {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        ingest: IngestCommand,
    }

    let arguments = arguments.as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
    Line::try_parse_from(["ingest"].into_iter().chain(arguments)).unwrap().ingest.checkpoint_settings()
}

/// Returns the command lines whose checkpoints the build of 2026-11-30 wrote, with absolute input paths.
fn commands() -> serde_json::Map<String, Value> {
    let Value::Object(mut commands) = read_json(&fixture("ingest-v2/arguments.json")) else {
        panic!("it is no object")
    };
    for arguments in commands.values_mut().map(|arguments| arguments.as_array_mut().unwrap()) {
        let inputs = arguments.iter().position(|argument| argument.as_str().unwrap().starts_with("--"));
        for input in arguments.iter_mut().take(inputs.unwrap()).filter(|input| **input != "-") {
            *input = json!(format!("/tmp/goldens/w/{}", input.as_str().unwrap()));
        }
    }
    commands
}

/// Pins the version 3 settings of each command line.
#[test]
fn settings_keep_their_names_and_values() {
    let expected = read_json(&fixture("ingest-v3/subjects.json"));
    for (name, arguments) in commands() {
        assert_eq!(serde_json::to_value(settings_of(&arguments)).unwrap(), expected[&name], "{name}");
    }
}

/// Files written by the build of 2026-11-30 can be resumed by the same command lines only.
#[test]
fn files_of_version_2_are_compared_by_what_they_meant() {
    let commands = commands();
    for (name, arguments) in &commands {
        let text = fs::read(fixture(&format!("ingest-v2/{name}.json"))).unwrap();
        let StoredCheckpoint::V2(_, _, settings) = format::parse(&text).unwrap() else {
            panic!("{name} is of version 2")
        };
        assert_eq!(settings_of(arguments).describe_differences_from_v2(&settings), [""; 0], "{name}");
        for (_, other) in commands.iter().filter(|(other, _)| *other != name) {
            assert_ne!(settings_of(other).describe_differences_from_v2(&settings), [""; 0], "{name}");
        }
        let more = |more: &[&str]| {
            let more = more.iter().map(|&argument| json!(argument));
            settings_of(&arguments.as_array().unwrap().iter().cloned().chain(more).collect())
                .describe_differences_from_v2(&settings)
        };
        if name == "killed" {
            for (flags, difference) in [
                (["--format", "csv"], "--format was `by the endings` and is `Csv`"),
                (["--payload-fields", "a"], "--payload-fields was `all` and is `a`"),
                (["--text-field", "a"], "--text-field was `text` and is `a`"),
                (["--csv-types", "a=number"], "--csv-types was `` and is `a=Number`"),
                (["--no-quotes", "--skip-unchanged"], "--no-quotes was `false` and is `true`"),
                (["--encoding", "latin1"], "--encoding was `` and is `windows-1252`"),
                (["--shard", "0/2"], "--shard was `0/1` and is `0/2`"),
            ] {
                assert_eq!(more(&flags), [difference]);
            }
        }
        let unknown = IngestSettings::new([("later", "yes".to_owned())]).describe_differences_from_v2(&settings);
        assert!(unknown.contains(&"later was `` and is `yes`".to_owned()), "{unknown:?}");
    }
}

#[test]
fn a_setting_of_a_later_release_is_neutral_where_it_is_missing() {
    let file: IngestSettings = serde_json::from_value(json!({"input": "[\"/docs.jsonl\"]", "later": "yes"})).unwrap();
    let now = IngestSettings::new([(INPUT, r#"["/docs.jsonl"]"#.to_owned())]);
    assert_eq!(file.describe_differences(&now), ["later was `yes` and is ``"]);
    assert_eq!(now.describe_differences(&now), [""; 0]);
    let spelled_out: IngestSettings =
        serde_json::from_value(json!({"input": "[\"/docs.jsonl\"]", "shard": "0/1", "quotes": "true"})).unwrap();
    assert_eq!(spelled_out.describe_differences(&now), [""; 0], "a neutral value may be present");
}

/// Returns a state with a different value in each field.
fn state() -> CheckpointState {
    let digest = |byte: u8| serde_json::from_value(json!(format!("{byte:02x}").repeat(32))).unwrap();
    let file = |n: u64, digest| FileRecord {
        path: format!("/docs.{n}.jsonl"),
        device: n,
        inode: n + 1,
        rows: n + 2,
        bytes: n + 3,
        digest,
        last_record: None,
    };
    let position = InputPosition { lines: 14, bytes: 15, file: 1, row: 16, offset: 17, digest: digest(0xab) };
    let stats = IngestStats {
        indexed: 5,
        unchanged: 6,
        rejected: 7,
        truncated: 8,
        windows: 9,
        tokens: 10,
        terms: 11,
        pruned_terms: 12,
        other_shards: 13,
        position,
        durable_through: 20,
        reconnects: 21,
    };
    CheckpointState {
        version: VERSION,
        settings: settings(),
        is_finished: true,
        stats,
        finished_files: Arc::new(vec![file(30, digest(0xcd))]),
        current_file: Some(file(40, None)),
        rejects_bytes: 19,
        elapsed_seconds: 0.5,
    }
}

/// Pins the bytes of version 4.
#[test]
fn version_4_keeps_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checkpoint");
    write_checkpoint(&path, &state()).unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, fs::read_to_string(fixture("ingest-v4.json")).unwrap());
    let StoredCheckpoint::V4(found) = format::parse(written.as_bytes()).unwrap() else { panic!("it is of version 4") };
    let not_kept = IngestStats { durable_through: 0, reconnects: 0, ..state().stats };
    assert_eq!(found, CheckpointState { stats: not_kept, ..state() });
}

/// Reads a version 3 file written by the build of 2026-11-30.
#[test]
fn files_of_version_3_are_read() {
    let golden = fs::read(fixture("ingest-v3/golden.json")).unwrap();
    let StoredCheckpoint::V3(found, _) = format::parse(&golden).unwrap() else { panic!("it is of version 3") };
    let position = InputPosition { digest: None, ..state().stats.position };
    let stats = IngestStats { durable_through: 0, reconnects: 0, position, ..state().stats };
    let (finished_files, current_file) = (Arc::default(), None);
    assert_eq!(found, CheckpointState { stats, finished_files, current_file, ..state() });
}

#[test]
fn other_versions_are_refused_whatever_they_hold() {
    let problem = |text: &str| format::parse(text.as_bytes()).err().unwrap().to_string();
    let later = problem(r#"{"version": 5, "anything": 7}"#);
    assert!(later.contains("it was written by a later release (version 5") && later.contains("up to 4"), "{later}");
    assert!(later.contains("finish with that release, or set another file"), "{later}");
    assert!(problem(r#"{"version": 1}"#).contains("it was written by a build before 0.1.0"));
    for text in ["{}", "", "[]", r#"{"version": 3}"#, r#"{"version": 2, "subject": 7}"#, r#"{"version": -1}"#] {
        assert!(problem(text).contains("it is not a checkpoint"), "{text}");
    }
}
