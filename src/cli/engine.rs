//! Commands that run the engine in this process: `serve`, `check`, `bench` and `model`.
//!
//! Only these use the modules of the server; `tests/it/layering.rs` holds the other commands to that.

mod bench;
mod check;
mod model;
mod serve;
#[cfg(feature = "verify")]
mod verify_report;

pub use bench::Bench;
pub use check::Check;
pub use model::Model;
pub use serve::{ServeArgs, serve};
