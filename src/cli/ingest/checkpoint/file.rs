//! Reads and writes the file of a checkpoint.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::format::{self, StoredCheckpoint};
use super::legacy::LegacyFiles;
use super::settings::IngestSettings;
use super::state::{CheckpointState, REMEDY};
use crate::durable;

/// Reads the state of an earlier run, or creates a new one. The second value is present for files of versions 2 and 3, which
/// identify input files by size.
///
/// # Errors
/// If the file is not a checkpoint, was written with different settings, or can't be read or written.
pub fn open_state(path: &Path, settings: IngestSettings) -> anyhow::Result<(CheckpointState, Option<LegacyFiles>)> {
    let (loaded, differences) = match read_checkpoint(path)? {
        None => {
            let state = CheckpointState::new(settings);
            // Written immediately, so that a wrong path is reported before any work is done.
            write_checkpoint(path, &state)?;
            return Ok((state, None));
        }
        Some(StoredCheckpoint::V4(state)) => {
            let differences = state.settings.describe_differences(&settings);
            ((state, None), differences)
        }
        // The file is not upgraded before there is progress to record, so that the previous release can still use it.
        Some(StoredCheckpoint::V3(state, legacy_files)) => {
            let differences = state.settings.describe_differences(&settings);
            ((state, Some(legacy_files)), differences)
        }
        Some(StoredCheckpoint::V2(state, legacy_files, settings_v2)) => {
            let differences = settings.describe_differences_from_v2(&settings_v2);
            ((state, Some(legacy_files)), differences)
        }
    };
    ensure!(
        differences.is_empty(),
        "it was written by a run with different settings: {}; {REMEDY}",
        differences.join(", ")
    );
    let (state, legacy_files) = loaded;
    Ok((CheckpointState { settings, ..state }, legacy_files))
}

fn read_checkpoint(path: &Path) -> anyhow::Result<Option<StoredCheckpoint>> {
    let contents = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("can't read it: {error}"),
    };
    format::parse(&contents).map(Some)
}

/// Replaces the file atomically: after a crash, it has either the old or the new content.
///
/// # Errors
/// If the file can't be written.
pub fn write_checkpoint(path: &Path, state: &CheckpointState) -> anyhow::Result<()> {
    durable::replace_file(path, format::to_text(state)?.as_bytes())
        .context("it can't be written there; set another path with --checkpoint")
}
