//! Which files are wanted.

use std::path::PathBuf;

use crate::cli::ingest::reader::input_format::InputFormat;

/// Which files are wanted of what was given, and how they are read.
#[derive(Debug, Clone, Default)]
pub struct FileSelection {
    /// Format of all files; `None` to tell it by their endings.
    pub format: Option<InputFormat>,
    /// Word that the names of a folder's files must have.
    pub split: Option<String>,
    /// Prefix of the ids of whole-file documents.
    pub id_prefix: String,
    /// Files that the run writes, which are not read even if they lie in a folder that was given.
    pub own_files: Vec<PathBuf>,
}
