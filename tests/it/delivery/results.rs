//! Every document gets exactly one result, and an invalid document never ends a stream.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use prost::Message;
use prost_types::{Struct, Value, value};
use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::{DenseVector, Document, DocumentId, IngestOptions, OperationStatus};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::support::endpoint::Endpoint;
use crate::support::sidecar::Sidecar;
use crate::support::upload::{COLLECTION, Upload, doc, id, options};

/// Kinds of valid and invalid documents.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sort {
    Good,
    /// Has the id of the first document of the stream.
    Again,
    /// Has more tokens than the model's maximum.
    Long,
    Blank,
    TooLarge,
    NoUuid,
    NoId,
    NotFinite,
    UnknownDense,
    LongName,
    Reserved,
    Deep,
    Garbage,
    NotUtf8,
}

const SORTS: [Sort; 14] = [
    Sort::Good,
    Sort::Again,
    Sort::Long,
    Sort::Blank,
    Sort::TooLarge,
    Sort::NoUuid,
    Sort::NoId,
    Sort::NotFinite,
    Sort::UnknownDense,
    Sort::LongName,
    Sort::Reserved,
    Sort::Deep,
    Sort::Garbage,
    Sort::NotUtf8,
];

impl Sort {
    /// Returns the document as protobuf bytes.
    fn document(self, number: u64, first: u64) -> Vec<u8> {
        let good = Document { id: Some(id(number)), text: format!("document {number}"), ..Default::default() };
        let dense = |name: &str, value| HashMap::from([(name.to_owned(), DenseVector { values: vec![value] })]);
        let uuid = DocumentId { kind: Some(Kind::Uuid("not-a-uuid".to_owned())) };
        match self {
            Self::Good => good,
            Self::Again => Document { id: Some(id(first)), ..good },
            Self::Long => Document { text: "wing ".repeat(300), ..good },
            Self::Blank => Document { text: " \n".to_owned(), ..good },
            Self::TooLarge => Document { text: "x".repeat(5_000), ..good },
            Self::NoUuid => Document { id: Some(uuid), ..good },
            Self::NoId => Document { id: Some(DocumentId::default()), ..good },
            Self::NotFinite => Document { dense_vectors: dense("title", f32::NAN), ..good },
            Self::UnknownDense => Document { dense_vectors: dense("title", 1.0), ..good },
            Self::LongName => Document { dense_vectors: dense(&"title".repeat(10_000), 1.0), ..good },
            Self::Reserved => Document { payload: Some(nested(1, "_splade_key")), ..good },
            Self::Deep => Document { payload: Some(nested(200, "deeper")), ..good },
            Self::Garbage => return vec![0xff; 10],
            Self::NotUtf8 => {
                let mut bytes = doc(number, "abc");
                *bytes.last_mut().unwrap() = 0xff;
                return bytes;
            }
        }
        .encode_to_vec()
    }

    /// Returns the reason of the rejection, or `None` if the document is indexed.
    fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Good | Self::Again | Self::Long => None,
            Self::Blank => Some("EMPTY_TEXT"),
            Self::TooLarge => Some("TEXT_TOO_LONG"),
            Self::NoUuid | Self::NoId | Self::Reserved => Some("INVALID_ARGUMENT"),
            Self::NotFinite | Self::UnknownDense | Self::LongName => Some("INVALID_VECTOR"),
            Self::Deep | Self::Garbage | Self::NotUtf8 => Some("MALFORMED_DOCUMENT"),
        }
    }
}

fn nested(depth: usize, name: &str) -> Struct {
    let bottom = Value { kind: Some(value::Kind::BoolValue(true)) };
    let wrap = |inner| Struct { fields: BTreeMap::from([(name.to_owned(), inner)]) };
    (1..depth).fold(wrap(bottom), |inner, _| wrap(Value { kind: Some(value::Kind::StructValue(inner)) }))
}

/// A client: its options, and its documents by message.
#[derive(Debug, Clone)]
struct Client {
    messages: Vec<Vec<Sort>>,
    batch_points: u32,
}

fn client() -> impl Strategy<Value = Client> {
    // Half of the documents are valid.
    let sort = prop_oneof![Just(Sort::Good), prop::sample::select(&SORTS[..])];
    let message = prop::collection::vec(sort, 0..30);
    let messages = prop::collection::vec(message, 0..6);
    (messages, 1u32..40).prop_map(|(messages, batch_points)| Client { messages, batch_points })
}

/// Runs a client whose documents are numbered from `first`, checks all its results, and returns the ids that must be
/// stored.
async fn run(endpoint: Endpoint, client: Client, first: u64) -> BTreeSet<u64> {
    let sorts = client.messages.concat();
    let mut numbers = first..;
    let messages = client.messages.into_iter().map(|sorts| {
        let documents = sorts.into_iter().zip(&mut numbers);
        documents.map(|(sort, number)| sort.document(number, first)).collect::<Vec<_>>()
    });
    let options = IngestOptions { batch_points: client.batch_points, ..options() };
    let mut upload = Upload::open(endpoint.index_client().await, options).await.unwrap();
    upload.push_all(messages.collect::<Vec<_>>());
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap();
    for (sort, result) in sorts.iter().zip(got.expect_one_each(sorts.len())) {
        let reason = result.error.as_ref().map(|error| error.reason.as_str());
        assert_eq!(reason, sort.refusal(), "{sort:?}: {result:?}");
        let size = result.encoded_len();
        assert!(size <= 2_048, "{sort:?}: {size} bytes");
        assert_eq!(result.stats.is_some_and(|stats| stats.truncated), *sort == Sort::Long, "{sort:?}: {result:?}");
        assert_ne!(result.status(), OperationStatus::Failed, "{sort:?}: {result:?}");
    }
    let stored = sorts.iter().zip(first..).filter(|(sort, _)| sort.refusal().is_none());
    stored.map(|(sort, number)| if *sort == Sort::Again { first } else { number }).collect()
}

/// Property: for any number of concurrent clients, each document gets exactly one result, and it is correct.
#[test]
fn each_document_gets_one_result() {
    let runtime = Runtime::new().unwrap();
    let flags = ["--max-text-bytes", "4000B", "--max-in-flight-documents", "50", "--max-upsert-delay", "5ms"];
    let sidecar = runtime.block_on(Sidecar::start(&flags));
    let endpoint = *sidecar;
    let (next, stored) = (Cell::new(1), Cell::new(0));
    let law = |clients: Vec<Client>| {
        runtime.block_on(async {
            let mut runs = JoinSet::new();
            for client in clients {
                runs.spawn(run(endpoint, client, next.replace(next.get() + 1_000)));
            }
            while let Some(ids) = runs.join_next().await {
                stored.set(stored.get() + ids.unwrap().len() as u64);
            }
            assert_eq!(endpoint.point_count(COLLECTION).await, stored.get());
        });
        Ok(())
    };
    let clients = prop::collection::vec(client(), 1..5);
    TestRunner::new(Config::with_cases(16)).run(&clients, law).unwrap();
}
