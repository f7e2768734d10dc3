//! Encoder threads, their batches and queues.

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::FlagValue;
use super::values::Count;
use crate::env_var::with_earlier_name;
use crate::pipeline::EncoderPoolConfig;

#[derive(Debug, Clone, Args)]
pub struct EncoderArgs {
    /// Number of encoder threads [default: one per core].
    #[arg(long, env = "SPLADE_THREADS", value_name = "N")]
    threads: Option<FlagValue<Count>>,
    /// Maximum number of tokens per batch of an encoder thread. A longer text is a batch of its own.
    #[arg(
        long,
        alias = "batch-tokens",
        env = with_earlier_name("SPLADE_MAX_BATCH_TOKENS", "SPLADE_BATCH_TOKENS"),
        value_name = "N",
        default_value = "512"
    )]
    max_batch_tokens: FlagValue<Count>,
    /// Maximum number of texts that wait for an encoder thread, per lane (streams and unary calls have one each).
    #[arg(
        long,
        alias = "queue-texts",
        env = with_earlier_name("SPLADE_MAX_QUEUED_TEXTS", "SPLADE_QUEUE_TEXTS"),
        value_name = "N",
        default_value = "256"
    )]
    max_queued_texts: FlagValue<Count>,
}

impl EncoderArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> EncoderPoolConfig {
        EncoderPoolConfig {
            threads: self.threads.map_or_else(count_cores, |threads| errors.take_value(threads)),
            max_batch_tokens: errors.take_value(self.max_batch_tokens),
            lane_capacity: errors.take_value(self.max_queued_texts),
        }
    }
}

fn count_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
