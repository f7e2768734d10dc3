//! What tells one encoder from another.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{ModelError, Settings};
use crate::types::Fingerprint;

/// SHA-256 over all that decides a model's vectors: the bytes of the weights, of the tokenizer and of `config.json`,
/// pooling, activation, case and max length.
///
/// Not in it: the number format of the arithmetic. Its vectors are those of the model to its rounding, so one process may
/// index in 8 bits and another search in float32.
pub fn of(settings: &Settings) -> Result<Fingerprint, ModelError> {
    let mut hash = Sha256::new();
    for path in [&settings.config_path, &settings.tokenizer_path].into_iter().chain(&settings.weights) {
        add_file(&mut hash, path).map_err(|error| ModelError::file(path, error))?;
    }
    let Settings { pooling, activation, lower_case, max_length, .. } = settings;
    hash.update(format!("{pooling:?} {activation:?} {lower_case} {max_length}"));
    Ok(Fingerprint(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Adds a file's length and bytes; the length keeps one file's end from passing for the next one's beginning.
fn add_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    hash.update(file.metadata()?.len().to_le_bytes());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => hash.update(&buffer[..read]),
        }
    }
}
