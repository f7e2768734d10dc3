//! Checks downloaded files.
//!
//! hf-hub takes a connection that ends early for the end of the file, and a server that ignores its range for one that
//! honours it. The size is always known, and large files are named by their SHA-256.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use hf_hub::api::Progress;
use sha2::{Digest, Sha256};

/// Returns what is wrong with a downloaded file of which the hub announced `size` bytes; `None` if nothing is.
pub fn find_defect(blob: &Path, size: usize) -> io::Result<Option<String>> {
    let length = fs::metadata(blob)?.len();
    if length != size as u64 {
        return Ok(Some(format!("{length} bytes instead of {size}")));
    }
    let name = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.len() != 64 || !name.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let digest = compute_sha256(&mut File::open(blob)?)?;
    Ok((digest != name).then(|| format!("its SHA-256 is {digest} instead of {name}")))
}

fn compute_sha256(input: &mut impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = input.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Passes progress on, and records the size that the hub announced.
pub struct SizeRecorder<P> {
    pub inner: P,
    pub size: Rc<Cell<usize>>,
}

impl<P: Progress> Progress for SizeRecorder<P> {
    fn init(&mut self, size: usize, filename: &str) {
        self.size.set(size);
        self.inner.init(size, filename);
    }

    fn update(&mut self, size: usize) {
        self.inner.update(size);
    }

    fn finish(&mut self) {
        self.inner.finish();
    }
}
