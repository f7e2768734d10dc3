//! Command line: commands that run the engine in this process, such as `serve`, and client commands, which use the server
//! only through its gRPC API.
//!
//! Each command is a struct of its arguments with a `run` method that returns the exit status: 0 on success, 1 if the command
//! completed with a negative result (documents rejected, not serving), 2 if it failed.
//!
//! Flags that several commands share have one environment variable each (`SPLADE_SERVER`, `SPLADE_COLLECTION`). The variables
//! of other flags contain the command (`SPLADE_SEARCH_LIMIT`), so that they can't collide with settings of `serve`.

mod client;
mod collection_options;
mod command;
mod completions;
mod duration;
mod encode;
mod engine;
mod errors;
mod explain;
mod fingerprint;
mod flags;
mod health;
mod id;
pub(crate) mod ingest;
mod latency;
mod long_text;
mod output;
mod pruning;
mod reindex;
mod rejects;
mod retry;
mod run_lock;
mod search;

pub use command::Cli;
pub use errors::report_failure;
