//! A file that grows, as `tail -F` reads it.
//!
//! At its end the file is looked at again every so often. If its name belongs to another file now (it was rotated), or it
//! is shorter than what was read (it was emptied), this one ends; the caller opens the name again, from the beginning. The
//! end of a rotated file is read before that, also what is added to it while its name is free.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::park_timeout;
use std::time::Duration;

use anyhow::ensure;

use super::compressed::Bytes;
use super::paths::Source;
use crate::cli::ingest::batch::Place;
use crate::cli::ingest::on_file;

/// One file under a name, until it is another's.
pub struct Tail {
    file: File,
    path: PathBuf,
    inode: u64,
    interval: Duration,
}

impl Tail {
    /// Waits for the file, and opens it.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn open(path: &Path, interval: Duration) -> anyhow::Result<Self> {
        let file = loop {
            match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => park_timeout(interval),
                outcome => break on_file(outcome, "open", path)?,
            }
        };
        let inode = on_file(file.metadata(), "read", path)?.ino();
        Ok(Self { file, path: path.to_owned(), inode, interval })
    }

    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Whether a place that an earlier run came to is one of this file. A run that didn't follow it noted no inode.
    pub fn has(&self, place: Place) -> io::Result<bool> {
        Ok([0, self.inode].contains(&place.inode) && self.file.metadata()?.len() >= place.offset)
    }

    /// The same file, with the same position in it.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Whether this file will have no more: its name is another's, or it has lost what was read.
    fn is_over(&mut self) -> io::Result<bool> {
        let is_emptied = self.file.metadata()?.len() < self.file.stream_position()?;
        // Without a name for a moment, it may still grow.
        Ok(is_emptied || std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.ino() != self.inode))
    }
}

impl Read for Tail {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Asked before the last read, so that this has all that was added before the name changed.
            let is_over = self.is_over()?;
            let read = self.file.read(buffer)?;
            if read > 0 || is_over {
                return Ok(read);
            }
            park_timeout(self.interval);
        }
    }
}

/// Whether a source can be followed: one file that is read line by line as it is.
///
/// # Errors
/// If it can't; the message says why.
pub fn check(sources: &[Source]) -> anyhow::Result<()> {
    let [source] = sources else { anyhow::bail!("--follow reads one file; give one") };
    ensure!(source.bytes.is_some(), "--follow reads a file; standard input and pipes are read as they come without it");
    ensure!(
        source.format.has_lines(),
        "--follow reads JSON lines, CSV, TSV or lines of text; {} can't grow (to read its lines, give --format lines)",
        source.path.display()
    );
    let is_plain = Bytes::open(source)?.is_plain_file();
    ensure!(is_plain, "--follow can't read on in a packed file; unpack {} first", source.path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, bounded};
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::thread;

    use super::*;

    const INTERVAL: Duration = Duration::from_millis(1);

    fn append(path: &Path, text: &str) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// What is read, piece by piece, and at each file's end `|`.
    fn follow(path: PathBuf) -> Receiver<String> {
        let (sender, pieces) = bounded(100);
        thread::spawn(move || {
            loop {
                let mut tail = Tail::open(&path, INTERVAL).unwrap();
                let mut buffer = [0; 64];
                while let Ok(read @ 1..) = tail.read(&mut buffer) {
                    if sender.send(String::from_utf8_lossy(&buffer[..read]).into_owned()).is_err() {
                        return;
                    }
                }
                if sender.send("|".to_owned()).is_err() {
                    return;
                }
            }
        });
        pieces
    }

    fn expect(pieces: &Receiver<String>, expected: &str) {
        let mut found = String::new();
        while found.len() < expected.len() {
            found += &pieces.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_is_read_on_through_rotation_and_emptying() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let pieces = follow(path.clone());
        append(&path, "one\n");
        expect(&pieces, "one\n");
        append(&path, "two\n");
        expect(&pieces, "two\n");
        // Rotated: what is added to the old one before the new one is there is read.
        let old = folder.path().join("log.1");
        fs::rename(&path, &old).unwrap();
        append(&old, "three\n");
        expect(&pieces, "three\n");
        append(&path, "four\nfour\n");
        expect(&pieces, "|four\nfour\n");
        // Emptied, by a copy and a truncation.
        fs::write(&path, "5\n").unwrap();
        expect(&pieces, "|5\n");
    }

    #[test]
    fn a_place_is_of_one_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        append(&path, "one\ntwo\n");
        let tail = Tail::open(&path, INTERVAL).unwrap();
        let done = Place { offset: 4, inode: tail.inode(), ..Place::default() };
        let has = |place| tail.has(place).unwrap();
        assert!(has(done) && has(Place { inode: 0, ..done }));
        assert!(!has(Place { inode: tail.inode() + 1, ..done }) && !has(Place { offset: 9, ..done }));
    }
}
