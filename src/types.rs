//! Domain types shared by all layers, independent of gRPC, Qdrant and candle.

mod api_error;
mod blank;
mod collection_name;
mod cosine;
mod deadline;
mod digest;
mod document;
mod encoding_spec;
mod field_path;
mod filter;
mod id;
mod options;
mod payload;
mod pruning;
mod sparse;
mod version;

pub use api_error::{ApiError, ErrorReason};
pub use blank::is_blank;
pub use collection_name::{MAX_COLLECTION_NAME_LENGTH as MAX_COLLECTION_NAME, check_collection_name};
pub use cosine::normalize_extreme;
pub use deadline::compute_deadline;
pub use digest::{DIGEST_FIELD, Digest};
pub use document::{Document, Point, StoredPoint};
pub use encoding_spec::EncodingSpec;
pub use field_path::FieldPath;
pub use filter::{Condition, FieldRange, FieldTest, Filter, MatchValue, MatchValues};
pub use id::{DocumentId, PointId};
pub use options::{CollectionSpec, Datatype, DenseSpec, Distance, Fingerprint, LongTextPolicy, Role, Sharding};
pub use payload::{DEFAULT_TEXT_FIELD, Payload, RESERVED_PREFIX, VERSION_FIELD};
pub use pruning::{Pruning, PruningStats};
pub use sparse::{SparseVector, SparseVectorError};
pub use version::{build_older_version_filter, read_stored_version};
