//! Operations in: `Ingest` and `Upsert` are one path, with and without a stream.

mod open;
mod read;
mod respond;
mod result;
mod upsert;

pub use open::{Opened, check_unary, open};
pub use read::read;
pub use respond::{Drain, respond};
pub use upsert::upsert;
