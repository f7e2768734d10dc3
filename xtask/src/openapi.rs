//! OpenAPI 3.1 document of the HTTP gateway, made of the contract's descriptors, comments and bounds.
//!
//! It describes a server with its default limits that asks for tokens; the server puts its own limits in their places.

mod bounds;
mod document;
mod method;
mod paths;
mod relations;
mod schema;

pub use document::build_document;
