//! All files of the input, in their order.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::directory::DirectoryScan;
use super::globs::is_pattern;
use super::named_files::{describe_file, describe_stdin};
use super::selection::FileSelection;
use super::source::{InputSource, is_stdin};
use super::{duplicates, globs, links, remote};

/// The files to read, and what the user has to know about those that are not.
#[derive(Debug, Default)]
pub struct FileListing {
    pub sources: Vec<InputSource>,
    /// One line for each folder in which files were skipped, and one for files that were reached more than once.
    pub notices: Vec<String>,
}

/// Lists the files of all that was given. Blocks.
///
/// # Errors
/// If there are none, one can't be found or read, its format is not known or not supported, or two texts would have the
/// same id.
pub fn list_sources(arguments: &[PathBuf], selection: &FileSelection) -> anyhow::Result<FileListing> {
    let mut listing = FileListing::default();
    let mut has_directory = false;
    for path in arguments.iter().map(|path| resolve_argument(path)).collect::<Result<Vec<_>, _>>()?.concat() {
        if is_stdin(&path) {
            ensure!(arguments.len() == 1, "standard input can't be read beside files; give `-` alone");
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
        "--split (SPLADE_INGEST_SPLIT) has no effect: it selects files of a folder, and no folder is given; remove it, or give \
         the folder"
    );
    listing.notices.extend(duplicates::remove_duplicates(&mut listing.sources));
    duplicates::check_unique_ids(&listing.sources)?;
    Ok(listing)
}

/// Returns the paths that an argument stands for.
fn resolve_argument(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    ensure!(
        !path.as_os_str().is_empty(),
        "an empty file name is given; give a file or a folder (is a variable empty?)"
    );
    if is_stdin(path) || path.symlink_metadata().is_ok() {
        return Ok(vec![path.to_owned()]);
    }
    remote::reject_address(path)?;
    if is_pattern(path) { globs::expand_pattern(path) } else { Ok(vec![path.to_owned()]) }
}
