//! Lists all input files, in order.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::directory::DirectoryScan;
use super::globs::is_pattern;
use super::named_files::{describe_file, describe_stdin};
use super::selection::FileSelection;
use super::source::{InputSource, is_stdin};
use super::{duplicates, globs, links, remote};

/// Files to read, with notices about skipped files.
#[derive(Debug, Default)]
pub struct FileListing {
    pub sources: Vec<InputSource>,
    /// One line per directory with skipped files, and one for duplicate files.
    pub notices: Vec<String>,
}

/// Lists the files of all input arguments. Blocks.
///
/// # Errors
/// If there are no files to read, a file can't be found or read, its format is unknown or unsupported, or two text files
/// would have the same id.
pub fn list_sources(arguments: &[PathBuf], selection: &FileSelection) -> anyhow::Result<FileListing> {
    let mut listing = FileListing::default();
    let mut has_directory = false;
    for path in arguments.iter().map(|path| resolve_argument(path)).collect::<Result<Vec<_>, _>>()?.concat() {
        if is_stdin(&path) {
            ensure!(arguments.len() == 1, "standard input can't be combined with files; pass `-` alone");
            listing.sources.push(describe_stdin(&path, selection)?);
        } else if links::read_metadata(&path)?.is_dir() {
            has_directory = true;
            let (sources, notice) = DirectoryScan::run(&path, selection)?;
            listing.sources.extend(sources);
            listing.notices.extend(notice);
        } else {
            listing.sources.push(describe_file(&path, selection)?);
        }
    }
    ensure!(
        selection.split.is_none() || has_directory,
        "--split (SPLADE_INGEST_SPLIT) has no effect: it selects files of a directory, but no directory is given; remove it, or \
         pass the directory"
    );
    listing.notices.extend(duplicates::remove_duplicates(&mut listing.sources));
    duplicates::check_unique_ids(&listing.sources)?;
    Ok(listing)
}

/// Resolves an argument to paths, expanding patterns.
fn resolve_argument(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    ensure!(
        !path.as_os_str().is_empty(),
        "an input argument is an empty string; pass a file or directory (is a shell variable empty?)"
    );
    if is_stdin(path) || path.symlink_metadata().is_ok() {
        return Ok(vec![path.to_owned()]);
    }
    remote::reject_address(path)?;
    if is_pattern(path) { globs::expand_pattern(path) } else { Ok(vec![path.to_owned()]) }
}
