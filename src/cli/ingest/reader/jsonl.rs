//! JSON lines: an object a line.

use anyhow::ensure;

use super::pieces::Pieces;
use super::{At, Next, Record, Records};
use crate::cli::ingest::mapping::{Mapping, too_long};

pub struct JsonLines {
    pub pieces: Pieces,
    pub mapping: Mapping,
}

impl Records for JsonLines {
    fn next(&mut self) -> anyhow::Result<Next> {
        let Some(mut line) = self.pieces.next_line()? else { return Ok(Next::End) };
        if line.is_blank() {
            return Ok(Next::Blank);
        }
        line.content.truncate(line.content.trim_ascii_end().len());
        let is_array = line.number == 1 && line.content.starts_with(b"[") && !line.content.ends_with(b"]");
        ensure!(!is_array, "it begins with `[`, so it is one JSON array; make it lines first: jq -c '.[]'");
        let document =
            if line.is_cut { Err(too_long(line.bytes)) } else { self.mapping.document_of_json(&line.content) };
        Ok(Next::Record(Record { number: line.number, is_whole: !line.is_cut, content: line.content, document }))
    }

    fn at(&self) -> At {
        self.pieces.at()
    }

    fn may_wait(&self) -> bool {
        self.pieces.may_wait()
    }
}
