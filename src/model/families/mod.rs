//! The families of models: each knows its tensors' names, and builds the shared parts from them.

mod bert;
mod builder;
mod distilbert;
mod modernbert;
mod roberta;

use serde_json::Value;

use super::backend::Backend;
use super::head::Head;
use super::transformer::Transformer;
use super::weights::Weights;
use super::{ModelError, Settings};
use builder::Builder;

/// A family of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Bert,
    DistilBert,
    /// RoBERTa and XLM-R.
    Roberta,
    ModernBert,
}

/// Class, model type and family. The first class of a family is its own.
const CLASSES: [(&str, &str, Family); 5] = [
    ("BertForMaskedLM", "bert", Family::Bert),
    ("DistilBertForMaskedLM", "distilbert", Family::DistilBert),
    ("RobertaForMaskedLM", "roberta", Family::Roberta),
    ("XLMRobertaForMaskedLM", "xlm-roberta", Family::Roberta),
    ("ModernBertForMaskedLM", "modernbert", Family::ModernBert),
];

impl Family {
    /// The family and the class that a `config.json` names.
    ///
    /// # Errors
    /// If it names none, or one that is not supported: a text that says so.
    pub fn of(config: &Value) -> Result<(Self, String), String> {
        let architecture = config.pointer("/architectures/0").and_then(Value::as_str).unwrap_or_default();
        let model_type = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
        // Some checkpoints leave the class out.
        let named = |class: &str, kind: &str| {
            if architecture.is_empty() { kind == model_type } else { class == architecture }
        };
        match CLASSES.iter().find(|(class, kind, _)| named(class, kind)) {
            Some((class, _, family)) => Ok((*family, (*class).to_owned())),
            None => Err(format!(
                "architecture `{architecture}` (model type `{model_type}`) is not supported; expected one of {}",
                CLASSES.map(|(class, ..)| class).join(", ")
            )),
        }
    }

    /// The most tokens of a text that there are positions for.
    ///
    /// # Errors
    /// If `config.json` lacks a number: a text that says so.
    pub fn positions(self, config: &Value) -> Result<usize, String> {
        let positions = super::settings::size(config, "max_position_embeddings")?;
        match self {
            Self::Roberta => Ok(positions.saturating_sub(roberta::padding(config) as usize + 1)),
            Self::Bert | Self::DistilBert | Self::ModernBert => Ok(positions),
        }
    }

    /// Builds the forward pass and the head from the weights.
    ///
    /// # Errors
    /// If a tensor is missing or of another shape than `config.json` says.
    pub fn build(
        self,
        settings: &Settings,
        weights: &Weights,
        backend: &Backend,
    ) -> Result<(Box<dyn Transformer>, Head), ModelError> {
        let builder = |prefix| Builder::new(settings, weights, backend, prefix);
        match self {
            Self::Bert => bert::build(&builder("bert.")),
            Self::DistilBert => distilbert::build(&builder("distilbert.")),
            Self::Roberta => roberta::build(&builder("roberta.")),
            Self::ModernBert => modernbert::build(&builder("model.")),
        }
    }
}
