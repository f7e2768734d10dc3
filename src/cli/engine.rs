//! Commands that run the engine in this process: `serve`, `check`, `bench` and `model`.
//!
//! Only these use the modules of the server; `tests/it/layering.rs` holds the other commands to that.

mod bench;
mod check;
mod model;
mod serve;
#[cfg(feature = "verify")]
mod verify_report;

pub use bench::BenchCommand;
pub use check::CheckCommand;
pub use model::ModelCommand;
pub use serve::{ServeArgs, serve};
