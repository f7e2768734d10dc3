//! What a request asks for, and what a collection is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    #[default]
    Document,
    Query,
}

impl Role {
    /// As metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Query => "query",
        }
    }
}

/// What to do with a text of more tokens than the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongTextPolicy {
    /// Encode its first tokens.
    #[default]
    Truncate,
    /// Encode its last tokens.
    TruncateLeft,
    Reject,
    /// Encode all of it, as windows of as many tokens as the model takes.
    Window {
        /// The tokens that a window shares with the one before it, special ones not counted; fewer than a window has.
        overlap: usize,
    },
}

/// Who wrote a collection's vectors: a SHA-256 in hexadecimal of all that decides them, with the version of its form and a
/// colon in front. Version 1 has neither.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl Fingerprint {
    /// Whether it is of a version that this build can compare with a model's.
    pub fn has_known_version(&self) -> bool {
        self.0.split_once(':').is_none_or(|(version, _)| version == "2")
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a collection is, or is to be, made. The embedded store keeps it in a file: the names there are given here, and
/// golden bytes hold them (see store/edge/files.rs).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollectionSpec {
    /// The name of the sparse vector.
    pub vector_name: String,
    /// Whether the sparse index stays on disk.
    pub on_disk_index: bool,
    pub datatype: Datatype,
    /// Dense vectors by name.
    pub dense: BTreeMap<String, DenseSpec>,
    /// The name of the model that writes it; empty if unknown.
    pub model: String,
    /// The encoder that writes it; `None` if the collection was not made by this service.
    pub fingerprint: Option<Fingerprint>,
    /// The dtype that the encoder computes in; empty if it was not recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dtype: String,
    /// Tells this creation of the collection from others of the same name; empty if it was not recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub incarnation: String,
    /// Not kept in files: a store that is one has none.
    #[serde(skip, default = "Sharding::single")]
    pub sharding: Sharding,
}

/// How a collection is spread over the nodes of a store. In what is asked for, 0 is the store's default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sharding {
    /// Shards; where there are keys, of each key.
    pub shards: u32,
    /// Nodes that keep each shard.
    pub replicas: u32,
    /// Nodes that must have applied a write before it is confirmed.
    pub write_consistency: u32,
    /// What points are spread by instead of by their ids, in their order; empty for ids.
    pub shard_keys: Vec<String>,
}

impl Sharding {
    /// One shard, kept once.
    pub fn single() -> Self {
        Self { shards: 1, replicas: 1, write_consistency: 1, shard_keys: Vec::new() }
    }
}

/// A number format of stored weights.
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

/// A dense vector of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseSpec {
    /// Dimensions.
    pub size: u32,
    pub distance: Distance,
}

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
