//! Input files as a history knows them.

use std::io::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Lines,
    Array,
    Csv,
    /// One document per file, whose id is the file's name.
    Text,
}

/// A document, or something in the place of one.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: String,
    pub text: String,
    /// Without the line end.
    pub content: String,
    /// Whether the client or the server rejects it.
    pub is_rejected: bool,
}

#[derive(Debug)]
pub struct InputFile {
    pub name: String,
    pub format: Format,
    pub line_end: &'static str,
    pub is_gzip: bool,
    pub records: Vec<Record>,
    /// One more record, and how many bytes of it are written.
    pub half: Option<(Record, usize)>,
    /// Whether an array has its bracket.
    pub is_closed: bool,
    /// The content when the file was written last.
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

    /// Tells whether its last record must be held back: its content is not complete.
    pub fn is_held_back(&self) -> bool {
        self.half.as_ref().is_some_and(|(record, cut)| *cut < record.content.len())
    }

    /// Returns the texts of its whole records.
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

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// What it has more is appended; if it doesn't begin with what it was, it is written anew.
    Append,
    InPlace,
    /// In place, and it keeps its time of modification.
    Unnoticed,
    Rename,
}
