//! Test that the bounds declared as field options in the API equal the bounds that the services check.

use std::collections::BTreeMap;

use prost_reflect::FieldDescriptor;

use super::contract::{PACKAGE, descriptor_pool};
use super::testing::settings;
use crate::grpc::MAX_ID_BYTES;
use crate::grpc::bounds::{
    MAX_BATCH_POINTS, MAX_COLLECTION_NAME, MAX_CONDITION_VALUES, MAX_DELETE_IDS, MAX_DIMENSIONS, MAX_FIRST_SEQUENCE,
    MAX_GET_IDS, MAX_NAME_BYTES, MAX_PAGE_SIZE, MAX_PATH_BYTES, MAX_PAYLOAD_FIELDS, MAX_POSITION_BYTES, MAX_REPLICAS,
    MAX_SEARCH_LIMIT, MAX_SEARCH_OFFSET, MAX_SHARD_KEYS, MAX_SHARDS,
};
use crate::proto::Bounds;

/// Pattern of a UUID: simple, hyphenated, in braces, or as a URN.
const UUID: &str = "^([0-9a-fA-F]{32}|(urn:uuid:)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\
                    |\\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\})$";

fn read_bounds(field: &FieldDescriptor) -> Option<Bounds> {
    let option = descriptor_pool().get_extension_by_name(&format!("{PACKAGE}.bounds")).unwrap();
    let options = field.options();
    let bounds = options.has_extension(&option).then(|| options.get_extension(&option).into_owned())?;
    Some(bounds.as_message().unwrap().transcode_to().unwrap())
}

fn length_bounds(min: Option<u64>, max: usize) -> Bounds {
    Bounds { min_length: min, max_length: Some(max as u64), ..Bounds::default() }
}

fn pattern_bounds(pattern: impl Into<String>) -> Bounds {
    Bounds { pattern: Some(pattern.into()), ..Bounds::default() }
}

fn item_count_bounds(min: Option<u64>, max: usize) -> Bounds {
    Bounds { min_items: min, max_items: Some(max as u64), ..Bounds::default() }
}

fn number_bounds(min: Option<u64>, max: impl Into<Option<u64>>) -> Bounds {
    Bounds { minimum: min, maximum: max.into(), ..Bounds::default() }
}

fn maximum_bounds(max: u32) -> Bounds {
    number_bounds(None, u64::from(max))
}

/// Returns the bounds of the name of a collection or an alias.
fn name_bounds() -> Bounds {
    pattern_bounds(format!("^[A-Za-z0-9_-][A-Za-z0-9_.-]{{0,{}}}$", MAX_COLLECTION_NAME - 1))
}

/// Returns the bounds of a map whose keys are vector names.
fn vector_map_bounds(max: Option<u64>) -> Bounds {
    let names = pattern_bounds(format!("^[A-Za-z0-9_-]{{1,{MAX_NAME_BYTES}}}$"));
    Bounds { max_entries: max, keys: Some(Box::new(names)), ..Bounds::default() }
}

fn text_bounds() -> Bounds {
    Bounds { pattern: Some(r"\S".to_owned()), ..length_bounds(Some(1), settings().limits.max_text_bytes) }
}

fn expected_bounds() -> BTreeMap<&'static str, Bounds> {
    let limits = settings().limits;
    let shard_key = Some(Box::new(length_bounds(Some(1), MAX_NAME_BYTES)));
    BTreeMap::from([
        ("IngestOptions.collection", name_bounds()),
        ("IngestOptions.text_field", length_bounds(None, MAX_NAME_BYTES)),
        ("IngestOptions.batch_points", maximum_bounds(MAX_BATCH_POINTS)),
        ("IngestOptions.first_sequence", number_bounds(None, MAX_FIRST_SEQUENCE)),
        ("Operation.position", length_bounds(None, MAX_POSITION_BYTES)),
        ("CollectionOptions.sparse_vectors", vector_map_bounds(Some(1))),
        ("CollectionOptions.dense_vectors", vector_map_bounds(None)),
        ("CollectionOptions.shard_count", maximum_bounds(MAX_SHARDS)),
        ("CollectionOptions.replication_factor", maximum_bounds(MAX_REPLICAS)),
        ("CollectionOptions.write_consistency_factor", maximum_bounds(MAX_REPLICAS)),
        (
            "CollectionOptions.shard_keys",
            Bounds { unique_items: true, items: shard_key, ..item_count_bounds(None, MAX_SHARD_KEYS) },
        ),
        ("DenseVectorOptions.size", number_bounds(Some(1), u64::from(MAX_DIMENSIONS))),
        ("DenseVector.values", item_count_bounds(None, limits.max_dense_dimensions)),
        ("Document.text", text_bounds()),
        // Not `limits.max_id_bytes`: ids of documents that a server with a larger limit wrote can be read.
        ("DocumentId.key", length_bounds(Some(1), MAX_ID_BYTES)),
        ("DocumentId.uuid", pattern_bounds(UUID)),
        ("UpsertRequest.documents", item_count_bounds(Some(1), limits.max_unary_documents)),
        (
            "EncodeRequest.texts",
            Bounds { items: Some(Box::new(text_bounds())), ..item_count_bounds(Some(1), limits.max_unary_documents) },
        ),
        ("Query.text", text_bounds()),
        ("SearchRequest.collection", name_bounds()),
        ("SearchRequest.limit", maximum_bounds(MAX_SEARCH_LIMIT)),
        ("SearchRequest.offset", maximum_bounds(MAX_SEARCH_OFFSET)),
        ("SparseVector.indices", Bounds { unique_items: true, ..Bounds::default() }),
        ("ReturnOptions.payload_fields", item_count_bounds(None, MAX_PAYLOAD_FIELDS)),
        ("ExplainRequest.collection", name_bounds()),
        ("ExplainRequest.document_text", text_bounds()),
        ("DeleteRequest.collection", name_bounds()),
        ("DeleteRequest.ids", item_count_bounds(Some(1), MAX_DELETE_IDS)),
        ("GetDocumentsRequest.collection", name_bounds()),
        ("GetDocumentsRequest.ids", item_count_bounds(Some(1), MAX_GET_IDS)),
        ("ListDocumentsRequest.collection", name_bounds()),
        ("ListDocumentsRequest.page_size", maximum_bounds(MAX_PAGE_SIZE)),
        ("CreateCollectionRequest.name", name_bounds()),
        ("GetCollectionRequest.collection", name_bounds()),
        ("ListCollectionsRequest.page_size", maximum_bounds(MAX_PAGE_SIZE)),
        ("ListAliasesRequest.page_size", maximum_bounds(MAX_PAGE_SIZE)),
        ("ListModelsRequest.page_size", maximum_bounds(MAX_PAGE_SIZE)),
        ("SetAliasRequest.alias", name_bounds()),
        ("SetAliasRequest.collection", name_bounds()),
        ("DeleteAliasRequest.alias", name_bounds()),
        ("Condition.path", length_bounds(None, MAX_PATH_BYTES)),
        ("DocumentIds.ids", item_count_bounds(Some(1), MAX_CONDITION_VALUES)),
        ("MatchValues.keywords", item_count_bounds(None, MAX_CONDITION_VALUES)),
        ("MatchValues.integers", item_count_bounds(None, MAX_CONDITION_VALUES)),
        ("Pruning.min_weight", number_bounds(Some(0), None)),
        ("Pruning.weight_share", number_bounds(Some(0), 1)),
    ])
}

#[test]
fn declared_bounds_equal_checked_bounds() {
    let mut found = BTreeMap::new();
    for message in descriptor_pool().all_messages().filter(|message| message.package_name() == PACKAGE) {
        for field in message.fields() {
            found.extend(read_bounds(&field).map(|bounds| (format!("{}.{}", message.name(), field.name()), bounds)));
        }
    }
    let expected: BTreeMap<_, _> =
        expected_bounds().into_iter().map(|(name, bounds)| (name.to_owned(), bounds)).collect();
    assert_eq!(found, expected);
}
