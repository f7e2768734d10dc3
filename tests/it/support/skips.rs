//! Records tests that skip some or all of their work: `make test` lists them with the command that enables each.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::{env, thread};

use serde::Deserialize;
use serde_json::json;

const NEEDS: &str = include_str!("../../../scripts/skips/needs.json");

/// A requirement that a test may lack.
#[derive(Deserialize)]
struct Need {
    reason: String,
    command: String,
}

/// Records that the current test skips some or all of its work because `need`, a key of scripts/skips/needs.json, is
/// missing.
///
/// The record is printed and, if `TEST_SKIPS` names a file, appended to it; scripts/skips/records.py reads it.
pub fn skip(need: &str) {
    let file = env::var_os("TEST_SKIPS");
    // libtest names each thread after its test.
    write_record(thread::current().name().unwrap_or("unknown"), need, file.as_ref().map(Path::new));
}

fn write_record(test: &str, need: &str, file: Option<&Path>) {
    let needs: BTreeMap<String, Need> = serde_json::from_str(NEEDS).unwrap();
    let Need { reason, command } = needs.get(need).unwrap_or_else(|| panic!("needs.json has no need {need:?}"));
    eprintln!("skipped: {reason}; to run: {command}");
    if let Some(file) = file {
        let line = format!("{}\n", json!({"test": test, "need": need, "reason": reason, "command": command}));
        // A single write, so that lines of parallel tests don't interleave.
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
