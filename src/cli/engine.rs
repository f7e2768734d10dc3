//! Commands that run the engine in this process: `serve`, `check`, `bench` and `model`.
//!
//! Only these commands may use the server's modules; `tests/it/layering.rs` enforces this.

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
