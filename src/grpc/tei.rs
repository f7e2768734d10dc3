//! `tei.v1`, the gRPC API of Hugging Face text-embeddings-inference (sparse embeddings only), for clients of that server.
//!
//! `tei.v1` is an adapter over the pipeline of `EncoderService`, with the same limits, lanes, permits and errors, counted in
//! metrics as `encode` and `encode_stream`. It differs in the messages, and in the order of a stream: responses have no sequence
//! numbers, so they are returned in the order of the requests.
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
