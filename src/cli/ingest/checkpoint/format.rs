//! The versioned file format of checkpoints. docs/ingest.md describes version 4.
//!
//! Files of versions 2 and 3, written by early builds of 0.1.0, are read, and written as version 4. A file of a later version is
//! refused: only the release that wrote it can finish the run. Files of all versions are in tests/data/checkpoints.
//!
//! See docs/adr/0002-persisted-identities.md.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::legacy::{FollowStateV3, LegacyFiles, StateV3};
use super::state::{CheckpointState, REMEDY, VERSION};

/// Oldest version that can be read. It differs from version 3 in the format of the settings.
const VERSION_2: u32 = 2;
const VERSION_3: u32 = 3;

/// A parsed checkpoint file, by version.
pub enum StoredCheckpoint {
    V4(CheckpointState),
    V3(CheckpointState, LegacyFiles),
    /// Version 2 stores the settings by the names of their flags.
    V2(CheckpointState, LegacyFiles, BTreeMap<String, String>),
}

/// Fields common to all versions.
#[derive(Debug, Deserialize)]
struct CheckpointHeader {
    #[serde(rename = "version")]
    version: u32,
}

/// Settings of a version 2 file.
#[derive(Debug, Deserialize)]
struct SettingsV2 {
    #[serde(rename = "subject")]
    settings: BTreeMap<String, String>,
}

/// Parses a checkpoint of any supported version.
///
/// # Errors
/// If the text is not a checkpoint, or its version is too old or too new.
pub fn parse(text: &[u8]) -> anyhow::Result<StoredCheckpoint> {
    let describe_invalid = || format!("it is not a checkpoint of ingest; {REMEDY}");
    let CheckpointHeader { version } = serde_json::from_slice(text).with_context(describe_invalid)?;
    ensure!(
        version <= VERSION,
        "it was written by a later release (version {version}; this release reads versions up to {VERSION}); finish with that \
         release, or set another file or remove this one to start from the beginning"
    );
    ensure!(
        version >= VERSION_2,
        "it was written by a build before 0.1.0 (version {version}); set another file or remove this one to start from the \
         beginning"
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

/// Serializes a checkpoint as indented JSON.
///
/// # Errors
/// If the JSON can't be serialized; no value of the state causes this.
pub fn to_text(state: &CheckpointState) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(state)?))
}
