//! PyTorch's files of tensors: a zip archive that holds a pickle, which says what tensors there are, and their bytes.
//!
//! PyTorch does not compress, so nothing here is ever unpacked: a tensor is a range of the mapped file. An archive that is
//! compressed is refused, whatever it would unpack to.
//!
//! See docs/adr/0011-pickle-reader.md.

mod machine;
mod rebuild;
mod value;

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use super::location::TensorLocations;

/// The longest pickle, in bytes: a tensor takes some 200.
const MAX_PICKLE_BYTES: usize = 16 << 20;
const PICKLE: &str = "data.pkl";

/// Files of the archive, as ranges of it, by name.
type ArchiveMembers = HashMap<String, Range<usize>>;

/// The tensors of a PyTorch file.
///
/// # Errors
/// If it is none, is compressed, or its pickle says what a file of tensors does not: a text that says so.
pub fn read_locations(archive: &[u8]) -> Result<TensorLocations, String> {
    let members = list_members(archive)?;
    let mut pickles = members.iter().filter(|(name, _)| name.strip_suffix(PICKLE).is_some_and(is_directory_prefix));
    let (Some((name, range)), None) = (pickles.next(), pickles.next()) else {
        return Err(format!("expected one `{PICKLE}` in it"));
    };
    if range.len() > MAX_PICKLE_BYTES {
        return Err(format!("`{name}` has more than {} MiB", MAX_PICKLE_BYTES >> 20));
    }
    let pickle = archive.get(range.clone()).unwrap_or_default();
    let data_dir = format!("{}data/", name.trim_end_matches(PICKLE));
    machine::run(pickle, |key| members.get(&format!("{data_dir}{key}")).cloned())
}

fn is_directory_prefix(prefix: &str) -> bool {
    prefix.is_empty() || prefix.ends_with('/')
}

fn list_members(archive: &[u8]) -> Result<ArchiveMembers, String> {
    let zip = ZipArchive::new(Cursor::new(archive));
    let mut zip = zip.map_err(|error| format!("{error}; save it with PyTorch 1.6 or later, or as safetensors"))?;
    let mut members = ArchiveMembers::new();
    for index in 0..zip.len() {
        let member = zip.by_index_raw(index).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?.into_owned();
        if member.compression() != CompressionMethod::Stored || member.encrypted() {
            return Err(format!("`{name}` is compressed or encrypted, as PyTorch's files are not; save it anew"));
        }
        let range = member.data_start().and_then(|start| {
            let (start, size) = (usize::try_from(start).ok()?, usize::try_from(member.size()).ok()?);
            Some(start..start.checked_add(size).filter(|&end| end <= archive.len())?)
        });
        let Some(range) = range else {
            return Err(format!("`{name}` reaches past the end of the file; it is cut short"));
        };
        members.insert(name, range);
    }
    Ok(members)
}
