//! The catalog: which collections the store has, and which model's vectors belong in them.

mod collections;
mod incarnation;
mod model_choice;

pub use collections::{Collections, Opened};
pub use incarnation::check_incarnation;
pub use model_choice::{Accept, ModelChoice};
