//! Whether the new collection has as many documents as the old one.

use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use super::checkpoint::Run;
use crate::cli::client::ClientArgs;
use crate::cli::retry::retry;
use crate::proto::GetCollectionRequest;

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
pub async fn compare(client: &ClientArgs, run: &Run, give_up_after: Duration) -> anyhow::Result<Counts> {
    let mut counts = count(client, run, give_up_after).await?;
    for _ in 1..TRIES {
        if !counts.differ() {
            break;
        }
        sleep(PAUSE).await;
        counts = count(client, run, give_up_after).await?;
    }
    Ok(counts)
}

async fn count(client: &ClientArgs, run: &Run, give_up_after: Duration) -> anyhow::Result<Counts> {
    let index = client.index().await?;
    let points = async |name: &str| {
        let request = GetCollectionRequest { collection: name.to_owned() };
        let get = async || index.clone().get_collection(client.request(request.clone())).await;
        let found = retry(give_up_after, "the documents can't be counted", get).await;
        let found = found.with_context(|| format!("collection `{name}`"))?.into_inner().collection;
        anyhow::Ok(found.map_or(0, |collection| u64::try_from(collection.point_count).unwrap_or_default()))
    };
    Ok(Counts { old: points(&run.collection).await?, new: points(&run.into).await? })
}
