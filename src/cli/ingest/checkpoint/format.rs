//! The bytes of a checkpoint, which have a version. docs/ingest.md describes version 4.
//!
//! Files of version 3, and of version 2, which the first build of 0.1.0 wrote, are read and written again as version 4. A
//! file of a later version is refused: the release that wrote it has to finish. Files of all versions are in
//! tests/data/checkpoints.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::legacy::{Followed, Standing, StateOfV3};
use super::state::{REMEDY, State, VERSION};

/// The oldest version that is read. It differs from version 3 in the form of the settings.
const VERSION_2: u32 = 2;
const VERSION_3: u32 = 3;

/// A file that was found.
pub enum Found {
    V4(State),
    V3(State, Standing),
    /// With the settings by the flags' names.
    V2(State, Standing, BTreeMap<String, String>),
}

/// What every version of the file has.
#[derive(Debug, Deserialize)]
struct Header {
    #[serde(rename = "version")]
    version: u32,
}

/// The settings of version 2.
#[derive(Debug, Deserialize)]
struct SettingsOfV2 {
    #[serde(rename = "subject")]
    subject: BTreeMap<String, String>,
}

/// Reads a checkpoint of any version.
///
/// # Errors
/// If it is none, or of a later or a forgotten version.
pub fn parse(text: &[u8]) -> anyhow::Result<Found> {
    let no_checkpoint = || format!("it holds no checkpoint; {REMEDY}");
    let Header { version } = serde_json::from_slice(text).with_context(no_checkpoint)?;
    ensure!(
        version <= VERSION,
        "a later release wrote it (its version is {version}, and this release reads up to {VERSION}); finish with that \
         release, or name another file or remove this one to begin anew"
    );
    ensure!(
        version >= VERSION_2,
        "a build before 0.1.0 wrote it (its version is {version}); name another file or remove this one to begin anew"
    );
    if version > VERSION_3 {
        return serde_json::from_slice(text).map(Found::V4).with_context(no_checkpoint);
    }
    let state: StateOfV3 = serde_json::from_slice(text).with_context(no_checkpoint)?;
    let followed: Followed = serde_json::from_slice(text).with_context(no_checkpoint)?;
    let (state, standing) = state.split(&followed);
    if version == VERSION_3 {
        return Ok(Found::V3(state, standing));
    }
    let SettingsOfV2 { subject } = serde_json::from_slice(text).with_context(no_checkpoint)?;
    Ok(Found::V2(state, standing, subject))
}

/// Writes a checkpoint: JSON, with a file a line, for there may be many.
///
/// # Errors
/// If a number can't be written; there is none.
pub fn to_text(state: &State) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(state)?))
}
