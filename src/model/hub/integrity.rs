//! Integrity checks of downloaded files.
//!
//! hf-hub treats a connection that closes early as the end of the file, and does not notice a server that ignores the
//! range of a resumed download. The size is always known, and large files are named by their SHA-256.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use hf_hub::api::Progress;
use sha2::{Digest, Sha256};

/// Returns a description of the defect of a downloaded file, or `None` if it has the announced `size` in bytes and, if
/// named by a SHA-256, that hash.
pub fn find_defect(blob: &Path, size: usize) -> io::Result<Option<String>> {
    let length = fs::metadata(blob)?.len();
    if length != size as u64 {
        return Ok(Some(format!("{length} bytes, expected {size}")));
    }
    let name = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Small files are named by a git hash (40 digits), which covers a header too and is not checked.
    if name.len() != 64 || !name.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let digest = compute_sha256(&mut File::open(blob)?)?;
    Ok((digest != name).then(|| format!("SHA-256 is {digest}, expected {name}")))
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

/// Forwards progress and records the size that the Hub announced.
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
