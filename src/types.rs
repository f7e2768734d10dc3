//! The nouns that every layer shares. They know nothing of gRPC, of Qdrant or of candle.

mod blank;
mod collection_name;
mod cosine;
mod deadline;
mod digest;
mod document;
mod fault;
mod field_path;
mod filter;
mod id;
mod options;
mod payload;
mod pruning;
mod recipe;
mod sparse;
mod version;

pub use blank::is_blank;
pub use collection_name::{MAX_LENGTH as MAX_COLLECTION_NAME, check_collection_name};
pub use cosine::normalize_extreme;
pub use deadline::deadline_after;
pub use digest::{DIGEST_FIELD, Digest};
pub use document::{Document, Point, StoredPoint};
pub use fault::{Fault, Reason};
pub use field_path::FieldPath;
pub use filter::{Condition, FieldTest, Filter, MatchValue, MatchValues, Range};
pub use id::{DocumentId, PointId};
pub use options::{CollectionSpec, Datatype, DenseSpec, Distance, Fingerprint, LongText, Role, Sharding};
pub use payload::{DEFAULT_TEXT_FIELD, Payload, RESERVED_PREFIX, VERSION_FIELD};
pub use pruning::{Pruned, Pruning};
pub use recipe::Recipe;
pub use sparse::{InvalidSparseVector, SparseVector};
pub use version::{older_than, stored_version};
