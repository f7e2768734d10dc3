//! Reader of a growing file, until it is rotated or overwritten.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::content_sample::ContentSample;
use super::follow_control::FollowControl;
use crate::cli::ingest::file_error::with_file_context;

/// Number of polls without new data after which a rotated file counts as complete.
const MAX_IDLE_POLLS_AFTER_ROTATION: u32 = 5;

/// Reader of a growing file, until its path names another file or its content is lost.
pub struct TailReader {
    file: File,
    path: PathBuf,
    inode: u64,
    follow: FollowControl,
    /// File size at the time when following was stopped; reading ends there.
    stop_offset: Option<u64>,
    sample: ContentSample,
    is_overwritten: Arc<AtomicBool>,
}

impl TailReader {
    /// Waits until the file exists, and opens it.
    ///
    /// # Errors
    /// If the file can't be opened, or does not exist when following is stopped.
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

    /// Returns another handle of the file.
    ///
    /// # Errors
    /// If the handle can't be duplicated.
    pub fn try_clone_file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Returns a flag that is set when the file no longer holds the content that was read.
    pub fn overwritten_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_overwritten)
    }

    /// Returns whether the file no longer holds the content that was read, even if it has grown beyond the position again.
    fn has_lost_content(&mut self) -> io::Result<bool> {
        let position = self.file.stream_position()?;
        Ok(self.file.metadata()?.len() < position || !self.sample.matches_file(&self.file, position)?)
    }

    /// Returns whether following was stopped and the file is read up to its size at that time.
    fn is_at_stop_offset(&mut self) -> io::Result<bool> {
        if !self.follow.is_stopped() {
            return Ok(false);
        }
        let bytes = self.file.metadata()?.len();
        let stop_offset = *self.stop_offset.get_or_insert(bytes);
        Ok(self.file.stream_position()? >= stop_offset)
    }

    /// Returns whether the path names another file. A missing path is not a rotation yet: the old file may still grow.
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
            // Checked before the read, so that the read returns everything written before the rotation.
            let is_rotated = self.is_rotated();
            let position = self.file.stream_position()?;
            let read = self.file.read(buffer)?;
            if read > 0 {
                // The file may have been truncated and have grown again since the check above.
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

    /// Sends each chunk that is read, and `|` at the end of each file.
    fn follow(path: PathBuf) -> Receiver<String> {
        let (sender, chunks) = bounded(100);
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
        chunks
    }

    fn expect(chunks: &Receiver<String>, expected: &str) {
        let mut found = String::new();
        while found.len() < expected.len() {
            found += &chunks.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn following_survives_rotation_and_truncation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let chunks = follow(path.clone());
        append(&path, "one\n");
        expect(&chunks, "one\n");
        append(&path, "two\n");
        expect(&chunks, "two\n");
        // Rotated: data added to the old file before the new one exists is read.
        let old = dir.path().join("log.1");
        fs::rename(&path, &old).unwrap();
        append(&old, "three\n");
        expect(&chunks, "three\n");
        append(&path, "four\nfour\n");
        expect(&chunks, "|four\nfour\n");
        // Truncated, as by `copytruncate`.
        fs::write(&path, "5\n").unwrap();
        expect(&chunks, "|5\n");
    }

    #[test]
    fn an_overwritten_file_that_grows_beyond_the_position_is_detected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
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
