//! Compares the numbers of documents of the old and the new collection.

use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use super::checkpoint::RunSettings;
use crate::cli::client::ClientArgs;
use crate::cli::retry::retry;
use crate::proto::GetCollectionRequest;

/// Maximum number of counts while they differ: Qdrant's counts are approximate during an optimization and exact soon after.
const MAX_ATTEMPTS: usize = 3;
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Numbers of documents of the old and the new collection.
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

/// Counts the documents of both collections, several times if the counts differ.
///
/// # Errors
/// If a count fails and retries don't succeed.
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
        let response = retry(give_up_after, "can't count documents", get).await;
        let collection = response.with_context(|| format!("collection `{name}`"))?.into_inner().collection;
        anyhow::Ok(collection.map_or(0, |collection| u64::try_from(collection.point_count).unwrap_or_default()))
    };
    Ok(DocumentCounts { old: count_points(&settings.collection).await?, new: count_points(&settings.into).await? })
}
