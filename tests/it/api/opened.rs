//! The `opened` response of a stream, and `expected_incarnation`.

use splade_sidecar::proto::{DeleteRequest, GetModelRequest, IngestOpened, IngestOptions, UpsertRequest};
use splade_sidecar::store::{CollectionCatalog, QdrantStore};
use tonic::{Code, Status};

use super::aliases::set as set_alias;
use super::collections::{create, get, sparse};
use super::{assert_indexed, by_text, search};
use crate::support::documents::{document, encode_documents, num, number_documents, options, sample_texts};
use crate::support::endpoint::Endpoint;
use crate::support::failure::Failure;
use crate::support::models::{load_random_model, model_dir};
use crate::support::qdrant_server::QdrantServer;
use crate::support::remote_stores::default_config;
use crate::support::sidecar::{MODEL, Sidecar, on_both_stores};
use crate::support::upload::Upload;

/// Opens a stream and ends it without operations.
async fn open(server: &Endpoint, options: IngestOptions) -> Result<IngestOpened, Status> {
    let mut upload = Upload::open(server.index_client().await, options).await?;
    let opened = upload.wait_opened().await?;
    upload.finish_and_drain().await.1.map(|()| opened)
}

fn existing(collection: &str) -> IngestOptions {
    IngestOptions { create_collection: false, ..options(collection) }
}

fn expecting(collection: &str, incarnation: &str) -> IngestOptions {
    IngestOptions { expected_incarnation: incarnation.to_owned(), ..existing(collection) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opened_reports_the_collection_the_model_and_the_server() {
    on_both_stores(async |sidecar| {
        let created = open(sidecar, options("docs")).await.unwrap();
        assert_eq!(created.collection, Some(get(sidecar, "docs").await));
        let collection = created.collection.as_ref().unwrap();
        assert_eq!((collection.name.as_str(), collection.point_count), ("docs", 0));
        assert!(!collection.incarnation.is_empty());
        let fingerprint = load_random_model(MODEL).fingerprint.to_string();
        assert_eq!((created.model.as_str(), &created.fingerprint), (MODEL, &fingerprint));
        let written = sparse(collection);
        assert_eq!(
            (written.model.as_str(), &written.fingerprint, written.dtype.as_str()),
            (MODEL, &fingerprint, "float32")
        );
        let model = sidecar.encoder_client().await.get_model(GetModelRequest::default()).await.unwrap().into_inner();
        assert_eq!(created.server, model.server);
        let server = created.server.unwrap();
        assert!(!server.features.is_empty() && server.limits.is_some(), "{server:?}");

        // The response has the name of the collection, also if the request used an alias, and its current state.
        assert_indexed(&sidecar.ingest(existing("docs"), number_documents(&sample_texts(3))).await);
        set_alias(sidecar, "alias", "docs").await.unwrap();
        let opened = open(sidecar, existing("alias")).await.unwrap().collection.unwrap();
        assert_eq!((opened.name.as_str(), opened.point_count), ("docs", 3));
        assert_eq!(opened.incarnation, collection.incarnation, "the incarnation changed");
    })
    .await;
}

/// The model that encodes may differ from the one that wrote the collection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opened_reports_the_model_that_encodes() {
    const OTHER: &str = "distilbert-random-untied";
    let models = [MODEL, OTHER].map(|name| format!("{name}={}", model_dir(name).display()));
    let sidecar = Sidecar::start(&["--model", &models[0], "--model", &models[1]]).await;
    open(&sidecar, options("docs")).await.unwrap();
    let other = IngestOptions { model: OTHER.to_owned(), ignore_fingerprint: true, ..existing("docs") };
    let opened = open(&sidecar, other).await.unwrap();
    assert_eq!((opened.model.as_str(), opened.fingerprint), (OTHER, load_random_model(OTHER).fingerprint.to_string()));
    assert_eq!(sparse(opened.collection.as_ref().unwrap()).model, MODEL);
    sidecar.stop_drained().await;
}

/// The reported features can be required in every call that has options.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reported_features_can_be_required() {
    let sidecar = Sidecar::start(&[]).await;
    let features = open(&sidecar, options("docs")).await.unwrap().server.unwrap().features;
    let required_features = features.clone();
    open(&sidecar, IngestOptions { required_features, ..options("docs") }).await.unwrap();
    let request = splade_sidecar::proto::SearchRequest { required_features: features, ..by_text("docs", "the moon") };
    assert_eq!(search(&sidecar, request).await, []);
    sidecar.stop_drained().await;
}

/// Sends every call that accepts `expected_incarnation`.
async fn calls(server: &Endpoint, collection: &str, incarnation: &str) -> Vec<Result<(), Status>> {
    let documents = encode_documents([document(num(1), "the moon")]);
    let upsert = UpsertRequest { options: Some(expecting(collection, incarnation)), documents };
    let delete = DeleteRequest {
        collection: collection.to_owned(),
        ids: vec![num(2)],
        expected_incarnation: incarnation.to_owned(),
        ..Default::default()
    };
    let mut index = server.index_client().await;
    vec![
        open(server, expecting(collection, incarnation)).await.map(drop),
        index.upsert(upsert).await.map(drop),
        index.delete(delete).await.map(drop),
    ]
}

/// Asserts that a call is refused because the collection was recreated, with both incarnations in the error metadata.
#[track_caller]
fn assert_recreated(outcome: Result<(), Status>, collection: &str, incarnation: &str, expected: &str) {
    let failure = Failure::from(outcome.unwrap_err());
    assert_eq!(
        (failure.code, failure.reason.as_str()),
        (Code::FailedPrecondition, "INCARNATION_MISMATCH"),
        "{failure:?}"
    );
    assert!(failure.fields.iter().all(|field| field.ends_with("expected_incarnation")), "{failure:?}");
    let metadata = |key: &str| failure.metadata.get(key).map_or("", String::as_str);
    assert_eq!(
        [metadata("collection"), metadata("incarnation"), metadata("expected_incarnation")],
        [collection, incarnation, expected]
    );
    let (_, remedy) = failure.message.split_once("; ").unwrap_or_default();
    assert!(!remedy.is_empty() && failure.retry_after.is_none(), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incarnation_can_be_expected() {
    on_both_stores(async |sidecar| {
        let incarnation = create(sidecar, "docs", None).await.unwrap().incarnation;
        set_alias(sidecar, "alias", "docs").await.unwrap();
        for name in ["docs", "alias"] {
            for outcome in calls(sidecar, name, &incarnation).await {
                outcome.unwrap();
            }
            for other in ["another", &incarnation[1..], &format!("{incarnation}x")] {
                for outcome in calls(sidecar, name, other).await {
                    assert_recreated(outcome, "docs", &incarnation, other);
                }
            }
        }
        // A missing collection has no incarnation to compare.
        let absent = open(sidecar, expecting("absent", &incarnation)).await.unwrap_err();
        assert_eq!(Failure::from(absent).reason, "COLLECTION_NOT_FOUND");
    })
    .await;
}

async fn delete_collection(server: &QdrantServer, name: &str) {
    let client = qdrant_client::Qdrant::from_url(&server.url()).skip_compatibility_check().build().unwrap();
    client.delete_collection(name).await.unwrap();
}

/// The collection is recreated by this server or by another one, while both servers have cached the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_collection_has_a_new_incarnation() {
    let qdrant = QdrantServer::start();
    let url = qdrant.url();
    let flags = ["--qdrant-url", url.as_str()];
    let (ours, other) = (Sidecar::start(&flags).await, Sidecar::start(&flags).await);
    assert_indexed(&ours.ingest(options("docs"), number_documents(&sample_texts(5))).await);
    let mut incarnations = vec![get(&ours, "docs").await.incarnation];
    for creator in [&ours, &other] {
        let before = incarnations.last().unwrap().clone();
        calls(&ours, "docs", &before).await.into_iter().for_each(Result::unwrap);
        delete_collection(&qdrant, "docs").await;
        let created = create(creator, "docs", None).await.unwrap().incarnation;
        assert!(!incarnations.contains(&created), "{created} is not new: {incarnations:?}");
        for sidecar in [&ours, &other] {
            for outcome in calls(sidecar, "docs", &before).await {
                assert_recreated(outcome, "docs", &created, &before);
            }
        }
        assert_eq!(get(&ours, "docs").await.point_count, 0, "documents were written");
        incarnations.push(created);
    }
    // Calls without `expected_incarnation` succeed.
    assert_indexed(&ours.ingest(options("docs"), number_documents(&sample_texts(5))).await);
    ours.stop_drained().await;
    other.stop_drained().await;
}

/// A collection of the embedded store can be removed by removing its directory.
#[cfg(feature = "embedded")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_collection_has_a_new_incarnation_in_the_embedded_store() {
    let sidecar = Sidecar::start(&[]).await;
    assert_indexed(&sidecar.ingest(options("docs"), number_documents(&sample_texts(5))).await);
    let before = get(&sidecar, "docs").await.incarnation;
    let (_, dir) = sidecar.stop().await;

    // A restart keeps the incarnation.
    let sidecar = Sidecar::start_in(dir, &[]).await;
    sidecar.wait_serving().await;
    assert_eq!(get(&sidecar, "docs").await.incarnation, before);
    calls(&sidecar, "docs", &before).await.into_iter().for_each(Result::unwrap);
    let (_, dir) = sidecar.stop().await;

    std::fs::remove_dir_all(dir.path().join("store/collections/docs")).unwrap();
    let sidecar = Sidecar::start_in(dir, &[]).await;
    sidecar.wait_serving().await;
    let created = create(&sidecar, "docs", None).await.unwrap().incarnation;
    assert_ne!(created, before);
    for outcome in calls(&sidecar, "docs", &before).await {
        assert_recreated(outcome, "docs", &created, &before);
    }
    sidecar.stop_drained().await;
}

/// A collection that was created by another program or an earlier version has no incarnation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_may_have_no_incarnation() {
    let qdrant = QdrantServer::start();
    let sidecar = Sidecar::start(&["--qdrant-url", &qdrant.url()]).await;
    open(&sidecar, options("docs")).await.unwrap();
    let store = QdrantStore::new(default_config(&qdrant.url())).unwrap();
    let spec = store.get_collection("docs").await.unwrap().unwrap().spec;
    let without = splade_sidecar::types::CollectionSpec { incarnation: String::new(), ..spec };
    delete_collection(&qdrant, "docs").await;
    store.create_collection("docs", &without).await.unwrap();
    let opened = open(&sidecar, existing("docs")).await.unwrap();
    assert_eq!(opened.collection.unwrap().incarnation, "");
    for outcome in calls(&sidecar, "docs", "some").await {
        assert_recreated(outcome, "docs", "", "some");
    }
    sidecar.stop_drained().await;
}
