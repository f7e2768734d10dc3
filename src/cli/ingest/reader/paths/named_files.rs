//! Describes files that are named on the command line.

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
/// If the selected format can't be read from a stream.
pub fn describe_stdin(path: &Path, selection: &FileSelection) -> anyhow::Result<InputSource> {
    let format = selection.format.unwrap_or(InputFormat::Jsonl);
    check_seekable(path, format, None)?;
    InputSource::new(path, "-".to_owned(), format, None, selection)
}

/// Describes a named file. Anything but a regular file, such as a pipe, is read like standard input.
///
/// # Errors
/// If the file does not exist, or its format is unknown or unsupported.
pub fn describe_file(path: &Path, selection: &FileSelection) -> anyhow::Result<InputSource> {
    let metadata = links::read_metadata(path)?;
    // `--format` overrides the extension, except that of an unsupported compression.
    if let Some(unsupported) =
        unsupported_files::detect(path).filter(|unread| selection.format.is_none() || unread.inner_format.is_some())
    {
        return Err(unsupported.to_error(path));
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    let default_format = if bytes.is_some() { InputFormat::from_path(path) } else { Some(InputFormat::Jsonl) };
    let format = selection.format.or(default_format).with_context(|| {
        format!(
            "can't detect the format of {} by its extension; set it with --format, such as --format jsonl",
            display_path(path)
        )
    })?;
    check_seekable(path, format, bytes)?;
    let name = to_source_name(path.strip_prefix("./").unwrap_or(path), path, format)?;
    InputSource::new(path, name, format, bytes, selection)
}

/// Checks that Parquet is not read from a stream: its footer is at the end of the file.
fn check_seekable(path: &Path, format: InputFormat, bytes: Option<u64>) -> anyhow::Result<()> {
    let description = describe_path(path);
    ensure!(
        format != InputFormat::Parquet || bytes.is_some(),
        "Parquet can't be read from {description}, because its index is at the end of the file; write it to a \
         file and pass that file"
    );
    Ok(())
}
