//! `Encode` and `EncodeStream`: options of both calls, and the handling of their texts.

mod options;
mod stream;
mod unary;

pub use options::parse_encode_options;
pub use stream::{compute_max_results, read_texts, to_stream_result};
pub use unary::encode_texts;
