//! How points are written to the store.

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::FlagValue;
use super::values::{BoundedDuration, Count, Size};
use crate::pipeline::WriterConfig;

#[derive(Debug, Clone, Args)]
pub struct WriterArgs {
    /// The most bytes of one upsert.
    #[arg(long, env = "SPLADE_UPSERT_BYTES", value_name = "SIZE", default_value = "4MiB")]
    upsert_bytes: FlagValue<Size>,
    /// The longest time that a point waits for others of its upsert.
    #[arg(long, env = "SPLADE_UPSERT_AGE", value_name = "DURATION", default_value = "100ms")]
    upsert_age: FlagValue<BoundedDuration>,
    /// The most upserts in flight for one collection.
    #[arg(long, env = "SPLADE_MAX_UPSERTS", value_name = "N", default_value = "8")]
    max_upserts: FlagValue<Count>,
    /// How long a document that the store can't take now is tried again.
    #[arg(long, env = "SPLADE_RETRY_DEADLINE", value_name = "DURATION", default_value = "120s")]
    retry_deadline: FlagValue<BoundedDuration>,
}

impl WriterArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> WriterConfig {
        WriterConfig {
            max_batch_bytes: errors.take_value(self.upsert_bytes),
            max_batch_age: errors.take_value(self.upsert_age),
            max_in_flight: errors.take_value(self.max_upserts),
            retry_timeout: errors.take_value(self.retry_deadline),
        }
    }
}
