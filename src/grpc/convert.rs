//! Messages of the contract to what the pipeline and the stores take, and back.
//!
//! A conversion is `From` or `TryFrom`, in the file that is named after what is converted. One that needs limits, defaults or a
//! model is a function `parse_…` or `to_…`. What is invalid is a [`Fault`](crate::types::Fault) that names the field, relative
//! to what is converted: whoever holds a part of a message puts the part's name before it (`Fault::within`).

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
