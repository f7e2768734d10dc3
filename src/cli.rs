//! The command line: commands that run the engine in this process, such as `serve`, and client commands, which know the
//! server only through its gRPC API.
//!
//! A command is a struct of its arguments with a `run` that gives the exit status: 0 if all is well, 1 if the command
//! did its work and the answer is bad news (documents rejected, not serving), 2 if it could not do its work.
//!
//! Flags that several commands share have one environment variable each (`SPLADE_SERVER`, `SPLADE_COLLECTION`); a
//! command's own flags carry its name (`SPLADE_SEARCH_LIMIT`), so that none is mistaken for a setting of `serve`.

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
