//! Reading and responding of bidirectional calls.
//!
//! A task reads requests as fast as the pipeline accepts them, and the response stream returns results as fast as the client
//! reads them. The response ends after the last result, with the status of the reader task.
//!
//! While the HTTP/2 window of a client is closed, nothing polls its response stream. A second task therefore ends streams whose
//! client reads nothing for too long: it drops the results and releases the stream's permit.
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
