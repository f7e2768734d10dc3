//! What tells one encoder from another.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::layout::QuerySettings;
use super::{ModelError, Settings, files};
use crate::types::Fingerprint;

/// SHA-256 over all that decides a model's vectors: the bytes of the weights, of the tokenizer and of `config.json`,
/// pooling, activation, case and max length, of documents and, where they differ, of queries.
///
/// Not in it: the number format of the arithmetic. Its vectors are those of the model to its rounding, so one process may
/// index in 8 bits and another search in float32.
pub fn of(document: &Settings, query: Option<&QuerySettings>) -> Result<Fingerprint, ModelError> {
    let mut hash = Sha256::new();
    add_transformer(&mut hash, document)?;
    match query {
        None => {}
        Some(QuerySettings::Transformer(settings)) => add_transformer(&mut hash, settings)?,
        Some(QuerySettings::Static(settings)) => {
            add_files(&mut hash, &settings.files()?)?;
            hash.update(format!("{:?}", settings.tokenizer.max_length));
        }
    }
    Ok(Fingerprint(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn add_transformer(hash: &mut Sha256, settings: &Settings) -> Result<(), ModelError> {
    add_files(hash, settings.files())?;
    let Settings { pooling, activation, lower_case, max_length, .. } = settings;
    hash.update(format!("{pooling:?} {activation:?} {lower_case} {max_length}"));
    Ok(())
}

fn add_files<'a>(hash: &mut Sha256, paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), ModelError> {
    paths.into_iter().try_for_each(|path| add_file(hash, path).map_err(|error| ModelError::file(path, error)))
}

/// Adds a file's length and bytes; the length keeps one file's end from passing for the next one's beginning.
fn add_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = files::open(path)?;
    hash.update(file.metadata()?.len().to_le_bytes());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => hash.update(&buffer[..read]),
        }
    }
}
