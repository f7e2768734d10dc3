//! Options of requests and properties of collections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Role of a text: stored document or search query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    #[default]
    Document,
    Query,
}

impl Role {
    /// Returns the value of the metrics label `role`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Query => "query",
        }
    }
}

/// Policy for texts with more tokens than the model's maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongTextPolicy {
    /// Encode the first tokens.
    #[default]
    Truncate,
    /// Encode the last tokens.
    TruncateLeft,
    /// Reject the text.
    Reject,
    /// Encode the whole text as windows, each with as many tokens as the model accepts.
    Window {
        /// Number of tokens that a window shares with the previous one, without special tokens. Less than a window's
        /// size.
        overlap: usize,
    },
}

/// Fingerprint of the model that wrote a collection's vectors: a SHA-256 in hexadecimal of everything that determines
/// them, prefixed with its format version and a colon. Version 1 has no prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl Fingerprint {
    /// Returns true if this build can compare the fingerprint's version with that of a model.
    pub fn has_known_version(&self) -> bool {
        self.0.split_once(':').is_none_or(|(version, _)| version == "2")
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Properties of a collection. The embedded store keeps them in a file, whose field names are fixed; golden bytes in
/// the tests pin them (see store/edge/files.rs).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollectionSpec {
    /// Name of the sparse vector.
    pub vector_name: String,
    /// Keep the sparse index on disk instead of in memory.
    pub on_disk_index: bool,
    pub datatype: Datatype,
    /// Dense vectors by name.
    pub dense: BTreeMap<String, DenseSpec>,
    /// Name of the model that writes the collection; empty if unknown.
    pub model: String,
    /// Fingerprint of the model that writes the collection; `None` if the collection was not created by this service.
    pub fingerprint: Option<Fingerprint>,
    /// Inference dtype of the model; empty if it was not recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dtype: String,
    /// Identity of this creation of the collection; empty if it was not recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub incarnation: String,
    /// Sharding in a Qdrant cluster. Not kept in files, because the embedded store has no shards.
    #[serde(skip, default = "Sharding::single")]
    pub sharding: Sharding,
}

/// Distribution of a collection over the nodes of a store. In requests, 0 selects the store's default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sharding {
    /// Number of shards; with shard keys, per key.
    pub shards: u32,
    /// Number of nodes that keep each shard.
    pub replicas: u32,
    /// Number of nodes that must apply a write before it is confirmed.
    pub write_consistency: u32,
    /// Shard keys, in the order of their creation; empty if points are sharded by id.
    pub shard_keys: Vec<String>,
}

impl Sharding {
    /// Returns the sharding of a single shard with one replica.
    pub fn single() -> Self {
        Self { shards: 1, replicas: 1, write_consistency: 1, shard_keys: Vec::new() }
    }
}

/// Storage datatype of the weights of a sparse vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Datatype {
    #[default]
    #[serde(rename = "Float32")]
    Float32,
    #[serde(rename = "Float16")]
    Float16,
    #[serde(rename = "Uint8")]
    Uint8,
}

/// Properties of a dense vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseSpec {
    /// Number of dimensions.
    pub size: u32,
    pub distance: Distance,
}

/// Distance function of a dense vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Distance {
    #[default]
    #[serde(rename = "Cosine")]
    Cosine,
    #[serde(rename = "Dot")]
    Dot,
    #[serde(rename = "Euclid")]
    Euclid,
}
