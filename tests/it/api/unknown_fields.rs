//! Unknown and unimplemented fields are refused instead of ignored: a filter without one of its conditions, or a search
//! without its tenant, would return documents that it must not.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use prost_types::FileDescriptorSet;
use splade_sidecar::proto::query::Kind as QueryKind;
use splade_sidecar::proto::{
    DeleteRequest, DenseVector, DocumentId, EncodeRequest, EncodeStreamOptions, ExplainRequest, FILE_DESCRIPTOR_SET,
    Filter, Fusion, GetDocumentsRequest, GetModelRequest, GroupBy, IngestOptions, IngestResponse, ListDocumentsRequest,
    OperationStatus, Query, SearchRequest, UpsertResponse,
};
use tonic::{Code, Status};

use super::by_text;
use crate::support::documents::{document, num, options, uuid};
use crate::support::failure::Failure;
use crate::support::queries::{id_filter, text_query};
use crate::support::raw_calls::call;
use crate::support::sidecar::Sidecar;

const PACKAGE: &str = "splade_sidecar.v1";
/// A field number that no message uses.
const UNKNOWN: u32 = 1_999;
/// Fields whose elements are rejected one by one.
const ITEMS: [&str; 2] = ["IngestRequest.operations", "UpsertRequest.documents"];

fn pool() -> DescriptorPool {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap()
}

/// Returns every method of the services with its request message.
fn methods() -> Vec<(String, MessageDescriptor)> {
    let services: Vec<_> = pool().services().filter(|service| service.package_name() == PACKAGE).collect();
    let methods = services.iter().flat_map(|service| {
        service.methods().map(move |method| (format!("{}/{}", service.full_name(), method.name()), method.input()))
    });
    methods.collect()
}

/// Returns the paths from a message to each nested message and to itself.
fn paths(message: &MessageDescriptor) -> Vec<Vec<FieldDescriptor>> {
    fn walk(message: &MessageDescriptor, path: &mut Vec<FieldDescriptor>, paths: &mut Vec<Vec<FieldDescriptor>>) {
        paths.push(path.clone());
        for field in message.fields() {
            let Some(inner) = inner(&field) else { continue };
            // Filters and queries are recursive: one level is enough.
            let is_inside_itself = path.iter().any(|field| self::inner(field).as_ref() == Some(&inner));
            if inner.package_name() == PACKAGE && !is_inside_itself {
                path.push(field);
                walk(&inner, path, paths);
                path.pop();
            }
        }
    }
    let mut paths = Vec::new();
    walk(message, &mut Vec::new(), &mut paths);
    paths
}

/// Returns the message type of a field, or of the values of a map field.
fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => match entry.map_entry_value_field().kind() {
            Kind::Message(inner) => Some(inner),
            _ => None,
        },
        Kind::Message(inner) => Some(inner),
        _ => None,
    }
}

fn length_delimited(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut bytes);
    encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// Returns a message that contains only an unknown field of this wire type, at the end of the path.
fn with_unknown(path: &[FieldDescriptor], wire_type: WireType) -> Vec<u8> {
    let mut unknown = Vec::new();
    match wire_type {
        WireType::LengthDelimited => unknown = length_delimited(UNKNOWN, b"tenant"),
        _ => {
            encode_key(UNKNOWN, WireType::Varint, &mut unknown);
            encode_varint(1, &mut unknown);
        }
    }
    path.iter().rev().fold(unknown, |content, field| {
        let content = if field.is_map() {
            [length_delimited(1, b"name"), length_delimited(2, &content)].concat()
        } else {
            content
        };
        length_delimited(field.number(), &content)
    })
}

fn name(path: &[FieldDescriptor]) -> String {
    path.iter().map(|field| field.name().to_owned()).collect::<Vec<_>>().join(".")
}

/// Returns `Message.field` of the first step of a path.
fn first_step(message: &MessageDescriptor, path: &[FieldDescriptor]) -> String {
    format!("{}.{}", message.name(), path.first().map_or("", FieldDescriptor::name))
}

#[track_caller]
fn assert_unknown(status: Status, message: &str, what: &str) {
    let failure = Failure::from(status);
    assert_eq!((failure.code, failure.reason.as_str()), (Code::Unimplemented, "UNIMPLEMENTED"), "{what}: {failure:?}");
    assert!(failure.message.contains(&format!("{UNKNOWN} of {message}")), "{what}: {failure:?}");
    let (_, remedy) = failure.message.split_once("; ").unwrap_or_default();
    assert!(!remedy.is_empty(), "{what}: {failure:?}");
}

/// Property: in every request message, an unknown field is refused with its number and the name of its message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_fields_are_refused_in_every_request() {
    let sidecar = Sidecar::start(&[]).await;
    let channel = sidecar.channel().await;
    let mut refused = BTreeSet::new();
    for (method, message) in methods() {
        for path in paths(&message).into_iter().filter(|path| !ITEMS.contains(&&*first_step(&message, path))) {
            for wire_type in [WireType::Varint, WireType::LengthDelimited] {
                let what = format!("{method} {}", name(&path));
                let (_, end) = call(channel.clone(), &method, vec![with_unknown(&path, wire_type).into()]).await;
                let inside = path.last().and_then(inner).unwrap_or_else(|| message.clone());
                assert_unknown(end.expect_err(&what), inside.name(), &what);
                refused.insert(inside.name().to_owned());
            }
        }
    }
    // All messages that requests contain are covered, and none that only responses contain.
    for message in ["Condition", "DocumentId", "EncodingOptions", "Pruning", "ReturnOptions", "SparseVectorOptions"] {
        assert!(refused.contains(message), "{refused:?}");
    }
    assert!(!refused.iter().any(|message| message.ends_with("Response")), "{refused:?}");
    assert!(refused.len() > 30, "{refused:?}");
    sidecar.stop_drained().await;
}

/// Property: an unknown field in an item rejects this item only, and the next one is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_fields_of_an_item_reject_it_alone() {
    let sidecar = Sidecar::start(&[]).await;
    let channel = sidecar.channel().await;
    let mut tried = 0;
    for (method, message) in methods() {
        for path in paths(&message).into_iter().filter(|path| ITEMS.contains(&&*first_step(&message, path))) {
            let what = format!("{method} {}", name(&path));
            let field = &path[0];
            let good = document(num(1), "the moon").encode_to_vec();
            let good = if field.name() == "operations" { length_delimited(1, &good) } else { good };
            let request = [
                length_delimited(1, &options("docs").encode_to_vec()),
                with_unknown(&path, WireType::LengthDelimited),
                length_delimited(field.number(), &good),
            ];
            let (responses, end) = call(channel.clone(), &method, vec![request.concat().into()]).await;
            end.unwrap_or_else(|status| panic!("{what}: {status:?}"));
            let mut results = results_of(&method, responses);
            results.sort_by_key(|result| result.sequence);
            assert_eq!(results.len(), 2, "{what}");
            assert_eq!(results[0].status(), OperationStatus::Rejected, "{what}: {results:?}");
            let error = results[0].error.as_ref().unwrap();
            let code = Code::from(error.code);
            assert_eq!((code, error.reason.as_str()), (Code::Unimplemented, "UNIMPLEMENTED"), "{what}: {error:?}");
            let inside = path.last().and_then(inner).unwrap();
            assert!(error.message.contains(&format!("{UNKNOWN} of {}", inside.name())), "{what}: {error:?}");
            super::assert_indexed(&results[1..]);
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried}");
    sidecar.stop_drained().await;
}

fn results_of(method: &str, responses: Vec<Bytes>) -> Vec<splade_sidecar::proto::OperationResult> {
    if method.ends_with("/Upsert") {
        return UpsertResponse::decode(responses[0].clone()).unwrap().results;
    }
    responses.into_iter().flat_map(|response| IngestResponse::decode(response).unwrap().results).collect()
}

/// A request and the field that it is refused for.
struct Case {
    method: &'static str,
    request: Vec<u8>,
    field: &'static str,
}

fn case(method: &'static str, request: &impl Message, field: &'static str) -> Case {
    Case { method, request: request.encode_to_vec(), field }
}

/// Encodes a request with these options. They are the first field of a stream or an upsert, and documents the second of
/// an upsert.
fn with_options(method: &'static str, options: &impl Message, field: &'static str) -> Case {
    let mut request = length_delimited(1, &options.encode_to_vec());
    if method.ends_with("/Upsert") {
        request.extend(length_delimited(2, &document(num(2), "the sea").encode_to_vec()));
    }
    Case { method, request, field }
}

fn docs() -> String {
    "docs".to_owned()
}

fn some_ids() -> Vec<DocumentId> {
    vec![num(1), uuid("67e55044-10b1-426f-9247-bb680e5fe0c8")]
}

/// Requests that are valid except for a field that is declared but not implemented. Operations are tested in
/// operations.rs.
fn unimplemented_fields() -> Vec<Case> {
    let tenant = || "ours".to_owned();
    let search = || by_text("docs", "the moon");
    let query = |kind| Some(Query { kind: Some(kind), ..Default::default() });
    let dense = || query(QueryKind::DenseVector(DenseVector { values: vec![1.0, 2.0] }));
    let explain = || ExplainRequest {
        collection: docs(),
        query: Some(text_query("the moon")),
        document: Some(splade_sidecar::proto::explain_request::Document::DocumentId(num(1))),
        ..Default::default()
    };
    let delete = || DeleteRequest { collection: docs(), ids: some_ids(), ..Default::default() };
    let get = || GetDocumentsRequest { collection: docs(), ids: some_ids(), ..Default::default() };
    let list = || ListDocumentsRequest { collection: docs(), ..Default::default() };
    let by_filter = DeleteRequest { ids: vec![], filter: Some(id_filter(some_ids())), ..delete() };
    vec![
        with_options("IndexService/Ingest", &IngestOptions { tenant: tenant(), ..options("docs") }, "options.tenant"),
        with_options("IndexService/Upsert", &IngestOptions { tenant: tenant(), ..options("docs") }, "options.tenant"),
        case("IndexService/Delete", &DeleteRequest { tenant: tenant(), ..delete() }, "tenant"),
        case("IndexService/Delete", &by_filter, "filter"),
        case("IndexService/Search", &SearchRequest { tenant: tenant(), ..search() }, "tenant"),
        case("IndexService/Search", &SearchRequest { group_by: Some(GroupBy::default()), ..search() }, "group_by"),
        case("IndexService/Search", &SearchRequest { with_partial_scores: true, ..search() }, "with_partial_scores"),
        case("IndexService/Search", &SearchRequest { query: dense(), ..search() }, "query.dense_vector"),
        case(
            "IndexService/Search",
            &SearchRequest { query: query(QueryKind::Fusion(Fusion::default())), ..search() },
            "query.fusion",
        ),
        case("IndexService/Explain", &ExplainRequest { tenant: tenant(), ..explain() }, "tenant"),
        case("IndexService/Explain", &ExplainRequest { query: dense(), ..explain() }, "query.dense_vector"),
        case("IndexService/GetDocuments", &GetDocumentsRequest { tenant: tenant(), ..get() }, "tenant"),
        case("IndexService/ListDocuments", &ListDocumentsRequest { tenant: tenant(), ..list() }, "tenant"),
    ]
}

/// Requests that require an unknown feature after a known one.
fn unknown_features(known: &str) -> Vec<Case> {
    let required = || vec![known.to_owned(), "time_travel".to_owned()];
    let delete =
        DeleteRequest { collection: docs(), ids: some_ids(), required_features: required(), ..Default::default() };
    let get = GetDocumentsRequest {
        collection: docs(),
        ids: some_ids(),
        required_features: required(),
        ..Default::default()
    };
    let create = splade_sidecar::proto::CreateCollectionRequest {
        name: "new".to_owned(),
        required_features: required(),
        ..Default::default()
    };
    let explain = ExplainRequest {
        query: Some(text_query("the moon")),
        document: Some(splade_sidecar::proto::explain_request::Document::DocumentText("the moon".to_owned())),
        required_features: required(),
        ..Default::default()
    };
    let ingest = IngestOptions { required_features: required(), ..options("docs") };
    let encode =
        EncodeRequest { texts: vec!["the moon".to_owned()], required_features: required(), ..Default::default() };
    let stream = EncodeStreamOptions { required_features: required(), ..Default::default() };
    let list = ListDocumentsRequest { collection: docs(), required_features: required(), ..Default::default() };
    let search = SearchRequest { required_features: required(), ..by_text("docs", "the moon") };
    vec![
        with_options("IndexService/Ingest", &ingest, "options.required_features[1]"),
        with_options("IndexService/Upsert", &ingest, "options.required_features[1]"),
        case("IndexService/Delete", &delete, "required_features[1]"),
        case("IndexService/Search", &search, "required_features[1]"),
        case("IndexService/Explain", &explain, "required_features[1]"),
        case("IndexService/GetDocuments", &get, "required_features[1]"),
        case("IndexService/ListDocuments", &list, "required_features[1]"),
        case("IndexService/CreateCollection", &create, "required_features[1]"),
        case("EncoderService/Encode", &encode, "required_features[1]"),
        with_options("EncoderService/EncodeStream", &stream, "options.required_features[1]"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unimplemented_fields_are_refused_by_name() {
    let sidecar = Sidecar::start(&[]).await;
    super::assert_indexed(&sidecar.ingest(options("docs"), vec![document(num(1), "the moon")]).await);
    let channel = sidecar.channel().await;
    let server = sidecar
        .encoder_client()
        .await
        .get_model(GetModelRequest::default())
        .await
        .unwrap()
        .into_inner()
        .server
        .unwrap();
    for Case { method, request, field } in
        unimplemented_fields().into_iter().chain(unknown_features(&server.features[0]))
    {
        let (_, end) = call(channel.clone(), &format!("{PACKAGE}.{method}"), vec![request.into()]).await;
        let what = format!("{method} {field}");
        let failure = Failure::from(end.expect_err(&what));
        assert_eq!(
            (failure.code, failure.reason.as_str()),
            (Code::Unimplemented, "UNIMPLEMENTED"),
            "{what}: {failure:?}"
        );
        assert_eq!(failure.fields, [field], "{what}: {failure:?}");
        let (problem, remedy) = failure.message.split_once("; ").unwrap_or_default();
        assert!(problem.starts_with(field) && !remedy.is_empty(), "{what}: {failure:?}");
    }
    assert_eq!(sidecar.point_count("docs").await, 1, "documents were deleted or written");
    sidecar.stop_drained().await;
}

/// A deletion without conditions would delete everything, so it is invalid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_by_a_filter_without_conditions_is_invalid() {
    let sidecar = Sidecar::start(&[]).await;
    super::assert_indexed(&sidecar.ingest(options("docs"), vec![document(num(1), "the moon")]).await);
    for ids in [vec![], some_ids()] {
        let delete = DeleteRequest { collection: docs(), ids, filter: Some(Filter::default()), ..Default::default() };
        let failure = Failure::from(sidecar.index_client().await.delete(delete).await.unwrap_err());
        assert_eq!((failure.code, failure.fields), (Code::InvalidArgument, vec!["filter".to_owned()]));
    }
    assert_eq!(sidecar.point_count("docs").await, 1);
    sidecar.stop_drained().await;
}

/// The fields that the proto files document as unimplemented are exactly those tested here and in operations.rs.
#[test]
fn all_unimplemented_fields_are_tested() {
    const MESSAGES: i32 = 4;
    const FIELDS: i32 = 2;
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut declared = BTreeSet::new();
    for file in set.file.iter().filter(|file| file.package() == PACKAGE) {
        let locations = &file.source_code_info.as_ref().unwrap().location;
        let comments: BTreeMap<&[i32], String> =
            locations.iter().map(|it| (&it.path[..], it.leading_comments().replace('\n', ""))).collect();
        for (at, message) in (0..).zip(&file.message_type) {
            for (index, field) in (0..).zip(&message.field) {
                let comment = comments.get(&[MESSAGES, at, FIELDS, index][..]).map_or("", String::as_str);
                if comment.contains("refused with UNIMPLEMENTED") || field.name() == "required_features" {
                    declared.insert(format!("{}.{}", message.name(), field.name()));
                }
            }
        }
    }
    let tried = [
        "CreateCollectionRequest.required_features",
        "DeleteRequest.filter",
        "DeleteRequest.required_features",
        "DeleteRequest.tenant",
        "EncodeRequest.required_features",
        "EncodeStreamOptions.required_features",
        "ExplainRequest.required_features",
        "ExplainRequest.tenant",
        "GetDocumentsRequest.required_features",
        "GetDocumentsRequest.tenant",
        "IngestOptions.required_features",
        "IngestOptions.tenant",
        "ListDocumentsRequest.required_features",
        "ListDocumentsRequest.tenant",
        "Operation.set_payload",
        "Query.dense_vector",
        "Query.fusion",
        "SearchRequest.group_by",
        "SearchRequest.required_features",
        "SearchRequest.tenant",
        "SearchRequest.with_partial_scores",
    ];
    assert!(declared.iter().eq(&tried), "{declared:#?}");
}
