//! The SPLADE head: masked-language-model logits, pooled over a text's tokens into one sparse vector.
//!
//! A weight is `pool over tokens of log(1 + relu(logit))` (Formal et al., arXiv:2107.05720, arXiv:2109.10086). The
//! logarithm is monotonic and the bias is the same for every token, so for the maximum both come after it, once a term
//! instead of once a token and term. The vocabulary is walked in tiles: `[tokens, vocabulary]` never exists.

mod decoder;
mod finite;
mod sequences;

use std::ops::Range;

use candle_core::{D, DType, Result, Tensor, bail};

use super::backend::Backend;
use super::kernels::{
    Int8Weight, LayerNorm, Linear, Panels, Product, SCREEN_TILE, ScreenedWeight, Screening, SequenceRows,
    has_byte_products, magnitude,
};
use super::{EncoderOutput, NonFiniteOutput, Pooling, TermActivation, YieldPoint};
use decoder::{DEVICE_TILE, Decoder, TILE, Tile};
use finite::{check_finite, largest_number, magnitudes_on_device, poison_on_device};
use sequences::{Sequences, append};

/// The head's layers.
///
/// A sequence gets a vector only if every logit behind it is finite: a maximum, a relu or a comparison would silently
/// drop NaN and −∞. The head checks the hidden states that go into the decoder. For each tile of the decoder it then
/// compares the largest hidden state with [`overflow_free_input`](super::kernels::overflow_free_input); only if a logit
/// may overflow, which is rare, it checks the logits too.
pub struct Head {
    transform: Linear,
    norm: LayerNorm,
    decoder: Decoder,
    bias: Vec<f32>,
    pooling: Pooling,
    activation: TermActivation,
}

impl Head {
    /// `decoder` is `[vocabulary, width]` row by row, `bias` `[vocabulary]`.
    ///
    /// # Errors
    /// Lengths that don't fit each other; a weight or a bias that is not finite in the backend's dtype: no text would
    /// have a vector. A bias of −∞ is valid: its term never has a weight.
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
        check_finite(decoder, &bias, largest_number(backend.dtype()))?;
        let decoder = match backend {
            Backend::Kernels { int8: false } if pooling == Pooling::Max && has_byte_products() => {
                Decoder::Screened(ScreenedWeight::new(decoder, &bias, width)?)
            }
            Backend::Kernels { int8: false } => Decoder::float32(decoder, width)?,
            Backend::Kernels { int8: true } => Decoder::int8(decoder, width)?,
            Backend::Candle { device, dtype } => Decoder::plain(decoder, width, device, *dtype)?,
        };
        Ok(Self { transform, norm, decoder, bias, pooling, activation })
    }

    /// Computes one output for each sequence of `bounds` from hidden states `[tokens, width]`. Yields before each
    /// tile.
    pub fn forward(
        &self,
        hidden: &Tensor,
        bounds: &[usize],
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<Vec<EncoderOutput>> {
        let hidden = self.norm.forward(&self.transform.forward(hidden)?)?;
        if let Decoder::Plain(tiles) = &self.decoder {
            return self.plain(tiles, &hidden, bounds, yield_point);
        }
        let width = hidden.dim(D::Minus1)?;
        let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
        let rows = bounds.windows(2).map(|bounds| SequenceRows::new(&hidden, width, bounds[0]..bounds[1]));
        let mut sequences = Sequences::new(rows.collect());
        match &self.decoder {
            Decoder::Screened(decoder) => self.screened(decoder, &hidden, &mut sequences, yield_point)?,
            Decoder::Float32(tiles) => self.float32(tiles, &hidden, &mut sequences, yield_point)?,
            Decoder::Int8 { weight, largest_inputs } => {
                self.int8(weight, largest_inputs, &hidden, &mut sequences, yield_point)?;
            }
            Decoder::Plain(_) => {}
        }
        Ok(sequences.outputs)
    }

    fn screened(
        &self,
        decoder: &ScreenedWeight,
        hidden: &[f32],
        sequences: &mut Sequences,
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<()> {
        let rows = decoder.rows(hidden)?;
        let (mut sums, mut screening) = (Vec::new(), Screening::default());
        for (tile, first) in decoder.tiles().zip((0u32..).step_by(SCREEN_TILE)) {
            yield_point.yield_now();
            let logits = tile.multiply(&rows, &mut sums)?;
            for (rows, output) in sequences.each() {
                match logits.max_rows(rows, &mut screening) {
                    Some(logits) => {
                        let positive = (first..).zip(logits).filter(|(_, logit)| *logit > 0.0);
                        append(output, positive.map(|(term, logit)| (term, self.weight(logit))));
                    }
                    None => *output = Err(NonFiniteOutput),
                }
            }
        }
        Ok(())
    }

    fn float32(
        &self,
        tiles: &[Tile<Panels>],
        hidden: &[f32],
        sequences: &mut Sequences,
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<()> {
        let mut logits = Vec::new();
        for (number, tile) in tiles.iter().enumerate() {
            yield_point.yield_now();
            tile.weight.multiply(hidden, &mut logits)?;
            self.pool_tile(&Product::Float32(&logits), number, tile.largest_input, sequences);
        }
        Ok(())
    }

    fn int8(
        &self,
        decoder: &Int8Weight,
        largest_inputs: &[f32],
        hidden: &[f32],
        sequences: &mut Sequences,
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<()> {
        let rows = decoder.rows(hidden)?;
        let mut sums = Vec::new();
        for (number, (tile, &largest_input)) in decoder.tiles().iter().zip(largest_inputs).enumerate() {
            yield_point.yield_now();
            let logits = tile.multiply(&rows, &mut sums)?;
            self.pool_tile(&Product::Int8(logits), number, largest_input, sequences);
        }
        Ok(())
    }

    fn plain(
        &self,
        tiles: &[Tile<Tensor>],
        hidden: &Tensor,
        bounds: &[usize],
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<Vec<EncoderOutput>> {
        let magnitudes = magnitudes_on_device(hidden)?;
        let rows = bounds.windows(2).map(|bounds| SequenceRows::new(&magnitudes, 1, bounds[0]..bounds[1]));
        let mut sequences = Sequences::new(rows.collect());
        let tiles = tiles.iter().zip(self.bias.chunks(DEVICE_TILE)).zip((0u32..).step_by(DEVICE_TILE));
        for ((tile, bias), first) in tiles {
            yield_point.yield_now();
            let logits = hidden.matmul(&tile.weight)?;
            if sequences.each().any(|(rows, _)| rows.magnitude > tile.largest_input) {
                let poison = poison_on_device(&logits)?;
                for (rows, output) in sequences.each() {
                    if !magnitude(&poison[rows.range.clone()]).is_finite() {
                        *output = Err(NonFiniteOutput);
                    }
                }
            }
            let pooled = self.pool_on_device(&logits, bounds, bias)?;
            for (output, weights) in sequences.outputs.iter_mut().zip(pooled) {
                append(output, (first..).zip(weights).filter(|(_, weight)| *weight > 0.0));
            }
        }
        Ok(sequences.outputs)
    }

    /// Appends the terms of a tile to the vector of each sequence.
    fn pool_tile(&self, logits: &Product<'_>, number: usize, largest_input: f32, sequences: &mut Sequences) {
        let first = number * TILE;
        let bias = &self.bias[first..self.bias.len().min(first + TILE)];
        for (rows, output) in sequences.each() {
            if rows.magnitude > largest_input && !logits.is_finite(rows.range.clone(), bias.len()) {
                *output = Err(NonFiniteOutput);
            }
            self.pool(logits, rows.range.clone(), bias, first as u32, output);
        }
    }

    /// Appends the terms of one tile: `logits` is `[tokens, terms]`, without the bias; `rows` are those of the sequence.
    fn pool(&self, logits: &Product<'_>, rows: Range<usize>, bias: &[f32], first: u32, output: &mut EncoderOutput) {
        let mut best = [f32::NEG_INFINITY; TILE];
        let best = &mut best[..bias.len()];
        logits.max_rows(rows.clone(), best);
        // A term that no token gives a weight has none, whichever the pooling.
        let terms = best.iter().zip(bias).enumerate().filter(|(_, (best, bias))| **best + **bias > 0.0);
        let weights = terms.map(|(column, (&best, &bias_of))| {
            let weight = match self.pooling {
                Pooling::Max => self.weight(best + bias_of),
                Pooling::Sum => rows.clone().map(|row| self.weight(logits.at(row, column, bias.len()) + bias_of)).sum(),
            };
            (first + column as u32, weight)
        });
        append(output, weights);
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

    /// Returns the weight of a logit; it is finite if the logit is.
    fn weight(&self, logit: f32) -> f32 {
        let weight = logit.max(0.0).ln_1p();
        match self.activation {
            TermActivation::Relu => weight,
            TermActivation::Log1pRelu => weight.ln_1p(),
        }
    }
}

#[cfg(test)]
mod tests;
