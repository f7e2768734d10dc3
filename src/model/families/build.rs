//! Dispatch to the builder of a model's family.

use super::super::ModelError;
use super::super::backend::Backend;
use super::super::head::SpladeHead;
use super::super::layout::{Family, TransformerSettings};
use super::super::transformer::Transformer;
use super::super::weights::Weights;
use super::builder::LayerBuilder;
use super::{bert, distilbert, modernbert, roberta};

/// Builds the transformer and the SPLADE head from the weights.
///
/// # Errors
/// [`ModelError::File`] if a tensor is missing or its shape differs from the one that `config.json` implies.
pub fn build(
    settings: &TransformerSettings,
    weights: &Weights,
    backend: &Backend,
) -> Result<(Box<dyn Transformer>, SpladeHead), ModelError> {
    let builder = |prefix| LayerBuilder::new(settings, weights, backend, prefix);
    match settings.config.class.family {
        Family::Bert => bert::build(&builder("bert.")?),
        Family::DistilBert => distilbert::build(&builder("distilbert.")?),
        Family::Roberta => roberta::build(&builder("roberta.")?),
        Family::ModernBert => modernbert::build(&builder("model.")?),
    }
}
