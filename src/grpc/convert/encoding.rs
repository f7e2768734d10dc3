//! How texts are encoded: options of requests, with their defaults.

use super::long_text::parse_long_text;
use super::pruning::parse_pruning;
use crate::model::Side;
use crate::proto;
use crate::types::{Fault, LongText, Pruning};

/// How a text is encoded.
#[derive(Debug, Clone, Copy)]
pub struct Encoding {
    pub long_text: LongText,
    pub pruning: Pruning,
}

/// Checks the options of a text that `side` encodes. `defaults` are the server's for its role.
///
/// # Errors
/// An option that is invalid, by its field.
pub fn parse_encoding(
    options: Option<proto::EncodingOptions>,
    side: &Side,
    defaults: Pruning,
) -> Result<Encoding, Fault> {
    let proto::EncodingOptions { long_text, window_overlap, pruning } = options.unwrap_or_default();
    let long_text = parse_long_text(long_text, window_overlap, side)?;
    Ok(Encoding { long_text, pruning: parse_pruning(pruning, defaults)? })
}
