//! All files of the input, in their order.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::folder::Scan;
use super::given::{describe_file, describe_stdin};
use super::globs::is_pattern;
use super::selection::Selection;
use super::source::{Source, is_stdin};
use super::{globs, links, remote, same_file};

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
            listing.sources.push(describe_stdin(&path, selection)?);
        } else if links::metadata(&path)?.is_dir() {
            has_folder = true;
            let (sources, notice) = Scan::run(&path, selection)?;
            listing.sources.extend(sources);
            listing.notices.extend(notice);
        } else {
            listing.sources.push(describe_file(&path, selection)?);
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
