//! Which files a collection had when it was closed in order, and how long each was.
//!
//! The engine maps its files and takes one that was cut short as it is: it would miss points, or read zeros for them,
//! without a word. So a start compares lengths first. After a process that died there is nothing to compare with, for the
//! files have changed since: there the journal says what to repair.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::files::{failed, unreadable};
use crate::store::StoreError;

const INVENTORY: &str = "closed.json";

/// Lengths in bytes by the path within the collection.
type Lengths = BTreeMap<PathBuf, u64>;

/// Writes it, durably. Nothing may have the collection open; `but` are the names of files that come and go.
pub(super) fn write(collection: &Path, but: &[&str]) -> Result<(), StoreError> {
    let path = collection.join(INVENTORY);
    let write = || -> io::Result<()> {
        let mut lengths = Lengths::new();
        add_lengths(collection, Path::new(""), &mut lengths)?;
        lengths.retain(|file, _| file != Path::new(INVENTORY) && !but.iter().any(|name| file == Path::new(name)));
        let file = File::create(&path)?;
        serde_json::to_writer(&file, &lengths)?;
        file.sync_all()
    };
    write().map_err(|error| failed("write the file", &path, &error))
}

/// Compares a collection that was closed in order with its inventory, if it has one.
pub(super) fn check(collection: &Path) -> Result<(), StoreError> {
    let path = collection.join(INVENTORY);
    if !path.exists() {
        return Ok(());
    }
    let read = || -> io::Result<Lengths> { Ok(serde_json::from_slice(&fs::read(&path)?)?) };
    let lengths = read().map_err(|error| unreadable(collection, format!("{}: {error}", path.display())))?;
    for (file, length) in lengths {
        let found = fs::metadata(collection.join(&file)).map(|metadata| metadata.len());
        let problem = match found {
            Ok(found) if found == length => continue,
            Ok(found) => format!("has {found} bytes, and had {length} when the collection was closed"),
            Err(error) => error.to_string(),
        };
        return Err(unreadable(collection, format!("{}: {problem}", file.display())));
    }
    Ok(())
}

fn add_lengths(root: &Path, folder: &Path, lengths: &mut Lengths) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let (path, metadata) = (folder.join(entry.file_name()), entry.metadata()?);
        if metadata.is_dir() {
            add_lengths(root, &path, lengths)?;
        } else {
            lengths.insert(path, metadata.len());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_short_or_gone_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("segments/points.dat");
        fs::create_dir(folder.path().join("segments")).expect("a folder");
        fs::write(&file, "0123456789").expect("a file");
        fs::write(folder.path().join("open.jsonl"), "").expect("a file");
        assert_eq!(check(folder.path()), Ok(()), "it was never closed");

        write(folder.path(), &["open.jsonl"]).expect("an inventory");
        fs::remove_file(folder.path().join("open.jsonl")).expect("it can be removed");
        assert_eq!(check(folder.path()), Ok(()));
        fs::write(&file, "01234").expect("a file");
        let error = check(folder.path()).expect_err("it is cut short").to_string();
        for part in ["points.dat: has 5 bytes, and had 10", "move it out of the store"] {
            assert!(error.contains(part), "{error}");
        }
        fs::remove_file(&file).expect("it can be removed");
        assert!(check(folder.path()).expect_err("it is gone").to_string().contains("points.dat"));
        fs::write(folder.path().join(INVENTORY), "{\"segm").expect("a file");
        assert!(check(folder.path()).expect_err("half of it").to_string().contains(INVENTORY));
    }
}
