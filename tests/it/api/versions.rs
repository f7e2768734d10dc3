//! Versions of documents: the newest version wins, for any writers and any order.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;
use splade_sidecar::proto::operation::Kind;
use splade_sidecar::proto::{
    DeleteDocument, Document, DocumentId, IngestOptions, OperationResult, OperationStatus, StoredDocument,
    UpsertRequest,
};
use tokio::task::JoinSet;

use OperationStatus::{Deleted, Indexed, Rejected, Superseded};

use super::listing::list;
use super::operations::stores;
use super::{by_text, hit_document, search};
use crate::support::documents::{
    build_operation_messages, document, encode_documents, encode_operation, expect_stats, key, num, options,
    run_stream, to_payload, uuid,
};
use crate::support::endpoint::Endpoint;
use crate::support::qdrant_server::QdrantServer;
use crate::support::seeded_rng::SeededRng;
use crate::support::sidecar::{Sidecar, on_both_stores};
use crate::support::upload;

/// Returns a document whose text contains the change that wrote it.
fn versioned(id: DocumentId, version: Option<i64>, change: &str) -> Document {
    Document { version, ..document(id, &format!("the change {change}")) }
}

/// Returns the operation that deletes a document of this version or an older one.
fn delete(id: DocumentId, version: Option<i64>) -> Bytes {
    encode_operation(Kind::DeleteDocument(DeleteDocument { id: Some(id), version }), "")
}

async fn apply(server: &Endpoint, operations: Vec<Bytes>) -> Vec<OperationResult> {
    let results =
        run_stream(&mut server.index_client().await, build_operation_messages(options("docs"), operations, 3)).await;
    // A document that was not written has no encoding statistics.
    for result in &results {
        assert_eq!(result.stats.is_some(), result.status() == Indexed, "{result:?}");
    }
    results
}

fn statuses(results: &[OperationResult]) -> Vec<OperationStatus> {
    results.iter().map(OperationResult::status).collect()
}

/// Returns the change and the version of a stored document.
fn stored(document: &StoredDocument) -> (String, Option<i64>) {
    let text = document.payload.as_ref().unwrap().fields["text"].kind.clone();
    let Some(prost_types::value::Kind::StringValue(text)) = text else { panic!("{text:?}") };
    (text.trim_start_matches("the change ").to_owned(), document.version)
}

/// Returns all documents of a collection, by their ids as text.
async fn all(server: &Endpoint) -> BTreeMap<String, (String, Option<i64>)> {
    let documents = list(server, "docs").await.into_iter();
    documents.map(|document| (format!("{:?}", document.id.as_ref().unwrap()), stored(&document))).collect()
}

fn expected(documents: &[(DocumentId, &str, Option<i64>)]) -> BTreeMap<String, (String, Option<i64>)> {
    let entry =
        |(id, change, version): &(DocumentId, &str, Option<i64>)| (format!("{id:?}"), ((*change).to_owned(), *version));
    documents.iter().map(entry).collect()
}

/// In one stream, across streams, and with unary calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_version_stays() {
    on_both_stores(async |sidecar| {
        let upsert = |id, version, change| stores(&versioned(id, Some(version), change));
        let some_uuid = || uuid("67e55044-10b1-426f-9247-bb680e5fe0c8");
        let operations = vec![
            upsert(num(1), 5, "a"),
            upsert(num(1), 7, "b"),
            upsert(num(1), 6, "c"),
            // An equal version is not newer.
            upsert(num(1), 7, "d"),
            upsert(key("k"), -3, "e"),
            upsert(key("k"), -4, "f"),
            upsert(some_uuid(), 0, "g"),
        ];
        let results = apply(sidecar, operations).await;
        let first = [Indexed, Indexed, Superseded, Superseded, Indexed, Superseded, Indexed];
        assert_eq!(statuses(&results), first, "{results:?}");
        let now = expected(&[(num(1), "b", Some(7)), (key("k"), "e", Some(-3)), (some_uuid(), "g", Some(0))]);
        assert_eq!(all(sidecar).await, now);

        let results = apply(sidecar, vec![upsert(num(1), 6, "h"), upsert(key("k"), -2, "i")]).await;
        assert_eq!(statuses(&results), [Superseded, Indexed]);
        assert_eq!([&results[0].id, &results[1].id], [&Some(num(1)), &Some(key("k"))]);
        let documents = encode_documents([versioned(num(1), Some(8), "j"), versioned(some_uuid(), Some(-1), "k")]);
        let request = UpsertRequest { options: Some(options("docs")), documents };
        let results = sidecar.index_client().await.upsert(request).await.unwrap().into_inner().results;
        results.iter().for_each(upload::check_result);
        assert_eq!(statuses(&results), [Indexed, Superseded]);
        let now = expected(&[(num(1), "j", Some(8)), (key("k"), "i", Some(-2)), (some_uuid(), "g", Some(0))]);
        assert_eq!(all(sidecar).await, now);
        // A search returns the version too.
        let hits = search(sidecar, by_text("docs", "the change j")).await;
        let versions: BTreeMap<_, _> =
            hits.iter().map(hit_document).map(|it| (format!("{:?}", it.id.as_ref().unwrap()), stored(it))).collect();
        assert_eq!(versions, now);
    })
    .await;
}

/// All 64-bit versions are distinguished, also if they are equal as doubles.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adjacent_versions_are_distinguished_over_the_whole_range() {
    on_both_stores(async |sidecar| {
        for low in [i64::MIN, -(1 << 53) - 1, -(1 << 32), -1, 0, (1 << 32) - 1, 1 << 53, i64::MAX - 1] {
            let id = key(&low.to_string());
            let operations = [low, low + 1, low, low + 1]
                .map(|version| stores(&versioned(id.clone(), Some(version), &version.to_string())));
            let results = apply(sidecar, operations.into()).await;
            assert_eq!(statuses(&results), [Indexed, Indexed, Superseded, Superseded], "{low}");
            assert_eq!(all(sidecar).await[&format!("{id:?}")], ((low + 1).to_string(), Some(low + 1)));
        }
    })
    .await;
}

/// A document without a version is always written, and any version is newer than it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_without_a_version_is_always_written() {
    on_both_stores(async |sidecar| {
        let upsert = |version, change| stores(&versioned(num(1), version, change));
        for (version, change, status, left) in [
            (None, "a", Indexed, ("a", None)),
            (Some(i64::MIN), "b", Indexed, ("b", Some(i64::MIN))),
            (Some(9), "c", Indexed, ("c", Some(9))),
            (None, "d", Indexed, ("d", None)),
            (Some(3), "e", Indexed, ("e", Some(3))),
            (Some(2), "f", Superseded, ("e", Some(3))),
        ] {
            assert_eq!(statuses(&apply(sidecar, vec![upsert(version, change)]).await), [status], "{change}");
            assert_eq!(all(sidecar).await, expected(&[(num(1), left.0, left.1)]));
        }
    })
    .await;
}

/// A deletion with a version applies to this version and older ones, and removes the document completely.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_keeps_newer_versions() {
    on_both_stores(async |sidecar| {
        let upsert = |id, version, change| stores(&versioned(num(id), version, change));
        let results = apply(
            sidecar,
            vec![upsert(1, Some(5), "a"), upsert(2, Some(5), "b"), upsert(3, Some(5), "c"), upsert(4, None, "d")],
        )
        .await;
        assert_eq!(statuses(&results), [Indexed; 4]);
        let results = apply(
            sidecar,
            vec![
                delete(num(1), Some(4)),
                delete(num(2), Some(5)),
                delete(num(3), Some(6)),
                delete(num(4), Some(i64::MIN)),
                delete(num(5), Some(1)),
            ],
        )
        .await;
        assert_eq!(statuses(&results), [Superseded, Superseded, Deleted, Deleted, Deleted], "{results:?}");
        assert_eq!(all(sidecar).await, expected(&[(num(1), "a", Some(5)), (num(2), "b", Some(5))]));

        // After the deletion, an older version can be written; a deletion without a version always applies.
        let results =
            apply(sidecar, vec![upsert(3, Some(1), "e"), delete(num(1), None), delete(num(3), Some(0))]).await;
        assert_eq!(statuses(&results), [Indexed, Deleted, Superseded]);
        assert_eq!(all(sidecar).await, expected(&[(num(2), "b", Some(5)), (num(3), "e", Some(1))]));
    })
    .await;
}

/// Documents without a version are validated and skipped as usual; a skipped document has no version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_do_not_change_validation_and_skipping() {
    on_both_stores(async |sidecar| {
        let skipping = || IngestOptions { skip_unchanged: true, ..options("docs") };
        let of = |version, change| vec![versioned(num(1), version, change)];
        assert_eq!(statuses(&sidecar.ingest(skipping(), of(Some(1), "a")).await), [Indexed]);
        // Equal content with a newer version.
        assert_eq!(statuses(&sidecar.ingest(skipping(), of(Some(2), "a")).await), [Indexed]);
        assert_eq!(statuses(&sidecar.ingest(skipping(), of(Some(2), "a")).await), [Superseded]);
        let blank = Document { text: " ".to_owned(), ..versioned(num(1), Some(9), "b") };
        let results = sidecar.ingest(skipping(), vec![blank]).await;
        assert_eq!((statuses(&results), all(sidecar).await), (vec![Rejected], expected(&[(num(1), "a", Some(2))])));
        // The version can't be set by a payload field, which belongs to the client or is reserved.
        let own = json!({ "version": 99 });
        let with_payload = Document { payload: Some(to_payload(own)), ..versioned(num(1), Some(1), "c") };
        assert_eq!(statuses(&sidecar.ingest(options("docs"), vec![with_payload]).await), [Superseded]);
        let reserved = json!({ "_splade_version": 99 });
        let with_reserved = Document { payload: Some(to_payload(reserved)), ..versioned(num(1), Some(3), "d") };
        let results = sidecar.ingest(options("docs"), vec![with_reserved]).await;
        assert_eq!(results[0].error.as_ref().unwrap().field, "payload._splade_version");
    })
    .await;
}

/// Documents with and without versions share a batch, and each is written by its own rule.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_mixed_batches_are_written_by_their_own_rules() {
    on_both_stores(async |sidecar| {
        let documents = |version: fn(u64) -> Option<i64>, change: &str| -> Vec<Document> {
            (0..60).map(|id| versioned(num(id), version(id), change)).collect()
        };
        let first = documents(|id| (id % 3 != 0).then_some(10), "a");
        let results = sidecar.ingest(options("docs"), first).await;
        assert!(results.iter().all(|result| result.status() == Indexed && expect_stats(result).term_count > 0));
        // Every second document has a version, alternately older and newer than the stored one.
        let second = documents(|id| (id % 2 == 0).then_some(if id % 4 == 0 { 9 } else { 11 }), "b");
        let results = sidecar.ingest(options("docs"), second).await;
        let stored = all(sidecar).await;
        for (id, result) in (0u64..).zip(&results) {
            let is_older = id % 4 == 0 && id % 3 != 0;
            assert_eq!(result.status(), if is_older { Superseded } else { Indexed }, "document {id}");
            let change = if is_older { "a" } else { "b" };
            assert_eq!(stored[&format!("{:?}", num(id))].0, change, "document {id}");
        }
    })
    .await;
}

/// Property: for any concurrent writes through several servers on one store, the newest version of each document is
/// stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_version_wins_across_servers() {
    const SERVERS: usize = 3;
    const CHANGES: u64 = 150;
    const IDS: u64 = 4;
    let qdrant = QdrantServer::start();
    let mut rng = SeededRng::from_env("SPLADE_VERSIONS_SEED");
    let mut sidecars = Vec::new();
    for _ in 0..SERVERS {
        sidecars.push(Sidecar::start(&["--qdrant-url", &qdrant.url()]).await);
    }
    assert_eq!(sidecars[0].ingest(options("docs"), Vec::new()).await, []);
    let mut newest: BTreeMap<String, (String, Option<i64>)> = BTreeMap::new();
    let mut clients = JoinSet::new();
    for sidecar in &sidecars {
        let documents: Vec<Document> = (0..CHANGES)
            .map(|_| {
                let (id, version) = (num(rng.below(IDS)), rng.below(1_000_000) as i64);
                // The text is derived from the version, because two clients may draw the same version.
                let document = versioned(id.clone(), Some(version), &version.to_string());
                let known = newest.entry(format!("{id:?}")).or_insert_with(|| (version.to_string(), Some(version)));
                if known.1 < Some(version) {
                    *known = (version.to_string(), Some(version));
                }
                document
            })
            .collect();
        let (endpoint, batch_points) = (**sidecar, 1 + rng.below(20) as u32);
        clients.spawn(async move {
            let how = IngestOptions { batch_points, ..options("docs") };
            let results = endpoint.ingest(how, documents).await;
            let is_either = |result: &OperationResult| matches!(result.status(), Indexed | Superseded);
            assert!(results.iter().all(is_either), "{results:?}");
        });
    }
    clients.join_all().await;
    assert_eq!(all(&sidecars[0]).await, newest);
    for sidecar in sidecars {
        sidecar.stop_drained().await;
    }
}
