//! Encoder threads: tokenize texts, pack them into batches and run the model.
//!
//! Each thread takes texts from the lanes, tokenizes them, packs the waiting texts into its own batch and encodes the
//! batch with single-threaded kernels: one batch per thread has a higher throughput than one batch over all threads. A
//! thread never waits for a batch to fill. At each yield point of a bulk batch it checks the query lane and serves
//! waiting queries first, unless queries have exceeded their share of the thread's time.
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
