//! Files that are named on the command line.

use std::path::Path;

use anyhow::{Context, ensure};

use super::selection::Selection;
use super::shown::{shown, text_name};
use super::source::{Source, describe};
use super::{links, unread};
use crate::cli::ingest::reader::format::Format;

/// Describes standard input.
///
/// # Errors
/// If its format can't be read from it.
pub fn describe_stdin(path: &Path, selection: &Selection) -> anyhow::Result<Source> {
    let format = selection.format.unwrap_or(Format::Jsonl);
    check_seekable(path, format, None)?;
    Source::new(path, "-".to_owned(), format, None, selection)
}

/// Describes a file that was named. What is no file on a disk, such as a pipe, is taken as standard input is.
///
/// # Errors
/// If it is not there, or its format is not known or not read.
pub fn describe_file(path: &Path, selection: &Selection) -> anyhow::Result<Source> {
    let metadata = links::metadata(path)?;
    // Who says the format has looked into the file; what is compressed is so whatever they say.
    if let Some(unread) = unread::of(path).filter(|unread| selection.format.is_none() || unread.inner.is_some()) {
        return Err(unread.refusal(path));
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    let usual = if bytes.is_some() { Format::of(path) } else { Some(Format::Jsonl) };
    let format = selection.format.or(usual).with_context(|| {
        format!("the name of {} doesn't tell its format; say it with --format, such as --format jsonl", shown(path))
    })?;
    check_seekable(path, format, bytes)?;
    let name = text_name(path.strip_prefix("./").unwrap_or(path), path, format)?;
    Source::new(path, name, format, bytes, selection)
}

/// Parquet has its index at its end.
fn check_seekable(path: &Path, format: Format, bytes: Option<u64>) -> anyhow::Result<()> {
    let what = describe(path);
    ensure!(
        format != Format::Parquet || bytes.is_some(),
        "Parquet can't be read from {what}, since its index is at its end; write it to a file and give that"
    );
    Ok(())
}
