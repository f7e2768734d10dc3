//! Configuration of the encoder threads.

/// Number of encoder threads and limits of their batches and lanes.
#[derive(Debug, Clone, Copy)]
pub struct EncoderPoolConfig {
    pub threads: usize,
    /// Maximum tokens per batch; a longer text forms its own batch.
    pub max_batch_tokens: usize,
    /// Maximum number of texts that wait in each lane.
    pub lane_capacity: usize,
}
