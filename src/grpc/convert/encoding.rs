//! How texts are encoded: options of requests, with their defaults.

use super::long_text::parse_long_text;
use super::pruning::parse_pruning;
use crate::model::RoleEncoder;
use crate::proto;
use crate::types::{ApiError, LongTextPolicy, Pruning};

/// How a text is encoded.
#[derive(Debug, Clone, Copy)]
pub struct EncodingParams {
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
}

/// Checks the options of a text that `side` encodes. `defaults` are the server's for its role.
///
/// # Errors
/// An option that is invalid, by its field.
pub fn parse_encoding(
    options: Option<proto::EncodingOptions>,
    encoder: &RoleEncoder,
    defaults: Pruning,
) -> Result<EncodingParams, ApiError> {
    let proto::EncodingOptions { long_text, window_overlap, pruning } = options.unwrap_or_default();
    let long_text = parse_long_text(long_text, window_overlap, encoder)?;
    Ok(EncodingParams { long_text, pruning: parse_pruning(pruning, defaults)? })
}
