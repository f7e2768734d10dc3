//! The checkpoint: a file that says how far an ingest got, so that the next run goes on there, whatever ended this one.
//!
//! It holds the counts up to the last line before which every line is done with, what was read of each file, and how long
//! the rejects file was then; what was rejected after that is cut off before the next run rejects it again. It is written
//! about once a second, beside the work: to a file beside it that is then moved to its place, so that it is always whole.
//!
//! A file is known by its content: the digest of what was read of it. [`crate::cli::ingest::reader::resume`] compares.
//! One run uses a checkpoint at a time ([`RunLock`]).
//!
//! See docs/adr/0007-checkpoints-by-content.md.

mod file;
mod format;
mod ingest_checkpoint;
mod legacy;
pub mod settings;
mod state;
#[cfg(test)]
mod tests;

pub use self::ingest_checkpoint::IngestCheckpoint;
