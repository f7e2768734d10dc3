//! The files of the input, one after the other, from where an earlier run was done with them.

mod event_sink;
mod file_opener;
mod files;
mod open_file;
mod open_records;
mod rotation;

pub use self::files::Input;
