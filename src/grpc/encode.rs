//! Texts in, vectors out: the options of both calls, and the texts of each.

mod all;
mod options;
mod stream;

pub use all::encode_all;
pub use options::encode_options;
pub use stream::{compute_max_results, read, to_result};
