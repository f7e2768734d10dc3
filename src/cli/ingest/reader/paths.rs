//! Resolves what was given on the command line to the files to read, in an order that is the same in every run.
//!
//! A folder gives its files with an ending of a known format, in the order of their names, with those of the folders in it;
//! links are followed, since the Hugging Face cache is made of them. A folder that has files of data is a dataset: the texts
//! in it are about the data, and are no documents. With a format, only its endings count; with a format of plain text every
//! file does.
//!
//! No file is left out silently: each is read, counted in a notice, or the run is refused with a remedy.

mod folder;
mod given;
mod globs;
mod links;
mod list;
mod partitions;
mod remote;
mod same_file;
mod selection;
mod shown;
mod skipped;
mod source;
mod tables;
#[cfg(test)]
mod tests;
mod unread;

pub use self::globs::{absolute_pattern, is_pattern};
pub use self::list::{Listing, list};
pub use self::selection::Selection;
pub use self::source::{Source, is_stdin, total_bytes};
