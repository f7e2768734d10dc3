//! The files of the input, one after the other, from where an earlier run was done with them.

mod files;
mod open_records;
mod opened;
mod opening;
mod outlet;
mod rotation;

pub use self::files::Input;
