//! gRPC services: validate requests, pass them to the pipeline and the store, and build the responses.
//!
//! [`EncoderApi`], [`IndexApi`] and [`tei`] implement the services. Each call passes the layers [`observe`] and [`auth`], and
//! then [`Readiness::admit`], which returns the [`ServiceContext`] that all services share. [`health`] reports the serving
//! status. Conversions between protobuf messages and domain types are in `convert`.

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
mod errors;
mod explain;
mod features;
pub mod health;
mod index_service;
mod ingest;
mod limits;
mod list_documents;
pub mod observe;
mod pagination;
mod pruning_defaults;
mod query;
mod readiness;
mod search;
mod stream;
pub mod tei;

pub use context::ServiceContext;
pub use encoder_service::EncoderApi;
pub use index_service::IndexApi;
pub use limits::{MAX_ID_BYTES, MAX_PAYLOAD_DEPTH, RequestLimits};
pub use pruning_defaults::{PruningDefaults, RolePruningDefaults};
pub use readiness::{CallGuard, Readiness};
