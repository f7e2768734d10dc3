//! JSON Lines: one object per line.

use anyhow::ensure;

use super::line_reader::LineReader;
use super::{FilePosition, NextRecord, RecordReader};
use crate::cli::ingest::mapping::{FieldMapping, reject_too_long};

pub struct JsonLines {
    pub lines: LineReader,
    pub mapping: FieldMapping,
}

impl RecordReader for JsonLines {
    fn next_record(&mut self) -> anyhow::Result<NextRecord> {
        let Some(line) = self.lines.next_line()? else { return Ok(NextRecord::End) };
        if line.is_blank() {
            return Ok(line.to_blank_record());
        }
        // The record keeps its trailing whitespace, so that a rejected line is written unchanged.
        let json = line.content.trim_ascii_end();
        let is_pretty = line.number == 1 && json == b"{";
        ensure!(
            !is_pretty,
            "the first line is only `{{`, so objects span several lines; write one object per line: jq -c ."
        );
        let document =
            if line.is_truncated { Err(reject_too_long(line.total_bytes)) } else { self.mapping.map_json_line(json) };
        Ok(NextRecord::Record(line.into_record(document)))
    }

    fn position(&self) -> FilePosition {
        self.lines.position()
    }

    fn may_block(&self) -> bool {
        self.lines.may_block()
    }
}
