//! A collection with several replicas, one of which lags behind or is down.

use splade_sidecar::store::PointWriter;
use splade_sidecar::types::{DIGEST_FIELD, Digest, Point, PointId};
use tonic::Status;

use super::{point, store_with_docs};
use crate::support::qdrant_server::Call;

/// Returns a point with a content digest.
fn point_with_digest(id: u64, digest: &str) -> Point {
    let payload = [(DIGEST_FIELD.to_owned(), digest.into())].into_iter().collect();
    Point { payload, ..point(id) }
}

/// A digest is only returned if all replicas have it, so a replica that missed a delete or an update prevents it.
#[tokio::test]
async fn only_digests_on_all_replicas_are_returned() {
    let (server, store) = store_with_docs().await;
    let digest = |digest: &str| Digest::from_payload(&point_with_digest(0, digest).payload).unwrap();
    let all = [1, 2, 3, 4].map(PointId::Num);
    store.upsert("docs", "terms", &[1, 2, 3].map(|id| point_with_digest(id, "old"))).await.unwrap();
    server.faults().lag_replica();
    store.delete("docs", &all[..1]).await.unwrap();
    store.upsert("docs", "terms", &[point_with_digest(2, "new"), point_with_digest(4, "new")]).await.unwrap();

    assert_eq!(store.fetch_digests("docs", &all).await.unwrap(), [(PointId::Num(3), digest("old"))].into());
    let counters = server.counters();
    assert_eq!((counters.calls(Call::Get), counters.consistent_gets), (1, 1));

    server.faults().clear();
    let caught_up = [(2, "new"), (3, "old"), (4, "new")].map(|(id, text)| (PointId::Num(id), digest(text)));
    assert_eq!(store.fetch_digests("docs", &all).await.unwrap(), caught_up.into());
}

/// Qdrant's error while a replica is down. No digest is known then, and documents are still accepted.
#[tokio::test]
async fn no_digest_is_returned_while_a_replica_is_down() {
    let (server, store) = store_with_docs().await;
    store.upsert("docs", "terms", &[point_with_digest(1, "old")]).await.unwrap();
    let message = "Service internal error: The replica set for shard 0 on peer 1 does not have enough active replicas";
    server.faults().fail_next(&[Call::Get], 1, Status::internal(message));
    assert!(store.fetch_digests("docs", &[PointId::Num(1)]).await.unwrap().is_empty());
    assert_eq!(store.fetch_digests("docs", &[PointId::Num(1)]).await.unwrap().len(), 1);

    server.faults().fail_next(&[Call::Get], 1, Status::unavailable("gone"));
    assert!(store.fetch_digests("docs", &[PointId::Num(1)]).await.unwrap_err().is_retryable());
}
