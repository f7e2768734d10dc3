//! The writer of a collection: batches points, upserts and deletes them, answers for them.
//!
//! ```text
//!  encoder threads ──▶ Batcher (points, bytes, age) ─┐
//!                                                    ├─▶ writes in flight (AIMD) ──▶ retry ──▶ store
//!  Delete ───────────────────────────────────────────┘                            │ refused: split in two, until the
//!                                                                                 ▼ offending point stands alone
//! ```
//!
//! There is one writer a collection, whoever writes to it: the changes of an id go through its [`InFlightIds`] one after
//! another, and the bound on writes in flight holds for all calls together. It lives on for a while when nobody writes, so
//! that what it learned of the store's speed is there for the next call.

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
