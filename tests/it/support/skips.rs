//! Tests that lack something to run, or to run in full: `make test` lists them with the command that brings it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::{env, thread};

use serde::Deserialize;
use serde_json::json;

const NEEDS: &str = include_str!("../../../scripts/skips/needs.json");

/// What a test can lack.
#[derive(Deserialize)]
struct Need {
    reason: String,
    command: String,
}

/// Records that the current test skips some or all of its work, for want of `need`, a key of scripts/skips/needs.json.
///
/// The record is printed and, if `TEST_SKIPS` names a file, appended to it; scripts/skips/records.py reads it.
pub fn skip(need: &str) {
    let file = env::var_os("TEST_SKIPS");
    // libtest names the thread of a test after it.
    write_record(thread::current().name().unwrap_or("unknown"), need, file.as_ref().map(Path::new));
}

fn write_record(test: &str, need: &str, file: Option<&Path>) {
    let needs: BTreeMap<String, Need> = serde_json::from_str(NEEDS).unwrap();
    let Need { reason, command } = needs.get(need).unwrap_or_else(|| panic!("needs.json has no need {need:?}"));
    eprintln!("skipped: {reason}; to run: {command}");
    if let Some(file) = file {
        let line = format!("{}\n", json!({"test": test, "need": need, "reason": reason, "command": command}));
        // One write, so that the lines of parallel tests don't mix.
        File::options().create(true).append(true).open(file).unwrap().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn each_record_is_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("suite.jsonl");
    for need in ["mount", "qdrant"] {
        write_record("a::test", need, Some(&file));
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let records: Vec<BTreeMap<String, String>> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().all(|record| record.keys().eq(["command", "need", "reason", "test"])), "{text}");
    assert_eq!(records.iter().map(|record| &*record["need"]).collect::<Vec<_>>(), ["mount", "qdrant"]);
}

#[test]
#[should_panic(expected = "needs.json has no need")]
fn an_unknown_need_fails_the_test() {
    write_record("a::test", "nothing", None);
}
