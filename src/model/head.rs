//! The SPLADE head: masked-language-model logits, pooled over a text's tokens into one sparse vector.
//!
//! A weight is `pool over tokens of log(1 + relu(logit))` (Formal et al., arXiv:2107.05720, arXiv:2109.10086). The
//! logarithm is monotonic and the bias is the same for every token, so for the maximum both come after it, once a term
//! instead of once a token and term. The vocabulary is walked in tiles: `[tokens, vocabulary]` never exists.

use std::ops::Range;

use candle_core::{D, DType, Result, Tensor, bail};

use super::backend::Backend;
use super::kernels::{
    Activation, Int8Weight, LayerNorm, Linear, Panels, Product, SCREEN_TILE, ScreenedWeight, Screening,
    has_byte_products,
};
use super::{Pooling, TermActivation};
use crate::types::SparseVector;

/// Terms of one tile: with a few hundred tokens, its logits stay in the second-level cache.
const TILE: usize = 512;
/// The same on a device, which is slow to start and fast to run.
const DEVICE_TILE: usize = 8_192;

/// The head's layers.
pub struct Head {
    transform: Linear,
    norm: LayerNorm,
    decoder: Decoder,
    bias: Vec<f32>,
    pooling: Pooling,
    activation: TermActivation,
}

enum Decoder {
    /// In float32, for maxima.
    Screened(ScreenedWeight),
    /// Tiles of terms in float32, for sums and for machines that are slow in 8 bits.
    Float32(Vec<Panels>),
    Int8(Int8Weight),
    /// Tiles of `[width, terms]` on a device.
    Plain(Vec<Tensor>),
}

/// The sequences of a batch, and the terms that their vectors have so far.
struct Sequences<'a> {
    /// Sequence `i` is the rows `bounds[i]..bounds[i + 1]`.
    bounds: &'a [usize],
    vectors: Vec<SparseVector>,
}

impl Sequences<'_> {
    fn each(&mut self) -> impl Iterator<Item = (Range<usize>, &mut SparseVector)> {
        self.bounds.windows(2).map(|bounds| bounds[0]..bounds[1]).zip(&mut self.vectors)
    }
}

impl Head {
    /// `decoder` is `[vocabulary, width]` row by row, `bias` `[vocabulary]`.
    pub fn new(
        (transform, norm): (Linear, LayerNorm),
        decoder: &[f32],
        bias: Vec<f32>,
        (pooling, activation): (Pooling, TermActivation),
        backend: &Backend,
    ) -> Result<Self> {
        let width = decoder.len() / bias.len().max(1);
        if width == 0 || width * bias.len() != decoder.len() {
            bail!("a decoder of {} elements has {} biases", decoder.len(), bias.len());
        }
        let decoder = match backend {
            Backend::Kernels { int8: false } if pooling == Pooling::Max && has_byte_products() => {
                Decoder::Screened(ScreenedWeight::new(decoder, &bias, width)?)
            }
            Backend::Kernels { int8: false } => {
                let tiles = decoder.chunks(TILE * width).map(|rows| Panels::new(rows, width, None, Activation::None));
                Decoder::Float32(tiles.collect::<Result<_>>()?)
            }
            Backend::Kernels { int8: true } => Decoder::Int8(Int8Weight::new(decoder, [bias.len(), width], TILE)?),
            Backend::Candle { device, dtype } => {
                let tiles = decoder.chunks(DEVICE_TILE * width).map(|rows| {
                    let tile = Tensor::from_slice(rows, (rows.len() / width, width), device)?;
                    tile.to_dtype(*dtype)?.t()?.contiguous()
                });
                Decoder::Plain(tiles.collect::<Result<_>>()?)
            }
        };
        Ok(Self { transform, norm, decoder, bias, pooling, activation })
    }

    /// Hidden states `[tokens, width]` to one vector a sequence of `bounds`. Calls `between` before each tile.
    pub fn forward(&self, hidden: &Tensor, bounds: &[usize], between: &mut dyn FnMut()) -> Result<Vec<SparseVector>> {
        let hidden = self.norm.forward(&self.transform.forward(hidden)?)?;
        let vectors = vec![SparseVector::default(); bounds.len().saturating_sub(1)];
        let mut sequences = Sequences { bounds, vectors };
        match &self.decoder {
            Decoder::Screened(decoder) => self.screened(decoder, &hidden, &mut sequences, between)?,
            Decoder::Float32(tiles) => self.float32(tiles, &hidden, &mut sequences, between)?,
            Decoder::Int8(decoder) => self.int8(decoder, &hidden, &mut sequences, between)?,
            Decoder::Plain(tiles) => self.plain(tiles, &hidden, &mut sequences, between)?,
        }
        Ok(sequences.vectors)
    }

    fn screened(
        &self,
        decoder: &ScreenedWeight,
        hidden: &Tensor,
        sequences: &mut Sequences<'_>,
        between: &mut dyn FnMut(),
    ) -> Result<()> {
        let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
        let rows = decoder.rows(&hidden)?;
        let (mut sums, mut screening) = (Vec::new(), Screening::default());
        for (tile, first) in decoder.tiles().zip((0u32..).step_by(SCREEN_TILE)) {
            between();
            let logits = tile.multiply(&rows, &mut sums)?;
            for (rows, vector) in sequences.each() {
                let logits = logits.max_rows(rows, &mut screening);
                let positive = (first..).zip(logits).filter(|(_, logit)| *logit > 0.0);
                positive.for_each(|(term, logit)| vector.push(term, self.weight(logit)));
            }
        }
        Ok(())
    }

    fn float32(
        &self,
        tiles: &[Panels],
        hidden: &Tensor,
        sequences: &mut Sequences<'_>,
        between: &mut dyn FnMut(),
    ) -> Result<()> {
        let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
        let mut logits = Vec::new();
        for (number, tile) in tiles.iter().enumerate() {
            between();
            tile.multiply(&hidden, &mut logits)?;
            self.pool_tile(&Product::Float32(&logits), number, sequences);
        }
        Ok(())
    }

    fn int8(
        &self,
        decoder: &Int8Weight,
        hidden: &Tensor,
        sequences: &mut Sequences<'_>,
        between: &mut dyn FnMut(),
    ) -> Result<()> {
        let rows = decoder.rows(&hidden.flatten_all()?.to_vec1::<f32>()?)?;
        let mut sums = Vec::new();
        for (number, tile) in decoder.tiles().iter().enumerate() {
            between();
            let logits = tile.multiply(&rows, &mut sums)?;
            self.pool_tile(&Product::Int8(logits), number, sequences);
        }
        Ok(())
    }

    fn plain(
        &self,
        tiles: &[Tensor],
        hidden: &Tensor,
        sequences: &mut Sequences<'_>,
        between: &mut dyn FnMut(),
    ) -> Result<()> {
        let tiles = tiles.iter().zip(self.bias.chunks(DEVICE_TILE)).zip((0u32..).step_by(DEVICE_TILE));
        for ((tile, bias), first) in tiles {
            between();
            let pooled = self.pool_on_device(&hidden.matmul(tile)?, sequences.bounds, bias)?;
            for (vector, weights) in sequences.vectors.iter_mut().zip(pooled) {
                let weights = (first..).zip(weights).filter(|(_, weight)| *weight > 0.0);
                weights.for_each(|(term, weight)| vector.push(term, weight));
            }
        }
        Ok(())
    }

    /// Appends the terms of a tile to the vector of each sequence.
    fn pool_tile(&self, logits: &Product<'_>, number: usize, sequences: &mut Sequences<'_>) {
        let first = number * TILE;
        let bias = &self.bias[first..self.bias.len().min(first + TILE)];
        for (rows, vector) in sequences.each() {
            self.pool(logits, rows, bias, first as u32, vector);
        }
    }

    /// Appends the terms of one tile: `logits` is `[tokens, terms]`, without the bias; `rows` are those of the sequence.
    fn pool(&self, logits: &Product<'_>, rows: Range<usize>, bias: &[f32], first: u32, vector: &mut SparseVector) {
        let mut best = [f32::NEG_INFINITY; TILE];
        let best = &mut best[..bias.len()];
        logits.max_rows(rows.clone(), best);
        for (column, (&best, &bias_of)) in best.iter().zip(bias).enumerate() {
            // A term that no token gives a weight has none, whichever the pooling.
            if best + bias_of > 0.0 {
                let weight = match self.pooling {
                    Pooling::Max => self.weight(best + bias_of),
                    Pooling::Sum => {
                        rows.clone().map(|row| self.weight(logits.at(row, column, bias.len()) + bias_of)).sum()
                    }
                };
                vector.push(first + column as u32, weight);
            }
        }
    }

    /// The weights of one tile's terms, a sequence a row, by candle's operations.
    fn pool_on_device(&self, logits: &Tensor, bounds: &[usize], bias: &[f32]) -> Result<Vec<Vec<f32>>> {
        let bias = Tensor::from_slice(bias, bias.len(), logits.device())?;
        let weigh = |logits: &Tensor| {
            let once = (logits.to_dtype(DType::F32)?.broadcast_add(&bias)?.relu()? + 1.0)?.log()?;
            match self.activation {
                TermActivation::Relu => Ok(once),
                TermActivation::Log1pRelu => (once + 1.0)?.log(),
            }
        };
        let pooled = bounds.windows(2).map(|rows| {
            let logits = logits.narrow(0, rows[0], rows[1] - rows[0])?;
            match self.pooling {
                Pooling::Max => weigh(&logits.max(D::Minus2)?),
                Pooling::Sum => weigh(&logits)?.sum(D::Minus2),
            }
        });
        Tensor::stack(&pooled.collect::<Result<Vec<_>>>()?, 0)?.to_vec2()
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
        let eye = Tensor::eye(width, DType::F32, &device)?.flatten_all()?.to_vec1::<f32>()?;
        let candle = Backend::Candle { device: device.clone(), dtype: DType::F32 };
        for ((pooling, activation), backend) in [
            (Pooling::Max, TermActivation::Relu),
            (Pooling::Max, TermActivation::Log1pRelu),
            (Pooling::Sum, TermActivation::Relu),
            (Pooling::Sum, TermActivation::Log1pRelu),
        ]
        .into_iter()
        .flat_map(|way| [(way, Backend::default()), (way, Backend::Kernels { int8: true }), (way, candle.clone())])
        {
            let identity = Linear::new(&eye, [width, width], None, Activation::None, &backend)?;
            let norm = || LayerNorm::new(&vec![1.0; width], None, 1e-12, &backend);
            let normed: Vec<Vec<f32>> = norm()?.forward(&identity.forward(&hidden)?)?.to_vec2()?;
            let rows = decoder.flatten_all()?.to_vec1::<f32>()?;
            let head = Head::new((identity, norm()?), &rows, bias.to_vec1()?, (pooling, activation), &backend)?;
            let vectors = head.forward(&hidden, &bounds, &mut || {})?;
            // What 8 bits lose of a weight: a hundredth of the largest, and for each token again where they are summed.
            let tolerance = if matches!(backend, Backend::Kernels { int8: true }) { 0.1 } else { 1e-5 };
            for (vector, rows) in vectors.iter().zip(bounds.windows(2)) {
                let twice = activation == TermActivation::Log1pRelu;
                let want =
                    expected(&normed[rows[0]..rows[1]], &decoder.to_vec2()?, &bias.to_vec1::<f32>()?, pooling, twice);
                let mut got = vec![0.0; vocabulary];
                vector.iter().for_each(|(index, weight)| got[index as usize] = weight);
                for (got, want) in got.iter().zip(&want) {
                    let case = format!("{pooling:?} {activation:?} {backend:?}: {got} for {want}");
                    assert!((got - want).abs() < tolerance * want.max(1.0), "{case}");
                }
            }
        }
        Ok(())
    }
}
