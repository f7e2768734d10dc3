//! Selection of input files.

use std::path::PathBuf;

use crate::cli::ingest::reader::input_format::InputFormat;

/// Selection of input files, and how they are read.
#[derive(Debug, Clone, Default)]
pub struct FileSelection {
    /// Format of all files; `None` to detect it by their extensions.
    pub format: Option<InputFormat>,
    /// Word that the path of a file below an input directory must contain (`--split`).
    pub split: Option<String>,
    /// Prefix of the ids of whole-file documents.
    pub id_prefix: String,
    /// Files that this run writes, such as checkpoints; skipped in input directories.
    pub own_files: Vec<PathBuf>,
}
