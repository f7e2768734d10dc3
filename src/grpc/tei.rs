//! `tei.v1`, the gRPC API of Hugging Face text-embeddings-inference, as far as it is about sparse vectors: its clients find
//! the encoder under the names that they know.
//!
//! The work is that of `EncoderService`: same limits, lanes, permits and faults, counted as `encode` and `encode_stream`.
//! What differs is the form of requests and answers, and the order of a stream: its answers have no numbers, so they come
//! as the texts went.
//!
//! See docs/adr/0015-tei-adapter.md.

mod api;
mod embed;
mod info;
mod reorder_buffer;
mod request;
mod response;
mod unimplemented;

pub use api::{TeiApi, add_services};
