//! The bytes of a checkpoint, which have a version. docs/ingest.md describes version 4.
//!
//! Files of version 3, and of version 2, which the first build of 0.1.0 wrote, are read and written again as version 4. A
//! file of a later version is refused: the release that wrote it has to finish. Files of all versions are in
//! tests/data/checkpoints.
//!
//! See docs/adr/0002-persisted-identities.md.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::legacy::{FollowStateV3, LegacyFiles, StateV3};
use super::state::{CheckpointState, REMEDY, VERSION};

/// The oldest version that is read. It differs from version 3 in the form of the settings.
const VERSION_2: u32 = 2;
const VERSION_3: u32 = 3;

/// A file that was found.
pub enum StoredCheckpoint {
    V4(CheckpointState),
    V3(CheckpointState, LegacyFiles),
    /// With the settings by the flags' names.
    V2(CheckpointState, LegacyFiles, BTreeMap<String, String>),
}

/// What every version of the file has.
#[derive(Debug, Deserialize)]
struct CheckpointHeader {
    #[serde(rename = "version")]
    version: u32,
}

/// The settings of version 2.
#[derive(Debug, Deserialize)]
struct SettingsV2 {
    #[serde(rename = "subject")]
    settings: BTreeMap<String, String>,
}

/// Reads a checkpoint of any version.
///
/// # Errors
/// If it is none, or of a later or a forgotten version.
pub fn parse(text: &[u8]) -> anyhow::Result<StoredCheckpoint> {
    let describe_invalid = || format!("it holds no checkpoint; {REMEDY}");
    let CheckpointHeader { version } = serde_json::from_slice(text).with_context(describe_invalid)?;
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
        return serde_json::from_slice(text).map(StoredCheckpoint::V4).with_context(describe_invalid);
    }
    let state: StateV3 = serde_json::from_slice(text).with_context(describe_invalid)?;
    let follow_state: FollowStateV3 = serde_json::from_slice(text).with_context(describe_invalid)?;
    let (state, legacy_files) = state.into_parts(&follow_state);
    if version == VERSION_3 {
        return Ok(StoredCheckpoint::V3(state, legacy_files));
    }
    let SettingsV2 { settings } = serde_json::from_slice(text).with_context(describe_invalid)?;
    Ok(StoredCheckpoint::V2(state, legacy_files, settings))
}

/// Writes a checkpoint: JSON, with a file a line, for there may be many.
///
/// # Errors
/// If a number can't be written; there is none.
pub fn to_text(state: &CheckpointState) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(state)?))
}
