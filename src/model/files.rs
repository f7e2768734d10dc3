//! The files of a model's folder. A folder may come from anywhere, so each file is read with a bound, and a name that a file
//! gives leads nowhere but into the folder.
//!
//! See docs/adr/0030-untrusted-model-directories.md.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// The longest JSON file beside the tokenizer's, in bytes: the weights of a vocabulary of 250,000 tokens have 8 MiB.
pub const MAX_JSON_BYTES: u64 = 16 << 20;
/// The longest `tokenizer.json`, in bytes: XLM-R's has 17 MiB.
pub const MAX_TOKENIZER_BYTES: u64 = 128 << 20;

/// The names of the file of a Transformer module's arguments, of which sentence-transformers reads the first that has any.
pub const MODULE_ARGUMENT_FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Opens a file to read. A pipe or a device, which may never end, is refused.
pub fn open_regular_file(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// All bytes of a file that has at most `max_bytes`.
pub fn read_bounded(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular_file(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let problem = format!("it has more than {} MiB, which no model needs here", max_bytes >> 20);
        return Err(io::Error::new(ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// The path of `name` in a folder; `None` if it leads out of it. An empty name is the folder itself.
pub fn resolve_within(directory: &Path, name: &str) -> Option<PathBuf> {
    let mut components = Path::new(name).components();
    components.all(|part| matches!(part, Component::Normal(_) | Component::CurDir)).then(|| directory.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        let folder = Path::new("model");
        for name in ["", "1_SpladePooling", "./a", "a/b", "..a"] {
            assert_eq!(resolve_within(folder, name), Some(folder.join(name)), "{name}");
        }
        for name in ["..", "../a", "a/../../b", "/etc", "/"] {
            assert_eq!(resolve_within(folder, name), None, "{name}");
        }
    }

    #[test]
    fn a_file_is_read_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [0; 10]).unwrap();
        assert_eq!(read_bounded(&path, 10).unwrap().len(), 10);
        assert_eq!(read_bounded(&path, 9).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_bounded(folder.path(), 9).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
