//! A document's identity: as its client knows it, and as the store does.

use uuid::Uuid;

/// The key of a point in a store: what Qdrant takes as an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PointId {
    Num(u64),
    Uuid(Uuid),
}

/// A document's id, as its client gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DocumentId {
    /// An unsigned integer; the point has the same id.
    Num(u64),
    /// A UUID; the point has the same id.
    Uuid(Uuid),
    /// Any other name; the point's id is its UUIDv5 (RFC 9562, namespace URL).
    Key(String),
}

impl DocumentId {
    /// The id of a document that came without one: UUIDv5 of the collection's name and the text, so that the same
    /// text sent again is the same point.
    pub fn derived(collection: &str, text: &str) -> Self {
        // The namespace is the collection's own, so no pair of name and text can be mistaken for another.
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_OID, collection.as_bytes());
        Self::Uuid(Uuid::new_v5(&namespace, text.as_bytes()))
    }

    /// The store's key for this id.
    pub fn point_id(&self) -> PointId {
        match self {
            Self::Num(num) => PointId::Num(*num),
            Self::Uuid(uuid) => PointId::Uuid(*uuid),
            Self::Key(key) => PointId::Uuid(Uuid::new_v5(&Uuid::NAMESPACE_URL, key.as_bytes())),
        }
    }

    /// The client's form of a point's id, given the name that was kept beside the point, if any.
    pub fn restore(point_id: PointId, key: Option<String>) -> Self {
        match (key, point_id) {
            (Some(key), _) => Self::Key(key),
            (None, PointId::Num(num)) => Self::Num(num),
            (None, PointId::Uuid(uuid)) => Self::Uuid(uuid),
        }
    }
}
