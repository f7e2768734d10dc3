//! The embedded store: Qdrant's engine in this process, on a folder.
//!
//! ```text
//!              ┌─ upsert, delete ──▶ inbox (bounded) ──▶ writer thread ──▶ engine ──▶ files
//!  Collection ─┤                                          │ one a collection   ▲
//!              └─ search, retrieve ──▶ blocking threads ──┼────────────────────┤
//!                                      (so many at once)  └─▶ merge thread ────┘
//! ```
//!
//! The engine's calls block, and what it has not flushed dies with the process. So one thread writes each collection,
//! flushes once for all the writes that wait, and then confirms them (writer.rs); reads run on tokio's blocking
//! threads, a bounded number at once. Readers see a change before it is flushed; digests ignore it until then
//! (durability.rs). What the engine leaves undone when a process dies, the next start does (repair.rs).

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
