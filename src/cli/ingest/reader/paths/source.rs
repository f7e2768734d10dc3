//! Input file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::ensure;

use super::partitions;
use super::path_display::display_path;
use super::selection::FileSelection;
use crate::cli::ingest::mapping::Fields;
use crate::cli::ingest::reader::input_format::InputFormat;
use crate::features;

/// Input file to read, or standard input.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSource {
    pub path: PathBuf,
    /// Path below the input directory, or the path as given on the command line.
    pub name: String,
    pub format: InputFormat,
    /// Size in bytes; `None` for streams such as pipes.
    pub bytes: Option<u64>,
    /// Values of the partition columns in the path, such as `year=2023/`.
    pub partitions: Fields,
    /// Prefix of the id of a whole-file document.
    pub id_prefix: Arc<str>,
}

impl InputSource {
    /// Describes a file of a given format, for tests.
    #[cfg(test)]
    pub fn of_file(path: &Path, format: InputFormat) -> Self {
        let bytes = std::fs::metadata(path).map(|metadata| metadata.len()).ok();
        let (partitions, id_prefix) = (Fields::new(), "".into());
        Self { path: path.to_owned(), name: path.display().to_string(), format, bytes, partitions, id_prefix }
    }

    /// Describes a selected file.
    ///
    /// # Errors
    /// If a partition in the path is invalid, or this build does not support the format.
    pub fn new(
        path: &Path,
        name: String,
        format: InputFormat,
        bytes: Option<u64>,
        selection: &FileSelection,
    ) -> anyhow::Result<Self> {
        ensure!(
            format != InputFormat::Parquet || cfg!(feature = "parquet"),
            "{}: {}",
            describe_path(path),
            features::describe_missing_feature("Parquet", "parquet")
        );
        Ok(Self {
            path: path.to_owned(),
            name,
            format,
            bytes,
            partitions: partitions::parse_partitions(path)?,
            id_prefix: selection.id_prefix.as_str().into(),
        })
    }

    pub fn is_stdin(&self) -> bool {
        is_stdin(&self.path)
    }

    /// Returns the id of a whole-file document; `None` for standard input, which has no name.
    pub fn document_id(&self) -> Option<String> {
        (!self.is_stdin()).then(|| format!("{}{}", self.id_prefix, self.name))
    }
}

/// Formats a path for messages, with `-` as "standard input".
pub fn describe_path(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { display_path(path) }
}

pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Returns the total size of all sources in bytes; `None` if one has no size.
pub fn sum_source_bytes(sources: &[InputSource]) -> Option<u64> {
    sources.iter().map(|source| source.bytes).sum()
}
