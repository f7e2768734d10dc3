//! How vectors are pruned where a request doesn't say.

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use crate::grpc::{PruningDefaults, RolePruningDefaults};

#[derive(Debug, Clone, Args)]
pub struct PruningArgs {
    /// Maximum terms kept per document vector, highest weights first; 0 = unlimited. Without this flag it is the model's
    /// `max_active_dims`, if it has one. A request that sets its pruning takes the place of this and of the next two.
    #[arg(long, env = "SPLADE_DOCUMENT_MAX_TERMS", value_name = "N")]
    document_max_terms: Option<FlagValue<MaxTerms>>,
    /// The least weight of a document's terms; 0 keeps all.
    #[arg(long, env = "SPLADE_DOCUMENT_MIN_WEIGHT", value_name = "WEIGHT", default_value = "0")]
    document_min_weight: FlagValue<MinWeight>,
    /// The share of the sum of a document's weights that its heaviest terms must reach; the others are cut. 1 keeps all.
    #[arg(long, env = "SPLADE_DOCUMENT_WEIGHT_SHARE", value_name = "SHARE", default_value = "1")]
    document_weight_share: FlagValue<WeightShare>,
    /// Maximum terms kept per query vector, as for documents.
    #[arg(long, env = "SPLADE_QUERY_MAX_TERMS", value_name = "N")]
    query_max_terms: Option<FlagValue<MaxTerms>>,
    /// The same of a query: the least weight.
    #[arg(long, env = "SPLADE_QUERY_MIN_WEIGHT", value_name = "WEIGHT", default_value = "0")]
    query_min_weight: FlagValue<MinWeight>,
    /// The same of a query: the share of the sum of its weights.
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

/// A number of terms, or 0.
#[derive(Debug, Clone)]
struct MaxTerms;

impl FlagType for MaxTerms {
    type Value = usize;

    fn parse(text: &str) -> Result<usize, FlagError> {
        let terms = text.trim().parse::<u32>();
        terms.map(|terms| terms as usize).map_err(|_| expected_error("a whole number; 0 keeps all"))
    }

    fn placeholder() -> usize {
        0
    }
}

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

/// A share of weight. 1 is no limit, `None`.
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
