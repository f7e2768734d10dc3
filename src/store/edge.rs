//! The embedded store: Qdrant's engine in this process, on a local directory.
//!
//! ```text
//!              ┌─ upsert, delete ──▶ inbox (bounded) ──▶ writer thread ──▶ engine ──▶ files
//!  Collection ─┤                                          │ one per collection ▲
//!              └─ search, retrieve ──▶ blocking threads ──┼────────────────────┤
//!                                      (bounded)          └─▶ merge thread ────┘
//! ```
//!
//! Calls of the engine block, and changes that it has not flushed are lost when the process dies. So a single thread per
//! collection applies all queued writes, flushes once, and then confirms them (group commit, writer.rs). Reads run on a
//! bounded number of tokio's blocking threads. Readers see a change before it is flushed; digest lookups ignore it until
//! then (durability.rs). After a crash, the next start repairs the collection (repair.rs).

mod aliases;
mod apply_error;
mod blocking;
mod collection;
mod collection_config;
mod convert;
mod directory;
mod disk_space;
mod durability;
mod engine;
mod engine_call;
mod error;
mod filter;
mod journal;
mod journal_entry;
mod manifest;
mod net_changes;
mod open_collection;
mod open_error;
mod open_store;
mod optimize;
mod options;
mod point_change;
mod query;
mod repair;
mod shard_engine;
#[cfg(test)]
mod simulation;
mod spec_file;
mod store;
mod sync;
mod wal;
mod writer;

pub use self::options::EdgeOptions;
pub use self::store::EdgeStore;
