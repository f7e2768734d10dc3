//! `Ingest`: operations of all kinds on one stream, their order, sequence numbers and positions; heartbeats and
//! flushes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use splade_sidecar::proto::operation::Kind;
use splade_sidecar::proto::{
    DeleteDocument, Document, DocumentId, EncodeStreamRequest, IngestOptions, IngestRequest, Operation,
    OperationResult, OperationStatus, SetPayload,
};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::listing::list;
use crate::support::documents::{
    build_operation_messages, delete, document, encode_operation, key, num, options, run_stream, sample_texts, upsert,
    uuid,
};
use crate::support::endpoint::Endpoint;
use crate::support::failure::Failure;
use crate::support::qdrant_server::QdrantServer;
use crate::support::seeded_rng::SeededRng;
use crate::support::sidecar::{Sidecar, on_both_stores};
use crate::support::upload::Upload;

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Duration after which a test assumes that nothing will happen.
const STALL: Duration = Duration::from_secs(1);

/// Returns the operation that upserts a document.
pub fn stores(document: &Document) -> Bytes {
    upsert(document.encode_to_vec().into())
}

/// Returns the texts of all documents of a collection, by id.
pub async fn stored_texts(server: &Endpoint, collection: &str) -> BTreeMap<String, String> {
    let text = |payload: prost_types::Struct| match payload.fields["text"].kind.clone() {
        Some(prost_types::value::Kind::StringValue(text)) => text,
        other => panic!("{other:?}"),
    };
    let documents = list(server, collection).await.into_iter();
    documents.map(|document| (format!("{:?}", document.id.unwrap()), text(document.payload.unwrap()))).collect()
}

fn statuses(results: &[OperationResult]) -> Vec<OperationStatus> {
    results.iter().map(OperationResult::status).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_document_are_applied_in_their_order() {
    use OperationStatus::{Deleted, Indexed};
    on_both_stores(async |sidecar| {
        for a_message in [1, 2, 10] {
            let collection = format!("docs-{a_message}");
            let first = uuid("67e55044-10b1-426f-9247-bb680e5fe0c8");
            let operations = vec![
                stores(&document(first.clone(), "one")),
                delete(first.clone()),
                stores(&document(key("b"), "two")),
                delete(key("b")),
                stores(&document(key("b"), "two again")),
                // This document never existed.
                delete(num(3)),
            ];
            let messages = build_operation_messages(options(&collection), operations, a_message);
            let results = run_stream(&mut sidecar.index_client().await, messages).await;
            assert_eq!(statuses(&results), [Indexed, Deleted, Indexed, Deleted, Indexed, Deleted], "{results:?}");
            let ids = [first.clone(), first, key("b"), key("b"), key("b"), num(3)];
            assert!(results.iter().map(|result| result.id.clone().unwrap()).eq(ids));
            let left = BTreeMap::from([(format!("{:?}", key("b")), "two again".to_owned())]);
            assert_eq!(stored_texts(sidecar, &collection).await, left);
        }
    })
    .await;
}

/// Property: the stored documents are those that sequential operations produce, for any division into messages and
/// batches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_equivalent_to_sequential_operations() {
    const COUNT: u64 = 400;
    const IDS: u64 = 9;
    on_both_stores(async |sidecar| {
        let mut rng = SeededRng::from_env("SPLADE_OPERATIONS_SEED");
        for (batch_points, skip_unchanged) in [(1, false), (7, true), (1_000, false)] {
            let (mut operations, mut expected) = (Vec::new(), BTreeMap::new());
            for number in 0..COUNT {
                let id = num(rng.below(IDS));
                if rng.below(3) == 0 {
                    expected.remove(&format!("{id:?}"));
                    operations.push(delete(id));
                } else {
                    // Some texts are equal to the stored ones.
                    let text = format!("text {}", if rng.below(4) == 0 { 0 } else { number });
                    expected.insert(format!("{id:?}"), text.clone());
                    operations.push(stores(&document(id, &text)));
                }
            }
            let collection = format!("docs-{batch_points}");
            let how = IngestOptions { batch_points, skip_unchanged, ..options(&collection) };
            let messages = build_operation_messages(how, operations, 1 + rng.below(50) as usize);
            let results = run_stream(&mut sidecar.index_client().await, messages).await;
            assert!(results.iter().all(|result| result.error.is_none()), "{results:?}");
            assert_eq!(stored_texts(sidecar, &collection).await, expected);
        }
    })
    .await;
}

/// Rejected operations have them too, if they can be parsed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sequence_numbers_and_positions_are_returned() {
    on_both_stores(async |sidecar| {
        let longest = "ü".repeat(128);
        let positions = ["0/16B3748", "", "0/16B3790", "\"{}\n", &longest, "last"];
        let upsert_of = |id, text: &str| Kind::Upsert(document(id, text).encode_to_vec().into());
        let deletion = |id| Kind::DeleteDocument(DeleteDocument { id: Some(id), version: None });
        let kinds = [
            upsert_of(num(1), "the moon"),
            upsert_of(num(2), "the sea"),
            deletion(num(2)),
            upsert_of(num(3), " "),
            upsert_of(num(4), "the sun"),
            deletion(num(1)),
        ];
        let operations: Vec<_> =
            kinds.into_iter().zip(positions).map(|(kind, at)| encode_operation(kind, at)).collect();
        for first_sequence in [0, 1, 101, u64::from(u32::MAX) * 7] {
            let how = IngestOptions { first_sequence, ..options("docs") };
            // `durable_through` and its position are checked for every stream in `ReceivedResults::record`.
            let results =
                run_stream(&mut sidecar.index_client().await, build_operation_messages(how, operations.clone(), 2))
                    .await;
            assert!(results.iter().map(|result| result.sequence).eq((first_sequence.max(1)..).take(6)), "{results:?}");
            assert!(results.iter().map(|result| result.position.as_str()).eq(positions), "{results:?}");
            assert_eq!(results[3].error.as_ref().unwrap().reason, "EMPTY_TEXT");
        }
        let long = encode_operation(upsert_of(num(1), "the moon"), &"x".repeat(257));
        let results =
            run_stream(&mut sidecar.index_client().await, build_operation_messages(options("docs"), vec![long], 1))
                .await;
        let error = results[0].error.as_ref().unwrap();
        assert_eq!((error.reason.as_str(), error.field.as_str()), ("INVALID_ARGUMENT", "position"));
        assert!(error.message.contains("256"), "{error:?}");
    })
    .await;
}

/// An invalid operation: a description, its bytes, the id in its result, the reason, and the field.
struct Bad {
    what: &'static str,
    bytes: Bytes,
    id: Option<DocumentId>,
    reason: &'static str,
    field: &'static str,
}

/// Returns an operation of a kind that a later release may add, with a position.
fn of_a_later_release() -> Bytes {
    let mut bytes = Operation { kind: None, position: "here".to_owned() }.encode_to_vec();
    encode_key(99, WireType::LengthDelimited, &mut bytes);
    encode_varint(0, &mut bytes);
    bytes.into()
}

fn bad_operations() -> Vec<Bad> {
    let at = |kind| encode_operation(kind, "here");
    let deletion = |id| at(Kind::DeleteDocument(DeleteDocument { id, version: None }));
    let set_payload = SetPayload { id: Some(num(7)), payload_json: r#"{"a": 1}"#.to_owned(), ..Default::default() };
    let bad = |what, bytes, id, reason, field| Bad { what, bytes, id, reason, field };
    vec![
        bad("a change of a payload", at(Kind::SetPayload(set_payload)), None, "UNIMPLEMENTED", "set_payload"),
        bad("a kind of a later release", of_a_later_release(), None, "UNIMPLEMENTED", ""),
        bad(
            "nothing",
            Operation { kind: None, position: "here".to_owned() }.encode_to_vec().into(),
            None,
            "INVALID_ARGUMENT",
            "",
        ),
        bad("a deletion of nothing", deletion(None), None, "INVALID_ARGUMENT", "delete_document.id"),
        bad("an id of no kind", deletion(Some(DocumentId::default())), None, "INVALID_ARGUMENT", "delete_document.id"),
        bad("a malformed UUID", deletion(Some(uuid("no"))), None, "INVALID_ARGUMENT", "delete_document.id.uuid"),
        bad("an empty key", deletion(Some(key(""))), None, "INVALID_ARGUMENT", "delete_document.id.key"),
        bad(
            "a key of 513 bytes",
            deletion(Some(key(&"k".repeat(513)))),
            None,
            "INVALID_ARGUMENT",
            "delete_document.id.key",
        ),
        bad("no operation at all", Bytes::from_static(b"\xff\xff\xff"), None, "MALFORMED_DOCUMENT", ""),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_rejected_alone() {
    on_both_stores(async |sidecar| {
        let bad = bad_operations();
        let good = (100..).zip(sample_texts(bad.len())).map(|(id, text)| stores(&document(num(id), &text)));
        let mut operations = vec![stores(&document(num(7), "the moon"))];
        operations.extend(bad.iter().zip(good).flat_map(|(bad, good)| [bad.bytes.clone(), good]));
        let results =
            run_stream(&mut sidecar.index_client().await, build_operation_messages(options("docs"), operations, 4))
                .await;
        for (pair, bad) in results[1..].chunks(2).zip(&bad) {
            let what = bad.what;
            let error = pair[0].error.as_ref().unwrap_or_else(|| panic!("{what}: {:?}", pair[0]));
            assert_eq!(pair[0].status(), OperationStatus::Rejected, "{what}");
            assert_eq!((error.reason.as_str(), error.field.as_str()), (bad.reason, bad.field), "{what}: {error:?}");
            let code = if bad.reason == "UNIMPLEMENTED" { Code::Unimplemented } else { Code::InvalidArgument };
            assert_eq!(Code::from(error.code), code, "{what}");
            let (_, remedy) = error.message.split_once("; ").unwrap_or_default();
            assert!(!remedy.is_empty() && error.retry_delay.is_none(), "{what}: {error:?}");
            assert_eq!(pair[0].id, bad.id, "{what}");
            let position = if bad.reason == "MALFORMED_DOCUMENT" { "" } else { "here" };
            assert_eq!(pair[0].position, position, "{what}");
            super::assert_indexed(&pair[1..]);
        }
        // The document that the rejected operations address is unchanged.
        assert_eq!(stored_texts(sidecar, "docs").await[&format!("{:?}", num(7))], "the moon");
        assert_eq!(sidecar.point_count("docs").await, 1 + bad.len() as u64);
    })
    .await;
}

/// Options after the first message end the stream after the results of the earlier operations. The operations of that
/// message are not applied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_options_end_the_stream() {
    on_both_stores(async |sidecar| {
        let upload = Upload::open(sidecar.index_client().await, options("docs")).await.unwrap();
        assert!(upload.push_operations(vec![stores(&document(num(1), "the moon"))]).await);
        let operations = vec![stores(&document(num(2), "the sea"))];
        upload.send(IngestRequest { options: Some(options("docs")), operations, flush: false }).await;
        let (got, end) = upload.finish_and_drain().await;
        let failure = Failure::from(end.unwrap_err());
        assert_eq!((failure.code, failure.fields), (Code::InvalidArgument, vec!["options".to_owned()]));
        got.expect_one_each(1);
        assert_eq!(sidecar.point_count("docs").await, 1);
    })
    .await;
}

/// Heartbeats keep the streams open much longer than the idle timeout; without heartbeats the streams end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_keep_an_idle_stream_open() {
    const TIMEOUT: &str = "1s";
    const BEATS: usize = 15;
    let sidecar = Sidecar::start(&["--stream-idle-timeout", TIMEOUT]).await;
    let mut upload = Upload::open(sidecar.index_client().await, options("docs")).await.unwrap();
    let (requests, receiver) = mpsc::channel(1);
    requests.send(EncodeStreamRequest::default()).await.unwrap();
    let mut encoder = sidecar.encoder_client().await;
    let mut encoded = encoder.encode_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let mut ticks = interval(Duration::from_millis(200));
    for _ in 0..BEATS {
        ticks.tick().await;
        assert!(upload.send(IngestRequest::default()).await, "the stream has ended");
        requests.send(EncodeStreamRequest::default()).await.expect("the stream of texts has ended");
    }
    assert!(upload.push_operations(vec![stores(&document(num(1), "the moon"))]).await);
    upload.read_results(1).await;
    // A heartbeat is not an operation.
    assert_eq!((upload.received.results[0].sequence, upload.received.durable_through), (1, 1));
    requests.send(EncodeStreamRequest { texts: vec!["the moon".into()], ..Default::default() }).await.unwrap();
    assert_eq!(encoded.message().await.unwrap().unwrap().results[0].sequence, 1);

    let ended = timeout(TEST_TIMEOUT, upload.read()).await.unwrap().unwrap_err();
    assert_eq!(Failure::from(ended).reason, "STREAM_IDLE");
    let ended = timeout(TEST_TIMEOUT, encoded.message()).await.unwrap().unwrap_err();
    assert_eq!(Failure::from(ended).reason, "STREAM_IDLE");
    drop(requests);
    sidecar.stop_drained().await;
}

/// Runs a test on both stores, with batches that wait longer than any test runs.
async fn with_patient_batches(test: impl AsyncFn(&Sidecar)) {
    let (qdrant, patience) = (QdrantServer::start(), ["--max-upsert-delay", "1000s"]);
    let url = qdrant.url();
    for store in [&[] as &[&str], &["--qdrant-url", &url]] {
        let sidecar = Sidecar::start(&[&patience, store].concat()).await;
        test(&sidecar).await;
        sidecar.stop_drained().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_writes_waiting_points() {
    with_patient_batches(async |sidecar| {
        let mut upload = Upload::open(sidecar.index_client().await, options("docs")).await.unwrap();
        upload.wait_opened().await.unwrap();
        let one = |id| vec![stores(&document(num(id), "the moon"))];
        assert!(upload.push_operations(one(1)).await);
        timeout(STALL, upload.read()).await.expect_err("no result without a flush");
        assert!(upload.send(IngestRequest { flush: true, ..Default::default() }).await);
        timeout(TEST_TIMEOUT, upload.read_results(1)).await.expect("a flush");
        // A flush also covers the operations of its own message.
        assert!(upload.send(IngestRequest { operations: one(2), flush: true, ..Default::default() }).await);
        timeout(TEST_TIMEOUT, upload.read_results(2)).await.expect("a flush");
        // A flush does not cover later operations.
        assert!(upload.push_operations(one(3)).await);
        timeout(STALL, upload.read()).await.expect_err("no result from an earlier flush");
        let (got, end) =
            timeout(TEST_TIMEOUT, upload.finish_and_drain()).await.expect("a write at the end of the stream");
        end.unwrap();
        got.expect_one_each(3);
    })
    .await;
}

/// A flush in the first message arrives before the collection is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_may_come_with_the_options() {
    with_patient_batches(async |sidecar| {
        let (requests, receiver) = mpsc::channel(1);
        let operations = vec![stores(&document(num(1), "the moon")), stores(&document(num(2), "the sea"))];
        requests.send(IngestRequest { options: Some(options("docs")), operations, flush: true }).await.unwrap();
        let mut responses =
            sidecar.index_client().await.ingest(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        let durable = async { while responses.message().await.unwrap().unwrap().durable_through < 2 {} };
        timeout(TEST_TIMEOUT, durable).await.expect("a flush");
        drop(requests);
        assert_eq!(responses.message().await.unwrap(), None);
    })
    .await;
}

/// A flush covers documents that are being encoded, operations that wait for an earlier one with their id, and
/// deletions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_covers_every_earlier_operation() {
    with_patient_batches(async |sidecar| {
        let mut upload = Upload::open(sidecar.index_client().await, options("docs")).await.unwrap();
        let mut operations: Vec<_> =
            (1..).zip(sample_texts(50)).map(|(id, text)| stores(&document(num(id), &text))).collect();
        operations.extend((1..=20).map(|id| stores(&document(num(id), "again"))));
        operations.extend((30..=40).map(|id| delete(num(id))));
        let count = operations.len();
        assert!(upload.send(IngestRequest { operations, flush: true, ..Default::default() }).await);
        timeout(TEST_TIMEOUT, upload.read_results(count)).await.expect("results of all operations");
        assert_eq!(upload.received.durable_through, count as u64);
        assert_eq!(sidecar.point_count("docs").await, 39);
        let (got, end) = upload.finish_and_drain().await;
        end.unwrap();
        got.expect_one_each(count);
    })
    .await;
}

/// Only problems are reported, and `durable_through` still covers all operations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_problems_are_reported_on_request() {
    use splade_sidecar::proto::ResultFilter;
    on_both_stores(async |sidecar| {
        let how = IngestOptions { result_filter: ResultFilter::Problems.into(), ..options("docs") };
        let mut upload = Upload::open(sidecar.index_client().await, how.clone()).await.unwrap();
        let mut operations: Vec<_> =
            (1..).zip(sample_texts(99)).map(|(id, text)| stores(&document(num(id), &text))).collect();
        operations.insert(50, stores(&document(num(1_000), " ")));
        operations.push(delete(num(1)));
        assert!(upload.push_operations(operations).await);
        while upload.received.durable_through < 101 {
            assert!(timeout(TEST_TIMEOUT, upload.read()).await.unwrap().unwrap(), "{:?}", upload.received);
        }
        assert_eq!(upload.received.rejected(), BTreeMap::from([(51, "EMPTY_TEXT")]));
        assert_eq!(upload.received.results.len(), 1);
        let (_, end) = upload.finish_and_drain().await;
        end.unwrap();

        // A stream without problems has no results.
        let mut upload = Upload::open(sidecar.index_client().await, how).await.unwrap();
        assert!(upload.push_operations(vec![stores(&document(num(1), "the moon"))]).await);
        while upload.received.durable_through < 1 {
            assert!(timeout(TEST_TIMEOUT, upload.read()).await.unwrap().unwrap(), "{:?}", upload.received);
        }
        let (got, end) = upload.finish_and_drain().await;
        end.unwrap();
        assert!(got.results.is_empty() && got.durable_through == 1, "{got:?}");
    })
    .await;
}
