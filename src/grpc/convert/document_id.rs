//! Document ids.

use uuid::Uuid;

use crate::grpc::errors::invalid_argument;
use crate::grpc::limits::MAX_ID_BYTES;
use crate::proto::{self, document_id::Kind};
use crate::types::{ApiError, DocumentId};

impl TryFrom<proto::DocumentId> for DocumentId {
    type Error = ApiError;

    /// Validates an id against the bounds that apply to all servers.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the id is empty, the UUID is invalid, or the key is longer than [`MAX_ID_BYTES`].
    fn try_from(id: proto::DocumentId) -> Result<Self, ApiError> {
        match id.kind {
            Some(Kind::Num(num)) => Ok(Self::Num(num)),
            Some(Kind::Uuid(text)) => {
                let uuid = Uuid::parse_str(&text).map(Self::Uuid);
                uuid.map_err(|error| {
                    invalid_argument("uuid", format!("the value is not a UUID: {error}; send a UUID, or use `key`"))
                })
            }
            Some(Kind::Key(key)) if (1..=MAX_ID_BYTES).contains(&key.len()) => Ok(Self::Key(key)),
            Some(Kind::Key(key)) => {
                Err(invalid_argument("key", format!("the key has {} bytes; send 1 to {MAX_ID_BYTES}", key.len())))
            }
            None => Err(invalid_argument("", "the id is empty; set `num`, `uuid` or `key`, or omit the id")),
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
/// `INVALID_ARGUMENT` if the id is invalid, or the key is longer than `max_bytes`, the limit of this server.
pub fn parse_new_id(id: proto::DocumentId, max_bytes: usize) -> Result<DocumentId, ApiError> {
    match DocumentId::try_from(id)? {
        DocumentId::Key(key) if key.len() > max_bytes => {
            let bytes = key.len();
            Err(invalid_argument(
                "key",
                format!("the key has {bytes} bytes; send 1 to {max_bytes}, or raise --max-id-bytes"),
            ))
        }
        id => Ok(id),
    }
}

/// Checks the number of `ids` in a request.
///
/// # Errors
/// `INVALID_ARGUMENT` if there are no ids, or more than `max`.
pub fn check_id_count(count: usize, max: usize) -> Result<(), ApiError> {
    if count == 0 || count > max {
        return Err(invalid_argument("ids", format!("the call has {count} ids; send 1 to {max}")));
    }
    Ok(())
}

/// Parses the `ids` of a request.
///
/// # Errors
/// `INVALID_ARGUMENT` if there are no ids, more than `max`, or an invalid one.
pub fn parse_ids(ids: Vec<proto::DocumentId>, max: usize) -> Result<Vec<DocumentId>, ApiError> {
    check_id_count(ids.len(), max)?;
    let ids = ids.into_iter().enumerate();
    ids.map(|(index, id)| id.try_into().map_err(|error: ApiError| error.with_field_prefix(&format!("ids[{index}]"))))
        .collect()
}
