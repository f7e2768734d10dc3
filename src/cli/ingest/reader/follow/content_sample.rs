//! Samples of the content read from a file, to detect overwriting.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Length of each of the two samples, in bytes.
const SAMPLE_BYTES: usize = 4 << 10;

/// Samples of a file: the first bytes, and the most recently read bytes.
#[derive(Debug, Default)]
pub struct ContentSample {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl ContentSample {
    /// Updates the samples with bytes that were read.
    pub fn add(&mut self, bytes: &[u8]) {
        let missing = SAMPLE_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..missing).unwrap_or(bytes));
        self.tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(SAMPLE_BYTES)..).unwrap_or(bytes));
        self.tail.drain(..self.tail.len().saturating_sub(SAMPLE_BYTES));
    }

    /// Returns whether a file still holds the samples, at its start and directly before `position`.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn matches_file(&self, file: &File, position: u64) -> io::Result<bool> {
        let file_has = |expected: &[u8], offset: u64| {
            let mut found = vec![0; expected.len()];
            match file.read_exact_at(&mut found, offset) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
                outcome => outcome.map(|()| found == expected),
            }
        };
        Ok(file_has(&self.head, 0)? && file_has(&self.tail, position.saturating_sub(self.tail.len() as u64))?)
    }
}
