//! Resolves what was given on the command line to the files to read, in an order that is the same in every run.
//!
//! A folder gives its files with an ending of a known format, in the order of their names, with those of the folders in it;
//! links are followed, since the Hugging Face cache is made of them. A folder that has files of data is a dataset: the texts
//! in it are about the data, and are no documents. With a format, only its endings count; with a format of plain text every
//! file does.
//!
//! No file is left out silently: each is read, counted in a notice, or the run is refused with a remedy.

mod folder;
mod globs;
mod links;
mod partitions;
mod remote;
mod same_file;
mod skipped;
mod tables;
mod unread;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};

use self::folder::Scan;
pub use self::globs::{absolute_pattern, is_pattern};
use super::format::Format;
use crate::cli::ingest::mapping::Fields;
use crate::features;

/// A file to read, or standard input.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub path: PathBuf,
    /// Path below the folder that was given, or as it was given.
    pub name: String,
    pub format: Format,
    /// How many bytes it has; `None` for what has no size, such as a pipe.
    pub bytes: Option<u64>,
    /// Values of the partition columns that the folders of its path name, such as `year=2023/`.
    pub partitions: Fields,
    /// Prefix of the id of a whole-file document.
    pub id_prefix: Arc<str>,
}

impl Source {
    /// Describes a file of a format, for tests of what reads it.
    #[cfg(test)]
    pub fn of_file(path: &Path, format: Format) -> Self {
        let bytes = std::fs::metadata(path).map(|metadata| metadata.len()).ok();
        let (partitions, id_prefix) = (Fields::new(), "".into());
        Self { path: path.to_owned(), name: path.display().to_string(), format, bytes, partitions, id_prefix }
    }

    pub fn is_stdin(&self) -> bool {
        is_stdin(&self.path)
    }

    /// Returns the id of a whole-file document; of standard input, nothing but the text is known.
    pub fn id(&self) -> Option<String> {
        (!self.is_stdin()).then(|| format!("{}{}", self.id_prefix, self.name))
    }
}

pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Which files are wanted of what was given, and how they are read.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Format of all files; `None` to tell it by their endings.
    pub format: Option<Format>,
    /// Word that the names of a folder's files must have.
    pub split: Option<String>,
    /// Prefix of the ids of whole-file documents.
    pub id_prefix: String,
    /// Files that the run writes, which are not read even if they lie in a folder that was given.
    pub own_files: Vec<PathBuf>,
}

/// The files to read, and what the user has to know about those that are not.
#[derive(Debug, Default)]
pub struct Listing {
    pub sources: Vec<Source>,
    /// One line for each folder in which files were skipped, and one for files that were reached more than once.
    pub notices: Vec<String>,
}

/// Lists the files of all that was given. Blocks.
///
/// # Errors
/// If there are none, one can't be found or read, its format is not known or not supported, or two texts would have the
/// same id.
pub fn list(given: &[PathBuf], selection: &Selection) -> anyhow::Result<Listing> {
    let mut listing = Listing::default();
    let mut has_folder = false;
    for path in given.iter().map(|path| resolve(path)).collect::<Result<Vec<_>, _>>()?.concat() {
        if is_stdin(&path) {
            ensure!(given.len() == 1, "standard input can't be read beside files; give `-` alone");
            listing.sources.push(stdin(&path, selection)?);
        } else if links::metadata(&path)?.is_dir() {
            has_folder = true;
            let (sources, notice) = Scan::run(&path, selection)?;
            listing.sources.extend(sources);
            listing.notices.extend(notice);
        } else {
            listing.sources.push(given_file(&path, selection)?);
        }
    }
    ensure!(
        selection.split.is_none() || has_folder,
        "--split (SPLADE_INGEST_SPLIT) has no effect: it selects files of a folder, and no folder is given; remove it, or give \
         the folder"
    );
    listing.notices.extend(same_file::remove_repeated(&mut listing.sources));
    same_file::check_ids(&listing.sources)?;
    Ok(listing)
}

/// Returns the paths that an argument stands for.
fn resolve(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    ensure!(
        !path.as_os_str().is_empty(),
        "an empty file name is given; give a file or a folder (is a variable empty?)"
    );
    if is_stdin(path) || path.symlink_metadata().is_ok() {
        return Ok(vec![path.to_owned()]);
    }
    remote::refuse_address(path)?;
    if is_pattern(path) { globs::expand(path) } else { Ok(vec![path.to_owned()]) }
}

fn stdin(path: &Path, selection: &Selection) -> anyhow::Result<Source> {
    let format = selection.format.unwrap_or(Format::Jsonl);
    check_seekable(path, format, None)?;
    source(path, "-".to_owned(), format, None, selection)
}

/// A file that was named. What is no file on a disk, such as a pipe, is taken as standard input is.
fn given_file(path: &Path, selection: &Selection) -> anyhow::Result<Source> {
    let metadata = links::metadata(path)?;
    // Who says the format has looked into the file; what is compressed is so whatever they say.
    if let Some(unread) = unread::of(path).filter(|unread| selection.format.is_none() || unread.inner.is_some()) {
        return Err(unread.refusal(path));
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    let usual = if bytes.is_some() { Format::of(path) } else { Some(Format::Jsonl) };
    let format = selection.format.or(usual).with_context(|| {
        format!("the name of {} doesn't tell its format; say it with --format, such as --format jsonl", shown(path))
    })?;
    check_seekable(path, format, bytes)?;
    let name = text_name(path.strip_prefix("./").unwrap_or(path), path, format)?;
    source(path, name, format, bytes, selection)
}

fn source(
    path: &Path,
    name: String,
    format: Format,
    bytes: Option<u64>,
    selection: &Selection,
) -> anyhow::Result<Source> {
    let partitions = partitions::parse(path)?;
    Ok(Source {
        path: path.to_owned(),
        name,
        format,
        bytes,
        partitions,
        id_prefix: selection.id_prefix.as_str().into(),
    })
}

/// Parquet has its index at its end, and not every build reads it.
fn check_seekable(path: &Path, format: Format, bytes: Option<u64>) -> anyhow::Result<()> {
    let what = if is_stdin(path) { "standard input".to_owned() } else { shown(path) };
    ensure!(
        format != Format::Parquet || cfg!(feature = "parquet"),
        "{what}: {}",
        features::missing("Parquet", "parquet")
    );
    ensure!(
        format != Format::Parquet || bytes.is_some(),
        "Parquet can't be read from {what}, since its index is at its end; write it to a file and give that"
    );
    Ok(())
}

/// Returns a path as the name of a source. Of whole-file documents it is the id and of lines the field `path`, so there it
/// has to be text: with replacement characters, two files could have one name.
fn text_name(name: &Path, path: &Path, format: Format) -> anyhow::Result<String> {
    ensure!(
        !format.is_plain() || name.to_str().is_some(),
        "the name of {} is not UTF-8, and it would be stored; rename the file, such as with convmv -f latin1 -t utf8 --notest",
        shown(path)
    );
    Ok(name.display().to_string())
}

/// Returns a path for messages: control characters can't reach the terminal, and bytes that are not UTF-8 are escaped.
fn shown(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => format!("{path:?}"),
    }
}

#[cfg(test)]
mod tests;
