//! A document's identity: as its client knows it, and as the store does.

use std::fmt;

use uuid::Uuid;

/// The namespace of ids that are made of texts: d5300121-159a-59fa-bccf-5c9ba0a540d7, as the contract says. It is UUIDv5 of
/// `splade_sidecar.v1.Document` in the namespace of object identifiers.
const TEXT_ID_NAMESPACE: Uuid = Uuid::from_u128(0xd530_0121_159a_59fa_bccf_5c9b_a0a5_40d7);

/// The key of a point in a store: what Qdrant takes as an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PointId {
    Num(u64),
    Uuid(Uuid),
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Num(num) => num.fmt(f),
            Self::Uuid(uuid) => uuid.hyphenated().fmt(f),
        }
    }
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
    /// The id of a document that came without one: UUIDv5 of the text, so that the same text sent again is the same point,
    /// under whichever name of whichever collection.
    pub fn from_text(text: &str) -> Self {
        Self::Uuid(Uuid::new_v5(&TEXT_ID_NAMESPACE, text.as_bytes()))
    }

    /// The store's key for this id.
    pub fn to_point_id(&self) -> PointId {
        match self {
            Self::Num(num) => PointId::Num(*num),
            Self::Uuid(uuid) => PointId::Uuid(*uuid),
            Self::Key(key) => PointId::Uuid(Uuid::new_v5(&Uuid::NAMESPACE_URL, key.as_bytes())),
        }
    }

    /// The client's form of a point's id, given the name that was kept beside the point, if any.
    pub fn from_point_id(point_id: PointId, key: Option<String>) -> Self {
        match (key, point_id) {
            (Some(key), _) => Self::Key(key),
            (None, PointId::Num(num)) => Self::Num(num),
            (None, PointId::Uuid(uuid)) => Self::Uuid(uuid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These are stored: were they to change, a text sent again would be a second document.
    #[test]
    fn made_ids_stay() {
        assert_eq!(TEXT_ID_NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_OID, b"splade_sidecar.v1.Document"));
        let DocumentId::Uuid(id) = DocumentId::from_text("a cat sat on the mat") else { panic!("no UUID") };
        assert_eq!(id.to_string(), "25d90a98-0371-5163-9168-d6a1fdef17c2");
    }
}
