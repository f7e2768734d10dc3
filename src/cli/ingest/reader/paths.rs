//! What was given on the command line → the files to read, in an order that is the same in every run.
//!
//! Of a folder, the files are read that have an ending of a known format, in the order of their names, and of those in its
//! folders; links are followed, since the Hugging Face cache is made of them. A folder that has files of data is a dataset:
//! the texts in it are about the data, and are no documents. With a format, only its endings count; with a format of plain
//! text every file does. What is hidden (`.` or `_` in front), and files of rejected lines, are passed over.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use walkdir::{DirEntry, WalkDir};

use super::format::Format;
use crate::cli::ingest::on_file;

/// A file to read, or standard input.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub path: PathBuf,
    /// Its path below the folder that was given, or as it was given: the id of a text.
    pub name: String,
    pub format: Format,
    /// How many bytes it has; `None` for what has no size, such as a pipe.
    pub bytes: Option<u64>,
}

impl Source {
    /// Describes a file of a format, for tests of what reads it.
    #[cfg(test)]
    pub fn of_file(path: &Path, format: Format) -> Self {
        let bytes = std::fs::metadata(path).map(|metadata| metadata.len()).ok();
        Self { path: path.to_owned(), name: path.display().to_string(), format, bytes }
    }

    pub fn is_stdin(&self) -> bool {
        is_stdin(&self.path)
    }
}

pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The files of all that was given, with the names of one split of a dataset if one is wanted. Blocks.
///
/// # Errors
/// If there are none, one can't be found or its format is not known, or two texts would have the same id.
pub fn list(given: &[PathBuf], format: Option<Format>, split: Option<&str>) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in given {
        if is_stdin(path) {
            ensure!(given.len() == 1, "standard input can't be read beside files; give `-` alone");
            sources.push(Source {
                path: path.clone(),
                name: "-".to_owned(),
                format: format.unwrap_or(Format::Jsonl),
                bytes: None,
            });
        } else if on_file(std::fs::metadata(path), "open", path)?.is_dir() {
            sources.extend(in_folder(path, format, split)?);
        } else {
            sources.push(file(path, format)?);
        }
    }
    check_ids(&sources)?;
    Ok(sources)
}

/// A file that was named. What is no file on a disk, such as a pipe, is taken as standard input is.
fn file(path: &Path, format: Option<Format>) -> anyhow::Result<Source> {
    let metadata = on_file(std::fs::metadata(path), "open", path)?;
    let bytes = metadata.is_file().then_some(metadata.len());
    let usual = if bytes.is_some() { Format::of(path) } else { Some(Format::Jsonl) };
    let format = format.or(usual).with_context(|| {
        format!("the name of {} doesn't tell its format; say it with --format, such as --format jsonl", path.display())
    })?;
    let name = path.strip_prefix("./").unwrap_or(path).display().to_string();
    Ok(Source { path: path.to_owned(), name, format, bytes })
}

fn in_folder(folder: &Path, format: Option<Format>, split: Option<&str>) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| entry.depth() == 0 || !is_passed_over(entry)) {
        let entry = entry.with_context(|| format!("can't read the folder {}", folder.display()))?;
        let found = Format::of(entry.path());
        let wanted = match format {
            Some(format) if format.is_plain() => Some(format),
            Some(format) => found.filter(|&found| found == format),
            // Beside data, a .json file describes them; alone, it is seldom lines.
            None => found.filter(|_| !has_ending(entry.path(), "json")),
        };
        let Some(format) = wanted.filter(|_| entry.file_type().is_file()) else { continue };
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path()).display().to_string();
        if split.is_none_or(|split| is_of_split(&name, split)) {
            sources.push(Source { name, ..file(entry.path(), Some(format))? });
        }
    }
    if format.is_none() && sources.iter().any(|source| !source.format.is_plain()) {
        sources.retain(|source| !source.format.is_plain());
    }
    if sources.is_empty() {
        let split = split.map(|split| format!(" with the word `{split}` in their names (--split)")).unwrap_or_default();
        bail!(
            "the folder {} has no files to read{split}; those end in .jsonl, .ndjson, .csv, .tsv, .parquet, .txt or .md, or \
             are said to be of a format with --format",
            folder.display()
        );
    }
    Ok(sources)
}

fn is_passed_over(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    name.starts_with(['.', '_']) || name.ends_with("rejects.jsonl")
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// Whether a split is a word of a path: `train` of `data/train-00000-of-00002.parquet` and of `train/0000.parquet`.
fn is_of_split(name: &str, split: &str) -> bool {
    name.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == split)
}

/// Two folders may have texts of the same name; one would replace the other.
fn check_ids(sources: &[Source]) -> anyhow::Result<()> {
    let mut seen = HashMap::new();
    for source in sources.iter().filter(|source| source.format == Format::Text) {
        if let Some(other) = seen.insert(source.name.as_str(), &source.path)
            && *other != source.path
        {
            bail!(
                "{} and {} would have the same id, {}; give the folder that both are in",
                other.display(),
                source.path.display(),
                source.name
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::{TempDir, tempdir};

    use super::*;

    fn folder(files: &[&str]) -> TempDir {
        let folder = tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    }

    fn names(folder: &TempDir, format: Option<Format>, split: Option<&str>) -> Vec<String> {
        let sources = list(&[folder.path().to_owned()], format, split).unwrap();
        sources.into_iter().map(|source| source.name).collect()
    }

    const DATASET: [&str; 9] = [
        "data/train-00001-of-00002.parquet",
        "data/train-00000-of-00002.parquet",
        "data/test-00000-of-00001.parquet",
        "README.md",
        "dataset_infos.json",
        ".gitattributes",
        ".cache/huggingface/x.parquet",
        "_temporary/y.parquet",
        "data/LICENSE.txt",
    ];

    #[test]
    fn a_dataset_is_its_data_in_order() {
        let folder = folder(&DATASET);
        let train = ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"];
        assert_eq!(names(&folder, None, None), ["data/test-00000-of-00001.parquet", train[0], train[1]]);
        assert_eq!(names(&folder, None, Some("train")), train);
        let error = list(&[folder.path().to_owned()], None, Some("dev")).unwrap_err().to_string();
        assert!(error.contains("`dev`") && error.contains(".parquet"), "{error}");
        assert_eq!(names(&folder, Some(Format::Text), None).len(), 6);
        assert_eq!(names(&folder, Some(Format::Jsonl), None), ["dataset_infos.json"]);
    }

    #[test]
    fn a_folder_of_texts_is_its_texts() {
        let folder = folder(&["b.md", "a/2.txt", "a/10.txt", "a/picture.png", "docs.jsonl.rejects.jsonl"]);
        assert_eq!(names(&folder, None, None), ["a/10.txt", "a/2.txt", "b.md"]);
        let paths = ["b.md", "a"].map(|name| folder.path().join(name));
        let sources = list(&paths, None, None).unwrap();
        let expected = [paths[0].display().to_string(), "10.txt".to_owned(), "2.txt".to_owned()];
        assert_eq!(sources.iter().map(|source| source.name.clone()).collect::<Vec<_>>(), expected);
        assert_eq!(sources[0].bytes, Some(4));
    }

    #[test]
    fn links_are_followed_as_in_the_cache_of_the_hub() {
        let folder = folder(&["blobs/0123", "other/x"]);
        let snapshot = folder.path().join("snapshots/1");
        fs::create_dir_all(&snapshot).unwrap();
        std::os::unix::fs::symlink("../../blobs/0123", snapshot.join("train.parquet")).unwrap();
        let sources = list(&[snapshot], None, None).unwrap();
        assert_eq!((sources[0].name.as_str(), sources[0].bytes), ("train.parquet", Some(10)));
    }

    #[test]
    fn what_cannot_be_read_says_what_to_do() {
        let folder = folder(&["docs.bin", "a/x.txt", "b/x.txt", "empty/.hidden"]);
        let problem = |given: &[&str]| {
            let given: Vec<_> = given.iter().map(|name| folder.path().join(name)).collect();
            list(&given, None, None).unwrap_err().to_string()
        };
        assert!(problem(&["docs.bin"]).contains("--format jsonl"));
        assert!(problem(&["absent.jsonl"]).contains("can't open"));
        assert!(problem(&["empty"]).contains("has no files to read"));
        assert!(problem(&["a", "b"]).contains("the same id, x.txt"));
        let stdin = [PathBuf::from("-"), folder.path().join("a")];
        assert!(list(&stdin, None, None).unwrap_err().to_string().contains("give `-` alone"));
    }
}
