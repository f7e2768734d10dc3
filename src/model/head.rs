//! The SPLADE head: masked-language-model logits, pooled over a text's tokens into one sparse vector.
//!
//! A weight is `pool over tokens of log(1 + relu(logit))` (Formal et al., arXiv:2107.05720, arXiv:2109.10086). The
//! logarithm is monotonic and the bias is the same for every token, so for the maximum both come after it, once a term
//! instead of once a token and term. The vocabulary is walked in tiles: `[tokens, vocabulary]` never exists.

use std::ops::Range;

use candle_core::{D, DType, Device, Result, Tensor, bail};

use super::backend::Backend;
use super::encoder::{EncoderOutput, NonFiniteOutput};
use super::kernels::{
    Activation, Int8Weight, LayerNorm, Linear, Panels, Product, SCREEN_TILE, ScreenedWeight, Screening, SequenceRows,
    has_byte_products, magnitude, overflow_free_input,
};
use super::{Pooling, TermActivation, YieldPoint};
use crate::types::SparseVector;

/// Terms of one tile: with a few hundred tokens, its logits stay in the second-level cache.
const TILE: usize = 512;
/// The same on a device, which is slow to start and fast to run.
const DEVICE_TILE: usize = 8_192;

/// The head's layers.
///
/// A sequence gets a vector only if every logit behind it is finite: a maximum, a relu or a comparison would silently
/// drop NaN and −∞. The head checks the hidden states that go into the decoder. For each tile of the decoder it then
/// compares the largest hidden state with [`overflow_free_input`]; only if a logit may overflow, which is rare, it
/// checks the logits too.
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
    Float32(Vec<Tile<Panels>>),
    Int8 {
        weight: Int8Weight,
        /// Of each of its tiles, as [`Tile::largest_input`].
        largest_inputs: Vec<f32>,
    },
    /// Tiles of `[width, terms]` on a device.
    Plain(Vec<Tile<Tensor>>),
}

impl Decoder {
    fn float32(decoder: &[f32], width: usize) -> Result<Self> {
        let tiles = decoder.chunks(TILE * width).map(|rows| {
            let weight = Panels::new(rows, width, None, Activation::None)?;
            Ok(Tile { weight, largest_input: overflow_free_input(rows, width, largest_number(DType::F32)) })
        });
        Ok(Self::Float32(tiles.collect::<Result<_>>()?))
    }

    fn int8(decoder: &[f32], width: usize) -> Result<Self> {
        let weight = Int8Weight::new(decoder, [decoder.len() / width, width], TILE)?;
        let largest_input = |rows| overflow_free_input(rows, width, largest_number(DType::F32));
        Ok(Self::Int8 { weight, largest_inputs: decoder.chunks(TILE * width).map(largest_input).collect() })
    }

    fn plain(decoder: &[f32], width: usize, device: &Device, dtype: DType) -> Result<Self> {
        let tiles = decoder.chunks(DEVICE_TILE * width).map(|rows| {
            let tile = Tensor::from_slice(rows, (rows.len() / width, width), device)?;
            let weight = tile.to_dtype(dtype)?.t()?.contiguous()?;
            Ok(Tile { weight, largest_input: overflow_free_input(rows, width, largest_number(dtype)) })
        });
        Ok(Self::Plain(tiles.collect::<Result<_>>()?))
    }
}

/// Some of the decoder's terms.
struct Tile<W> {
    weight: W,
    /// Up to this magnitude of hidden states no logit overflows, before its bias.
    largest_input: f32,
}

/// The sequences of a batch and their outputs so far.
struct Sequences {
    rows: Vec<SequenceRows>,
    outputs: Vec<EncoderOutput>,
}

impl Sequences {
    /// Creates empty vectors; a sequence whose hidden states are not finite is an error from the start.
    fn new(rows: Vec<SequenceRows>) -> Self {
        let output = |rows: &SequenceRows| match rows.magnitude.is_finite() {
            true => Ok(SparseVector::default()),
            false => Err(NonFiniteOutput),
        };
        Self { outputs: rows.iter().map(output).collect(), rows }
    }

    /// Iterates over the sequences that are not an error yet.
    fn each(&mut self) -> impl Iterator<Item = (&SequenceRows, &mut EncoderOutput)> {
        self.rows.iter().zip(&mut self.outputs).filter(|(_, output)| output.is_ok())
    }
}

/// Appends terms in ascending order. A weight that is not finite makes the output an error.
fn append(output: &mut EncoderOutput, weights: impl IntoIterator<Item = (u32, f32)>) {
    for (term, weight) in weights {
        let Ok(vector) = output else { return };
        if vector.push(term, weight).is_err() {
            *output = Err(NonFiniteOutput);
        }
    }
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

/// The largest finite number of a product's dtype.
fn largest_number(dtype: DType) -> f64 {
    if dtype == DType::F16 { 65_504.0 } else { f64::from(f32::MAX) }
}

/// Checks that the decoder's weights and biases are finite, but for biases of −∞.
fn check_finite(decoder: &[f32], bias: &[f32], largest: f64) -> Result<()> {
    let width = decoder.len() / bias.len();
    // False for NaN, too.
    let fits = |row: &[f32]| f64::from(magnitude(row)) <= largest;
    if let Some(term) = decoder.chunks_exact(width).position(|row| !fits(row)) {
        bail!(
            "the decoder's weights of term {term} are not all finite, or above {largest:e}; use float32, or fetch the \
             model again"
        );
    }
    match bias.iter().position(|bias| bias.is_nan() || *bias == f32::INFINITY) {
        Some(term) => bail!("the decoder's bias of term {term} is NaN or infinite; fetch the model again"),
        None => Ok(()),
    }
}

/// Returns the largest magnitude of each row's elements; NaN if an element is not finite.
fn magnitudes_on_device(rows: &Tensor) -> Result<Vec<f32>> {
    let largest = rows.to_dtype(DType::F32)?.abs()?.max(D::Minus1)?.to_vec1::<f32>()?;
    // A device's maximum may ignore NaN.
    Ok(largest.iter().zip(poison_on_device(rows)?).map(|(largest, poison)| largest + poison).collect())
}

/// Returns 0 for each row whose elements are all finite, and NaN for the others.
fn poison_on_device(rows: &Tensor) -> Result<Vec<f32>> {
    (rows.to_dtype(DType::F32)? * 0.0)?.sum(D::Minus1)?.to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let outputs = head.forward(&hidden, &bounds, &mut YieldPoint::none())?;
            // What 8 bits lose of a weight: a hundredth of the largest, and for each token again where they are summed.
            let tolerance = if matches!(backend, Backend::Kernels { int8: true }) { 0.1 } else { 1e-5 };
            for (output, rows) in outputs.iter().zip(bounds.windows(2)) {
                let Ok(vector) = output else { panic!("{rows:?} has no vector") };
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

    const WIDTH: usize = 8;

    /// A head that normalises hidden states and does nothing else to them, and its decoder in float32 panels where it
    /// has another one on this machine.
    fn plain_heads(
        decoder: &[f32],
        bias: &[f32],
        way: (Pooling, TermActivation),
        backend: &Backend,
    ) -> Result<Vec<Head>> {
        let eye = Tensor::eye(WIDTH, DType::F32, &Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
        let head = || {
            let identity = Linear::new(&eye, [WIDTH, WIDTH], None, Activation::None, backend)?;
            let norm = LayerNorm::new(&[1.0; WIDTH], None, 1e-12, backend)?;
            Head::new((identity, norm), decoder, bias.to_vec(), way, backend)
        };
        let mut heads = vec![head()?];
        if let Decoder::Screened(_) = heads[0].decoder {
            heads.push(Head { decoder: Decoder::float32(decoder, WIDTH)?, ..head()? });
        }
        Ok(heads)
    }

    type Rows = Vec<[f32; WIDTH]>;

    fn forward(head: &Head, sequences: &[Rows], dtype: DType) -> Result<Vec<EncoderOutput>> {
        let mut bounds = vec![0];
        sequences.iter().for_each(|rows| bounds.push(bounds[bounds.len() - 1] + rows.len()));
        let rows = sequences.concat().concat();
        let hidden = Tensor::from_vec(rows, (bounds[sequences.len()], WIDTH), &Device::Cpu)?.to_dtype(dtype)?;
        head.forward(&hidden, &bounds, &mut YieldPoint::none())
    }

    /// Every decoder, pooling and activation, each with the dtype of its hidden states.
    fn ways() -> impl Iterator<Item = ((Pooling, TermActivation), Backend, DType)> {
        let candle = |dtype| Backend::Candle { device: Device::Cpu, dtype };
        let backends = [
            (Backend::default(), DType::F32),
            (Backend::Kernels { int8: true }, DType::F32),
            (candle(DType::F32), DType::F32),
            (candle(DType::F16), DType::F16),
        ];
        let ways = [Pooling::Max, Pooling::Sum].into_iter().flat_map(|pooling| {
            [TermActivation::Relu, TermActivation::Log1pRelu].map(|activation| (pooling, activation))
        });
        ways.flat_map(move |way| backends.clone().map(|(backend, dtype)| (way, backend, dtype)))
    }

    /// Rows whose normalised form has nothing in the first two columns.
    fn harmless(seed: usize) -> Rows {
        let row = |row: usize| {
            let [a, b, c] = [1, 2, 3].map(|number| ((seed * 7 + row * 5 + number * 3) % 11) as f32 - 4.5);
            [0.0, 0.0, a, -a, b, -b, c, -c]
        };
        (0..3).map(row).collect()
    }

    /// Law: a sequence is an error if, and only if, a number on its way is not finite, whichever the decoder; its
    /// neighbours have the vectors that they have without it, to the bit.
    #[test]
    fn what_is_not_finite_is_an_error_of_its_sequence() -> Result<()> {
        for (way, backend, dtype) in ways() {
            let huge = if dtype == DType::F16 { 6e4 } else { 3e38f32 };
            // Ordinary terms in two tiles, and in the second one term that overflows with a large state in its column.
            let vocabulary = TILE + 37;
            let mut decoder: Vec<f32> =
                (0..vocabulary * WIDTH).map(|at| ((at * 31 % 101) as f32 - 50.0) / 100.0).collect();
            let mut bias: Vec<f32> = (0..vocabulary).map(|term| (term % 5) as f32 / 5.0 - 0.3).collect();
            let row = |term: usize| term * WIDTH..(term + 1) * WIDTH;
            decoder[row(TILE + 3)].copy_from_slice(&[huge, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
            decoder[row(TILE + 4)].copy_from_slice(&[0.0, huge / 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
            bias[TILE + 4] = 3.3e38;
            bias[7] = f32::NEG_INFINITY;
            let one = |row: [f32; WIDTH]| vec![harmless(40)[0], row, harmless(41)[1]];
            let mut bad = vec![
                // Products of +∞, and of −∞, which a relu would make 0.
                one([2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
                one([-2.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            ];
            for state in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38] {
                bad.push(one([0.0, 0.0, state, 1.0, 0.0, 0.0, 0.0, 0.0]));
            }
            if dtype == DType::F32 {
                // A product that is finite, and not with its bias.
                bad.push(one([0.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 0.0]));
            }
            for head in plain_heads(&decoder, &bias, way, &backend)? {
                for bad in &bad {
                    let batch = [harmless(1), bad.clone(), harmless(2), harmless(3), bad.clone()];
                    let outputs = forward(&head, &batch, dtype)?;
                    for (number, (output, rows)) in outputs.iter().zip(&batch).enumerate() {
                        let case = format!("{way:?} {backend:?}: {rows:?}");
                        match number {
                            1 | 4 => assert_eq!(*output, Err(NonFiniteOutput), "{case}"),
                            _ => {
                                assert!(output.as_ref().is_ok_and(|vector| vector.len() > 100), "{case}");
                                assert_eq!(*output, forward(&head, std::slice::from_ref(rows), dtype)?[0], "{case}");
                            }
                        }
                        assert!(output.as_ref().is_ok_and(|vector| !vector.indices().contains(&7)) || output.is_err());
                    }
                }
            }
        }
        Ok(())
    }

    /// Law: where the largest states could overflow but don't, the vector is what it is without looking.
    #[test]
    fn what_nearly_overflows_is_a_vector() -> Result<()> {
        for (way, backend, dtype) in ways() {
            let huge = if dtype == DType::F16 { 3e4 } else { 1.5e38f32 };
            let vocabulary = TILE + 37;
            let ordinary: Vec<f32> =
                (0..vocabulary * WIDTH).map(|at| ((at * 31 % 101) as f32 - 50.0) / 100.0).collect();
            let mut decoder = ordinary.clone();
            decoder[(TILE + 3) * WIDTH] = huge;
            let bias = vec![0.1; vocabulary];
            let rows = [vec![[2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], harmless(5)[0]], harmless(6)];
            let [with, without] = [&decoder, &ordinary].map(|decoder| plain_heads(decoder, &bias, way, &backend));
            for (with, without) in with?.iter().zip(without?) {
                for (got, want) in forward(with, &rows, dtype)?.into_iter().zip(forward(&without, &rows, dtype)?) {
                    let (Ok(mut got), Ok(mut want)) = (got, want) else { panic!("{way:?} {backend:?}") };
                    assert!(got.values().iter().all(|weight| *weight < 1e3));
                    let others = |index, _| index != TILE as u32 + 3;
                    got.retain(others);
                    want.retain(others);
                    assert_eq!(got, want, "{way:?} {backend:?}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_decoder_with_which_no_text_has_a_vector_is_refused() {
        let f16 = Backend::Candle { device: Device::Cpu, dtype: DType::F16 };
        let refused = |weight: f32, bias: f32, backend: &Backend| {
            let heads = plain_heads(&[weight; WIDTH], &[bias], (Pooling::Max, TermActivation::Relu), backend);
            heads.err().map(|error| error.to_string()).unwrap_or_default()
        };
        for backend in [Backend::default(), Backend::Kernels { int8: true }, f16.clone()] {
            assert!(refused(f32::NAN, 0.0, &backend).contains("term 0"));
            assert!(refused(f32::NEG_INFINITY, 0.0, &backend).contains("term 0"));
            assert!(refused(0.5, f32::NAN, &backend).contains("bias of term 0"));
            assert!(refused(0.5, f32::INFINITY, &backend).contains("bias of term 0"));
            assert_eq!(refused(0.5, f32::NEG_INFINITY, &backend), "");
        }
        assert!(refused(1e5, 0.0, &f16).contains("use float32"));
    }
}
