//! Files that are named on the command line.

use std::path::Path;

use anyhow::{Context, ensure};

use super::path_display::{display_path, to_source_name};
use super::selection::FileSelection;
use super::source::{InputSource, describe_path};
use super::{links, unsupported_files};
use crate::cli::ingest::reader::input_format::InputFormat;

/// Describes standard input.
///
/// # Errors
/// If its format can't be read from it.
pub fn describe_stdin(path: &Path, selection: &FileSelection) -> anyhow::Result<InputSource> {
    let format = selection.format.unwrap_or(InputFormat::Jsonl);
    check_seekable(path, format, None)?;
    InputSource::new(path, "-".to_owned(), format, None, selection)
}

/// Describes a file that was named. What is no file on a disk, such as a pipe, is taken as standard input is.
///
/// # Errors
/// If it is not there, or its format is not known or not read.
pub fn describe_file(path: &Path, selection: &FileSelection) -> anyhow::Result<InputSource> {
    let metadata = links::read_metadata(path)?;
    // Who says the format has looked into the file; what is compressed is so whatever they say.
    if let Some(unsupported) =
        unsupported_files::detect(path).filter(|unread| selection.format.is_none() || unread.inner_format.is_some())
    {
        return Err(unsupported.to_error(path));
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    let default_format = if bytes.is_some() { InputFormat::from_path(path) } else { Some(InputFormat::Jsonl) };
    let format = selection.format.or(default_format).with_context(|| {
        format!(
            "the name of {} doesn't tell its format; say it with --format, such as --format jsonl",
            display_path(path)
        )
    })?;
    check_seekable(path, format, bytes)?;
    let name = to_source_name(path.strip_prefix("./").unwrap_or(path), path, format)?;
    InputSource::new(path, name, format, bytes, selection)
}

/// Parquet has its index at its end.
fn check_seekable(path: &Path, format: InputFormat, bytes: Option<u64>) -> anyhow::Result<()> {
    let description = describe_path(path);
    ensure!(
        format != InputFormat::Parquet || bytes.is_some(),
        "Parquet can't be read from {description}, since its index is at its end; write it to a file and give that"
    );
    Ok(())
}
