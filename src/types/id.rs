//! Identity of documents: the client's id, and the id of the point in the store.

use std::fmt;

use uuid::Uuid;

/// UUIDv5 namespace of ids derived from texts: d5300121-159a-59fa-bccf-5c9ba0a540d7, as documented in the API. It is
/// the UUIDv5 of `splade_sidecar.v1.Document` in the namespace of object identifiers.
const TEXT_ID_NAMESPACE: Uuid = Uuid::from_u128(0xd530_0121_159a_59fa_bccf_5c9b_a0a5_40d7);

/// Id of a point in a store, in the forms that Qdrant supports.
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

/// Document id as the client specified it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DocumentId {
    /// Unsigned integer; the point has the same id.
    Num(u64),
    /// UUID; the point has the same id.
    Uuid(Uuid),
    /// Any other string; the point's id is its UUIDv5 (RFC 9562, namespace URL).
    Key(String),
}

impl DocumentId {
    /// Returns the id for a document without one: the UUIDv5 of its text, so that sending the same text again updates
    /// the same point. It does not depend on the collection or the text field.
    pub fn from_text(text: &str) -> Self {
        Self::Uuid(Uuid::new_v5(&TEXT_ID_NAMESPACE, text.as_bytes()))
    }

    /// Returns the id of the document's point.
    pub fn to_point_id(&self) -> PointId {
        match self {
            Self::Num(num) => PointId::Num(*num),
            Self::Uuid(uuid) => PointId::Uuid(*uuid),
            Self::Key(key) => PointId::Uuid(Uuid::new_v5(&Uuid::NAMESPACE_URL, key.as_bytes())),
        }
    }

    /// Returns the client's form of a point's id. `key` is the string id stored with the point, if any.
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

    /// Derived ids are stored: if they changed, a text that is sent again would become a second document.
    #[test]
    fn derived_ids_are_stable() {
        assert_eq!(TEXT_ID_NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_OID, b"splade_sidecar.v1.Document"));
        let DocumentId::Uuid(id) = DocumentId::from_text("a cat sat on the mat") else { panic!("no UUID") };
        assert_eq!(id.to_string(), "25d90a98-0371-5163-9168-d6a1fdef17c2");
    }
}
