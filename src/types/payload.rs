//! Payloads and their reserved fields.

/// JSON object stored with a point's vectors.
pub type Payload = serde_json::Map<String, serde_json::Value>;

/// Prefix of payload fields reserved for the service. Clients can't set them and never see them.
pub const RESERVED_PREFIX: &str = "_splade";

/// Reserved payload field that stores a [`DocumentId::Key`](super::DocumentId::Key).
pub const KEY_FIELD: &str = "_splade_key";
/// Reserved payload field that names the field with the text, if it is not [`DEFAULT_TEXT_FIELD`].
pub const TEXT_KEY_FIELD: &str = "_splade_text_key";
/// Reserved payload field that stores a document's version.
pub const VERSION_FIELD: &str = "_splade_version";
/// Reserved payload field with the upper half of the version. Stores compare numbers as doubles, which represent the
/// halves exactly.
pub const VERSION_HIGH_FIELD: &str = "_splade_version_high";
/// Reserved payload field with the lower half of the version.
pub const VERSION_LOW_FIELD: &str = "_splade_version_low";
/// Payload field that stores a document's text by default.
pub const DEFAULT_TEXT_FIELD: &str = "text";

/// Removes all reserved fields from a payload.
pub fn remove_reserved_fields(payload: &mut Payload) {
    payload.retain(|name, _| !name.starts_with(RESERVED_PREFIX));
}
