//! How vectors are pruned where a request doesn't say.

use clap::Args;

use super::mistakes::Mistakes;
use super::setting::{FlagType, Problem, Setting, expected};
use crate::grpc::{DefaultPruning, PruningDefaults};

#[derive(Debug, Clone, Args)]
pub struct PruningArgs {
    /// Maximum terms kept per document vector, highest weights first; 0 = unlimited. Without this flag it is the model's
    /// `max_active_dims`, if it has one. A request that sets its pruning takes the place of this and of the next two.
    #[arg(long, env = "SPLADE_DOCUMENT_MAX_TERMS", value_name = "N")]
    document_max_terms: Option<Setting<MaxTerms>>,
    /// The least weight of a document's terms; 0 keeps all.
    #[arg(long, env = "SPLADE_DOCUMENT_MIN_WEIGHT", value_name = "WEIGHT", default_value = "0")]
    document_min_weight: Setting<MinWeight>,
    /// The share of the sum of a document's weights that its heaviest terms must reach; the others are cut. 1 keeps all.
    #[arg(long, env = "SPLADE_DOCUMENT_WEIGHT_SHARE", value_name = "SHARE", default_value = "1")]
    document_weight_share: Setting<WeightShare>,
    /// Maximum terms kept per query vector, as for documents.
    #[arg(long, env = "SPLADE_QUERY_MAX_TERMS", value_name = "N")]
    query_max_terms: Option<Setting<MaxTerms>>,
    /// The same of a query: the least weight.
    #[arg(long, env = "SPLADE_QUERY_MIN_WEIGHT", value_name = "WEIGHT", default_value = "0")]
    query_min_weight: Setting<MinWeight>,
    /// The same of a query: the share of the sum of its weights.
    #[arg(long, env = "SPLADE_QUERY_WEIGHT_SHARE", value_name = "SHARE", default_value = "1")]
    query_weight_share: Setting<WeightShare>,
}

impl PruningArgs {
    pub fn resolve(self, mistakes: &mut Mistakes) -> PruningDefaults {
        PruningDefaults {
            document: DefaultPruning {
                max_terms: self.document_max_terms.map(|terms| mistakes.value(terms)),
                min_weight: mistakes.value(self.document_min_weight),
                weight_share: mistakes.value(self.document_weight_share),
            },
            query: DefaultPruning {
                max_terms: self.query_max_terms.map(|terms| mistakes.value(terms)),
                min_weight: mistakes.value(self.query_min_weight),
                weight_share: mistakes.value(self.query_weight_share),
            },
        }
    }
}

/// A number of terms, or 0.
#[derive(Debug, Clone)]
struct MaxTerms;

impl FlagType for MaxTerms {
    type Value = usize;

    fn parse(text: &str) -> Result<usize, Problem> {
        let terms = text.trim().parse::<u32>();
        terms.map(|terms| terms as usize).map_err(|_| expected("a whole number; 0 keeps all"))
    }

    fn stand_in() -> usize {
        0
    }
}

#[derive(Debug, Clone)]
struct MinWeight;

impl FlagType for MinWeight {
    type Value = f32;

    fn parse(text: &str) -> Result<f32, Problem> {
        match text.trim().parse::<f32>() {
            Ok(weight) if weight.is_finite() && weight >= 0.0 => Ok(weight),
            _ => Err(expected("0 or a positive number, such as 0.1")),
        }
    }

    fn stand_in() -> f32 {
        0.0
    }
}

/// A share of weight. 1 is no limit, `None`.
#[derive(Debug, Clone)]
struct WeightShare;

impl FlagType for WeightShare {
    type Value = Option<f32>;

    fn parse(text: &str) -> Result<Option<f32>, Problem> {
        match text.trim().parse::<f32>() {
            Ok(1.0) => Ok(None),
            Ok(share) if share > 0.0 && share < 1.0 => Ok(Some(share)),
            _ => Err(expected("a number above 0 and at most 1, such as 0.9")),
        }
    }

    fn stand_in() -> Option<f32> {
        None
    }
}
