//! Catalog of collections: lookup with a short-lived cache, alias resolution, and checks of model fingerprints and
//! incarnations.

mod collections;
mod incarnation;
mod model_selector;

pub use collections::{Collections, ResolvedCollection};
pub use incarnation::check_incarnation;
pub use model_selector::{FingerprintPolicy, ModelSelector};
