//! Whether the new collection has as many documents as the old one.

use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use super::checkpoint::Run;
use super::plan::collection;
use crate::cli::client::ClientArgs;

/// How often they are counted, if they differ: Qdrant's counts are about right while it merges, and right soon after.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// How many documents both collections have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub old: u64,
    pub new: u64,
}

impl Counts {
    pub fn differ(self) -> bool {
        self.old != self.new
    }
}

/// Counts the documents of both collections.
pub async fn compare(client: &ClientArgs, run: &Run) -> anyhow::Result<Counts> {
    let mut counts = count(client, run).await?;
    for _ in 1..TRIES {
        if !counts.differ() {
            break;
        }
        sleep(PAUSE).await;
        counts = count(client, run).await?;
    }
    Ok(counts)
}

async fn count(client: &ClientArgs, run: &Run) -> anyhow::Result<Counts> {
    let points = async |name: &str| {
        let found = collection(client, name).await?.with_context(|| format!("collection `{name}` is gone"))?;
        anyhow::Ok(found.point_count)
    };
    Ok(Counts { old: points(&run.collection).await?, new: points(&run.into).await? })
}
