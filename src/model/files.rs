//! Bounded reading of the files of a model directory. Directories are untrusted: each file is read up to a maximum
//! size, and file names from configuration files cannot leave the directory.
//!
//! See docs/adr/0030-untrusted-model-directories.md.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// Maximum size of a JSON file other than `tokenizer.json`, in bytes. The weights of a vocabulary of 250,000 tokens
/// need 8 MiB.
pub const MAX_JSON_BYTES: u64 = 16 << 20;
/// Maximum size of `tokenizer.json`, in bytes. The file of XLM-R has 17 MiB.
pub const MAX_TOKENIZER_BYTES: u64 = 128 << 20;

/// Files with the arguments of a Transformer module. Like sentence-transformers, the first non-empty one is used.
pub const MODULE_ARGUMENT_FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Opens a regular file for reading. Refuses pipes and devices, which may never end.
pub fn open_regular_file(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}

/// Reads a file of at most `max_bytes` bytes.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] if the file is larger, [`ErrorKind::InvalidInput`] if it is not a regular file, or the
/// error of the file system.
pub fn read_bounded(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular_file(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let problem = format!("larger than {} MiB, the maximum for this file", max_bytes >> 20);
        return Err(io::Error::new(ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// Resolves `name` within a directory; `None` if it leads outside. An empty name resolves to the directory.
pub fn resolve_within(directory: &Path, name: &str) -> Option<PathBuf> {
    let mut components = Path::new(name).components();
    components.all(|part| matches!(part, Component::Normal(_) | Component::CurDir)).then(|| directory.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_resolved_within_the_directory() {
        let directory = Path::new("model");
        for name in ["", "1_SpladePooling", "./a", "a/b", "..a"] {
            assert_eq!(resolve_within(directory, name), Some(directory.join(name)), "{name}");
        }
        for name in ["..", "../a", "a/../../b", "/etc", "/"] {
            assert_eq!(resolve_within(directory, name), None, "{name}");
        }
    }

    #[test]
    fn files_above_the_maximum_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, [0; 10]).unwrap();
        assert_eq!(read_bounded(&path, 10).unwrap().len(), 10);
        assert_eq!(read_bounded(&path, 9).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_bounded(directory.path(), 9).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
