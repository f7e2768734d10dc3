//! The encoder threads.
//!
//! Each thread takes texts from the lanes, tokenizes them, packs what is waiting into a batch of its own and encodes it
//! with single-threaded kernels: one batch a thread is faster than one batch over all threads. It never waits for a batch
//! to fill: what is there is encoded. Between two steps of a bulk batch it looks at the query lane and serves it first,
//! unless queries have taken more than their part.

mod batch;
mod catch_panic;
mod config;
mod encoded;
mod fair;
mod job;
mod next;
mod pool;
#[cfg(test)]
mod probe;
mod tokenize;
mod windows;
mod worker;

pub use config::EncoderPoolConfig;
pub use encoded::{Encoded, Took};
pub use job::EncodeJob;
pub use next::Next;
pub use pool::EncoderPool;
