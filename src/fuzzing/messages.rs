//! Checks of protobuf messages.

use bytes::Bytes;
use prost::Message;

use crate::grpc::convert::payload::{PayloadFields, PayloadLimits, parse_payload};
use crate::grpc::convert::{parse_batch_points, parse_document, parse_operation, parse_pruning, parse_text_field};
use crate::grpc::{MAX_PAYLOAD_DEPTH, RequestLimits};
use crate::proto;
use crate::types::{ApiError, Filter, Point, Pruning, RESERVED_PREFIX, SparseVector, check_collection_name, is_blank};

/// Parses a document's bytes. Checks that it is rejected with an error message, or that all of it can be stored
/// and returned.
pub fn check_document(bytes: &[u8]) {
    let limits = RequestLimits::default();
    let document = match parse_document(&Bytes::copy_from_slice(bytes), &limits) {
        Ok(document) => document,
        Err(error) => return check_api_error(&error.error),
    };
    assert!(!is_blank(&document.text) && document.text.len() <= limits.max_text_bytes);
    assert!(document.dense.values().flatten().all(|value| value.is_finite()));
    assert!(document.payload.keys().all(|name| !name.starts_with(RESERVED_PREFIX)));
    let unlimited = PayloadLimits { max_bytes: usize::MAX, max_depth: MAX_PAYLOAD_DEPTH };
    let returned = PayloadFields::new(document.payload.clone(), proto::PayloadFormat::Json);
    assert_eq!(
        parse_payload(None, &returned.payload_json, unlimited).unwrap(),
        document.payload,
        "payloads round-trip"
    );
    let id = document.id.clone();
    assert!(proto::DocumentId::from(id.clone()).kind.is_some());
    assert_eq!(Point::new(document, SparseVector::default(), "text").id, id.to_point_id());
}

/// Parses a search request's bytes, and runs the validation that precedes the store's search.
pub fn check_search_request(bytes: &[u8]) {
    let Ok(request) = proto::SearchRequest::decode(bytes) else { return };
    let _ = check_collection_name(&request.collection).map_err(|error| check_api_error(&error));
    let _ = request.filter.map(Filter::try_from).transpose().map_err(|error| check_api_error(&error));
    let Some(query) = request.query else { return };
    let pruning = parse_pruning(query.encoding.and_then(|encoding| encoding.pruning), Pruning::default());
    let pruning = pruning.map_err(|error| check_api_error(&error)).unwrap_or_default();
    if let Some(proto::query::Kind::SparseVector(vector)) = query.kind
        && let Ok(mut vector) = SparseVector::try_from(vector)
    {
        let terms = vector.len();
        let pruned = vector.prune(pruning);
        assert_eq!(vector.len() + pruned.terms, terms);
        assert!(vector.indices().is_sorted() && vector.values().iter().all(|value| value.is_finite()));
    }
}

/// Parses the options of an ingest stream. Checks that invalid options are rejected with an error message.
pub fn check_ingest_options(bytes: &[u8]) {
    let Ok(ingest) = proto::IngestOptions::decode(bytes) else { return };
    let _ = check_collection_name(&ingest.collection).map_err(|error| check_api_error(&error));
    let _ = parse_text_field(ingest.text_field).map_err(|error| check_api_error(&error));
    let _ = parse_batch_points(ingest.batch_points).map_err(|error| check_api_error(&error));
}

/// Parses an operation's bytes. Checks that it is a valid change of a document or is rejected with an error message.
pub fn check_operation(bytes: &[u8]) {
    if let Err(error) = parse_operation(&Bytes::copy_from_slice(bytes), &RequestLimits::default()).change {
        check_api_error(&error.error);
    }
}

fn check_api_error(error: &ApiError) {
    assert!(!error.message.is_empty() && error.message.len() <= 1_100, "{error:?}");
}
