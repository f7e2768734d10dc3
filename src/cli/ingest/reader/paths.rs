//! Resolves the input arguments of the command line to the files to read, in the same order in every run.
//!
//! A directory is searched recursively for files with the extension of a known format, sorted by name. Symbolic links are
//! followed, because the Hugging Face cache consists of them. If a directory contains data files (JSON Lines, CSV, TSV,
//! Parquet), its plain texts (README, license) are skipped. With `--format`, only the extensions of that format are read; with
//! a plain text format, every file is.
//!
//! No file is left out silently: each file is read or counted in a notice, or the run fails with a remedy.

mod directory;
mod duplicates;
mod globs;
mod links;
mod listing;
mod named_files;
mod partitions;
mod path_display;
mod remote;
mod selection;
mod skipped_files;
mod source;
mod table_formats;
#[cfg(test)]
mod tests;
mod unsupported_files;

pub use self::globs::{is_pattern, to_absolute_pattern};
pub use self::listing::{FileListing, list_sources};
pub use self::selection::FileSelection;
pub use self::source::{InputSource, is_stdin, sum_source_bytes};
