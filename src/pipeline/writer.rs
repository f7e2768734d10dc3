//! Writer of a collection: batches, sends and retries its upserts and deletes, and reports their results.
//!
//! ```text
//!  encoder threads ──▶ batcher (points, bytes, age) ─┐
//!                                                    ├─▶ writes in flight (AIMD) ──▶ retry ──▶ store
//!  Delete ───────────────────────────────────────────┘                            │ refused: split in half, until
//!                                                                                 ▼ the offending point is alone
//! ```
//!
//! Each collection has one writer, shared by all calls: the changes of an id pass through its [`InFlightIds`] one after
//! another, and the limit on writes in flight applies to all calls together. An idle writer is kept for a while, so
//! that the next call starts with the concurrency limit that the writer has learned.
//!
//! [`InFlightIds`]: super::in_flight_ids::InFlightIds

mod adaptive_concurrency;
mod config;
mod delete;
mod handle;
mod job;
mod late_write_barrier;
mod registry;
mod retry;
mod stream_writer;
mod task;
#[cfg(test)]
mod tests;
mod upsert;
mod upsert_part;
mod write_target;
mod writers;

pub use config::WriterConfig;
pub use job::UnaryDeleteJob;
pub use stream_writer::StreamWriter;
pub use writers::Writers;
