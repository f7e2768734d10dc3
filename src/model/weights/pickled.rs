//! PyTorch files of tensors: zip archives with a pickle that describes the tensors, and their bytes.
//!
//! PyTorch does not compress these archives, so a tensor is a range of the mapped file. Compressed archives are
//! refused; nothing is ever decompressed, which rules out decompression bombs.
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

/// Maximum size of the pickle, in bytes; a tensor needs about 200.
const MAX_PICKLE_BYTES: usize = 16 << 20;
const PICKLE: &str = "data.pkl";

/// Files of the archive by name, as byte ranges.
type ArchiveMembers = HashMap<String, Range<usize>>;

/// Reads the locations of the tensors of a PyTorch file.
///
/// # Errors
/// Returns a message if the file is not a PyTorch archive, is compressed, or its pickle contains anything but tensors.
pub fn read_locations(archive: &[u8]) -> Result<TensorLocations, String> {
    let members = list_members(archive)?;
    let mut pickles = members.iter().filter(|(name, _)| name.strip_suffix(PICKLE).is_some_and(is_directory_prefix));
    // With several pickles, it would be ambiguous which one PyTorch reads.
    let (Some((name, range)), None) = (pickles.next(), pickles.next()) else {
        return Err(format!("expected exactly one `{PICKLE}` in the archive"));
    };
    if range.len() > MAX_PICKLE_BYTES {
        return Err(format!("`{name}` is larger than {} MiB, the maximum for tensor metadata", MAX_PICKLE_BYTES >> 20));
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
    let mut zip =
        zip.map_err(|error| format!("{error}; save the weights with PyTorch 1.6 or later, or as safetensors"))?;
    let mut members = ArchiveMembers::new();
    for index in 0..zip.len() {
        let member = zip.by_index_raw(index).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?.into_owned();
        if member.compression() != CompressionMethod::Stored || member.encrypted() {
            return Err(format!(
                "`{name}` is compressed or encrypted, unlike files written by PyTorch; save the weights again"
            ));
        }
        let range = member.data_start().and_then(|start| {
            let (start, size) = (usize::try_from(start).ok()?, usize::try_from(member.size()).ok()?);
            Some(start..start.checked_add(size).filter(|&end| end <= archive.len())?)
        });
        let Some(range) = range else {
            return Err(format!("`{name}` exceeds the end of the file, which is truncated; download it again"));
        };
        members.insert(name, range);
    }
    Ok(members)
}
