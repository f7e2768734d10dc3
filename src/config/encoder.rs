//! The encoder threads.

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::FlagValue;
use super::values::Count;
use crate::pipeline::EncoderPoolConfig;

#[derive(Debug, Clone, Args)]
pub struct EncoderArgs {
    /// Encoder threads. Default: one a core.
    #[arg(long, env = "SPLADE_THREADS", value_name = "N")]
    threads: Option<FlagValue<Count>>,
    /// The most tokens that an encoder thread encodes at once.
    #[arg(long, env = "SPLADE_BATCH_TOKENS", value_name = "N", default_value = "512")]
    batch_tokens: FlagValue<Count>,
    /// The most texts that wait for an encoder thread, in each lane.
    #[arg(long, env = "SPLADE_QUEUE_TEXTS", value_name = "N", default_value = "256")]
    queue_texts: FlagValue<Count>,
}

impl EncoderArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> EncoderPoolConfig {
        EncoderPoolConfig {
            threads: self.threads.map_or_else(count_cores, |threads| errors.take_value(threads)),
            max_batch_tokens: errors.take_value(self.batch_tokens),
            lane_capacity: errors.take_value(self.queue_texts),
        }
    }
}

fn count_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
