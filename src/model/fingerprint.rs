//! What tells one encoder from another.
//!
//! Fingerprints are stored with each collection, so their form is fixed: version 1 is the 64 hexadecimal digits of a
//! SHA-256 over files and words that depend on no name in this code (see docs/adr/0002-persisted-identities.md).

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::layout::QuerySettings;
use super::settings::{Pooling, TermActivation};
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
            hash.update(static_words(settings.tokenizer.max_length));
        }
    }
    Ok(Fingerprint(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn add_transformer(hash: &mut Sha256, settings: &Settings) -> Result<(), ModelError> {
    add_files(hash, settings.files())?;
    let Settings { pooling, activation, lower_case, max_length, .. } = settings;
    hash.update(words(*pooling, *activation, *lower_case, *max_length));
    Ok(())
}

/// The settings of a transformer, as version 1 writes them. The words were the names of the types when the first
/// collections were written; they must stay.
fn words(pooling: Pooling, activation: TermActivation, lower_case: bool, max_length: usize) -> String {
    let pooling = match pooling {
        Pooling::Max => "Max",
        Pooling::Sum => "Sum",
    };
    let activation = match activation {
        TermActivation::Relu => "Relu",
        TermActivation::Log1pRelu => "Log1pRelu",
    };
    let lower_case = if lower_case { "true" } else { "false" };
    format!("{pooling} {activation} {lower_case} {max_length}")
}

/// The settings of a static encoder, as version 1 writes them.
fn static_words(max_length: Option<usize>) -> String {
    max_length.map_or("None".to_owned(), |max_length| format!("Some({max_length})"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_version_1_stay() {
        assert_eq!(words(Pooling::Max, TermActivation::Relu, false, 512), "Max Relu false 512");
        assert_eq!(words(Pooling::Sum, TermActivation::Log1pRelu, true, 8192), "Sum Log1pRelu true 8192");
        assert_eq!([Some(512), None].map(static_words), ["Some(512)", "None"]);
    }

    /// The SHA-256 of: the length of each file in 8 bytes, little endian, and its bytes; then the words.
    #[test]
    fn version_1_is_files_and_words() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["weights", "tokenizer"].map(|name| dir.path().join(name));
        std::fs::write(&paths[0], b"abc").unwrap();
        std::fs::write(&paths[1], b"").unwrap();
        let mut hash = Sha256::new();
        add_files(&mut hash, &paths).unwrap();
        hash.update(words(Pooling::Max, TermActivation::Relu, false, 512));
        let bytes = b"\x03\0\0\0\0\0\0\0abc\0\0\0\0\0\0\0\0Max Relu false 512";
        assert_eq!(hash.finalize(), Sha256::digest(bytes));
    }
}
