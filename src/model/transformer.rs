//! The forward pass that BERT and its kin share: embeddings, then layers that normalise after each residual.

use candle_core::{Device, Result, Tensor};

use super::TokenBatch;
use super::kernels::{Attention, LayerNorm, Linear};

/// Word and position embeddings (Devlin et al., 2018, arXiv:1810.04805).
pub struct Embeddings {
    /// `[vocabulary, width]`.
    pub word: Tensor,
    /// `[positions, width]`; the embedding of token type 0 is already added, since all tokens are of that type.
    pub position: Tensor,
    pub norm: LayerNorm,
}

impl Embeddings {
    /// `[tokens, width]`.
    fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        let ids = Tensor::new(batch.ids(), &Device::Cpu)?;
        let positions = Tensor::new(batch.positions(), &Device::Cpu)?;
        let words = self.word.index_select(&ids, 0)?;
        self.norm.forward_residual(&words, &self.position.index_select(&positions, 0)?)
    }
}

/// One layer: attention, then a feed-forward network, each added to its input and normalised.
pub struct Layer {
    /// `[width, 3 × width]`: query, key and value in one product.
    pub qkv: Linear,
    pub attention_output: Linear,
    pub attention_norm: LayerNorm,
    pub intermediate: Linear,
    pub output: Linear,
    pub output_norm: LayerNorm,
}

impl Layer {
    fn forward(&self, x: &Tensor, attention: &Attention<'_>) -> Result<Tensor> {
        let mixed = self.attention_output.forward(&attention.forward(&self.qkv.forward(x)?)?)?;
        let x = self.attention_norm.forward_residual(&mixed, x)?;
        let expanded = self.output.forward(&self.intermediate.forward(&x)?)?;
        self.output_norm.forward_residual(&expanded, &x)
    }
}

/// Embeddings and layers.
pub struct Transformer {
    pub embeddings: Embeddings,
    pub layers: Vec<Layer>,
    pub heads: usize,
}

impl Transformer {
    /// The last hidden states of a packed batch, `[tokens, width]`. Calls `between` before each layer, so that the
    /// thread can look at more urgent work.
    pub fn forward(&self, batch: &TokenBatch, between: &mut dyn FnMut()) -> Result<Tensor> {
        let attention = Attention { bounds: batch.bounds(), heads: self.heads };
        let mut hidden = self.embeddings.forward(batch)?;
        for layer in &self.layers {
            between();
            hidden = layer.forward(&hidden, &attention)?;
        }
        Ok(hidden)
    }
}
