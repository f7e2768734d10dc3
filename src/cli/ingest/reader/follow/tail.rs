//! A file that grows, until its name is another file's.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::content_sample::ContentSample;
use super::follow_control::FollowControl;
use crate::cli::ingest::file_error::with_file_context;

/// How often a rotated file is looked at without anything new in it, before it is left.
const MAX_IDLE_POLLS_AFTER_ROTATION: u32 = 5;

/// One file under a name, until it is another's.
pub struct TailReader {
    file: File,
    path: PathBuf,
    inode: u64,
    follow: FollowControl,
    /// Where it ends, since it is no longer followed.
    stop_offset: Option<u64>,
    sample: ContentSample,
    is_overwritten: Arc<AtomicBool>,
}

impl TailReader {
    /// Waits for the file, and opens it.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn open(path: &Path, follow: &FollowControl) -> anyhow::Result<Self> {
        let file = loop {
            match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !follow.is_stopped() => follow.wait(),
                outcome => break with_file_context(outcome, "open", path)?,
            }
        };
        let inode = with_file_context(file.metadata(), "read", path)?.ino();
        let (path, sample, is_overwritten) = (path.to_owned(), ContentSample::default(), Arc::default());
        let follow = follow.clone();
        Ok(Self { file, path, inode, follow, stop_offset: None, sample, is_overwritten })
    }

    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Returns the same file.
    ///
    /// # Errors
    /// If its handle can't be cloned.
    pub fn try_clone_file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Returns a flag that is set when the file doesn't hold what was read any more.
    pub fn overwritten_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_overwritten)
    }

    /// Tells whether the file has lost what was read, also if it has grown beyond that again.
    fn has_lost_content(&mut self) -> io::Result<bool> {
        let position = self.file.stream_position()?;
        Ok(self.file.metadata()?.len() < position || !self.sample.matches_file(&self.file, position)?)
    }

    /// Tells whether it was stopped, and is read to where it ended then.
    fn is_at_stop_offset(&mut self) -> io::Result<bool> {
        if !self.follow.is_stopped() {
            return Ok(false);
        }
        let bytes = self.file.metadata()?.len();
        let stop_offset = *self.stop_offset.get_or_insert(bytes);
        Ok(self.file.stream_position()? >= stop_offset)
    }

    /// Tells whether the name is another file's. Without a name for a moment, this one may still grow.
    fn is_rotated(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.ino() != self.inode)
    }
}

impl Read for TailReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut idle_polls = 0;
        loop {
            if self.has_lost_content()? {
                self.is_overwritten.store(true, Ordering::Relaxed);
                return Ok(0);
            }
            if self.is_at_stop_offset()? {
                return Ok(0);
            }
            // Asked before the last read, so that this has all that was added before the name changed.
            let is_rotated = self.is_rotated();
            let position = self.file.stream_position()?;
            let read = self.file.read(buffer)?;
            if read > 0 {
                // It may have been emptied, and have grown again, since it was looked at.
                if !self.sample.matches_file(&self.file, position)? {
                    self.is_overwritten.store(true, Ordering::Relaxed);
                    return Ok(0);
                }
                self.sample.add(buffer.get(..read).unwrap_or_default());
                return Ok(read);
            }
            idle_polls = if is_rotated { idle_polls + 1 } else { 0 };
            if idle_polls > MAX_IDLE_POLLS_AFTER_ROTATION {
                return Ok(0);
            }
            self.follow.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, bounded};
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::thread;
    use std::time::Duration;

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
                let mut tail = TailReader::open(&path, &FollowControl::new(INTERVAL)).unwrap();
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
    fn a_file_that_is_emptied_and_grows_beyond_what_was_read_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        append(&path, "one\ntwo\n");
        let mut tail = TailReader::open(&path, &FollowControl::new(INTERVAL)).unwrap();
        let flag = tail.overwritten_flag();
        let mut buffer = [0; 64];
        assert_eq!(tail.read(&mut buffer).unwrap(), 8);
        append(&path, "three\n");
        assert_eq!((tail.read(&mut buffer).unwrap(), flag.load(Ordering::Relaxed)), (6, false));
        fs::write(&path, "1\n2\n3\n4\n5\n6\n7\n8\n9\n").unwrap();
        assert_eq!((tail.read(&mut buffer).unwrap(), flag.load(Ordering::Relaxed)), (0, true));
    }
}
