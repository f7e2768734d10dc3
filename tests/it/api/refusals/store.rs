//! Errors of calls whose store fails.

use std::time::Duration;

use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{
    CreateCollectionRequest, DeleteRequest, ExplainRequest, GetCollectionRequest, GetDocumentsRequest,
};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::Call;
use crate::api::{assert_indexed, by_text};
use crate::support::documents::{build_messages, document, num, options};
use crate::support::failure::Failure;
use crate::support::qdrant_server::{Call as StoreCall, QdrantServer};
use crate::support::queries::text_query;
use crate::support::sidecar::Sidecar;

/// Returns one call of each kind that needs the store, on a collection that is not cached.
fn calls() -> Vec<Call> {
    let collection = || "docs".to_owned();
    let (query, document) = (Some(text_query("the moon")), Some(Explained::DocumentId(num(1))));
    let explain = ExplainRequest { collection: collection(), query, document, ..Default::default() };
    vec![
        Call::Ingest(build_messages(options("docs"), vec![], 1)),
        Call::Search(by_text("docs", "the moon")),
        Call::Explain(explain),
        Call::Delete(DeleteRequest { collection: collection(), ids: vec![num(1)], ..Default::default() }),
        Call::GetDocuments(GetDocumentsRequest { collection: collection(), ids: vec![num(1)], ..Default::default() }),
        Call::GetCollection(GetCollectionRequest { collection: collection() }),
    ]
}

async fn failures(sidecar: &Sidecar) -> Vec<Failure> {
    let mut failures = Vec::new();
    let create = CreateCollectionRequest { name: "new".to_owned(), ..Default::default() };
    for call in calls().into_iter().chain([Call::CreateCollection(create)]) {
        failures.push(call.send(sidecar).await.unwrap_err().into());
    }
    failures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporary_store_error_is_retryable() {
    let qdrant = QdrantServer::start();
    let sidecar = Sidecar::start(&["--qdrant-url", &qdrant.url()]).await;
    assert_indexed(&sidecar.ingest(options("docs"), vec![document(num(1), "the moon")]).await);
    let retry_after =
        MetadataMap::from_headers([("retry-after".parse().unwrap(), "7".parse().unwrap())].into_iter().collect());
    let full = Status::with_metadata(Code::ResourceExhausted, "Rate limiting exceeded", retry_after);
    for (status, delay) in [(Status::unavailable("no leader"), 1), (full, 7)] {
        qdrant.faults().fail(StoreCall::ALL, status.clone());
        for failure in failures(&sidecar).await {
            assert_eq!(
                (failure.code, failure.reason.as_str()),
                (Code::Unavailable, "STORE_UNAVAILABLE"),
                "{failure:?}"
            );
            assert_eq!(failure.retry_after, Some(Duration::from_secs(delay)), "{failure:?}");
            assert!(
                failure.message.contains(status.message()) && failure.message.contains("retry later"),
                "{failure:?}"
            );
        }
        qdrant.faults().clear();
    }
    for call in calls() {
        call.send(&sidecar).await.unwrap();
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_access_to_the_store_is_reported_to_the_operator() {
    let qdrant = QdrantServer::start();
    let sidecar = Sidecar::start(&["--qdrant-url", &qdrant.url(), "--qdrant-api-key", "s3cret"]).await;
    qdrant.faults().fail(StoreCall::ALL, Status::unauthenticated("Invalid API key s3cret"));
    for failure in failures(&sidecar).await {
        assert_eq!((failure.code, failure.reason.as_str()), (Code::Internal, "INTERNAL"), "{failure:?}");
        assert!(failure.message.contains("the operator must check the service's API key"), "{failure:?}");
        assert!(!failure.message.contains("s3cret"), "the key is in: {failure:?}");
        assert_eq!(failure.retry_after, None);
    }
    sidecar.stop_drained().await;
}
