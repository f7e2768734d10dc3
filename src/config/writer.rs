//! Batching, concurrency and retries of upserts to the store.

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::FlagValue;
use super::values::{BoundedDuration, Count, Size};
use crate::env_var::with_earlier_name;
use crate::pipeline::WriterConfig;

#[derive(Debug, Clone, Args)]
pub struct WriterArgs {
    /// Maximum size of one upsert to the store.
    #[arg(
        long,
        alias = "upsert-bytes",
        env = with_earlier_name("SPLADE_MAX_UPSERT_BYTES", "SPLADE_UPSERT_BYTES"),
        value_name = "BYTES",
        default_value = "4MiB"
    )]
    max_upsert_bytes: FlagValue<Size>,
    /// Maximum time that a point waits for its upsert to fill up. Shorter gives faster results, longer gives larger upserts.
    #[arg(
        long,
        alias = "upsert-age",
        env = with_earlier_name("SPLADE_MAX_UPSERT_DELAY", "SPLADE_UPSERT_AGE"),
        value_name = "DURATION",
        default_value = "100ms"
    )]
    max_upsert_delay: FlagValue<BoundedDuration>,
    /// Maximum number of concurrent upserts per collection. The actual number adapts to the store's latency.
    #[arg(
        long,
        alias = "max-upserts",
        env = with_earlier_name("SPLADE_MAX_IN_FLIGHT_UPSERTS", "SPLADE_MAX_UPSERTS"),
        value_name = "N",
        default_value = "8"
    )]
    max_in_flight_upserts: FlagValue<Count>,
    /// Maximum time that the write of a document is retried while the store is unavailable; then the document fails.
    #[arg(long, env = "SPLADE_RETRY_DEADLINE", value_name = "DURATION", default_value = "120s")]
    retry_deadline: FlagValue<BoundedDuration>,
}

impl WriterArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> WriterConfig {
        WriterConfig {
            max_batch_bytes: errors.take_value(self.max_upsert_bytes),
            max_batch_age: errors.take_value(self.max_upsert_delay),
            max_in_flight: errors.take_value(self.max_in_flight_upserts),
            retry_timeout: errors.take_value(self.retry_deadline),
        }
    }
}
