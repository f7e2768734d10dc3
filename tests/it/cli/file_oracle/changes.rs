//! Changes of the input files: append, replace, edit, truncate, rotate, remove and add.

use std::fs::{self, File, OpenOptions};
use std::io::Write;

use serde_json::json;

use super::History;
use super::files::{Format, InputFile, Record, WriteMode, gzip};

impl History {
    fn record(&mut self, name: &str, format: Format) -> Record {
        let head = self.head();
        let tail = if self.one_in(40) { "y".repeat(70_000) } else { "y".repeat(self.below(20)) };
        if format == Format::Text {
            let text = head + &tail;
            self.versions.insert((name.to_owned(), text.clone()));
            return Record { id: name.to_owned(), content: text.clone(), text, is_rejected: false };
        }
        let id = (1 + self.below(30)).to_string();
        if self.one_in(10) {
            let content = match format {
                Format::Csv => format!("{id},{head},more,fields"),
                Format::Array => format!("\"{head}\""),
                _ => format!("no json {head}"),
            };
            return Record { id, text: head, content, is_rejected: true };
        }
        let is_rejected = self.one_in(12);
        let middle = self.pick(&["", "", "\n", "\r\n", "\r", ", \"q\" "]);
        let text = format!("{head}{}{middle}{tail}", if is_rejected { " bad" } else { "" });
        let content = match format {
            Format::Csv if middle.is_empty() => format!("{id},{text}"),
            Format::Csv => format!("{id},\"{}\"", text.replace('"', "\"\"")),
            _ => json!({"id": id.parse::<u64>().unwrap(), "text": text}).to_string(),
        };
        self.versions.insert((id.clone(), text.clone()));
        Record { id, text, content, is_rejected }
    }

    fn records(&mut self, at: usize, count: usize) -> Vec<Record> {
        let (name, format) = (self.files[at].name.clone(), self.files[at].format);
        (0..if format == Format::Text { 1 } else { count }).map(|_| self.record(&name, format)).collect()
    }

    /// Adds a file to the end of the list.
    pub fn add(&mut self, letter: &str, is_text: bool) {
        let format = self.pick(&[Format::Lines, Format::Lines, Format::Array, Format::Csv, Format::Csv]);
        let format = if is_text { Format::Text } else { format };
        let is_gzip = self.one_in(6);
        let ending = match format {
            Format::Lines | Format::Array => "jsonl",
            Format::Csv => "csv",
            Format::Text => "txt",
        };
        let name = format!("{letter}.{ending}{}", if is_gzip { ".gz" } else { "" });
        let line_end = self.pick(&["\n", "\n", "\r\n", "\r"]);
        let (records, half, written) = (Vec::new(), None, String::new());
        self.files.push(InputFile { name, format, line_end, is_gzip, records, half, is_closed: true, written });
        let at = self.files.len() - 1;
        let count = self.below(9);
        self.files[at].records = self.records(at, count);
        self.write(at, WriteMode::InPlace, "new");
    }

    fn write(&mut self, at: usize, mode: WriteMode, step: &str) {
        let file = &self.files[at];
        let (path, content) = (self.path(&file.name), file.content());
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        let more = content.strip_prefix(&file.written).filter(|_| mode == WriteMode::Append && modified.is_some());
        if let Some(more) = more {
            OpenOptions::new().append(true).open(&path).unwrap().write_all(&file.encode(more)).unwrap();
        } else if mode == WriteMode::Rename {
            let other = self.directory.path().join("other");
            fs::write(&other, file.encode(&content)).unwrap();
            fs::rename(other, &path).unwrap();
        } else {
            fs::write(&path, file.encode(&content)).unwrap();
        }
        if let Some(modified) = modified.filter(|_| mode == WriteMode::Unnoticed) {
            File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        }
        let shown: String = content.replace(&"y".repeat(20), "").chars().take(600).collect();
        self.steps.push(format!("{step} ({mode:?}) {}: {} bytes, {shown:?}", file.name, content.len()));
        self.files[at].written = content;
    }

    /// Changes the files once.
    pub fn change(&mut self) {
        let at = self.below(self.files.len());
        let is_text = self.files[at].format == Format::Text;
        match if is_text { 7 + self.below(5) } else { self.below(12) } {
            0 | 1 => self.append(at, false),
            2 | 3 => self.append(at, true),
            4 => {
                self.files[at].complete();
                self.write(at, WriteMode::Append, "complete");
            }
            5 => self.truncate(at),
            6 => self.rotate(at),
            7 | 8 => self.replace(at),
            9 => self.edit(at),
            10 if self.is_directory && self.files.len() > 1 => {
                let file = self.files.remove(at);
                fs::remove_file(self.path(&file.name)).unwrap();
                self.steps.push(format!("remove {}", file.name));
            }
            11 if self.is_directory => {
                let letter = self.pick(&["a", "g", "h", "n", "x", "z"]);
                if !self.files.iter().any(|file| file.name.starts_with(letter)) {
                    self.add(letter, is_text);
                }
            }
            _ => self.append(at, false),
        }
    }

    fn append(&mut self, at: usize, with_half: bool) {
        if self.files[at].format == Format::Text {
            return self.replace(at);
        }
        self.files[at].complete();
        let count = self.below(4) + usize::from(!with_half);
        let records = self.records(at, count);
        self.files[at].records.extend(records);
        if with_half {
            let record = self.records(at, 1).remove(0);
            let end = if self.files[at].format == Format::Array { 0 } else { self.files[at].line_end.len() };
            let last = record.content.len() + end - 1;
            let cut = if self.one_in(2) { last } else { 1 + self.below(last) };
            self.files[at].half = Some((record, cut));
        }
        self.files[at].is_closed = !self.one_in(4);
        self.write(at, WriteMode::Append, "append");
    }

    fn truncate(&mut self, at: usize) {
        let left = self.below(self.files[at].records.len() + 1);
        let mut cut = self.files[at].records.split_off(left).into_iter().take(self.below(2));
        self.files[at].half = cut.next().map(|record| {
            let bytes = 1 + self.below(record.content.len() - 1);
            (record, bytes)
        });
        self.files[at].is_closed = false;
        self.write(at, WriteMode::InPlace, "truncate");
    }

    /// Replaces the records of a file, except for some at its beginning.
    fn replace(&mut self, at: usize) {
        let same = self.pick(&[0, 0, 1, 3]);
        let count = self.pick(&[0, 1, 3, 12]);
        let records = self.records(at, count);
        let file = &mut self.files[at];
        file.records.truncate(if file.format == Format::Text { 0 } else { same });
        file.records.extend(records);
        (file.half, file.is_closed) = (None, true);
        let mode = self.pick(&[WriteMode::InPlace, WriteMode::Unnoticed, WriteMode::Rename]);
        self.write(at, mode, "replace");
    }

    /// Changes some texts without changing the size or the modification time.
    fn edit(&mut self, at: usize) {
        for record in 0..self.files[at].records.len() {
            let (head, is_edited) = (self.head(), self.one_in(3));
            let record = &mut self.files[at].records[record];
            if is_edited && !record.is_rejected {
                let old = record.text[..head.len()].to_owned();
                (record.text, record.content) = (record.text.replace(&old, &head), record.content.replace(&old, &head));
                self.versions.insert((record.id.clone(), record.text.clone()));
            }
        }
        self.write(at, WriteMode::Unnoticed, "edit");
    }

    /// Rotates a log by renaming, or by copying and truncating it. The old log may get more lines and be compressed.
    fn rotate(&mut self, at: usize) {
        self.rotated += 1;
        if self.one_in(2) {
            self.append(at, false);
        }
        let (path, is_renamed) = (self.path(&self.files[at].name), self.one_in(2));
        let mut old = path.clone().into_os_string();
        old.push(format!(".{}", self.rotated));
        if is_renamed {
            fs::rename(&path, &old).unwrap();
        } else {
            fs::copy(&path, &old).unwrap();
        }
        if self.one_in(3) {
            let content = gzip(&fs::read(&old).unwrap());
            fs::remove_file(&old).unwrap();
            old.push(".gz");
            fs::write(&old, content).unwrap();
        }
        self.steps.push(format!("rotate to {}", old.display()));
        let count = self.below(10);
        self.files[at].records = self.records(at, count);
        (self.files[at].half, self.files[at].is_closed) = (None, true);
        self.write(at, WriteMode::InPlace, "new log");
    }
}
