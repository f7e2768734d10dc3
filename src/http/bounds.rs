//! The bounds that the contract states, as options of its fields, are those that the services check.

use std::collections::BTreeMap;

use prost_reflect::FieldDescriptor;

use super::contract::{PACKAGE, pool};
use super::testing::settings;
use crate::grpc::LONGEST_ID;
use crate::grpc::bounds::{
    MAX_BATCH_POINTS, MAX_COLLECTION_NAME, MAX_DELETES, MAX_DIMENSIONS, MAX_FIRST_SEQUENCE, MAX_IDS, MAX_LIMIT,
    MAX_NAME_BYTES, MAX_OFFSET, MAX_PAGE, MAX_PATH_BYTES, MAX_PAYLOAD_FIELDS, MAX_POSITION_BYTES, MAX_REPLICAS,
    MAX_SHARD_KEYS, MAX_SHARDS, MAX_VALUES,
};
use crate::proto::Bounds;

/// Plain, hyphenated, in braces, or as a URN.
const UUID: &str = "^([0-9a-fA-F]{32}|(urn:uuid:)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\
                    |\\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\})$";

fn bounds_of(field: &FieldDescriptor) -> Option<Bounds> {
    let option = pool().get_extension_by_name(&format!("{PACKAGE}.bounds")).unwrap();
    let options = field.options();
    let bounds = options.has_extension(&option).then(|| options.get_extension(&option).into_owned())?;
    Some(bounds.as_message().unwrap().transcode_to().unwrap())
}

fn length(min: Option<u64>, max: usize) -> Bounds {
    Bounds { min_length: min, max_length: Some(max as u64), ..Bounds::default() }
}

fn pattern(pattern: impl Into<String>) -> Bounds {
    Bounds { pattern: Some(pattern.into()), ..Bounds::default() }
}

fn items(min: Option<u64>, max: usize) -> Bounds {
    Bounds { min_items: min, max_items: Some(max as u64), ..Bounds::default() }
}

fn number(min: Option<u64>, max: impl Into<Option<u64>>) -> Bounds {
    Bounds { minimum: min, maximum: max.into(), ..Bounds::default() }
}

fn up_to(max: u32) -> Bounds {
    number(None, u64::from(max))
}

/// Name of a collection or an alias.
fn name() -> Bounds {
    pattern(format!("^[A-Za-z0-9_-][A-Za-z0-9_.-]{{0,{}}}$", MAX_COLLECTION_NAME - 1))
}

/// Map by names of vectors.
fn by_vector(max: Option<u64>) -> Bounds {
    let names = pattern(format!("^[A-Za-z0-9_-]{{1,{MAX_NAME_BYTES}}}$"));
    Bounds { max_entries: max, keys: Some(Box::new(names)), ..Bounds::default() }
}

fn text() -> Bounds {
    Bounds { pattern: Some(r"\S".to_owned()), ..length(Some(1), settings().limits.text_bytes) }
}

fn expected() -> BTreeMap<&'static str, Bounds> {
    let limits = settings().limits;
    let shard_key = Some(Box::new(length(Some(1), MAX_NAME_BYTES)));
    BTreeMap::from([
        ("IngestOptions.collection", name()),
        ("IngestOptions.text_field", length(None, MAX_NAME_BYTES)),
        ("IngestOptions.batch_points", up_to(MAX_BATCH_POINTS)),
        ("IngestOptions.first_sequence", number(None, MAX_FIRST_SEQUENCE)),
        ("Operation.position", length(None, MAX_POSITION_BYTES)),
        ("CollectionOptions.sparse_vectors", by_vector(Some(1))),
        ("CollectionOptions.dense_vectors", by_vector(None)),
        ("CollectionOptions.shard_count", up_to(MAX_SHARDS)),
        ("CollectionOptions.replication_factor", up_to(MAX_REPLICAS)),
        ("CollectionOptions.write_consistency_factor", up_to(MAX_REPLICAS)),
        (
            "CollectionOptions.shard_keys",
            Bounds { unique_items: true, items: shard_key, ..items(None, MAX_SHARD_KEYS) },
        ),
        ("DenseVectorOptions.size", number(Some(1), u64::from(MAX_DIMENSIONS))),
        ("DenseVector.values", items(None, limits.dense_dimensions)),
        ("Document.text", text()),
        // Documents of a server with a larger `--max-id-bytes` can be read.
        ("DocumentId.key", length(Some(1), LONGEST_ID)),
        ("DocumentId.uuid", pattern(UUID)),
        ("UpsertRequest.documents", items(Some(1), limits.unary_documents)),
        ("EncodeRequest.texts", Bounds { items: Some(Box::new(text())), ..items(Some(1), limits.unary_documents) }),
        ("Query.text", text()),
        ("SearchRequest.collection", name()),
        ("SearchRequest.limit", up_to(MAX_LIMIT)),
        ("SearchRequest.offset", up_to(MAX_OFFSET)),
        ("SparseVector.indices", Bounds { unique_items: true, ..Bounds::default() }),
        ("ReturnOptions.payload_fields", items(None, MAX_PAYLOAD_FIELDS)),
        ("ExplainRequest.collection", name()),
        ("ExplainRequest.document_text", text()),
        ("DeleteRequest.collection", name()),
        ("DeleteRequest.ids", items(Some(1), MAX_DELETES)),
        ("GetDocumentsRequest.collection", name()),
        ("GetDocumentsRequest.ids", items(Some(1), MAX_IDS)),
        ("ListDocumentsRequest.collection", name()),
        ("ListDocumentsRequest.page_size", up_to(MAX_PAGE)),
        ("CreateCollectionRequest.name", name()),
        ("GetCollectionRequest.collection", name()),
        ("ListCollectionsRequest.page_size", up_to(MAX_PAGE)),
        ("ListAliasesRequest.page_size", up_to(MAX_PAGE)),
        ("ListModelsRequest.page_size", up_to(MAX_PAGE)),
        ("SetAliasRequest.alias", name()),
        ("SetAliasRequest.collection", name()),
        ("DeleteAliasRequest.alias", name()),
        ("Condition.path", length(None, MAX_PATH_BYTES)),
        ("DocumentIds.ids", items(Some(1), MAX_VALUES)),
        ("MatchValues.keywords", items(None, MAX_VALUES)),
        ("MatchValues.integers", items(None, MAX_VALUES)),
        ("Pruning.min_weight", number(Some(0), None)),
        ("Pruning.weight_share", number(Some(0), 1)),
    ])
}

#[test]
fn bounds_are_those_that_are_checked() {
    let mut found = BTreeMap::new();
    for message in pool().all_messages().filter(|message| message.package_name() == PACKAGE) {
        for field in message.fields() {
            found.extend(bounds_of(&field).map(|bounds| (format!("{}.{}", message.name(), field.name()), bounds)));
        }
    }
    let expected: BTreeMap<_, _> = expected().into_iter().map(|(name, bounds)| (name.to_owned(), bounds)).collect();
    assert_eq!(found, expected);
}
