//! The two halves of a bidirectional call.
//!
//! A task reads requests, as fast as the pipeline takes them; the response stream gives out results, as fast as the client
//! takes them. The response ends after the last result, with the status that the reader ended with.
//!
//! While a client's HTTP/2 window is closed, nothing polls its response stream. A second task therefore ends a stream
//! whose client takes nothing for too long: it drops the results and gives up the stream's place.
//!
//! See docs/adr/0042-unread-streams.md.

mod open_stream;
mod requests;
mod responder;
mod responses;
mod result_source;

pub use open_stream::OpenStream;
pub use requests::{read_first_request, read_next_request};
pub use responder::Responder;
pub use responses::{ResponseStream, open_on_first_request};
