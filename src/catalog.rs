//! The catalog: which collections the store has, and which model's vectors belong in them.

mod collections;
mod incarnation;
mod model_selector;

pub use collections::{Collections, ResolvedCollection};
pub use incarnation::check_incarnation;
pub use model_selector::{FingerprintPolicy, ModelSelector};
