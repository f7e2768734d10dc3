//! The families of models: each knows its tensors' names, and builds the shared parts from them.

mod bert;
mod distilbert;

use candle_core::{Result, Tensor};
use serde_json::Value;

use super::head::Head;
use super::kernels::{Activation, LayerNorm, Linear};
use super::transformer::Transformer;
use super::weights::Weights;
use super::{ModelError, Settings};

/// A family of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Bert,
    DistilBert,
}

impl Family {
    /// The family and the class that a `config.json` names.
    ///
    /// # Errors
    /// If it names none, or one that is not supported: a text that says so.
    pub fn of(config: &Value) -> std::result::Result<(Self, String), String> {
        let architecture = config.pointer("/architectures/0").and_then(Value::as_str).unwrap_or_default();
        let model_type = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
        let family = match (architecture, model_type) {
            ("BertForMaskedLM", _) => Self::Bert,
            ("DistilBertForMaskedLM", _) => Self::DistilBert,
            // Some checkpoints leave the class out.
            ("", "bert") => Self::Bert,
            ("", "distilbert") => Self::DistilBert,
            _ => {
                return Err(format!(
                    "architecture `{architecture}` (model type `{model_type}`) is not supported; \
                     expected BertForMaskedLM or DistilBertForMaskedLM"
                ));
            }
        };
        Ok((family, if architecture.is_empty() { family.class().to_owned() } else { architecture.to_owned() }))
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Bert => "BertForMaskedLM",
            Self::DistilBert => "DistilBertForMaskedLM",
        }
    }

    /// Builds the forward pass and the head from the weights.
    pub fn build(self, settings: &Settings, weights: &Weights) -> std::result::Result<(Transformer, Head), ModelError> {
        match self {
            Self::Bert => bert::build(settings, weights),
            Self::DistilBert => distilbert::build(settings, weights),
        }
    }
}

/// Reads the layers of one model by their names.
struct Builder<'a> {
    weights: &'a Weights,
    settings: &'a Settings,
    /// What the base model's tensors begin with: empty, or such as `bert.`.
    prefix: &'static str,
    epsilon: f64,
}

impl<'a> Builder<'a> {
    /// `prefix` is what a masked language model calls its base model; a checkpoint may leave it out.
    fn new(settings: &'a Settings, weights: &'a Weights, prefix: &'static str) -> Self {
        let prefix = if weights.has(&format!("{prefix}embeddings.word_embeddings.weight")) { prefix } else { "" };
        let epsilon = settings.config.get("layer_norm_eps").and_then(Value::as_f64).unwrap_or(1e-12);
        Self { weights, settings, prefix, epsilon }
    }

    /// The full name of a tensor of the base model.
    fn base(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> std::result::Result<Tensor, ModelError> {
        self.weights.tensor(&[name.to_owned()], shape)
    }

    /// `name.weight` `[outputs, inputs]` and `name.bias`.
    fn linear(
        &self,
        name: &str,
        [outputs, inputs]: [usize; 2],
        activation: Activation,
    ) -> std::result::Result<Linear, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = self.tensor(&format!("{name}.bias"), &[outputs])?;
        self.made(Linear::new(&weight, &bias, activation))
    }

    /// Several layers of the same inputs as one.
    fn fused_linear(&self, names: [String; 3], width: usize) -> std::result::Result<Linear, ModelError> {
        let part = |kind: &str, shape: &[usize]| {
            let parts: Vec<Tensor> = names
                .iter()
                .map(|name| self.tensor(&format!("{name}.{kind}"), shape))
                .collect::<std::result::Result<_, _>>()?;
            self.made(Tensor::cat(&parts, 0))
        };
        let (weight, bias) = (part("weight", &[width, width])?, part("bias", &[width])?);
        self.made(Linear::new(&weight, &bias, Activation::None))
    }

    /// A layer norm under its new names or, as old checkpoints have them, `gamma` and `beta`.
    fn layer_norm(&self, name: &str, width: usize) -> std::result::Result<LayerNorm, ModelError> {
        let weight = self.weights.tensor(&[format!("{name}.weight"), format!("{name}.gamma")], &[width])?;
        let bias = self.weights.tensor(&[format!("{name}.bias"), format!("{name}.beta")], &[width])?;
        self.made(LayerNorm::new(&weight, &bias, self.epsilon))
    }

    /// The decoder `[vocabulary, width]`: its own weight where there is one, else the word embedding, if they are tied.
    fn decoder(&self, own: &str, word: &Tensor, width: usize) -> std::result::Result<Tensor, ModelError> {
        let tied = self.settings.config.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(true);
        if tied && !self.weights.has(own) {
            return Ok(word.clone());
        }
        self.tensor(own, &[self.settings.vocabulary_size, width])
    }

    /// The activation that `config.json` names under `key`.
    fn activation(&self, key: &str) -> std::result::Result<Activation, ModelError> {
        match self.settings.config.get(key).and_then(Value::as_str).unwrap_or("gelu") {
            "gelu" => Ok(Activation::Gelu),
            "relu" => Ok(Activation::Relu),
            other => {
                let problem = format!("`{key}` is `{other}`; expected `gelu` or `relu`");
                Err(ModelError::file(&self.settings.config_path, problem))
            }
        }
    }

    fn made<T>(&self, layer: Result<T>) -> std::result::Result<T, ModelError> {
        layer.map_err(|error| self.weights.failed(error))
    }
}
