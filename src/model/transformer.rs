//! Building blocks of transformers, and the forward pass of post-norm transformers (BERT and related families).
//!
//! See docs/adr/0031-one-forward-pass.md.

use candle_core::{Device, Result, Tensor};

use super::backend::Backend;
use super::kernels::{Attention, LayerNorm, Linear};
use super::weights::EmbeddingTable;
use super::{TokenBatch, YieldPoint};

/// Computes the last hidden states of a packed batch.
pub trait Transformer: Send + Sync {
    /// Runs the forward pass; returns `[tokens, width]`. Yields several times per layer.
    fn forward(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> Result<Tensor>;
}

/// Word embeddings, plus learned position embeddings in families that have them.
pub struct Embeddings {
    /// Word embeddings, `[vocabulary, width]`.
    pub word: EmbeddingTable,
    pub position: Option<PositionEmbeddings>,
    pub norm: LayerNorm,
    pub backend: Backend,
}

/// Learned position embeddings.
pub struct PositionEmbeddings {
    /// `[positions, width]`. For BERT, the embedding of token type 0 is already added, since all tokens have that type.
    pub table: EmbeddingTable,
    /// Padding id, if positions begin after it (RoBERTa). Padding tokens in a text get that id as their position and
    /// are not counted.
    pub padding_id: Option<u32>,
}

impl PositionEmbeddings {
    fn position_ids(&self, batch: &TokenBatch) -> Vec<u32> {
        let Some(padding_id) = self.padding_id else { return batch.positions() };
        let mut positions = Vec::with_capacity(batch.ids().len());
        for ids in batch.sequences() {
            let mut position = padding_id;
            positions.extend(ids.iter().map(|&id| {
                position += u32::from(id != padding_id);
                if id == padding_id { padding_id } else { position }
            }));
        }
        positions
    }
}

impl Embeddings {
    /// Returns the normalized embeddings of all tokens, `[tokens, width]`.
    pub fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        let gather = |table: &EmbeddingTable, ids: &[u32]| {
            let rows = Tensor::from_vec(table.gather(ids)?, (ids.len(), table.width()), &Device::Cpu)?;
            match &self.backend {
                Backend::Kernels { .. } => Ok(rows),
                Backend::Candle { device, dtype } => rows.to_device(device)?.to_dtype(*dtype),
            }
        };
        let word_embeddings = gather(&self.word, batch.ids())?;
        match &self.position {
            Some(position) => {
                self.norm.forward_residual(&word_embeddings, &gather(&position.table, &position.position_ids(batch))?)
            }
            None => self.norm.forward(&word_embeddings),
        }
    }
}

/// Post-norm layer: attention and a feed-forward network, each added to its input and normalized.
pub struct PostNormLayer {
    /// Fused query, key and value projection.
    pub qkv: Linear,
    pub attention_output: Linear,
    pub attention_norm: LayerNorm,
    pub intermediate: Linear,
    pub output: Linear,
    pub output_norm: LayerNorm,
}

impl PostNormLayer {
    fn forward(&self, x: &Tensor, attention: &Attention<'_>, yield_point: &mut YieldPoint<'_>) -> Result<Tensor> {
        yield_point.yield_now();
        let qkv = self.qkv.forward(x)?;
        yield_point.yield_now();
        let attended = self.attention_output.forward(&attention.forward(&qkv)?)?;
        let x = self.attention_norm.forward_residual(&attended, x)?;
        yield_point.yield_now();
        let expanded = self.intermediate.forward(&x)?;
        yield_point.yield_now();
        self.output_norm.forward_residual(&self.output.forward(&expanded)?, &x)
    }
}

/// Post-norm transformer: embeddings and layers (Devlin et al., 2018, arXiv:1810.04805).
pub struct PostNormTransformer {
    pub embeddings: Embeddings,
    pub layers: Vec<PostNormLayer>,
    pub heads: usize,
}

impl Transformer for PostNormTransformer {
    fn forward(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> Result<Tensor> {
        let attention = Attention { bounds: batch.bounds(), heads: self.heads, rope: None, half_window: None };
        let mut hidden = self.embeddings.forward(batch)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, &attention, yield_point)?;
        }
        Ok(hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_begin_after_the_padding_id_and_skip_padding() {
        let table = || EmbeddingTable::in_memory(vec![0.0; 8], 1);
        let batch = TokenBatch::from_iter([&[5, 6, 1, 7][..], &[5, 1, 1, 6]]);
        let of = |padding| PositionEmbeddings { table: table(), padding_id: padding }.position_ids(&batch);
        assert_eq!(of(Some(1)), [2, 3, 1, 4, 2, 1, 1, 3]);
        assert_eq!(of(None), [0, 1, 2, 3, 0, 1, 2, 3]);
    }
}
