//! Paths as text.

use std::path::Path;

use anyhow::ensure;

use crate::cli::ingest::reader::input_format::InputFormat;

/// Returns a path for messages: control characters can't reach the terminal, and bytes that are not UTF-8 are escaped.
pub fn display_path(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => format!("{path:?}"),
    }
}

/// Returns a path as the name of a source. Of whole-file documents it is the id and of lines the field `path`, so there it
/// has to be text: with replacement characters, two files could have one name.
///
/// # Errors
/// If it is not UTF-8 there.
pub fn to_source_name(name: &Path, path: &Path, format: InputFormat) -> anyhow::Result<String> {
    ensure!(
        !format.is_plain_text() || name.to_str().is_some(),
        "the name of {} is not UTF-8, and it would be stored; rename the file, such as with convmv -f latin1 -t utf8 --notest",
        display_path(path)
    );
    Ok(name.display().to_string())
}
