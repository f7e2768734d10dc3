//! The checkpoint: a file that records the progress of an ingest, so that the next run resumes after any interruption.
//!
//! It contains the counts of the acknowledged lines, the record of what was read from each file, and the length of the rejects
//! file at that position; the remainder of the rejects file is truncated on resume, because its lines are rejected again. The
//! checkpoint is saved about once a second in the background, to a temporary file that atomically replaces the previous one.
//!
//! Files are identified by content, the digest of what was read; [`crate::cli::ingest::reader::resume`] compares them. A
//! checkpoint is used by one run at a time ([`crate::cli::run_lock::RunLock`]).
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
