//! The encoder threads.
//!
//! Each thread takes texts from the lanes, tokenizes them, packs what is waiting into a batch of its own and encodes it
//! with single-threaded kernels: one batch a thread is faster than one batch over all threads. It never waits for a batch
//! to fill: what is there is encoded. Between two steps of a bulk batch it looks at the query lane and serves it first,
//! unless queries have taken more than their part.
//!
//! See docs/adr/0017-encoder-threads-batch.md.

mod batch;
mod catch_panic;
mod config;
mod encoded_vector;
mod fairness;
mod job;
mod next_stage;
mod pool;
#[cfg(test)]
mod probe;
mod tokenize;
mod windows;
mod worker;

pub use config::EncoderPoolConfig;
pub use encoded_vector::{EncodedVector, Timings};
pub use job::EncodeJob;
pub use next_stage::NextStage;
pub use pool::EncoderPool;
