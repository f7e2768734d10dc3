//! Errors of files and directories that can't be opened, including broken and circular links.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use anyhow::anyhow;

use super::path_display::display_path;

/// Returns the metadata of a file or directory, following links.
///
/// # Errors
/// If the path can't be opened; for a link, the message names its target.
pub fn read_metadata(path: &Path) -> anyhow::Result<Metadata> {
    std::fs::metadata(path).map_err(|error| explain_open_error(path, error))
}

/// Checks that a link does not point to one of its own parent directories.
///
/// # Errors
/// If the link would cause an endless recursion.
pub fn reject_loop(link: &Path) -> anyhow::Result<()> {
    let (target, parent) = (link.canonicalize(), link.parent().map(Path::canonicalize));
    match (target, parent) {
        (Ok(target), Some(Ok(parent))) if parent.starts_with(&target) => Err(explain_loop(link, &target)),
        _ => Ok(()),
    }
}

fn explain_loop(link: &Path, above: &Path) -> anyhow::Error {
    anyhow!(
        "the link {} points to its parent directory {}, so the scan would never end; remove the link, or pass the other \
         files and directories by name",
        display_path(link),
        display_path(above)
    )
}

/// Converts an error of a directory walk to one with a remedy.
pub fn explain_walk_error(dir: &Path, error: walkdir::Error) -> anyhow::Error {
    let path = error.path().unwrap_or(dir).to_owned();
    if let Some(above) = error.loop_ancestor() {
        return explain_loop(&path, above);
    }
    let error = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
    if path.read_link().is_ok() {
        return explain_open_error(&path, error);
    }
    anyhow!(
        "can't read {}: {error}; make it readable, or pass the other files and directories by name",
        display_path(&path)
    )
}

fn explain_open_error(path: &Path, error: io::Error) -> anyhow::Error {
    let Ok(target) = path.read_link() else {
        return anyhow::Error::new(error).context(format!("can't open {}", display_path(path)));
    };
    let (link, to) = (display_path(path), display_path(&target));
    if error.kind() != io::ErrorKind::NotFound {
        return anyhow!("can't follow the link {link} to {to}: {error}; correct or remove the link");
    }
    // git-annex represents a file that is not fetched yet by a dangling link.
    let remedy = if to.contains(".git/annex/") { "fetch it with git annex get" } else { "restore the target" };
    anyhow!("{link} is a link to {to}, which does not exist; {remedy}, or remove the link")
}
