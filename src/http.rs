//! HTTP gateway with JSON transcoding, for clients without gRPC.
//!
//! A request is transcoded to a gRPC request, which passes the same layers (metrics, traces, authentication, limits) and services
//! as requests of the gRPC port, and the response is transcoded to JSON. Both directions are driven by the protobuf descriptors
//! of the API, so each method has a path without code of its own.
//!
//! Bodies are transcoded while they are read. A call without a valid token is refused before its body is read, and a stream of
//! lines is read only while the pipeline has capacity for its items (backpressure).
//!
//! [`build_gateway`] returns the routes, configured by [`GatewaySettings`].
//!
//! See docs/adr/0050-http-gateway-in-process.md.

#[cfg(test)]
mod bounds;
mod contract;
mod error;
mod frames;
mod gateway;
mod id;
mod internal_error;
mod json_decode;
mod json_encode;
#[cfg(test)]
mod json_mapping;
mod lines;
mod method;
mod offload;
mod openapi;
mod parameters;
mod payload;
mod request_body;
mod response;
mod safe_integer;
mod settings;
#[cfg(test)]
mod testing;
mod transcoder;
mod upload;
mod wire;

pub use gateway::build_gateway;
pub use settings::GatewaySettings;
