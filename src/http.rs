//! The HTTP gateway: JSON for clients that don't speak gRPC.
//!
//! It knows no service. A request is transcoded to its gRPC request, which goes through the same layers to the same
//! services as one of the gRPC port (counted, traced, authenticated, bounded), and the response is transcoded to JSON.
//! Both directions follow the contract's descriptors, so a method of the contract is a path here without code of its
//! own.
//!
//! Bodies are transcoded as they are read. A call that is refused for its token has read none of its body, and a stream
//! of lines is read as the pipeline has room for its items, which is how a slow store slows down an upload.
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
