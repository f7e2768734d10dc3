//! The services of the contract: requests are checked, handed to the pipeline and the store, and answered.

mod aliases;
pub mod auth;
pub mod bounds;
mod collections;
mod context;
pub(crate) mod convert;
pub(crate) mod deadline;
mod delete;
mod encode;
mod encoder_service;
mod explain;
mod faults;
mod features;
mod gate;
pub mod health;
mod index_service;
mod ingest;
mod limits;
mod list_documents;
pub mod observe;
mod page;
mod pruning_defaults;
mod query;
mod search;
mod stream;
pub mod tei;

pub use context::ServiceContext;
pub use encoder_service::EncoderApi;
pub use gate::{Gate, Pass};
pub use index_service::IndexApi;
pub use limits::{LONGEST_ID, MOST_NESTED, RequestLimits};
pub use pruning_defaults::{DefaultPruning, PruningDefaults};
