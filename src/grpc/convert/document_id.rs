//! Ids of documents.

use uuid::Uuid;

use crate::grpc::faults::invalid;
use crate::grpc::limits::LONGEST_ID;
use crate::proto::{self, document_id::Kind};
use crate::types::{DocumentId, Fault};

impl TryFrom<proto::DocumentId> for DocumentId {
    type Error = Fault;

    /// # Errors
    /// If it is empty, no UUID where it claims to be one, or longer than any server takes.
    fn try_from(id: proto::DocumentId) -> Result<Self, Fault> {
        match id.kind {
            Some(Kind::Num(num)) => Ok(Self::Num(num)),
            Some(Kind::Uuid(text)) => {
                let uuid = Uuid::parse_str(&text).map(Self::Uuid);
                uuid.map_err(|error| invalid("uuid", format!("it is no UUID: {error}; send one, or use `key`")))
            }
            Some(Kind::Key(key)) if (1..=LONGEST_ID).contains(&key.len()) => Ok(Self::Key(key)),
            Some(Kind::Key(key)) => Err(invalid("key", format!("it has {} bytes; send 1 to {LONGEST_ID}", key.len()))),
            None => Err(invalid("", "it is empty; set `num`, `uuid` or `key`, or leave it out")),
        }
    }
}

impl From<DocumentId> for proto::DocumentId {
    fn from(id: DocumentId) -> Self {
        let kind = match id {
            DocumentId::Num(num) => Kind::Num(num),
            DocumentId::Uuid(uuid) => Kind::Uuid(uuid.to_string()),
            DocumentId::Key(key) => Kind::Key(key),
        };
        Self { kind: Some(kind) }
    }
}

/// Parses the id of a document to write.
///
/// # Errors
/// If it is invalid, or a key that is too long for this server.
pub fn parse_new_id(id: proto::DocumentId, max_bytes: usize) -> Result<DocumentId, Fault> {
    match DocumentId::try_from(id)? {
        DocumentId::Key(key) if key.len() > max_bytes => {
            let bytes = key.len();
            Err(invalid("key", format!("it has {bytes} bytes; send 1 to {max_bytes}, or raise --max-id-bytes")))
        }
        id => Ok(id),
    }
}

/// Checks the number of a request's `ids`.
///
/// # Errors
/// If there are none, or more than `max`.
pub fn check_id_count(count: usize, max: usize) -> Result<(), Fault> {
    if count == 0 || count > max {
        return Err(invalid("ids", format!("there are {count} ids; send 1 to {max}")));
    }
    Ok(())
}

/// Parses a request's `ids`, at most `max` of them.
///
/// # Errors
/// If there are none or too many, or one is invalid.
pub fn parse_ids(ids: Vec<proto::DocumentId>, max: usize) -> Result<Vec<DocumentId>, Fault> {
    check_id_count(ids.len(), max)?;
    let ids = ids.into_iter().enumerate();
    ids.map(|(index, id)| id.try_into().map_err(|fault: Fault| fault.within(&format!("ids[{index}]")))).collect()
}
