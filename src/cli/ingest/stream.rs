//! The streams to the server: sends batches and receives results. A stream that ends early is replaced by another one, to which
//! all pending documents are sent again.
//!
//! A stream ends early if the connection breaks, if an operation FAILED (it must be sent again before later documents, to keep
//! their order), or if the server drains. In the last two cases nothing more is sent, and the remaining results are read.

mod outbound_stream;
mod session;
mod session_input;
mod stream_outcome;

pub use self::session::Session;
