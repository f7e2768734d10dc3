//! Calls that write, delete, read and describe.

use splade_sidecar::proto::{
    CollectionOptions, CreateCollectionRequest, DeleteRequest, DenseVectorOptions, DocumentId, EncodingOptions,
    GetCollectionRequest, GetDocumentsRequest, IngestOptions, IngestRequest, Pruning, ResultFilter, ReturnOptions,
    SparseVectorOptions, UpsertRequest,
};
use tonic::Code;

use super::{Call, Case, check, invalid};
use crate::api::collections::with_sparse;
use crate::api::pruned;
use crate::support::documents::{
    build_messages, document, encode_documents, num, number_documents, options, sample_texts, upsert, uuid,
};
use crate::support::sidecar::{Sidecar, on_both_stores};

const NOT_FOUND: (Code, &str) = (Code::NotFound, "COLLECTION_NOT_FOUND");

/// Returns a stream with these options and one document.
fn ingest(options: IngestOptions) -> Call {
    Call::Ingest(build_messages(options, encode_documents([document(num(1), "the moon")]), 1))
}

/// Returns a stream with options that create a collection.
fn collection(collection_options: CollectionOptions) -> Call {
    ingest(IngestOptions { collection_options: Some(collection_options), ..options("new") })
}

fn sparse(name: &str, options: SparseVectorOptions) -> Call {
    collection(with_sparse(name, options))
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
    let encoding = |encoding| ingest(IngestOptions { encoding: Some(encoding), ..options("docs") });
    let negative = pruned(Pruning { min_weight: Some(-1.0), ..Default::default() });
    let text_field = |name: &str| ingest(IngestOptions { text_field: Some(name.to_owned()), ..options("docs") });
    let two = CollectionOptions {
        sparse_vectors: ["a", "b"].map(|name| (name.to_owned(), SparseVectorOptions::default())).into(),
        ..Default::default()
    };
    let expecting = IngestOptions { expected_incarnation: "some".to_owned(), ..options("docs") };
    let long = "v".repeat(129);
    let uncreated = IngestOptions {
        create_collection: false,
        collection_options: Some(CollectionOptions::default()),
        ..options("docs")
    };
    let unfit = IngestOptions { result_filter: 9, ..options("docs") };
    vec![
        invalid(ingest(options("")), "options.collection"),
        invalid(ingest(options("../up")), "options.collection"),
        invalid(ingest(options(&"n".repeat(129))), "options.collection"),
        (ingest(no_such), Code::NotFound, "UNKNOWN_MODEL", "options.model"),
        (ingest(absent), NOT_FOUND.0, NOT_FOUND.1, "options.collection"),
        invalid(encoding(EncodingOptions { long_text: 4, ..Default::default() }), "options.encoding.long_text"),
        invalid(
            encoding(EncodingOptions { window_overlap: Some(16), ..Default::default() }),
            "options.encoding.window_overlap",
        ),
        invalid(encoding(negative), "options.encoding.pruning.min_weight"),
        invalid(ingest(IngestOptions { batch_points: 10_001, ..options("docs") }), "options.batch_points"),
        invalid(text_field("_splade_text"), "options.text_field"),
        invalid(text_field(&"k".repeat(129)), "options.text_field"),
        // The collection is not created, so its options would be ignored.
        invalid(ingest(uncreated), "options.collection_options"),
        invalid(ingest(IngestOptions { first_sequence: u64::MAX, ..options("docs") }), "options.first_sequence"),
        // The collection is created by this call, with a new incarnation.
        invalid(ingest(expecting), "options.expected_incarnation"),
        invalid(ingest(unfit), "options.result_filter"),
        invalid(collection(two), "options.collection_options.sparse_vectors"),
        invalid(sparse("a/b", SparseVectorOptions::default()), "options.collection_options.sparse_vectors.a/b"),
        invalid(
            sparse(&long, SparseVectorOptions::default()),
            format!("options.collection_options.sparse_vectors.{long}").leak(),
        ),
        invalid(
            sparse("splade", SparseVectorOptions { datatype: 9, ..Default::default() }),
            "options.collection_options.sparse_vectors.splade.datatype",
        ),
        // The specified model is not the one that the server would write with.
        invalid(
            sparse("splade", SparseVectorOptions { model: "another".to_owned(), ..Default::default() }),
            "options.collection_options.sparse_vectors.splade.model",
        ),
        invalid(
            sparse("splade", SparseVectorOptions { fingerprint: "ab".repeat(32), ..Default::default() }),
            "options.collection_options.sparse_vectors.splade.fingerprint",
        ),
        invalid(
            sparse("splade", SparseVectorOptions { dtype: "float64".to_owned(), ..Default::default() }),
            "options.collection_options.sparse_vectors.splade.dtype",
        ),
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
    let documents = || encode_documents(number_documents(&sample_texts(2)));
    let mut late = build_messages(options("docs"), documents(), 1);
    late[1].options = Some(options("docs"));
    let without_options =
        IngestRequest { operations: documents().into_iter().map(upsert).collect(), ..Default::default() };
    let upsert = |options, documents| Call::Upsert(UpsertRequest { options, documents });
    let of_stream = IngestOptions { first_sequence: 2, ..options("docs") };
    let filtered = IngestOptions { result_filter: ResultFilter::Problems.into(), ..options("docs") };
    vec![
        invalid(Call::Ingest(vec![]), "options"),
        invalid(Call::Ingest(vec![without_options]), "options"),
        invalid(Call::Ingest(late), "options"),
        invalid(upsert(None, documents()), "options"),
        invalid(upsert(Some(options("docs")), vec![]), "documents"),
        invalid(upsert(Some(options("docs")), encode_documents(number_documents(&sample_texts(257)))), "documents"),
        invalid(upsert(Some(options("a b")), documents()), "options.collection"),
        invalid(upsert(Some(of_stream), documents()), "options.first_sequence"),
        invalid(upsert(Some(filtered), documents()), "options.result_filter"),
    ]
}

fn of_deletes_and_descriptions() -> Vec<Case> {
    let delete = |collection: &str, ids| {
        Call::Delete(DeleteRequest { collection: collection.to_owned(), ids, ..Default::default() })
    };
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

fn of_reads() -> Vec<Case> {
    let request = |collection: &str, ids, return_options| {
        Call::GetDocuments(GetDocumentsRequest {
            collection: collection.to_owned(),
            ids,
            return_options: Some(return_options),
            ..Default::default()
        })
    };
    let get = |collection, ids| request(collection, ids, ReturnOptions::default());
    let returned = |return_options| request("docs", vec![num(1)], return_options);
    let fields = |count: usize| (0..count).map(|number| number.to_string()).collect();
    vec![
        invalid(get("docs", vec![]), "ids"),
        invalid(get("docs", vec![num(1); 1_001]), "ids"),
        invalid(get("docs", vec![num(1), DocumentId::default()]), "ids[1]"),
        invalid(get("docs", vec![uuid("no")]), "ids[0].uuid"),
        invalid(get(".docs", vec![num(1)]), "collection"),
        (get("absent", vec![num(1)]), NOT_FOUND.0, NOT_FOUND.1, "collection"),
        invalid(
            returned(ReturnOptions { payload_fields: fields(101), ..Default::default() }),
            "return_options.payload_fields",
        ),
        invalid(
            returned(ReturnOptions { payload_fields: fields(1), without_payload: true, ..Default::default() }),
            "return_options.payload_fields",
        ),
        invalid(returned(ReturnOptions { payload_format: 3, ..Default::default() }), "return_options.payload_format"),
    ]
}

fn of_creations() -> Vec<Case> {
    let create = |name: &str, model: &str, options| {
        let (name, model) = (name.to_owned(), model.to_owned());
        Call::CreateCollection(CreateCollectionRequest { name, model, options: Some(options), ..Default::default() })
    };
    let named = |name: &str| create(name, "", CollectionOptions::default());
    let sparse = |name, options| create("new", "", with_sparse(name, options));
    vec![
        invalid(named(""), "name"),
        invalid(named("../up"), "name"),
        invalid(named(&"n".repeat(129)), "name"),
        (create("new", "no-such", CollectionOptions::default()), Code::NotFound, "UNKNOWN_MODEL", "model"),
        (named("docs"), Code::AlreadyExists, "COLLECTION_EXISTS", "name"),
        invalid(create("new", "", spread(1_025, 0, 0)), "options.shard_count"),
        invalid(sparse("", SparseVectorOptions::default()), "options.sparse_vectors"),
        invalid(
            sparse("splade", SparseVectorOptions { datatype: -1, ..Default::default() }),
            "options.sparse_vectors.splade.datatype",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_says_what_is_wrong() {
    on_both_stores(async |sidecar| {
        assert_eq!(sidecar.ingest(options("docs"), vec![]).await, []);
        check(sidecar, of_options()).await;
        check(sidecar, of_messages()).await;
        check(sidecar, of_deletes_and_descriptions()).await;
        check(sidecar, of_reads()).await;
        check(sidecar, of_creations()).await;
        // None of the calls created a collection.
        let new = Call::GetCollection(GetCollectionRequest { collection: "new".to_owned() });
        assert_eq!(new.send(sidecar).await.unwrap_err().code(), Code::NotFound);
    })
    .await;
}

/// Operations before the invalid message get their results before the error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_message_ends_the_stream_after_the_earlier_results() {
    let sidecar = Sidecar::start(&[]).await;
    let mut stream = build_messages(options("docs"), encode_documents(number_documents(&sample_texts(6))), 2);
    stream[2].options = Some(options("docs"));
    let mut responses = sidecar.index_client().await.ingest(tokio_stream::iter(stream)).await.unwrap().into_inner();
    let (mut results, mut durable) = (Vec::new(), 0);
    let status = loop {
        match responses.message().await {
            Ok(response) => {
                let response = response.expect("a response before the error");
                durable = response.durable_through;
                results.extend(response.results);
            }
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::InvalidArgument);
    crate::api::assert_indexed(&results);
    assert_eq!((results.len(), durable), (4, 4));
    sidecar.stop_drained().await;
}
