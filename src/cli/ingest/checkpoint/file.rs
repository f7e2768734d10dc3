//! The file of a checkpoint.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::format::{self, Found};
use super::legacy::Standing;
use super::state::{REMEDY, State};
use super::subject::Subject;
use crate::durable;

/// Reads the state of an earlier run, or begins one. An earlier build's has what it knew of the files beside it.
///
/// # Errors
/// If it is something else's, or can't be read or written.
pub fn open_state(path: &Path, subject: Subject) -> anyhow::Result<(State, Option<Standing>)> {
    let (found, differences) = match read(path)? {
        None => {
            let state = State::new(subject);
            // Written now, so that a wrong path costs nothing.
            write(path, &state)?;
            return Ok((state, None));
        }
        Some(Found::V4(state)) => {
            let differences = state.subject.differences(&subject);
            ((state, None), differences)
        }
        // It is replaced when there is progress to record: until then the release before can still be used.
        Some(Found::V3(state, standing)) => {
            let differences = state.subject.differences(&subject);
            ((state, Some(standing)), differences)
        }
        Some(Found::V2(state, standing, settings)) => {
            let differences = subject.differences_from_v2(&settings);
            ((state, Some(standing)), differences)
        }
    };
    ensure!(differences.is_empty(), "it is of another ingest: {}; {REMEDY}", differences.join(", "));
    let (state, standing) = found;
    Ok((State { subject, ..state }, standing))
}

fn read(path: &Path) -> anyhow::Result<Option<Found>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("it can't be read: {error}"),
    };
    format::parse(&text).map(Some)
}

/// Replaces the file as a whole: after whatever happens there is the old one or the new one.
///
/// # Errors
/// If it can't be written.
pub fn write(path: &Path, state: &State) -> anyhow::Result<()> {
    durable::replace(path, format::to_text(state)?.as_bytes())
        .context("it can't be written there; name another place with --checkpoint")
}
