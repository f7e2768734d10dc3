//! `Ingest` and `Upsert`: one implementation, used with and without a stream.

mod open;
mod read;
mod respond;
mod result;
mod upsert;

pub use open::{IngestSession, check_unary_options, open_ingest};
pub use read::read_operations;
pub use respond::{DrainNotice, respond};
pub use upsert::upsert;
