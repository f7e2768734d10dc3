//! How the encoder threads work.

/// How the encoder threads work.
#[derive(Debug, Clone, Copy)]
pub struct EncoderPoolConfig {
    pub threads: usize,
    /// The most tokens of one batch; a longer text is a batch of its own.
    pub max_batch_tokens: usize,
    /// The most texts that wait in each lane.
    pub lane_capacity: usize,
}
