//! How texts are encoded: options of requests, checked and with their defaults, and statistics of responses.

use super::options::invalid;
use crate::model::Side;
use crate::pipeline::Encoded;
use crate::proto::{self, EncodingStats};
use crate::types::{Fault, LongText, Pruned, Pruning, SparseVector};

/// In tokens; a quarter of a window if that is less.
const DEFAULT_WINDOW_OVERLAP: usize = 32;

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

fn parse_long_text(value: i32, overlap: Option<u32>, side: &Side) -> Result<LongText, Fault> {
    let invalid_value = |_| invalid("long_text", format!("{value} is not a value of LongText; use one that is"));
    match (proto::LongText::try_from(value).map_err(invalid_value)?, overlap) {
        (proto::LongText::Window, overlap) => {
            let overlap = parse_window_overlap(overlap, side.tokenizer.room())?;
            Ok(LongText::Window { overlap })
        }
        (_, Some(_)) => {
            let message = "only windows overlap; set long_text to LONG_TEXT_WINDOW, or omit it";
            Err(invalid("window_overlap", message))
        }
        (proto::LongText::Unspecified | proto::LongText::Truncate, None) => Ok(LongText::Truncate),
        (proto::LongText::Reject, None) => Ok(LongText::Reject),
    }
}

/// Returns the overlap of windows of `room` tokens, in tokens; without bounds if texts of any length are encoded whole.
fn parse_window_overlap(overlap: Option<u32>, room: Option<usize>) -> Result<usize, Fault> {
    let room = room.unwrap_or(usize::MAX);
    match overlap.map(|overlap| overlap as usize) {
        None => Ok(DEFAULT_WINDOW_OVERLAP.min(room / 4)),
        // More would make a window for every few tokens.
        Some(overlap) if overlap <= room / 2 => Ok(overlap),
        Some(overlap) => {
            let max = room / 2;
            let message = format!("it is {overlap}; send at most {max}, half of a window's {room} tokens");
            Err(invalid("window_overlap", message))
        }
    }
}

/// Returns the terms to keep: each field of the request, or else the default.
///
/// # Errors
/// A field that is out of bounds.
pub fn parse_pruning(pruning: Option<proto::Pruning>, defaults: Pruning) -> Result<Pruning, Fault> {
    let proto::Pruning { max_terms, min_weight, weight_share } = pruning.unwrap_or_default();
    if let Some(weight) = min_weight.filter(|weight| !weight.is_finite() || *weight < 0.0) {
        return Err(invalid("pruning.min_weight", format!("it is {weight}; send 0 for no limit or a positive number")));
    }
    if let Some(share) = weight_share.filter(|share| !(0.0..=1.0).contains(share)) {
        let message = format!("it is {share}; send a number above 0 and at most 1, or 0 for no limit");
        return Err(invalid("pruning.weight_share", message));
    }
    Ok(Pruning {
        max_terms: max_terms.map_or(defaults.max_terms, |terms| (terms > 0).then_some(terms as usize)),
        min_weight: min_weight.unwrap_or(defaults.min_weight),
        weight_share: weight_share.map_or(defaults.weight_share, |share| (share > 0.0).then_some(share)),
    })
}

/// Returns a count as the contract has it.
pub fn to_count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Describes how a text was encoded.
pub fn to_stats(encoded: &Encoded) -> EncodingStats {
    let Encoded { ref vector, tokens, windows, truncated, pruned, took: _ } = *encoded;
    EncodingStats {
        token_count: to_count(tokens),
        window_count: to_count(windows),
        truncated,
        ..vector_stats(vector, pruned)
    }
}

/// Describes a vector without a text.
pub fn vector_stats(vector: &SparseVector, pruned: Pruned) -> EncodingStats {
    EncodingStats {
        term_count: to_count(vector.len()),
        pruned_term_count: to_count(pruned.terms),
        pruned_weight: pruned.weight,
        ..EncodingStats::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: each field of a request replaces the server's default of that field alone; 0 is no limit.
        #[test]
        fn fields_of_pruning_are_merged_one_by_one(
            max_terms in prop::option::of(0u32..9), min_weight in prop::option::of(0f32..2.0),
            weight_share in prop::option::of(0f32..=1.0), defaults in (0usize..9, 0f32..2.0, 0f32..=1.0)
        ) {
            let limit = |share: f32| (share > 0.0).then_some(share);
            let defaults = Pruning {
                max_terms: (defaults.0 > 0).then_some(defaults.0), min_weight: defaults.1, weight_share: limit(defaults.2),
            };
            let merged = parse_pruning(Some(proto::Pruning { max_terms, min_weight, weight_share }), defaults).unwrap();
            match max_terms {
                None => prop_assert_eq!(merged.max_terms, defaults.max_terms),
                Some(0) => prop_assert_eq!(merged.max_terms, None),
                Some(terms) => prop_assert_eq!(merged.max_terms, Some(terms as usize)),
            }
            prop_assert_eq!(merged.min_weight, min_weight.unwrap_or(defaults.min_weight));
            prop_assert_eq!(merged.weight_share, weight_share.map_or(defaults.weight_share, limit));
        }
    }
}
