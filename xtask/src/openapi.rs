//! Generates the OpenAPI 3.1 document of the HTTP gateway from the contract's descriptors, comments and bounds.
//!
//! The document describes a server with default limits that requires tokens. A running server replaces the limits with its own.

mod bounds;
mod document;
mod method;
mod paths;
mod relations;
mod schema;

pub use document::build_document;
