//! Conversion of paths to text.

use std::path::Path;

use anyhow::ensure;

use crate::cli::ingest::reader::input_format::InputFormat;

/// Formats a path for messages. Control characters and bytes that are not UTF-8 are escaped, to protect the terminal.
pub fn display_path(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => format!("{path:?}"),
    }
}

/// Converts a path to the name of a source. For plain text formats the name is stored, as the document id or the field
/// `path`, so it must be UTF-8: with replacement characters, two files could have the same name.
///
/// # Errors
/// If the format is plain text and the path is not UTF-8.
pub fn to_source_name(name: &Path, path: &Path, format: InputFormat) -> anyhow::Result<String> {
    ensure!(
        !format.is_plain_text() || name.to_str().is_some(),
        "the name of {} is stored with its documents, but is not UTF-8; rename the file, for example with \
         convmv -f latin1 -t utf8 --notest",
        display_path(path)
    );
    Ok(name.display().to_string())
}
