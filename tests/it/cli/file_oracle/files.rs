//! Model of the input files of a history.

use std::io::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Lines,
    Array,
    Csv,
    /// One document per file; its id is the file name.
    Text,
}

/// Document, or an invalid record in its position.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: String,
    pub text: String,
    /// Content of the record without the line end.
    pub content: String,
    /// If set, the client or the server rejects the record.
    pub is_rejected: bool,
}

#[derive(Debug)]
pub struct InputFile {
    pub name: String,
    pub format: Format,
    pub line_end: &'static str,
    pub is_gzip: bool,
    pub records: Vec<Record>,
    /// Partially written last record, and the number of its bytes in the file.
    pub half: Option<(Record, usize)>,
    /// If set, the array has its closing bracket.
    pub is_closed: bool,
    /// Content at the last write of the file.
    pub written: String,
}

impl InputFile {
    pub fn content(&self) -> String {
        let end = self.line_end;
        let half = self.half.as_ref().map(|(record, cut)| format!("{}{end}", record.content)[..*cut].to_owned());
        let whole = self.records.iter().map(|record| record.content.clone());
        match self.format {
            Format::Text => whole.collect(),
            Format::Array => {
                let bracket = if self.is_closed && half.is_none() { format!("{end}]{end}") } else { String::new() };
                format!("[{end}{}{bracket}", whole.chain(half).collect::<Vec<_>>().join(&format!(",{end}")))
            }
            Format::Lines | Format::Csv => {
                let header = (self.format == Format::Csv).then(|| format!("id,text{end}"));
                header.into_iter().chain(whole.map(|line| line + end)).chain(half).collect()
            }
        }
    }

    pub fn encode(&self, content: &str) -> Vec<u8> {
        if self.is_gzip { gzip(content.as_bytes()) } else { content.as_bytes().to_vec() }
    }

    /// Returns whether the last record must be held back because its content is incomplete.
    pub fn is_held_back(&self) -> bool {
        self.half.as_ref().is_some_and(|(record, cut)| *cut < record.content.len())
    }

    /// Returns the texts of the complete records.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.records.iter().map(|record| record.text.as_str())
    }

    pub fn complete(&mut self) {
        self.records.extend(self.half.take().map(|(record, _)| record));
        self.is_closed = true;
    }
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Method of updating a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Append the new content; rewrite the file if the old content is not a prefix of it.
    Append,
    InPlace,
    /// Rewrite the file in place and restore its modification time.
    Unnoticed,
    Rename,
}
