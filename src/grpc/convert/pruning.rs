//! `Pruning` options of requests.

use crate::grpc::errors::invalid_argument;
use crate::proto;
use crate::types::{ApiError, Pruning};

/// Parses pruning options. `defaults` apply to each field that is not set.
///
/// # Errors
/// `INVALID_ARGUMENT` if a field is out of range.
pub fn parse_pruning(pruning: Option<proto::Pruning>, defaults: Pruning) -> Result<Pruning, ApiError> {
    let proto::Pruning { max_terms, min_weight, weight_share } = pruning.unwrap_or_default();
    if let Some(weight) = min_weight.filter(|weight| !weight.is_finite() || *weight < 0.0) {
        return Err(invalid_argument(
            "pruning.min_weight",
            format!("{weight} is out of range; send a positive number, or 0 for no minimum"),
        ));
    }
    // `contains` is false for NaN.
    if let Some(share) = weight_share.filter(|share| !(0.0..=1.0).contains(share)) {
        let message = format!("{share} is out of range; send a number above 0 and at most 1, or 0 for no limit");
        return Err(invalid_argument("pruning.weight_share", message));
    }
    Ok(Pruning {
        max_terms: max_terms.map_or(defaults.max_terms, |terms| (terms > 0).then_some(terms as usize)),
        min_weight: min_weight.unwrap_or(defaults.min_weight),
        weight_share: weight_share.map_or(defaults.weight_share, |share| (share > 0.0).then_some(share)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: each field of a request replaces the server's default of this field only; 0 means no limit.
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
