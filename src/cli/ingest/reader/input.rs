//! Reads the input files one after another, starting where an earlier run stopped.

mod event_sink;
mod file_opener;
mod files;
mod open_file;
mod open_records;
mod rotation;

pub use self::files::Input;
