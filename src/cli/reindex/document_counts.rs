//! Whether the new collection has as many documents as the old one.

use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use super::checkpoint::RunSettings;
use crate::cli::client::ClientArgs;
use crate::cli::retry::retry;
use crate::proto::GetCollectionRequest;

/// How often they are counted, if they differ: Qdrant's counts are about right while it merges, and right soon after.
const MAX_ATTEMPTS: usize = 3;
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How many documents both collections have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentCounts {
    pub old: u64,
    pub new: u64,
}

impl DocumentCounts {
    pub fn differ(self) -> bool {
        self.old != self.new
    }
}

/// Counts the documents of both collections.
pub async fn compare_counts(
    client: &ClientArgs,
    settings: &RunSettings,
    give_up_after: Duration,
) -> anyhow::Result<DocumentCounts> {
    let mut counts = count_documents(client, settings, give_up_after).await?;
    for _ in 1..MAX_ATTEMPTS {
        if !counts.differ() {
            break;
        }
        sleep(RETRY_DELAY).await;
        counts = count_documents(client, settings, give_up_after).await?;
    }
    Ok(counts)
}

async fn count_documents(
    client: &ClientArgs,
    settings: &RunSettings,
    give_up_after: Duration,
) -> anyhow::Result<DocumentCounts> {
    let index = client.connect_index().await?;
    let count_points = async |name: &str| {
        let request = GetCollectionRequest { collection: name.to_owned() };
        let get = async || index.clone().get_collection(client.build_request(request.clone())).await;
        let response = retry(give_up_after, "the documents can't be counted", get).await;
        let collection = response.with_context(|| format!("collection `{name}`"))?.into_inner().collection;
        anyhow::Ok(collection.map_or(0, |collection| u64::try_from(collection.point_count).unwrap_or_default()))
    };
    Ok(DocumentCounts { old: count_points(&settings.collection).await?, new: count_points(&settings.into).await? })
}
