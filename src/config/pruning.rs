//! Default pruning of vectors, for requests that set no pruning.

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use crate::grpc::{PruningDefaults, RolePruningDefaults};

#[derive(Debug, Clone, Args)]
pub struct PruningArgs {
    /// Maximum terms kept per document vector, highest weights first; 0 = unlimited [default: the model's `max_active_dims`, or
    /// unlimited]. Pruning rules that a request sets override these defaults.
    #[arg(long, env = "SPLADE_DOCUMENT_MAX_TERMS", value_name = "N")]
    document_max_terms: Option<FlagValue<MaxTerms>>,
    /// Minimum weight of the terms kept in a document vector; 0 = no minimum.
    #[arg(long, env = "SPLADE_DOCUMENT_MIN_WEIGHT", value_name = "WEIGHT", default_value = "0")]
    document_min_weight: FlagValue<MinWeight>,
    /// Share of a document vector's total weight to keep: the highest weights that together reach it are kept, all other terms
    /// are removed; 1 = keep all.
    #[arg(long, env = "SPLADE_DOCUMENT_WEIGHT_SHARE", value_name = "SHARE", default_value = "1")]
    document_weight_share: FlagValue<WeightShare>,
    /// Maximum terms kept per query vector, highest weights first; 0 = unlimited [default: the model's `max_active_dims`, or
    /// unlimited].
    #[arg(long, env = "SPLADE_QUERY_MAX_TERMS", value_name = "N")]
    query_max_terms: Option<FlagValue<MaxTerms>>,
    /// Minimum weight of the terms kept in a query vector; 0 = no minimum.
    #[arg(long, env = "SPLADE_QUERY_MIN_WEIGHT", value_name = "WEIGHT", default_value = "0")]
    query_min_weight: FlagValue<MinWeight>,
    /// Share of a query vector's total weight to keep, as for documents; 1 = keep all.
    #[arg(long, env = "SPLADE_QUERY_WEIGHT_SHARE", value_name = "SHARE", default_value = "1")]
    query_weight_share: FlagValue<WeightShare>,
}

impl PruningArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> PruningDefaults {
        PruningDefaults {
            document: RolePruningDefaults {
                max_terms: self.document_max_terms.map(|terms| errors.take_value(terms)),
                min_weight: errors.take_value(self.document_min_weight),
                weight_share: errors.take_value(self.document_weight_share),
            },
            query: RolePruningDefaults {
                max_terms: self.query_max_terms.map(|terms| errors.take_value(terms)),
                min_weight: errors.take_value(self.query_min_weight),
                weight_share: errors.take_value(self.query_weight_share),
            },
        }
    }
}

/// Flag type of a number of terms; 0 is no limit.
#[derive(Debug, Clone)]
struct MaxTerms;

impl FlagType for MaxTerms {
    type Value = usize;

    fn parse(text: &str) -> Result<usize, FlagError> {
        let terms = text.trim().parse::<u32>();
        terms.map(|terms| terms as usize).map_err(|_| expected_error("a whole number; 0 = unlimited"))
    }

    fn placeholder() -> usize {
        0
    }
}

/// Flag type of a finite weight that is not negative.
#[derive(Debug, Clone)]
struct MinWeight;

impl FlagType for MinWeight {
    type Value = f32;

    fn parse(text: &str) -> Result<f32, FlagError> {
        match text.trim().parse::<f32>() {
            Ok(weight) if weight.is_finite() && weight >= 0.0 => Ok(weight),
            _ => Err(expected_error("0 or a positive number, such as 0.1")),
        }
    }

    fn placeholder() -> f32 {
        0.0
    }
}

/// Flag type of a share of the total weight, above 0 and at most 1. 1 is no limit and becomes `None`.
#[derive(Debug, Clone)]
struct WeightShare;

impl FlagType for WeightShare {
    type Value = Option<f32>;

    fn parse(text: &str) -> Result<Option<f32>, FlagError> {
        match text.trim().parse::<f32>() {
            Ok(1.0) => Ok(None),
            Ok(share) if share > 0.0 && share < 1.0 => Ok(Some(share)),
            _ => Err(expected_error("a number above 0 and at most 1, such as 0.9")),
        }
    }

    fn placeholder() -> Option<f32> {
        None
    }
}
