//! The SPLADE head: masked-language-model logits, pooled over the tokens of a text into one sparse vector.
//!
//! The weight of a term is `pool over tokens of log(1 + relu(logit))` (Formal et al., arXiv:2107.05720,
//! arXiv:2109.10086). The logarithm is monotonic and the bias is equal for all tokens, so with max pooling both are
//! applied after the maximum, once per term instead of once per token and term. The vocabulary is processed in tiles:
//! the matrix `[tokens, vocabulary]` is never materialized.
//!
//! See docs/adr/0024-head-in-tiles.md.

mod decoder;
mod finite;
mod sequences;

use std::ops::Range;

use candle_core::{D, DType, Result, Tensor, bail};

use super::backend::Backend;
use super::kernels::{
    BOUNDED_MAX_TILE, BoundedMaxScratch, BoundedMaxWeight, GemmOutput, Int8Weight, LayerNorm, Linear, PackedPanels,
    SequenceRows, has_fast_int8_gemm, max_abs,
};
use super::{EncoderOutput, NonFiniteOutput, Pooling, TermActivation, YieldPoint};
use decoder::{DEVICE_TILE_TERMS, Decoder, DecoderTile, TILE_TERMS};
use finite::{check_finite, compute_max_abs_on_device, compute_nan_poison_on_device, max_finite_value};
use sequences::{SequenceOutputs, append_terms};

/// The layers of the head.
///
/// A sequence gets a vector only if every logit of it is finite: a maximum, a relu or a comparison would silently drop
/// NaN and −∞. The head checks the hidden states before the decoder. For each tile of the decoder it compares the
/// largest hidden state with [`max_input_without_overflow`](super::kernels::max_input_without_overflow); only if a
/// logit may overflow, which is rare, it checks the logits too.
pub struct SpladeHead {
    transform: Linear,
    norm: LayerNorm,
    decoder: Decoder,
    bias: Vec<f32>,
    pooling: Pooling,
    activation: TermActivation,
}

impl SpladeHead {
    /// Creates the head. `decoder` is `[vocabulary, width]` in row-major order, `bias` is `[vocabulary]`.
    ///
    /// # Errors
    /// If the lengths of `decoder` and `bias` do not match, or a weight or bias is not finite in the backend's dtype. A
    /// bias of −∞ is valid: its term never gets a weight.
    pub fn new(
        (transform, norm): (Linear, LayerNorm),
        decoder: &[f32],
        bias: Vec<f32>,
        (pooling, activation): (Pooling, TermActivation),
        backend: &Backend,
    ) -> Result<Self> {
        // The bias has one element per vocabulary term, which determines the width.
        let width = decoder.len() / bias.len().max(1);
        if width == 0 || width * bias.len() != decoder.len() {
            bail!("shape mismatch: a decoder of {} elements and {} biases", decoder.len(), bias.len());
        }
        check_finite(decoder, &bias, max_finite_value(backend.result_dtype()))?;
        let decoder = match backend {
            Backend::Kernels { int8: false } if pooling == Pooling::Max && has_fast_int8_gemm() => {
                Decoder::BoundedMax(BoundedMaxWeight::new(decoder, &bias, width)?)
            }
            Backend::Kernels { int8: false } => Decoder::float32(decoder, width)?,
            Backend::Kernels { int8: true } => Decoder::int8(decoder, width)?,
            Backend::Candle { device, dtype } => Decoder::on_device(decoder, width, device, *dtype)?,
        };
        Ok(Self { transform, norm, decoder, bias, pooling, activation })
    }

    /// Computes one output per sequence of `bounds` from hidden states `[tokens, width]`. Yields before each tile.
    pub fn forward(
        &self,
        hidden: &Tensor,
        bounds: &[usize],
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<Vec<EncoderOutput>> {
        let hidden = self.norm.forward(&self.transform.forward(hidden)?)?;
        if let Decoder::OnDevice(tiles) = &self.decoder {
            return self.forward_on_device(tiles, &hidden, bounds, yield_point);
        }
        let width = hidden.dim(D::Minus1)?;
        let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
        let rows = bounds.windows(2).map(|bounds| SequenceRows::new(&hidden, width, bounds[0]..bounds[1]));
        let mut sequences = SequenceOutputs::new(rows.collect());
        match &self.decoder {
            Decoder::BoundedMax(decoder) => self.forward_bounded_max(decoder, &hidden, &mut sequences, yield_point)?,
            Decoder::Float32(tiles) => self.forward_float32(tiles, &hidden, &mut sequences, yield_point)?,
            Decoder::Int8 { weight, max_inputs } => {
                self.forward_int8(weight, max_inputs, &hidden, &mut sequences, yield_point)?;
            }
            Decoder::OnDevice(_) => {}
        }
        Ok(sequences.outputs)
    }

    fn forward_bounded_max(
        &self,
        decoder: &BoundedMaxWeight,
        hidden: &[f32],
        sequences: &mut SequenceOutputs,
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<()> {
        let rows = decoder.prepare_rows(hidden)?;
        let (mut sums, mut scratch) = (Vec::new(), BoundedMaxScratch::default());
        for (tile, first_term) in decoder.tiles().zip((0u32..).step_by(BOUNDED_MAX_TILE)) {
            yield_point.yield_now();
            let logits = tile.multiply(&rows, &mut sums)?;
            for (rows, output) in sequences.iter_finite_mut() {
                match logits.max_over_rows(rows, &mut scratch) {
                    Some(logits) => {
                        let positive = (first_term..).zip(logits).filter(|(_, logit)| *logit > 0.0);
                        append_terms(output, positive.map(|(term, logit)| (term, self.activate(logit))));
                    }
                    None => *output = Err(NonFiniteOutput),
                }
            }
        }
        Ok(())
    }

    fn forward_float32(
        &self,
        tiles: &[DecoderTile<PackedPanels>],
        hidden: &[f32],
        sequences: &mut SequenceOutputs,
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<()> {
        let mut logits = Vec::new();
        for (tile_index, tile) in tiles.iter().enumerate() {
            yield_point.yield_now();
            tile.weight.multiply(hidden, &mut logits)?;
            self.pool_tile(&GemmOutput::Float32(&logits), tile_index, tile.max_input, sequences);
        }
        Ok(())
    }

    fn forward_int8(
        &self,
        decoder: &Int8Weight,
        max_inputs: &[f32],
        hidden: &[f32],
        sequences: &mut SequenceOutputs,
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<()> {
        let rows = decoder.prepare_rows(hidden)?;
        let mut sums = Vec::new();
        for (tile_index, (tile, &max_input)) in decoder.tiles().iter().zip(max_inputs).enumerate() {
            yield_point.yield_now();
            let logits = tile.multiply(&rows, &mut sums)?;
            self.pool_tile(&GemmOutput::Int8(logits), tile_index, max_input, sequences);
        }
        Ok(())
    }

    fn forward_on_device(
        &self,
        tiles: &[DecoderTile<Tensor>],
        hidden: &Tensor,
        bounds: &[usize],
        yield_point: &mut YieldPoint<'_>,
    ) -> Result<Vec<EncoderOutput>> {
        let row_max_abs = compute_max_abs_on_device(hidden)?;
        let rows = bounds.windows(2).map(|bounds| SequenceRows::new(&row_max_abs, 1, bounds[0]..bounds[1]));
        let mut sequences = SequenceOutputs::new(rows.collect());
        let tiles = tiles.iter().zip(self.bias.chunks(DEVICE_TILE_TERMS)).zip((0u32..).step_by(DEVICE_TILE_TERMS));
        for ((tile, bias), first_term) in tiles {
            yield_point.yield_now();
            let logits = hidden.matmul(&tile.weight)?;
            if sequences.iter_finite_mut().any(|(rows, _)| rows.max_abs > tile.max_input) {
                let poison = compute_nan_poison_on_device(&logits)?;
                for (rows, output) in sequences.iter_finite_mut() {
                    if !max_abs(&poison[rows.range.clone()]).is_finite() {
                        *output = Err(NonFiniteOutput);
                    }
                }
            }
            let pooled = self.pool_on_device(&logits, bounds, bias)?;
            for (output, weights) in sequences.outputs.iter_mut().zip(pooled) {
                append_terms(output, (first_term..).zip(weights).filter(|(_, weight)| *weight > 0.0));
            }
        }
        Ok(sequences.outputs)
    }

    /// Appends the terms of a tile to the vector of each sequence.
    fn pool_tile(&self, logits: &GemmOutput<'_>, tile_index: usize, max_input: f32, sequences: &mut SequenceOutputs) {
        let first_term = tile_index * TILE_TERMS;
        let bias = &self.bias[first_term..self.bias.len().min(first_term + TILE_TERMS)];
        for (rows, output) in sequences.iter_finite_mut() {
            if rows.max_abs > max_input && !logits.is_finite(rows.range.clone(), bias.len()) {
                *output = Err(NonFiniteOutput);
            }
            self.pool(logits, rows.range.clone(), bias, first_term as u32, output);
        }
    }

    /// Appends the terms of one tile to the vector of one sequence. `logits` is `[tokens, terms]`, without the bias;
    /// `rows` are the tokens of the sequence.
    fn pool(
        &self,
        logits: &GemmOutput<'_>,
        rows: Range<usize>,
        bias: &[f32],
        first_term: u32,
        output: &mut EncoderOutput,
    ) {
        let mut best = [f32::NEG_INFINITY; TILE_TERMS];
        let best = &mut best[..bias.len()];
        logits.max_over_rows(rows.clone(), best);
        // With either pooling, a term gets a weight only if its largest logit is positive.
        let terms = best.iter().zip(bias).enumerate().filter(|(_, (best, bias))| **best + **bias > 0.0);
        let weights = terms.map(|(column, (&best, &term_bias))| {
            let weight = match self.pooling {
                Pooling::Max => self.activate(best + term_bias),
                Pooling::Sum => {
                    rows.clone().map(|row| self.activate(logits.get(row, column, bias.len()) + term_bias)).sum()
                }
            };
            (first_term + column as u32, weight)
        });
        append_terms(output, weights);
    }

    /// Computes the weights of one tile's terms with candle operations, one row per sequence.
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

    /// Returns the weight of a logit; finite if the logit is.
    fn activate(&self, logit: f32) -> f32 {
        let weight = logit.max(0.0).ln_1p();
        match self.activation {
            TermActivation::Relu => weight,
            TermActivation::Log1pRelu => weight.ln_1p(),
        }
    }
}

#[cfg(test)]
mod tests;
