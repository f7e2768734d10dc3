use clap::Parser;
use serde_json::{Value, json};

use super::subject::{INPUT, SHARD, SPLIT};
use super::*;
use crate::cli::ingest::Ingest;

fn subject() -> Subject {
    Subject::new([(INPUT, r#"["/docs.jsonl"]"#.to_owned()), (SHARD, "1/2".to_owned())])
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints").join(name)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Files of so many bytes.
fn sources(format: Format, sizes: &[(&str, u64)]) -> Arc<[Source]> {
    let source =
        |&(name, bytes): &(&str, u64)| Source { path: name.into(), name: name.to_owned(), format, bytes: Some(bytes) };
    sizes.iter().map(source).collect()
}

fn docs(bytes: u64) -> Arc<[Source]> {
    sources(Format::Jsonl, &[("docs.jsonl", bytes)])
}

fn tally(lines: u64, offset: u64) -> Tally {
    let done = Place { lines, bytes: offset, row: lines, offset, ..Place::default() };
    Tally { indexed: lines, done, ..Tally::default() }
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_where_the_last_one_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let open = |bytes| Checkpoint::open(&path, subject(), docs(bytes), false);
    let mut first = open(100).await.unwrap();
    assert_eq!((first.tally(), first.rejects_bytes(), first.is_finished()), (Tally::default(), 0, false));
    first.due().await;
    first.save(tally(4, 40), 7).await.unwrap();
    first.written().await.unwrap();
    // It is killed here.
    let second = open(100).await.unwrap();
    assert_eq!((second.tally(), second.rejects_bytes(), second.is_finished()), (tally(4, 40), 7, false));
    assert!((1.0..1.5).contains(&second.elapsed().as_secs_f64()));
    second.close(tally(10, 100), 9, true).await.unwrap();
    assert!(open(100).await.unwrap().is_finished());
    assert!(!open(101).await.unwrap().is_finished(), "it has grown");
    let followed = Checkpoint::open(&path, subject(), docs(3), true).await.unwrap();
    assert!(!followed.is_finished(), "it may be another file by now");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["checkpoint"]);
}

#[tokio::test]
async fn what_is_of_another_ingest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    Checkpoint::open(&path, subject(), docs(100), false).await.unwrap();
    let refusal = async |subject: Subject, bytes| {
        format!("{:#}", Checkpoint::open(&path, subject, docs(bytes), false).await.unwrap_err())
    };
    let other = Subject::new([(INPUT, r#"["/docs.csv","/b"]"#.to_owned()), (SPLIT, "a".to_owned())]);
    let error = refusal(other, 100).await;
    assert!(error.starts_with(&format!("--checkpoint: {}: it is of another ingest", path.display())), "{error}");
    let differences = [
        "the input was `/docs.jsonl` and is `/docs.csv /b`",
        "--shard was `1/2` and is `0/1`",
        "--split was `` and is `a`",
    ];
    assert!(error.contains(&differences.join(", ")), "{error}");
    assert!(refusal(subject(), 99).await.contains("had 100 bytes and has 99 now"));
    fs::write(&path, "{}").unwrap();
    assert!(refusal(subject(), 100).await.contains("holds no checkpoint"));
}

#[tokio::test]
async fn files_that_were_read_must_be_what_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let open = async |format, sizes: &[(&str, u64)]| {
        Checkpoint::open(&path, subject(), sources(format, sizes), false).await.map_err(|error| format!("{error:#}"))
    };
    let parquet = [("a", 10), ("b", 20), ("c", 30)];
    let first = open(Format::Parquet, &parquet).await.unwrap();
    let done = Place { lines: 7, bytes: 15, file: 1, row: 2, ..Place::default() };
    first.close(Tally { done, ..Tally::default() }, 0, false).await.unwrap();
    // What is not read yet may change.
    assert_eq!(open(Format::Parquet, &[("a", 10), ("b", 20), ("d", 3)]).await.unwrap().tally().done, done);
    for changed in [&[("a", 10), ("aa", 1), ("b", 20)][..], &[("a", 11), ("b", 20)], &[("a", 10)]] {
        assert!(open(Format::Parquet, changed).await.unwrap_err().contains("up to b are no longer"), "{changed:?}");
    }
    let grown = [("a", 10), ("b", 21)];
    assert!(open(Format::Parquet, &grown).await.unwrap_err().contains("has 21 now"), "it is written as a whole");
    assert!(open(Format::Jsonl, &grown).await.is_ok());
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent").join("checkpoint");
    let error = format!("{:#}", Checkpoint::open(&path, subject(), docs(1), false).await.unwrap_err());
    assert!(error.contains("can't be written"), "{error}");
}

/// What the flags of a command are in a checkpoint.
fn subject_of(arguments: &Value) -> Subject {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        ingest: Ingest,
    }

    let arguments = arguments.as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
    Line::try_parse_from(["ingest"].into_iter().chain(arguments)).unwrap().ingest.subject()
}

/// The commands whose checkpoints the build of 2026-11-30 wrote, with their inputs' whole paths.
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

/// Pinned: what version 3 says of each command.
#[test]
fn settings_keep_their_names_and_values() {
    let expected = read_json(&fixture("ingest-v3/subjects.json"));
    for (name, arguments) in commands() {
        assert_eq!(serde_json::to_value(subject_of(&arguments)).unwrap(), expected[&name], "{name}");
    }
}

/// Files that the build of 2026-11-30 wrote: the same commands resume, and no others.
#[test]
fn files_of_version_2_are_compared_by_what_they_meant() {
    let commands = commands();
    for (name, arguments) in &commands {
        let text = fs::read(fixture(&format!("ingest-v2/{name}.json"))).unwrap();
        let Found::V2(state, settings) = parse(&text).unwrap() else { panic!("{name} is of version 2") };
        assert_eq!(subject_of(arguments).differences_from_v2(&settings), [""; 0], "{name}");
        assert_eq!(state.version, 2);
        for (_, other) in commands.iter().filter(|(other, _)| *other != name) {
            assert_ne!(subject_of(other).differences_from_v2(&settings), [""; 0], "{name}");
        }
        let more = |more: &[&str]| {
            let more = more.iter().map(|&argument| json!(argument));
            subject_of(&arguments.as_array().unwrap().iter().cloned().chain(more).collect())
                .differences_from_v2(&settings)
        };
        if name == "killed" {
            for (flags, difference) in [
                (["--format", "csv"], "--format was `by the endings` and is `Csv`"),
                (["--payload-fields", "a"], "--payload-fields was `all` and is `a`"),
                (["--text-field", "a"], "--text-field was `text` and is `a`"),
                (["--csv-types", "a=number"], "--csv-types was `` and is `a=Number`"),
                (["--no-quotes", "--skip-unchanged"], "--no-quotes was `false` and is `true`"),
                (["--shard", "0/2"], "--shard was `0/1` and is `0/2`"),
            ] {
                assert_eq!(more(&flags), [difference]);
            }
        }
        let unknown = Subject::new([("later", "yes".to_owned())]).differences_from_v2(&settings);
        assert!(unknown.contains(&"later was `` and is `yes`".to_owned()), "{unknown:?}");
    }
}

#[test]
fn a_setting_of_a_later_release_is_neutral_where_it_is_missing() {
    let file: Subject = serde_json::from_value(json!({"input": "[\"/docs.jsonl\"]", "later": "yes"})).unwrap();
    let now = Subject::new([(INPUT, r#"["/docs.jsonl"]"#.to_owned())]);
    assert_eq!(file.differences(&now), ["later was `yes` and is ``"]);
    assert_eq!(now.differences(&now), [""; 0]);
    let spelled_out: Subject =
        serde_json::from_value(json!({"input": "[\"/docs.jsonl\"]", "shard": "0/1", "quotes": "true"})).unwrap();
    assert_eq!(spelled_out.differences(&now), [""; 0], "a neutral value may be there");
}

/// A state with a value of its own in each field.
fn state() -> State {
    let done = Place { lines: 14, bytes: 15, file: 1, row: 16, offset: 17, inode: 18 };
    let tally = Tally {
        indexed: 5,
        unchanged: 6,
        rejected: 7,
        truncated: 8,
        windows: 9,
        tokens: 10,
        terms: 11,
        pruned_terms: 12,
        other_shards: 13,
        done,
        durable_through: 20,
        reconnects: 21,
    };
    State {
        version: VERSION,
        subject: subject(),
        input_bytes: Some(1),
        files: 2,
        standing: Standing { path: "/docs.jsonl".to_owned(), bytes: Some(3), bytes_before: 4 },
        finished: true,
        tally,
        rejects_bytes: 19,
        seconds: 0.5,
    }
}

/// Pinned: the bytes of version 3.
#[test]
fn version_3_keeps_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    write(&path, &state()).unwrap();
    let golden = fs::read(fixture("ingest-v3/golden.json")).unwrap();
    assert_eq!(String::from_utf8(fs::read(&path).unwrap()).unwrap(), String::from_utf8(golden.clone()).unwrap());
    let Found::Current(found) = parse(&golden).unwrap() else { panic!("it is of version 3") };
    let not_kept = Tally { durable_through: 0, reconnects: 0, ..state().tally };
    assert_eq!(found, State { tally: not_kept, ..state() });
}

/// A build that knows only version 2 parses the whole file before it looks at the version; then it says that another
/// release wrote it. This is its form.
#[test]
fn the_build_that_knows_only_version_2_can_tell_version_3() {
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct StateOfV2 {
        version: u32,
        subject: BTreeMap<String, String>,
        input_bytes: Option<u64>,
        files: usize,
        standing: Standing,
        finished: bool,
        tally: Tally,
        rejects_bytes: u64,
        seconds: f64,
    }

    let state: StateOfV2 = serde_json::from_slice(&fs::read(fixture("ingest-v3/golden.json")).unwrap()).unwrap();
    assert_eq!(state.version, 3);
}

#[test]
fn other_versions_are_refused_whatever_they_hold() {
    let problem = |text: &str| parse(text.as_bytes()).err().unwrap().to_string();
    let later = problem(r#"{"version": 4, "anything": 7}"#);
    assert!(later.contains("a later release wrote it (its version is 4") && later.contains("up to 3"), "{later}");
    assert!(later.contains("finish with that release, or name another file"), "{later}");
    assert!(problem(r#"{"version": 1}"#).contains("a build before 0.1.0 wrote it"));
    for text in ["{}", "", "[]", r#"{"version": 3}"#, r#"{"version": 2, "subject": 7}"#, r#"{"version": -1}"#] {
        assert!(problem(text).contains("it holds no checkpoint"), "{text}");
    }
}
