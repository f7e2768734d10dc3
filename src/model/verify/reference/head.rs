//! Masked-language-model head built from candle's layers, for classes whose candle-transformers head differs from that
//! of transformers.

use candle_core::{Result, Tensor};
use candle_nn::{Activation, LayerNorm, LayerNormConfig, Linear, Module, VarBuilder};

/// Dimensions and options of a head.
pub struct HeadShape {
    pub hidden_size: usize,
    pub vocabulary_size: usize,
    pub activation: Activation,
    pub norm_eps: f64,
    pub has_dense_bias: bool,
    pub has_norm_bias: bool,
    pub has_decoder_bias: bool,
}

/// Head with dense layer, activation, layer norm and decoder.
pub struct MaskedLmHead {
    dense: Linear,
    activation: Activation,
    norm: LayerNorm,
    decoder: Linear,
}

impl MaskedLmHead {
    /// Reads the head from the tensors `dense`, `norm` and `decoder`.
    pub fn load(
        shape: &HeadShape,
        dense: VarBuilder<'_>,
        norm: VarBuilder<'_>,
        decoder: VarBuilder<'_>,
    ) -> Result<Self> {
        let HeadShape { hidden_size, vocabulary_size, activation, .. } = *shape;
        let norm_config =
            LayerNormConfig { eps: shape.norm_eps, affine: shape.has_norm_bias, ..LayerNormConfig::default() };
        Ok(Self {
            dense: candle_nn::linear_b(hidden_size, hidden_size, shape.has_dense_bias, dense)?,
            activation,
            norm: candle_nn::layer_norm(hidden_size, norm_config, norm)?,
            decoder: candle_nn::linear_b(hidden_size, vocabulary_size, shape.has_decoder_bias, decoder)?,
        })
    }
}

impl Module for MaskedLmHead {
    fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        let hidden = self.activation.forward(&self.dense.forward(hidden)?)?;
        self.decoder.forward(&self.norm.forward(&hidden)?)
    }
}
