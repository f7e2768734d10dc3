//! Reads the parts of one model by their tensors' names.

use std::borrow::Cow;

use candle_core::Result;
use rayon::prelude::*;

use super::super::ModelError;
use super::super::backend::Backend;
use super::super::head::Head;
use super::super::kernels::{Activation, LayerNorm, Linear};
use super::super::layout::{Config, Settings};
use super::super::transformer::{Embeddings, Positions};
use super::super::weights::{Table, Weights};

type Built<T> = std::result::Result<T, ModelError>;

pub struct Builder<'a> {
    weights: &'a Weights,
    pub settings: &'a Settings,
    pub backend: &'a Backend,
    /// What the base model's tensors begin with: empty, or such as `bert.`.
    prefix: &'static str,
}

impl<'a> Builder<'a> {
    /// `prefix` is what a masked language model calls its base model; a checkpoint may leave it out.
    ///
    /// # Errors
    /// If a tensor is there with the prefix and without it.
    pub fn new(
        settings: &'a Settings,
        weights: &'a Weights,
        backend: &'a Backend,
        prefix: &'static str,
    ) -> Built<Self> {
        let prefixed = || weights.names().filter_map(|name| name.strip_prefix(prefix));
        if let Some(name) = prefixed().find(|name| weights.has(name)) {
            let problem =
                format!("it has `{prefix}{name}` and `{name}`, which are the same tensor; remove one of them");
            return Err(weights.problem(problem));
        }
        let prefix = if prefixed().any(|name| name.starts_with("embeddings.")) { prefix } else { "" };
        Ok(Self { weights, settings, backend, prefix })
    }

    pub fn config(&self) -> &'a Config {
        &self.settings.config
    }

    /// The full name of a tensor of the base model.
    pub fn base(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// All layers, several at a time. Each maps the weights anew, so that what was read of them is given back when the
    /// layer is packed: the model is never in memory twice.
    pub fn layers<T: Send>(
        &self,
        count: usize,
        layer: impl Fn(&Builder<'_>, usize) -> Built<T> + Sync,
    ) -> Built<Vec<T>> {
        let layers = (0..count).into_par_iter().map(|index| {
            let weights = self.weights.reopened()?;
            layer(&Builder { weights: &weights, ..*self }, index)
        });
        layers.collect()
    }

    pub fn tensor(&self, name: &str, shape: &[usize]) -> Built<Cow<'_, [f32]>> {
        self.weights.tensor(&[name.to_owned()], shape)
    }

    /// A tensor of which rows are looked up.
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Built<Table> {
        self.weights.table(name, rows, width)
    }

    /// The embeddings of the words `word`, or, if the decoder `own` is tied to them and they are missing, those of the decoder.
    pub fn embeddings(
        &self,
        word: &str,
        own: &str,
        position: Option<Positions>,
        norm: LayerNorm,
        width: usize,
    ) -> Built<Embeddings> {
        let word = self.base(word);
        let is_decoder =
            !self.weights.has(&word) && self.weights.has(own) && self.config().is_on("tie_word_embeddings")?;
        let word = if is_decoder { own } else { &word };
        let word = self.table(word, self.settings.vocabulary_size, width)?;
        Ok(Embeddings { word, position, norm, backend: self.backend.clone() })
    }

    /// `name.weight` `[outputs, inputs]` and `name.bias`.
    pub fn linear(&self, name: &str, shape: [usize; 2], activation: Activation) -> Built<Linear> {
        let bias = self.tensor(&format!("{name}.bias"), &shape[..1])?;
        self.linear_of(name, shape, Some(&bias), activation)
    }

    /// The same; `is_biased`: whether it has a bias.
    pub fn linear_maybe_biased(
        &self,
        name: &str,
        shape: [usize; 2],
        is_biased: bool,
        activation: Activation,
    ) -> Built<Linear> {
        match is_biased {
            true => self.linear(name, shape, activation),
            false => self.linear_of(name, shape, None, activation),
        }
    }

    fn linear_of(&self, name: &str, shape: [usize; 2], bias: Option<&[f32]>, activation: Activation) -> Built<Linear> {
        let weight = self.tensor(&format!("{name}.weight"), &shape)?;
        self.made(Linear::new(&weight, shape, bias, activation, self.backend))
    }

    /// Several layers of the same inputs as one.
    pub fn fused_linear(&self, names: [String; 3], width: usize) -> Built<Linear> {
        let part = |kind: &str, shape: &[usize]| {
            let parts = names.iter().map(|name| self.tensor(&format!("{name}.{kind}"), shape));
            Ok(parts.collect::<Built<Vec<_>>>()?.concat())
        };
        let (weight, bias) = (part("weight", &[width, width])?, part("bias", &[width])?);
        let shape = [3 * width, width];
        self.made(Linear::new(&weight, shape, Some(&bias), Activation::None, self.backend))
    }

    /// A layer norm under its new names or, as old checkpoints have them, `gamma` and `beta`.
    pub fn layer_norm(&self, name: &str, width: usize) -> Built<LayerNorm> {
        let epsilon = self.config().number("/layer_norm_eps", 1e-12)?;
        let bias = self.weights.tensor(&self.norm_names(name, ["bias", "beta"])?, &[width])?;
        self.layer_norm_of(name, width, Some(&bias), epsilon)
    }

    /// A layer norm; `is_biased`: whether it has a bias.
    pub fn layer_norm_maybe_biased(&self, name: &str, width: usize, is_biased: bool, epsilon: f64) -> Built<LayerNorm> {
        match is_biased {
            true => {
                let bias = self.tensor(&format!("{name}.bias"), &[width])?;
                self.layer_norm_of(name, width, Some(&bias), epsilon)
            }
            false => self.layer_norm_of(name, width, None, epsilon),
        }
    }

    /// The names of a tensor of a layer norm. transformers knows the old ones only of those that are called LayerNorm.
    fn norm_names(&self, name: &str, [new, old]: [&str; 2]) -> Built<Vec<String>> {
        let names = [format!("{name}.{new}"), format!("{name}.{old}")];
        if !name.ends_with("LayerNorm") {
            let [new, _] = names;
            return Ok(vec![new]);
        }
        if names.iter().all(|name| self.weights.has(name)) {
            return Err(self
                .weights
                .problem(format!("it has `{}` under two names; remove one of them", names.join("` and `"))));
        }
        Ok(names.to_vec())
    }

    fn layer_norm_of(&self, name: &str, width: usize, bias: Option<&[f32]>, epsilon: f64) -> Built<LayerNorm> {
        let weight = self.weights.tensor(&self.norm_names(name, ["weight", "gamma"])?, &[width])?;
        self.made(LayerNorm::new(&weight, bias, epsilon, self.backend))
    }

    /// The head. The decoder `[vocabulary, width]` is its own weight where there is one, else the word embedding, if they
    /// are tied. The bias is the first of `biases` that there is; without names there is none.
    pub fn head(
        &self,
        layers: (Linear, LayerNorm),
        own: &str,
        word: &str,
        biases: &[&str],
        width: usize,
    ) -> Built<Head> {
        let settings = self.settings;
        let weights = self.weights.reopened()?;
        let tied = self.config().is_on("tie_word_embeddings")?;
        let name = if tied && !weights.has(own) { self.base(word) } else { own.to_owned() };
        let decoder = weights.tensor(&[name], &[settings.vocabulary_size, width])?;
        let bias = match biases {
            [] => vec![0.0; settings.vocabulary_size],
            // Biases are shared like weights: only then the head's own may stand for that of the decoder.
            names => {
                let names = if tied { names } else { names.get(..1).unwrap_or(names) };
                let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
                self.weights.tensor(&names, &[settings.vocabulary_size])?.into_owned()
            }
        };
        self.made(Head::new(layers, &decoder, bias, (settings.pooling, settings.activation), self.backend))
    }

    /// The activation that `config.json` names under `key`.
    pub fn activation(&self, key: &str) -> Built<Activation> {
        let Some(value) = self.config().get(key) else {
            return Err(self.config().problem(format!("`{key}` is null; name the activation, or remove the key")));
        };
        match value.as_str().unwrap_or_default() {
            // gelu_python computes the same function in PyTorch's operations.
            "gelu" | "gelu_python" => Ok(Activation::Gelu),
            "relu" => Ok(Activation::Relu),
            _ => Err(self.config().problem(format!(
                "`{key}` is {value}; supported: gelu, gelu_python, relu. A model with another activation can't be served"
            ))),
        }
    }

    /// How many heads share the width.
    pub fn heads(&self, key: &str, width: usize) -> Built<usize> {
        let heads = self.config().size(key)?;
        if !width.is_multiple_of(heads) {
            return Err(self.config().problem(format!("`{key}` is {heads}, which does not divide the width {width}")));
        }
        Ok(heads)
    }

    pub fn made<T>(&self, part: Result<T>) -> Built<T> {
        part.map_err(|error| self.weights.problem(error))
    }
}
