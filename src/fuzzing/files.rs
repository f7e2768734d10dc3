//! Checks of document files, as `ingest` reads them.

use std::io::Write;

use super::messages::check_document;
use crate::cli::ingest::{
    CsvDialect, FieldMapping, FileSelection, Input, InputEvent, InputFormat, InputShard, ReadPlan, ResumePoint,
    ShardFilter, TextEncoding, list_sources,
};

/// Reads a JSON Lines file. Checks that no line is lost, and that each is a valid document or has a rejection reason.
pub fn check_json_lines(bytes: &[u8]) {
    let Ok(lines) = read_file(bytes, InputFormat::Jsonl) else { return };
    let written = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).split_inclusive(|&byte| byte == b'\n');
    assert_eq!(lines, written.filter(|line| !line.trim_ascii().is_empty()).count(), "each line that is not blank");
}

/// Reads a CSV file. Checks that each row is a valid document or has a rejection reason, unless the file is refused.
pub fn check_csv(bytes: &[u8]) {
    let _ = read_file(bytes, InputFormat::Csv);
}

/// Reads a Parquet file. Checks that each row is a valid document or has a rejection reason, unless the file is refused.
pub fn check_parquet(bytes: &[u8]) {
    let _ = read_file(bytes, InputFormat::Parquet);
}

/// Returns the number of lines that are not blank, or the error if the file is refused.
fn read_file(bytes: &[u8], format: InputFormat) -> Result<usize, String> {
    let mapping = FieldMapping::default();
    let shard_filter = ShardFilter { shard: InputShard::ALL, collection: "docs".to_owned() };
    let plan = ReadPlan {
        mapping,
        dialect: CsvDialect::default(),
        encoding: TextEncoding::Utf8,
        shard_filter,
        follow: None,
        has_checkpoint: false,
        is_final: true,
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let sources =
        list_sources(&[file.path().to_owned()], &FileSelection { format: Some(format), ..FileSelection::default() })
            .unwrap()
            .sources;
    let mut lines = Vec::new();
    let read = Input::open(sources.into(), ResumePoint::default(), &plan).and_then(|input| {
        input.read(&plan, |batch| {
            if let InputEvent::Lines(batch) = batch {
                lines.extend(batch);
            }
            true
        })
    });
    let end = read.map_err(|error| format!("{error:#}"))?;
    assert!(end.is_some_and(|end| end.position.bytes == bytes.len() as u64));
    assert!(lines.is_sorted_by(|a, b| a.position.lines < b.position.lines && a.position.bytes <= b.position.bytes));
    let count = lines.len();
    for line in lines {
        match line.document {
            Ok(encoded) => check_document(&encoded),
            Err(rejection) => assert!(!rejection.reason.is_empty() && !rejection.message.is_empty()),
        }
    }
    Ok(count)
}
