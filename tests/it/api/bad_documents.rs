//! An invalid document is rejected alone, with its reason, and never ends its stream.

use bytes::Bytes;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::value::Kind as ValueKind;
use prost_types::{ListValue, Struct, Value};
use serde_json::json;
use splade_sidecar::proto::{
    CollectionOptions, DenseVector, DenseVectorOptions, Document, DocumentId, IngestOptions, OperationStatus,
};

use super::collections::get;
use super::{by_text, hit_document, search};
use crate::support::documents::{
    build_messages, document, encode_documents, key, num, options, run_stream, sample_texts, to_payload, uuid,
};
use crate::support::sidecar::{Sidecar, on_both_stores};

/// An invalid document: a description, its bytes, the id in its result, the reason, and the field.
struct Bad {
    what: &'static str,
    bytes: Bytes,
    id: Option<DocumentId>,
    reason: &'static str,
    field: &'static str,
}

fn bad(what: &'static str, document: &Document, reason: &'static str, field: &'static str) -> Bad {
    let id = document.id.clone().filter(|_| !field.starts_with("id"));
    Bad { what, bytes: document.encode_to_vec().into(), id, reason, field }
}

fn with_dense(id: u64, name: &str, values: &[f32]) -> Document {
    let vector = DenseVector { values: values.to_vec() };
    Document { dense_vectors: [(name.to_owned(), vector)].into(), ..document(num(id), "the moon") }
}

fn with_payload(id: u64, fields: serde_json::Value) -> Document {
    Document { payload: Some(to_payload(fields)), ..document(num(id), "the moon") }
}

/// Returns a document whose payload contains a number that JSON can't represent.
fn with_nan(id: u64) -> Document {
    let number = |number| Value { kind: Some(ValueKind::NumberValue(number)) };
    let list = ListValue { values: vec![number(1.0), number(f64::NAN)] };
    let list = Value { kind: Some(ValueKind::ListValue(list)) };
    Document { payload: Some(Struct { fields: [("list".to_owned(), list)].into() }), ..document(num(id), "the moon") }
}

/// Encodes a length-delimited protobuf field.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut bytes);
    encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// Encodes the payload `{"a": {"a": … }}` with `depth` nested objects.
fn nested(depth: usize) -> Vec<u8> {
    let leaf = field(3, b"leaf");
    let deeper = |value: Vec<u8>, _| {
        let entry = [field(1, b"a"), field(2, &value)].concat();
        field(5, &field(1, &entry))
    };
    let value = (1..depth).fold(leaf, deeper);
    field(1, &[field(1, b"a"), field(2, &value)].concat())
}

fn by_hand(id: &DocumentId, text: &[u8], payload: &[u8]) -> Bytes {
    [field(1, &id.encode_to_vec()), field(2, text), field(3, payload)].concat().into()
}

fn bad_documents() -> Vec<Bad> {
    let uuid_field = |text: &[u8]| [field(1, &field(2, text)), field(2, b"the moon")].concat();
    let malformed = |what, bytes, id| Bad { what, bytes, id, reason: "MALFORMED_DOCUMENT", field: "" };
    vec![
        bad("an empty text", &document(num(1001), ""), "EMPTY_TEXT", "text"),
        bad("a blank text", &document(num(1002), " \n\t\u{a0}"), "EMPTY_TEXT", "text"),
        bad("a text that the normalizer removes", &document(num(1013), "\u{fffd} \u{301}"), "EMPTY_TEXT", "text"),
        bad("a text of 10 MB", &document(num(1003), &"word ".repeat(2_000_000)), "TEXT_TOO_LONG", "text"),
        bad("a malformed UUID", &document(uuid("67e55044-10b1"), "the moon"), "INVALID_ARGUMENT", "id.uuid"),
        bad("an empty key", &document(key(""), "the moon"), "INVALID_ARGUMENT", "id.key"),
        bad("a key of 513 bytes", &document(key(&"k".repeat(513)), "the moon"), "INVALID_ARGUMENT", "id.key"),
        bad("an id of no kind", &document(DocumentId::default(), "the moon"), "INVALID_ARGUMENT", "id"),
        bad("NaN", &with_dense(1004, "image", &[0.5, f32::NAN, 0.5]), "INVALID_VECTOR", "dense_vectors.image"),
        bad("infinity", &with_dense(1005, "image", &[f32::INFINITY; 3]), "INVALID_VECTOR", "dense_vectors.image"),
        bad("two of three dimensions", &with_dense(1006, "image", &[0.5; 2]), "INVALID_VECTOR", "dense_vectors.image"),
        bad("an unknown dense vector", &with_dense(1007, "taste", &[0.5; 3]), "INVALID_VECTOR", "dense_vectors.taste"),
        bad(
            "a reserved field",
            &with_payload(1008, json!({ "_splade_key": "x" })),
            "INVALID_ARGUMENT",
            "payload._splade_key",
        ),
        bad("a payload with NaN", &with_nan(1012), "INVALID_ARGUMENT", "payload.list[1]"),
        Bad {
            what: "a payload 33 deep",
            bytes: by_hand(&num(1009), b"the moon", &nested(33)),
            id: Some(num(1009)),
            reason: "INVALID_ARGUMENT",
            field: concat!("payload", ".a.a.a.a.a.a.a.a", ".a.a.a.a.a.a.a.a", ".a.a.a.a.a.a.a.a", ".a.a.a.a.a.a.a.a"),
        },
        malformed("a payload 200 deep", by_hand(&key("deep"), b"the moon", &nested(200)), Some(key("deep"))),
        malformed("a payload 5,000 deep", by_hand(&num(1010), b"the moon", &nested(5_000)), Some(num(1010))),
        malformed("a text that is not UTF-8", by_hand(&num(1011), b"caf\xe9 au lait", &[]), Some(num(1011))),
        malformed("an id that is not UTF-8", uuid_field(b"\xff").into(), None),
        malformed("a document cut short", Bytes::from_static(b"\x12\x20the moon"), None),
    ]
}

fn ingest_options(collection: &str) -> IngestOptions {
    let image = DenseVectorOptions { size: 3, distance: 0 };
    let dense = CollectionOptions { dense_vectors: [("image".to_owned(), image)].into(), ..Default::default() };
    IngestOptions { collection_options: Some(dense), ..options(collection) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_refused_alone() {
    on_both_stores(async |sidecar| {
        let bad = bad_documents();
        let good = (1..).zip(sample_texts(bad.len()));
        let good = good.map(|(id, text)| Document { text, ..with_dense(id, "image", &[0.5; 3]) });
        let good = encode_documents(good);
        let mixed = bad.iter().zip(good).flat_map(|(bad, good)| [bad.bytes.clone(), good]).collect();
        let results =
            run_stream(&mut sidecar.index_client().await, build_messages(ingest_options("mixed"), mixed, 5)).await;
        for (pair, bad) in results.chunks(2).zip(&bad) {
            let what = bad.what;
            assert_eq!(pair[0].status(), OperationStatus::Rejected, "{what}");
            assert_eq!(pair[0].id, bad.id, "{what}");
            assert_eq!(pair[0].stats, None, "{what}");
            let error = pair[0].error.as_ref().unwrap();
            let found = (error.code, error.reason.as_str(), error.field.as_str());
            assert_eq!(found, (3, bad.reason, bad.field), "{what}");
            let (_, remedy) = error.message.split_once("; ").unwrap_or_default();
            assert!(!remedy.is_empty(), "{what}: no remedy: {}", error.message);
            assert_eq!(error.retry_delay, None, "{what}");
            super::assert_indexed(&pair[1..]);
        }
        assert_eq!(get(sidecar, "mixed").await.point_count, bad.len() as i64);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_may_be_32_deep() {
    on_both_stores(async |sidecar| {
        let documents = vec![by_hand(&num(1), b"the moon", &nested(32))];
        let sent = build_messages(options("deep"), documents.clone(), 1);
        super::assert_indexed(&run_stream(&mut sidecar.index_client().await, sent).await);
        let mut expected = Document::decode(documents[0].clone()).unwrap().payload.unwrap();
        expected.fields.extend(to_payload(json!({ "text": "the moon" })).fields);
        let hits = search(sidecar, by_text("deep", "the moon")).await;
        assert_eq!(hit_document(&hits[0]).payload.as_ref(), Some(&expected));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_later_of_two_documents_with_one_id_stays() {
    on_both_stores(async |sidecar| {
        let version = |id: u64, n: u64| with_payload(id, json!({ "version": n }));
        // Some duplicates are adjacent, some far apart, and one id occurs five times.
        let mut documents: Vec<_> = (1..=3).flat_map(|id| [version(id, 1), version(id, 2)]).collect();
        documents.extend((4..=100).map(|id| version(id, 1)).chain((4..=100).map(|id| version(id, 2))));
        documents.extend((1..=5).map(|n| version(1000, n)));
        super::assert_indexed(&sidecar.ingest(options("twice"), documents).await);
        let hits = search(sidecar, by_text("twice", "the moon")).await;
        assert_eq!(hits.len(), 101);
        for hit in hits {
            let document = hit_document(&hit);
            let n = if document.id == Some(num(1000)) { 5 } else { 2 };
            let expected = to_payload(json!({ "version": n, "text": "the moon" }));
            assert_eq!(document.payload, Some(expected), "{:?}", document.id);
        }
    })
    .await;
}

/// An invalid document with the id of a valid one does not affect it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_document_does_not_replace_a_good_one() {
    let sidecar = Sidecar::start(&[]).await;
    let documents = vec![document(num(1), "the moon"), document(num(1), " ")];
    let results = sidecar.ingest(options("kept"), documents).await;
    assert_eq!(results[1].status(), OperationStatus::Rejected);
    let hits = search(&sidecar, by_text("kept", "the moon")).await;
    assert_eq!(hit_document(&hits[0]).payload, Some(to_payload(json!({ "text": "the moon" }))));
    sidecar.stop_drained().await;
}
