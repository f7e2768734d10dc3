//! Builds the parts of a model from its tensors.

use std::borrow::Cow;

use candle_core::Result;
use rayon::prelude::*;

use super::super::ModelError;
use super::super::backend::Backend;
use super::super::head::SpladeHead;
use super::super::kernels::{Activation, LayerNorm, Linear};
use super::super::layout::{TransformerConfig, TransformerSettings};
use super::super::transformer::{Embeddings, PositionEmbeddings};
use super::super::weights::{EmbeddingTable, Weights};

type BuildResult<T> = std::result::Result<T, ModelError>;

/// Builds layers, embeddings and heads of one model from its weights and `config.json`.
pub struct LayerBuilder<'a> {
    weights: &'a Weights,
    pub settings: &'a TransformerSettings,
    pub backend: &'a Backend,
    /// Prefix of the base model's tensor names: empty, or for example `bert.`.
    prefix: &'static str,
}

impl<'a> LayerBuilder<'a> {
    /// Creates a builder. `prefix` is the attribute name of the base model in the masked language model; checkpoints of
    /// a base model omit it.
    ///
    /// # Errors
    /// [`ModelError::File`] if a tensor exists both with and without the prefix.
    pub fn new(
        settings: &'a TransformerSettings,
        weights: &'a Weights,
        backend: &'a Backend,
        prefix: &'static str,
    ) -> BuildResult<Self> {
        let prefixed = || weights.names().filter_map(|name| name.strip_prefix(prefix));
        if let Some(name) = prefixed().find(|name| weights.has(name)) {
            let problem =
                format!("the file has `{prefix}{name}` and `{name}`, two names of one tensor; remove one of them");
            return Err(weights.file_error(problem));
        }
        // Every checkpoint has embeddings, so they show whether the prefix is used.
        let prefix = if prefixed().any(|name| name.starts_with("embeddings.")) { prefix } else { "" };
        Ok(Self { weights, settings, backend, prefix })
    }

    pub fn config(&self) -> &'a TransformerConfig {
        &self.settings.config
    }

    /// Full name of a tensor of the base model.
    pub fn base_tensor_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Builds all layers in parallel. Each layer maps the weight files separately, and the mapping is released when the
    /// layer is packed, so memory never holds the model twice.
    ///
    /// See docs/adr/0029-weights-mapped-and-packed.md.
    pub fn layers<T: Send>(
        &self,
        count: usize,
        build_layer: impl Fn(&LayerBuilder<'_>, usize) -> BuildResult<T> + Sync,
    ) -> BuildResult<Vec<T>> {
        let layers = (0..count).into_par_iter().map(|index| {
            let weights = self.weights.reopen()?;
            build_layer(&LayerBuilder { weights: &weights, ..*self }, index)
        });
        layers.collect()
    }

    pub fn tensor(&self, name: &str, shape: &[usize]) -> BuildResult<Cow<'_, [f32]>> {
        self.weights.tensor(&[name.to_owned()], shape)
    }

    /// Opens a tensor `[rows, width]` for row lookups.
    pub fn embedding_table(&self, name: &str, rows: usize, width: usize) -> BuildResult<EmbeddingTable> {
        self.weights.table(name, rows, width)
    }

    /// Builds the embeddings from the tensor `word_name`; if it is missing and tied to the decoder, from
    /// `decoder_name`.
    pub fn embeddings(
        &self,
        word_name: &str,
        decoder_name: &str,
        position: Option<PositionEmbeddings>,
        norm: LayerNorm,
        width: usize,
    ) -> BuildResult<Embeddings> {
        let word_name = self.base_tensor_name(word_name);
        let is_decoder = !self.weights.has(&word_name)
            && self.weights.has(decoder_name)
            && self.config().get_bool("tie_word_embeddings")?;
        let tensor_name = if is_decoder { decoder_name } else { &word_name };
        let word = self.embedding_table(tensor_name, self.settings.vocabulary_size, width)?;
        Ok(Embeddings { word, position, norm, backend: self.backend.clone() })
    }

    /// Builds a linear layer from `name.weight` `[outputs, inputs]` and `name.bias` `[outputs]`.
    pub fn linear(&self, name: &str, shape: [usize; 2], activation: Activation) -> BuildResult<Linear> {
        let bias = self.tensor(&format!("{name}.bias"), &shape[..1])?;
        self.pack_linear(name, shape, Some(&bias), activation)
    }

    /// Builds a linear layer like [`Self::linear`], without a bias unless `has_bias`.
    pub fn linear_with_optional_bias(
        &self,
        name: &str,
        shape: [usize; 2],
        has_bias: bool,
        activation: Activation,
    ) -> BuildResult<Linear> {
        match has_bias {
            true => self.linear(name, shape, activation),
            false => self.pack_linear(name, shape, None, activation),
        }
    }

    fn pack_linear(
        &self,
        name: &str,
        shape: [usize; 2],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> BuildResult<Linear> {
        let weight = self.tensor(&format!("{name}.weight"), &shape)?;
        self.with_file_context(Linear::new(&weight, shape, bias, activation, self.backend))
    }

    /// Builds three linear layers with a common input (query, key, value) as one `[3 × width, width]`.
    pub fn fused_linear(&self, names: [String; 3], width: usize) -> BuildResult<Linear> {
        let part = |kind: &str, shape: &[usize]| {
            let parts = names.iter().map(|name| self.tensor(&format!("{name}.{kind}"), shape));
            Ok(parts.collect::<BuildResult<Vec<_>>>()?.concat())
        };
        let (weight, bias) = (part("weight", &[width, width])?, part("bias", &[width])?);
        let shape = [3 * width, width];
        self.with_file_context(Linear::new(&weight, shape, Some(&bias), Activation::None, self.backend))
    }

    /// Builds a layer norm from `weight` and `bias`, or from `gamma` and `beta`, their names in old checkpoints.
    pub fn layer_norm(&self, name: &str, width: usize) -> BuildResult<LayerNorm> {
        let epsilon = self.config().get_number("/layer_norm_eps", 1e-12)?;
        let bias = self.weights.tensor(&self.layer_norm_tensor_names(name, ["bias", "beta"])?, &[width])?;
        self.pack_layer_norm(name, width, Some(&bias), epsilon)
    }

    /// Builds a layer norm, without a bias unless `has_bias`.
    pub fn layer_norm_with_optional_bias(
        &self,
        name: &str,
        width: usize,
        has_bias: bool,
        epsilon: f64,
    ) -> BuildResult<LayerNorm> {
        match has_bias {
            true => {
                let bias = self.tensor(&format!("{name}.bias"), &[width])?;
                self.pack_layer_norm(name, width, Some(&bias), epsilon)
            }
            false => self.pack_layer_norm(name, width, None, epsilon),
        }
    }

    /// Candidate names of a layer norm's tensor. Like transformers, accepts the old names only for modules called
    /// `LayerNorm`.
    fn layer_norm_tensor_names(&self, name: &str, [new, old]: [&str; 2]) -> BuildResult<Vec<String>> {
        let names = [format!("{name}.{new}"), format!("{name}.{old}")];
        if !name.ends_with("LayerNorm") {
            let [new, _] = names;
            return Ok(vec![new]);
        }
        if names.iter().all(|name| self.weights.has(name)) {
            return Err(self.weights.file_error(format!(
                "the file has the tensor `{}` under two names; remove one of them",
                names.join("` and `")
            )));
        }
        Ok(names.to_vec())
    }

    fn pack_layer_norm(&self, name: &str, width: usize, bias: Option<&[f32]>, epsilon: f64) -> BuildResult<LayerNorm> {
        let weight = self.weights.tensor(&self.layer_norm_tensor_names(name, ["weight", "gamma"])?, &[width])?;
        self.with_file_context(LayerNorm::new(&weight, bias, epsilon, self.backend))
    }

    /// Builds the SPLADE head. The decoder `[vocabulary, width]` is the tensor `decoder_name`, or the word embedding if
    /// that is missing and the two are tied. The bias is the first of `bias_names` that exists; with an empty list it
    /// is zero.
    pub fn head(
        &self,
        layers: (Linear, LayerNorm),
        decoder_name: &str,
        word_name: &str,
        bias_names: &[&str],
        width: usize,
    ) -> BuildResult<SpladeHead> {
        let settings = self.settings;
        let weights = self.weights.reopen()?;
        let is_tied = self.config().get_bool("tie_word_embeddings")?;
        let name = if is_tied && !weights.has(decoder_name) {
            self.base_tensor_name(word_name)
        } else {
            decoder_name.to_owned()
        };
        let decoder = weights.tensor(&[name], &[settings.vocabulary_size, width])?;
        let bias = match bias_names {
            [] => vec![0.0; settings.vocabulary_size],
            // Only a tied decoder shares its bias with the head, so only then may the second name replace the first.
            names => {
                let names = if is_tied { names } else { names.get(..1).unwrap_or(names) };
                let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
                self.weights.tensor(&names, &[settings.vocabulary_size])?.into_owned()
            }
        };
        self.with_file_context(SpladeHead::new(
            layers,
            &decoder,
            bias,
            (settings.pooling, settings.activation),
            self.backend,
        ))
    }

    /// Parses the activation that `config.json` names under `key`.
    pub fn activation(&self, key: &str) -> BuildResult<Activation> {
        let Some(value) = self.config().get(key) else {
            let problem = format!("`{key}` is null; expected the name of an activation; set it or remove the key");
            return Err(self.config().file_error(problem));
        };
        match value.as_str().unwrap_or_default() {
            // gelu_python computes the same function in PyTorch's operations.
            "gelu" | "gelu_python" => Ok(Activation::Gelu),
            "relu" => Ok(Activation::Relu),
            _ => Err(self.config().file_error(format!(
                "`{key}` is {value}; supported: gelu, gelu_python, relu. Models with other activations cannot be served"
            ))),
        }
    }

    /// Number of attention heads from `key`; must divide the width.
    pub fn head_count(&self, key: &str, width: usize) -> BuildResult<usize> {
        let heads = self.config().get_size(key)?;
        if !width.is_multiple_of(heads) {
            return Err(self
                .config()
                .file_error(format!("`{key}` is {heads}; expected a divisor of the hidden size {width}")));
        }
        Ok(heads)
    }

    pub fn with_file_context<T>(&self, result: Result<T>) -> BuildResult<T> {
        result.map_err(|error| self.weights.file_error(error))
    }
}
