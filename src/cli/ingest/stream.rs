//! The conversation with the server: batches out, results in. A stream that ends early is replaced by another one, which is
//! sent what it left.
//!
//! It ends early if it breaks; if an operation FAILED, for that has to be sent again, and before those behind it; and if the
//! server is about to stop. In the last two cases nothing more is sent, and the results are read to the end.

mod outbound_stream;
mod session;
mod session_input;
mod stream_outcome;

pub use self::session::Session;
