//! Calls that write, delete and describe.

use splade_sidecar::proto::{
    CollectionOptions, DeleteRequest, DenseVectorOptions, DocumentId, GetCollectionRequest, IngestOptions,
    IngestRequest, Pruning, UpsertRequest,
};
use tonic::Code;

use super::{Call, Case, check, invalid};
use crate::support::documents::{document, encoded, messages, num, numbered, options, texts, uuid};
use crate::support::sidecar::{Sidecar, on_both_stores};

const NOT_FOUND: (Code, &str) = (Code::NotFound, "COLLECTION_NOT_FOUND");

/// A stream with these options and a document.
fn ingest(options: IngestOptions) -> Call {
    Call::Ingest(messages(options, encoded([document(num(1), "the moon")]), 1))
}

/// The options of a new collection.
fn collection(collection_options: CollectionOptions) -> Call {
    ingest(IngestOptions { collection_options: Some(collection_options), ..options("new") })
}

fn dense(name: &str, size: u32, distance: i32) -> Call {
    let vectors = [(name.to_owned(), DenseVectorOptions { size, distance })];
    collection(CollectionOptions { dense_vectors: vectors.into(), ..Default::default() })
}

fn spread(shard_count: u32, replication_factor: u32, write_consistency_factor: u32) -> CollectionOptions {
    CollectionOptions { shard_count, replication_factor, write_consistency_factor, ..Default::default() }
}

fn keyed(keys: &[&str]) -> CollectionOptions {
    CollectionOptions { shard_keys: keys.iter().map(|&key| key.to_owned()).collect(), ..Default::default() }
}

fn of_options() -> Vec<Case> {
    let no_such = IngestOptions { model: "no-such".to_owned(), ..options("docs") };
    let absent = IngestOptions { create_collection: false, ..options("absent") };
    let pruning = Some(Pruning { min_weight: -1.0, ..Default::default() });
    let text_key = |key: &str| ingest(IngestOptions { text_key: Some(key.to_owned()), ..options("docs") });
    let vector_name = CollectionOptions { vector_name: "v".repeat(129), ..Default::default() };
    let datatype = CollectionOptions { datatype: 9, ..Default::default() };
    vec![
        invalid(ingest(options("")), "options.collection"),
        invalid(ingest(options("../up")), "options.collection"),
        invalid(ingest(options(&"n".repeat(129))), "options.collection"),
        (ingest(no_such), Code::NotFound, "UNKNOWN_MODEL", "options.model"),
        (ingest(absent), NOT_FOUND.0, NOT_FOUND.1, "options.collection"),
        invalid(ingest(IngestOptions { long_text: 4, ..options("docs") }), "options.long_text"),
        invalid(ingest(IngestOptions { window_overlap: Some(16), ..options("docs") }), "options.window_overlap"),
        invalid(ingest(IngestOptions { pruning, ..options("docs") }), "options.pruning.min_weight"),
        invalid(ingest(IngestOptions { batch_points: 10_001, ..options("docs") }), "options.batch_points"),
        invalid(text_key("_splade_text"), "options.text_key"),
        invalid(text_key(&"k".repeat(129)), "options.text_key"),
        invalid(collection(vector_name), "options.collection_options.vector_name"),
        invalid(collection(datatype), "options.collection_options.datatype"),
        invalid(collection(spread(1_025, 0, 0)), "options.collection_options.shard_count"),
        invalid(collection(spread(0, 65, 0)), "options.collection_options.replication_factor"),
        invalid(collection(spread(0, 2, 3)), "options.collection_options.write_consistency_factor"),
        invalid(collection(keyed(&["a"])), "options.collection_options.shard_keys"),
        invalid(collection(keyed(&[""])), "options.collection_options.shard_keys"),
        invalid(collection(keyed(&["a", "b", "a"])), "options.collection_options.shard_keys"),
        invalid(dense("image", 0, 0), "options.collection_options.dense_vectors.image.size"),
        invalid(dense("image", 65_537, 0), "options.collection_options.dense_vectors.image.size"),
        invalid(dense("image", 3, 9), "options.collection_options.dense_vectors.image.distance"),
        invalid(dense("splade", 3, 0), "options.collection_options.dense_vectors.splade"),
        invalid(dense("", 3, 0), "options.collection_options.dense_vectors"),
    ]
}

fn of_messages() -> Vec<Case> {
    let documents = || encoded(numbered(&texts(2)));
    let mut late = messages(options("docs"), documents(), 1);
    late[1].options = Some(options("docs"));
    let upsert = |options, documents| Call::Upsert(UpsertRequest { options, documents });
    vec![
        invalid(Call::Ingest(vec![]), "options"),
        invalid(Call::Ingest(vec![IngestRequest { options: None, documents: documents() }]), "options"),
        invalid(Call::Ingest(late), "options"),
        invalid(upsert(None, documents()), "options"),
        invalid(upsert(Some(options("docs")), vec![]), "documents"),
        invalid(upsert(Some(options("docs")), encoded(numbered(&texts(257)))), "documents"),
        invalid(upsert(Some(options("a b")), documents()), "options.collection"),
    ]
}

fn of_deletes_and_descriptions() -> Vec<Case> {
    let delete = |collection: &str, ids| Call::Delete(DeleteRequest { collection: collection.to_owned(), ids });
    let get = |collection: &str| Call::GetCollection(GetCollectionRequest { collection: collection.to_owned() });
    vec![
        invalid(delete("docs", vec![]), "ids"),
        invalid(delete("docs", vec![num(1); 10_001]), "ids"),
        invalid(delete("docs", vec![num(1), DocumentId::default()]), "ids[1]"),
        invalid(delete("docs", vec![uuid("no")]), "ids[0].uuid"),
        invalid(delete(".docs", vec![num(1)]), "collection"),
        (delete("absent", vec![num(1)]), NOT_FOUND.0, NOT_FOUND.1, "collection"),
        invalid(get(""), "collection"),
        (get("absent"), NOT_FOUND.0, NOT_FOUND.1, "collection"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_says_what_is_wrong() {
    on_both_stores(async |sidecar| {
        assert_eq!(sidecar.ingest(options("docs"), vec![]).await, []);
        check(sidecar, of_options()).await;
        check(sidecar, of_messages()).await;
        check(sidecar, of_deletes_and_descriptions()).await;
        // Nothing of that made a collection.
        let new = Call::GetCollection(GetCollectionRequest { collection: "new".to_owned() });
        assert_eq!(new.send(sidecar).await.unwrap_err().code(), Code::NotFound);
    })
    .await;
}

/// What came before the mistake has its results, which come before the refusal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_breaks_the_contract_gets_the_results_of_what_came_before() {
    let sidecar = Sidecar::start(&[]).await;
    let mut stream = messages(options("docs"), encoded(numbered(&texts(6))), 2);
    stream[2].options = Some(options("docs"));
    let mut responses = sidecar.index().await.ingest(tokio_stream::iter(stream)).await.unwrap().into_inner();
    let (mut results, mut durable) = (Vec::new(), 0);
    let status = loop {
        match responses.message().await {
            Ok(response) => {
                let response = response.expect("the stream doesn't end OK");
                durable = response.durable_through;
                results.extend(response.results);
            }
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::InvalidArgument);
    crate::api::assert_indexed(&results);
    assert_eq!((results.len(), durable), (4, 4));
    sidecar.end().await;
}
