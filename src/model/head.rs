//! The SPLADE head: masked-language-model logits, pooled over a text's tokens into one sparse vector.
//!
//! A weight is `pool over tokens of log(1 + relu(logit))` (Formal et al., arXiv:2107.05720, arXiv:2109.10086). The
//! logarithm is monotonic and the bias is the same for every token, so for the maximum both come after it, once a term
//! instead of once a token and term. The vocabulary is walked in tiles: `[tokens, vocabulary]` never exists.

use candle_core::{Result, Tensor};

use super::kernels::{LayerNorm, Linear, PackedWeight, max_rows_into};
use super::{Pooling, TermActivation};
use crate::types::SparseVector;

/// Terms of one tile: with a few hundred tokens, its logits stay in the second-level cache.
const TILE: usize = 512;

/// The head's layers.
pub struct Head {
    transform: Linear,
    norm: LayerNorm,
    tiles: Vec<PackedWeight>,
    bias: Vec<f32>,
    pooling: Pooling,
    activation: TermActivation,
}

impl Head {
    /// `decoder` is `[vocabulary, width]`, `bias` `[vocabulary]`.
    pub fn new(
        (transform, norm): (Linear, LayerNorm),
        decoder: &Tensor,
        bias: &Tensor,
        pooling: Pooling,
        activation: TermActivation,
    ) -> Result<Self> {
        let (vocabulary, width) = decoder.dims2()?;
        let tiles = (0..vocabulary).step_by(TILE).map(|first| {
            let rows = decoder.narrow(0, first, TILE.min(vocabulary - first))?;
            PackedWeight::new(&rows.flatten_all()?.to_vec1::<f32>()?, rows.dim(0)?, width)
        });
        let tiles = tiles.collect::<Result<_>>()?;
        Ok(Self { transform, norm, tiles, bias: bias.to_vec1()?, pooling, activation })
    }

    /// Hidden states `[tokens, width]` to one vector a sequence of `bounds`. Calls `between` before each tile.
    pub fn forward(&self, hidden: &Tensor, bounds: &[usize], between: &mut dyn FnMut()) -> Result<Vec<SparseVector>> {
        let hidden = self.norm.forward(&self.transform.forward(hidden)?)?.flatten_all()?.to_vec1::<f32>()?;
        let mut vectors = vec![SparseVector::default(); bounds.len().saturating_sub(1)];
        let mut logits = Vec::new();
        for ((tile, bias), first) in self.tiles.iter().zip(self.bias.chunks(TILE)).zip((0u32..).step_by(TILE)) {
            between();
            tile.multiply(&hidden, None, &mut logits)?;
            for (vector, rows) in vectors.iter_mut().zip(bounds.windows(2)) {
                let logits = &logits[rows[0] * tile.outputs..rows[1] * tile.outputs];
                self.pool(logits, bias, first, vector);
            }
        }
        Ok(vectors)
    }

    /// Appends the terms of one tile: `logits` is `[tokens, terms]`, without the bias.
    fn pool(&self, logits: &[f32], bias: &[f32], first: u32, vector: &mut SparseVector) {
        let mut best = [f32::NEG_INFINITY; TILE];
        let best = &mut best[..bias.len()];
        max_rows_into(logits, best);
        let terms = bias.len();
        for (column, (&best, &bias)) in best.iter().zip(bias).enumerate() {
            // A term that no token gives a weight has none, whichever the pooling.
            if best + bias > 0.0 {
                let weight = match self.pooling {
                    Pooling::Max => self.weight(best + bias),
                    Pooling::Sum => {
                        let tokens = logits.iter().skip(column).step_by(terms);
                        tokens.map(|logit| self.weight(logit + bias)).sum()
                    }
                };
                vector.push(first + column as u32, weight);
            }
        }
    }

    /// What one logit weighs.
    fn weight(&self, logit: f32) -> f32 {
        let weight = logit.max(0.0).ln_1p();
        match self.activation {
            TermActivation::Relu => weight,
            TermActivation::Log1pRelu => weight.ln_1p(),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::model::kernels::Activation;

    /// A head over random weights, and what it should give: all logits first, then the pooling, term by term.
    fn expected(hidden: &[Vec<f32>], decoder: &[Vec<f32>], bias: &[f32], pooling: Pooling, twice: bool) -> Vec<f32> {
        let weigh = |logit: f32| {
            let once = logit.max(0.0).ln_1p();
            if twice { once.ln_1p() } else { once }
        };
        let terms = decoder.iter().zip(bias).map(|(row, bias)| {
            let weights = hidden.iter().map(|h| weigh(h.iter().zip(row).map(|(x, y)| x * y).sum::<f32>() + bias));
            match pooling {
                Pooling::Max => weights.fold(0.0, f32::max),
                Pooling::Sum => weights.sum(),
            }
        });
        terms.collect()
    }

    #[test]
    fn pools_as_the_definition_does() -> Result<()> {
        let (width, vocabulary, bounds) = (8, TILE + 37, [0usize, 3, 4, 9]);
        let device = Device::Cpu;
        let tensor = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &device);
        let (decoder, bias, hidden) = (tensor(&[vocabulary, width])?, tensor(&[vocabulary])?, tensor(&[9, width])?);
        for (pooling, activation) in [
            (Pooling::Max, TermActivation::Relu),
            (Pooling::Max, TermActivation::Log1pRelu),
            (Pooling::Sum, TermActivation::Relu),
            (Pooling::Sum, TermActivation::Log1pRelu),
        ] {
            let identity = Linear::new(
                &Tensor::eye(width, DType::F32, &device)?,
                &Tensor::zeros(width, DType::F32, &device)?,
                Activation::None,
            )?;
            let norm = || {
                LayerNorm::new(
                    &Tensor::ones(width, DType::F32, &device)?,
                    &Tensor::zeros(width, DType::F32, &device)?,
                    1e-12,
                )
            };
            let normed: Vec<Vec<f32>> = norm()?.forward(&hidden)?.to_vec2()?;
            let head = Head::new((identity, norm()?), &decoder, &bias, pooling, activation)?;
            let vectors = head.forward(&hidden, &bounds, &mut || {})?;
            for (vector, rows) in vectors.iter().zip(bounds.windows(2)) {
                let twice = activation == TermActivation::Log1pRelu;
                let want =
                    expected(&normed[rows[0]..rows[1]], &decoder.to_vec2()?, &bias.to_vec1::<f32>()?, pooling, twice);
                let mut got = vec![0.0; vocabulary];
                vector.iter().for_each(|(index, weight)| got[index as usize] = weight);
                for (got, want) in got.iter().zip(&want) {
                    assert!((got - want).abs() < 1e-5 * want.max(1.0), "{pooling:?} {activation:?}: {got} for {want}");
                }
            }
        }
        Ok(())
    }
}
