//! JSON lines: an object a line.

use anyhow::ensure;

use super::pieces::Pieces;
use super::{FilePosition, Next, Records};
use crate::cli::ingest::mapping::{Mapping, too_long};

pub struct JsonLines {
    pub pieces: Pieces,
    pub mapping: Mapping,
}

impl Records for JsonLines {
    fn next(&mut self) -> anyhow::Result<Next> {
        let Some(line) = self.pieces.next_line()? else { return Ok(Next::End) };
        if line.is_blank() {
            return Ok(line.as_blank());
        }
        // The record keeps its trailing white space: a rejected line is written as it was.
        let json = line.content.trim_ascii_end();
        let is_pretty = line.number == 1 && json == b"{";
        ensure!(!is_pretty, "its first line is only `{{`: an object takes several lines; write one a line: jq -c .");
        let document = if line.is_cut { Err(too_long(line.bytes)) } else { self.mapping.document_of_json(json) };
        Ok(Next::Record(line.into_record(document)))
    }

    fn at(&self) -> FilePosition {
        self.pieces.at()
    }

    fn may_wait(&self) -> bool {
        self.pieces.may_wait()
    }
}
