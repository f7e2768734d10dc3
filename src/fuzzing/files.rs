//! Files of documents, as `ingest` reads them.

use std::io::Write;

use super::messages::document;
use crate::cli::ingest::{
    Batch, Dialect, Format, Input, Mapping, Part, Plan, Selection, Shard, Start, TextEncoding, list,
};

/// Reads a file of JSON lines: no line is lost, each is a document that can be sent or has a reason why not.
pub fn json_lines(bytes: &[u8]) {
    let Ok(lines) = read_file(bytes, Format::Jsonl) else { return };
    let written = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).split_inclusive(|&byte| byte == b'\n');
    assert_eq!(lines, written.filter(|line| !line.trim_ascii().is_empty()).count(), "each line that is not blank");
}

/// Reads a file of CSV: each row is a document that can be sent or has a reason why not, or the file is refused as a whole.
pub fn csv(bytes: &[u8]) {
    let _ = read_file(bytes, Format::Csv);
}

/// Reads a file of Parquet: each row is a document that can be sent or has a reason why not, or the file is refused as a whole.
pub fn parquet(bytes: &[u8]) {
    let _ = read_file(bytes, Format::Parquet);
}

/// Returns the number of lines that are not blank, unless the file is refused as a whole.
fn read_file(bytes: &[u8], format: Format) -> Result<usize, String> {
    let mapping = Mapping::default();
    let part = Part { shard: Shard::WHOLE, collection: "docs".to_owned() };
    let plan = Plan {
        mapping,
        dialect: Dialect::default(),
        encoding: TextEncoding::Utf8,
        part,
        follow: None,
        has_checkpoint: false,
        is_final: true,
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let sources =
        list(&[file.path().to_owned()], &Selection { format: Some(format), ..Selection::default() }).unwrap().sources;
    let mut lines = Vec::new();
    let read = Input::open(sources.into(), Start::default(), &plan).and_then(|input| {
        input.read(&plan, |batch| {
            if let Batch::Lines(batch) = batch {
                lines.extend(batch);
            }
            true
        })
    });
    let end = read.map_err(|error| format!("{error:#}"))?;
    assert!(end.is_some_and(|end| end.place.bytes == bytes.len() as u64));
    assert!(lines.is_sorted_by(|a, b| a.place.lines < b.place.lines && a.place.bytes <= b.place.bytes));
    let count = lines.len();
    for line in lines {
        match line.document {
            Ok(encoded) => document(&encoded),
            Err(rejection) => assert!(!rejection.reason.is_empty() && !rejection.message.is_empty()),
        }
    }
    Ok(count)
}
