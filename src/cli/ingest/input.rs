//! The input, opened where an earlier run was done with it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::batch::Place;
use super::on_file;

/// What is read: a file or standard input.
pub struct Input {
    pub reader: Box<dyn Read + Send>,
    /// How many bytes there are, where that is known.
    pub bytes: Option<u64>,
    /// Where it stands.
    pub at: Place,
    /// How many lines of it are done with.
    pub skip: u64,
}

impl Input {
    /// Opens a file, or standard input for `-`, of which a part is done with. A file is read from there on, if a line ends
    /// there; else lines are counted.
    pub fn open(path: &Path, done: Place) -> anyhow::Result<Self> {
        let (from_start, skip) = (Place::default(), done.lines);
        if is_stdin(path) {
            return Ok(Self { reader: Box::new(io::stdin()), bytes: None, at: from_start, skip });
        }
        let mut file = on_file(File::open(path), "open", path)?;
        let bytes = size(path)?;
        if bytes.is_some() && ends_line(&file, done.bytes) {
            on_file(file.seek(SeekFrom::Start(done.bytes)), "read", path)?;
            return Ok(Self { reader: Box::new(file), bytes, at: done, skip });
        }
        Ok(Self { reader: Box::new(file), bytes, at: from_start, skip })
    }
}

/// The size of an input; `None` for what has none, such as a pipe.
pub fn size(path: &Path) -> anyhow::Result<Option<u64>> {
    if is_stdin(path) {
        return Ok(None);
    }
    let metadata = on_file(std::fs::metadata(path), "open", path)?;
    anyhow::ensure!(!metadata.is_dir(), "{} is a folder; give a file of JSON lines", path.display());
    Ok(metadata.is_file().then_some(metadata.len()))
}

/// Whether the byte before this offset ends a line.
fn ends_line(file: &File, offset: u64) -> bool {
    let mut last = [0];
    offset > 0 && file.read_exact_at(&mut last, offset - 1).is_ok() && last == *b"\n"
}

pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::super::batch::Line;
    use super::super::line::Mapping;
    use super::super::reader::{Plan, read};
    use super::super::shard::{Part, Shard};
    use super::*;

    #[test]
    fn a_file_is_read_from_where_a_line_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docs.jsonl");
        let line = "{\"text\": \"a\"}\n";
        std::fs::write(&path, line.repeat(3)).unwrap();
        let bytes = line.len() as u64;
        let mapping = Mapping { id_field: "id".to_owned(), text_field: "text".to_owned(), payload_fields: None };
        let plan = Plan { mapping, part: Part { shard: Shard::WHOLE, collection: "docs".to_owned() } };
        let numbers = |done| {
            let Input { reader, at, skip, .. } = Input::open(&path, done).unwrap();
            let mut numbers = Vec::new();
            let send = |batch: Vec<Line>| {
                numbers.extend(batch.iter().map(|line| line.place));
                true
            };
            read(&mut BufReader::new(reader), &plan, at, skip, send).unwrap();
            (at, numbers)
        };
        let last = Place { lines: 3, bytes: 3 * bytes };
        let done = Place { lines: 2, bytes: 2 * bytes };
        assert_eq!(numbers(done), (done, vec![last]));
        // No line ends there: lines are counted.
        assert_eq!(numbers(Place { lines: 2, bytes: 2 * bytes - 1 }), (Place::default(), vec![last]));
        assert_eq!(numbers(Place { lines: 2, bytes: 0 }), (Place::default(), vec![last]));
        assert_eq!(numbers(last), (last, vec![]));
    }
}
