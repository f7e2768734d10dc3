//! `EncodingOptions` of requests.

use super::long_text::parse_long_text;
use super::pruning::parse_pruning;
use crate::model::RoleEncoder;
use crate::proto;
use crate::types::{ApiError, LongTextPolicy, Pruning};

/// Validated encoding options of a text.
#[derive(Debug, Clone, Copy)]
pub struct EncodingParams {
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
}

/// Validates the options of a text that `encoder` encodes. `defaults` apply to pruning options that are not set.
///
/// # Errors
/// If an option is invalid; the error names the field.
pub fn parse_encoding(
    options: Option<proto::EncodingOptions>,
    encoder: &RoleEncoder,
    defaults: Pruning,
) -> Result<EncodingParams, ApiError> {
    let proto::EncodingOptions { long_text, window_overlap, pruning } = options.unwrap_or_default();
    let long_text = parse_long_text(long_text, window_overlap, encoder)?;
    Ok(EncodingParams { long_text, pruning: parse_pruning(pruning, defaults)? })
}
