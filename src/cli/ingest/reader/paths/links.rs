//! Errors of files and folders that can't be opened, with those that links cause.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use anyhow::anyhow;

use super::path_display::display_path;

/// Returns the metadata of the file or folder that a path leads to.
///
/// # Errors
/// If it can't be opened; of a link, the message names its target.
pub fn read_metadata(path: &Path) -> anyhow::Result<Metadata> {
    std::fs::metadata(path).map_err(|error| explain_open_error(path, error))
}

/// Refuses a link to a folder that the link is in.
///
/// # Errors
/// If it is one.
pub fn reject_loop(link: &Path) -> anyhow::Result<()> {
    let (target, parent) = (link.canonicalize(), link.parent().map(Path::canonicalize));
    match (target, parent) {
        (Ok(target), Some(Ok(parent))) if parent.starts_with(&target) => Err(explain_loop(link, &target)),
        _ => Ok(()),
    }
}

fn explain_loop(link: &Path, above: &Path) -> anyhow::Error {
    anyhow!(
        "the link {} leads to {}, a folder that it is in itself, so there would be no end of files; remove the link, or give \
         the other files and folders by their names",
        display_path(link),
        display_path(above)
    )
}

/// Describes why a folder can't be read on.
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
        "can't read {}: {error}; make it readable, or give the other files and folders by their names",
        display_path(&path)
    )
}

fn explain_open_error(path: &Path, error: io::Error) -> anyhow::Error {
    let Ok(target) = path.read_link() else {
        return anyhow::Error::new(error).context(format!("can't open {}", display_path(path)));
    };
    let (link, to) = (display_path(path), display_path(&target));
    if error.kind() != io::ErrorKind::NotFound {
        return anyhow!("can't follow the link {link} to {to}: {error}; correct the link, or remove it");
    }
    // What git-annex has not fetched is a link that leads nowhere.
    let remedy = if to.contains(".git/annex/") { "fetch it with git annex get" } else { "restore what it leads to" };
    anyhow!("{link} is a link to {to}, which does not exist; {remedy}, or remove the link")
}
