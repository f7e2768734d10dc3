//! The file of a checkpoint.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::format::{self, StoredCheckpoint};
use super::legacy::LegacyFiles;
use super::settings::IngestSettings;
use super::state::{CheckpointState, REMEDY};
use crate::durable;

/// Reads the state of an earlier run, or begins one. An earlier build's has what it knew of the files beside it.
///
/// # Errors
/// If it is something else's, or can't be read or written.
pub fn open_state(path: &Path, settings: IngestSettings) -> anyhow::Result<(CheckpointState, Option<LegacyFiles>)> {
    let (loaded, differences) = match read_checkpoint(path)? {
        None => {
            let state = CheckpointState::new(settings);
            // Written now, so that a wrong path costs nothing.
            write_checkpoint(path, &state)?;
            return Ok((state, None));
        }
        Some(StoredCheckpoint::V4(state)) => {
            let differences = state.settings.describe_differences(&settings);
            ((state, None), differences)
        }
        // It is replaced when there is progress to record: until then the release before can still be used.
        Some(StoredCheckpoint::V3(state, legacy_files)) => {
            let differences = state.settings.describe_differences(&settings);
            ((state, Some(legacy_files)), differences)
        }
        Some(StoredCheckpoint::V2(state, legacy_files, settings_v2)) => {
            let differences = settings.describe_differences_from_v2(&settings_v2);
            ((state, Some(legacy_files)), differences)
        }
    };
    ensure!(differences.is_empty(), "it is of another ingest: {}; {REMEDY}", differences.join(", "));
    let (state, legacy_files) = loaded;
    Ok((CheckpointState { settings, ..state }, legacy_files))
}

fn read_checkpoint(path: &Path) -> anyhow::Result<Option<StoredCheckpoint>> {
    let contents = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("it can't be read: {error}"),
    };
    format::parse(&contents).map(Some)
}

/// Replaces the file as a whole: after whatever happens there is the old one or the new one.
///
/// # Errors
/// If it can't be written.
pub fn write_checkpoint(path: &Path, state: &CheckpointState) -> anyhow::Result<()> {
    durable::replace_file(path, format::to_text(state)?.as_bytes())
        .context("it can't be written there; name another place with --checkpoint")
}
