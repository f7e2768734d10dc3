//! Conversions between the protobuf messages of the API and the domain types of the pipeline and the stores.
//!
//! A conversion is an `impl` of `From` or `TryFrom` in the file named after the converted type. Conversions that need limits,
//! defaults or a model are functions named `parse_…` or `to_…`. They fail with an [`ApiError`](crate::types::ApiError) whose
//! field is relative to the converted message; the caller prepends the name of the containing field with
//! [`with_field_prefix`](crate::types::ApiError::with_field_prefix).

mod batch_points;
mod collection;
mod collection_options;
mod count;
mod datatype;
mod dense_vector_options;
mod document;
mod document_id;
mod encoded_text;
mod encoding;
mod encoding_stats;
mod enumeration;
mod filter;
mod first_sequence;
mod hit_range;
mod ignore_fingerprint;
mod long_text;
mod model;
mod operation;
mod page_size;
pub mod payload;
mod pruning;
mod result_filter;
mod return_options;
mod role;
mod server;
mod sharding;
mod sparse_vector;
mod sparse_vector_options;
mod status;
mod text;
mod text_field;
mod vector_name;

pub use batch_points::{MAX_BATCH_POINTS, parse_batch_points};
pub use collection_options::parse_collection_options;
pub use dense_vector_options::MAX_DIMENSIONS;
pub use document::parse_document;
pub use document_id::{check_id_count, parse_ids};
pub use encoded_text::{find_token, to_encoded_text};
pub use encoding::{EncodingParams, parse_encoding};
pub use encoding_stats::to_vector_stats;
pub use filter::{MAX_CONDITION_VALUES, MAX_PATH_BYTES};
pub use first_sequence::{MAX_FIRST_SEQUENCE, parse_first_sequence};
pub use hit_range::{MAX_SEARCH_LIMIT, MAX_SEARCH_OFFSET, parse_hit_range};
pub use ignore_fingerprint::parse_ignore_fingerprint;
pub use operation::{MAX_POSITION_BYTES, parse_operation, to_upsert};
pub use page_size::{MAX_PAGE_SIZE, parse_page_size};
pub use pruning::parse_pruning;
pub use result_filter::parse_only_problems;
pub use return_options::{MAX_PAYLOAD_FIELDS, ReturnSelection};
pub use role::parse_role;
pub use sharding::{MAX_REPLICAS, MAX_SHARD_KEYS, MAX_SHARDS};
pub use text::check_text;
pub use text_field::parse_text_field;
pub use vector_name::MAX_NAME_BYTES;
