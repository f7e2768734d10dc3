//! Resolves what was given on the command line to the files to read, in an order that is the same in every run.
//!
//! A folder gives its files with an ending of a known format, in the order of their names, with those of the folders in it;
//! links are followed, since the Hugging Face cache is made of them. A folder that has files of data is a dataset: the texts
//! in it are about the data, and are no documents. With a format, only its endings count; with a format of plain text every
//! file does.
//!
//! No file is left out silently: each is read, counted in a notice, or the run is refused with a remedy.

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
