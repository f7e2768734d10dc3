//! Payloads, and which of their fields are the service's own.

/// A JSON object: what is stored beside the vectors.
pub type Payload = serde_json::Map<String, serde_json::Value>;

/// Payload fields that begin so are the service's own. Clients can't set them and never see them.
pub const RESERVED_PREFIX: &str = "_splade";

/// The reserved payload field that keeps a [`DocumentId::Key`](super::DocumentId::Key).
pub const KEY_FIELD: &str = "_splade_key";
/// The reserved payload field that says which field keeps the text, where it is not [`DEFAULT_TEXT_FIELD`].
pub const TEXT_KEY_FIELD: &str = "_splade_text_key";
/// The reserved payload field that keeps a document's version, and its halves, which stores can compare exactly.
pub const VERSION_FIELD: &str = "_splade_version";
pub const VERSION_HIGH_FIELD: &str = "_splade_version_high";
pub const VERSION_LOW_FIELD: &str = "_splade_version_low";
/// The payload field that keeps a document's text, unless its client asks for another.
pub const DEFAULT_TEXT_FIELD: &str = "text";

/// Removes the service's own fields.
pub fn remove_reserved_fields(payload: &mut Payload) {
    payload.retain(|name, _| !name.starts_with(RESERVED_PREFIX));
}
