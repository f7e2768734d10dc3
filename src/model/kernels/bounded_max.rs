//! The largest element of each column of a product, in float32, at little more than the cost of a product in 8 bits.
//!
//! Of a decoder's product, `[tokens, vocabulary]`, only each term's maximum over the tokens of a text is wanted, and only
//! where it is positive. A product in 8 bits tells within which bounds each element lies: with `x̂` and `ŵ` what 8 bits keep
//! of `x` and `w`, `x·w − x̂·ŵ = (x − x̂)·w + x̂·(w − ŵ)`, which is at most `‖x − x̂‖ ‖w‖ + ‖x̂‖ ‖w − ŵ‖` (Cauchy and
//! Schwarz). An element whose upper bound is below another's lower bound is not the largest, and one whose upper bound is
//! not positive has no weight. What is left is computed in float32 from the weights as they are: few elements, and in a
//! trained model, where most terms of the vocabulary have nothing to do with a text, very few.
//!
//! The result is exactly, to the bit, the maximum of the float32 products that [`largest_dot`] gives one by one, and
//! depends on nothing but the text's own rows. That asks two things of the bounds:
//!
//! - They hold for the products as float32 computes them, so they are widened by what rounding can add to a product and
//!   to the bounds themselves, relative to the lengths of the rows, and absolutely where numbers are denormal
//!   ([`rounding`]).
//! - They are numbers. A comparison with NaN is false, so an element with such a bound would never be computed, and an
//!   element that overflows would be lost. Where a sequence's inputs are so large that a product or a bound may
//!   overflow, every element is computed and looked at ([`ScreenedTile::largest_input`]).
//!
//! See docs/adr/0012-bounded-maximum.md.

use std::ops::Range;

use candle_core::{Result, bail};
use rten_simd::ops::{BitOps, MaskOps, NumOps, ToFloat};
use rten_simd::{Isa, Mask, Simd, SimdOp};

use super::aligned::AlignedBuffer;
use super::epilogue::MAX_LANES;
use super::finite::{SequenceRows, max_input_without_overflow};
use super::int8::{Int8GemmOutput, Int8Rows, Int8Tile, Int8Weight};
use super::quantize::quantization_error;

/// Outputs of a tile: their rows stay in the second-level cache while the sequences of a batch pass by. A multiple of every
/// vector's lanes.
pub const TILE_OUTPUTS: usize = 64;
/// Vectors that a dot product is summed in, so that its additions need not wait for each other.
const ACCUMULATORS: usize = 4;
/// No bound overflows with inputs up to this magnitude, 2⁸⁰: in units of a weight's scale a bound is below 2¹⁰ times
/// the number of inputs times the largest input.
const MAX_INPUT: f32 = (1u128 << 80) as f32;

/// A `[outputs, inputs]` weight and its bias, for maxima over rows.
pub struct BoundedMaxWeight {
    coarse: Int8Weight,
    /// The weight as it is, with rows of zeros at the end that fill the last tile.
    exact: AlignedBuffer,
    /// −∞ where there is no output.
    bias: Vec<f32>,
    /// Of each output, in units of its scale: the length of its row, and that of what 8 bits lose of it.
    norms: Vec<f32>,
    error_norms: Vec<f32>,
    rounding_error: f32,
    /// Of each tile: up to which magnitude of inputs it is screened.
    max_inputs: Vec<f32>,
}

/// What rounding in float32 may add to a product of two rows of so many elements: as a share of the product of their
/// lengths, and, in units of a weight's scale, where numbers are denormal.
///
/// A sum of `n` terms is off by at most `n · 2⁻²⁴` of their magnitudes, in whatever order it is added, and by 2⁻¹⁵⁰ for
/// each operation whose result is denormal; a scale is at least 2⁻¹²⁶. This is twice that, and 16 operations more for
/// the bounds.
fn rounding_error_factor(inputs: usize) -> f32 {
    (inputs + 16) as f32 * f32::EPSILON
}

/// The left side of a product, `[rows, inputs]`.
pub struct BoundedMaxRows {
    coarse: Int8Rows,
    exact: AlignedBuffer,
    /// Of each row: the length of what 8 bits keep of it, and that of what they lose.
    norms: Vec<f32>,
    error_norms: Vec<f32>,
}

/// What screening writes to; used again and again.
#[derive(Default)]
pub struct BoundedMaxScratch {
    upper_bounds: Vec<f32>,
    candidates: Vec<u32>,
}

impl BoundedMaxWeight {
    /// `weight` is `[outputs, inputs]` row by row, `bias` `[outputs]`.
    ///
    /// # Errors
    /// If their lengths don't fit each other.
    pub fn new(weight: &[f32], bias: &[f32], inputs: usize) -> Result<Self> {
        if bias.is_empty() || weight.len() != bias.len() * inputs {
            bail!("a weight of {} elements is not [{}, {inputs}]", weight.len(), bias.len());
        }
        let outputs = bias.len().next_multiple_of(TILE_OUTPUTS);
        let mut padded_bias = bias.to_vec();
        padded_bias.resize(outputs, f32::NEG_INFINITY);
        let exact = AlignedBuffer::new(weight, outputs * inputs);
        let coarse = Int8Weight::new(exact.as_slice(), [outputs, inputs], TILE_OUTPUTS)?;
        let rounding_error = rounding_error_factor(inputs);
        let (mut norms, mut error_norms) = (Vec::with_capacity(outputs), Vec::with_capacity(outputs));
        let mut max_inputs = Vec::with_capacity(outputs / TILE_OUTPUTS);
        for (tile, rows) in coarse.tiles().iter().zip(exact.as_slice().chunks(TILE_OUTPUTS * inputs)) {
            for (row, &scale) in rows.chunks_exact(inputs).zip(&tile.columns.scales) {
                // The inputs' own length is that of what 8 bits keep and lose of them.
                let widened = (1.0 + f64::from(rounding_error)) / f64::from(scale);
                norms.push(round_norm_up(euclidean_norm(row.iter().copied().map(f64::from)) * widened));
                error_norms.push(round_norm_up(
                    euclidean_norm(row.iter().map(|&weight| quantization_error(weight, scale))) / f64::from(scale),
                ));
            }
            max_inputs.push(max_input_without_overflow(rows, inputs, f32::MAX.into()).min(MAX_INPUT));
        }
        Ok(Self { coarse, exact, bias: padded_bias, norms, error_norms, rounding_error, max_inputs })
    }

    /// Prepares the left side of products: `x` is `[rows, inputs]`.
    pub fn prepare_rows(&self, x: &[f32]) -> Result<BoundedMaxRows> {
        let coarse = self.coarse.prepare_rows(x)?;
        let (mut norms, mut error_norms) = (Vec::new(), Vec::new());
        for (row_index, row) in x.chunks_exact(self.coarse.inputs).enumerate() {
            let dequantized = coarse.quantized.dequantize_row(row_index, self.coarse.inputs);
            norms.push(round_norm_up(euclidean_norm(dequantized.clone())));
            error_norms.push(round_norm_up(euclidean_norm(
                row.iter().zip(dequantized).map(|(&x, dequantized)| f64::from(x) - dequantized),
            )));
        }
        Ok(BoundedMaxRows { coarse, exact: AlignedBuffer::new(x, x.len()), norms, error_norms })
    }

    /// The weight in tiles of [`TILE`] outputs.
    pub fn tiles(&self) -> impl Iterator<Item = BoundedMaxTile<'_>> {
        let tiles = self.coarse.tiles().iter().enumerate();
        tiles.zip(&self.max_inputs).map(|((index, tile), &max_input)| BoundedMaxTile {
            weight: self,
            tile,
            outputs: index * TILE_OUTPUTS..(index + 1) * TILE_OUTPUTS,
            max_input,
        })
    }
}

/// Some of a weight's outputs.
pub struct BoundedMaxTile<'a> {
    weight: &'a BoundedMaxWeight,
    tile: &'a Int8Tile,
    outputs: Range<usize>,
    /// Up to this magnitude of inputs neither a product nor a bound overflows; −1 if a weight is not finite.
    max_input: f32,
}

impl<'a> BoundedMaxTile<'a> {
    /// The product in 8 bits. `rows` must have been prepared by the tile's own weight.
    pub fn multiply(&'a self, rows: &'a BoundedMaxRows, sums: &'a mut Vec<i32>) -> Result<BoundedMaxProduct<'a>> {
        Ok(BoundedMaxProduct { tile: self, rows, coarse: self.tile.multiply(&rows.coarse, sums)? })
    }
}

/// A tile's part of a product, `[rows, TILE]`.
pub struct BoundedMaxProduct<'a> {
    tile: &'a BoundedMaxTile<'a>,
    rows: &'a BoundedMaxRows,
    coarse: Int8GemmOutput<'a>,
}

impl BoundedMaxProduct<'_> {
    /// The maximum of `product + bias` of each output over some rows, where it is positive, and else anything that is
    /// not; `None` if a product is not finite.
    pub fn max_over_rows(&self, rows: &SequenceRows, scratch: &mut BoundedMaxScratch) -> Option<[f32; TILE_OUTPUTS]> {
        let mut best = [f32::NEG_INFINITY; TILE_OUTPUTS];
        // False for NaN, too.
        if rows.max_abs <= self.tile.max_input {
            BoundedMaxOverRows { product: self, rows: rows.range.clone(), scratch, best: &mut best }.dispatch();
        } else if !(ExactMaxOverRows { product: self, rows: rows.range.clone(), best: &mut best }.dispatch()) {
            return None;
        }
        for (best, bias) in best.iter_mut().zip(&self.tile.weight.bias[self.tile.outputs.clone()]) {
            *best += bias;
        }
        Some(best)
    }
}

/// Takes the maximum of every element, and gives whether all are finite.
struct ExactMaxOverRows<'a> {
    product: &'a BoundedMaxProduct<'a>,
    rows: Range<usize>,
    best: &'a mut [f32; TILE_OUTPUTS],
}

impl SimdOp for ExactMaxOverRows<'_> {
    type Output = bool;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> bool {
        let Self { product: BoundedMaxProduct { tile, rows: BoundedMaxRows { exact, .. }, .. }, rows, best } = self;
        let inputs = tile.weight.coarse.inputs;
        let weights = &tile.weight.exact.as_slice()[tile.outputs.start * inputs..tile.outputs.end * inputs];
        for (weight, best) in weights.chunks_exact(inputs).zip(best) {
            for row in exact.as_slice()[rows.start * inputs..rows.end * inputs].chunks_exact(inputs) {
                // −∞ for NaN.
                let product = max_dot(isa, weight, [row]);
                if !product.is_finite() {
                    return false;
                }
                *best = best.max(product);
            }
        }
        true
    }
}

struct BoundedMaxOverRows<'a> {
    product: &'a BoundedMaxProduct<'a>,
    rows: Range<usize>,
    scratch: &'a mut BoundedMaxScratch,
    best: &'a mut [f32; TILE_OUTPUTS],
}

impl SimdOp for BoundedMaxOverRows<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { product, rows, scratch, best } = self;
        let lanes = isa.f32().len();
        for (at, best) in (0..TILE_OUTPUTS).step_by(lanes).zip(best.chunks_exact_mut(lanes)) {
            if let Some(counts) = product.find_candidates(isa, rows.clone(), at, scratch) {
                product.compute_exact(isa, at, rows.len(), &scratch.candidates, &counts[..lanes], best);
            }
        }
    }
}

impl BoundedMaxProduct<'_> {
    /// Lists, for each of a vector of columns, the rows that may be its maximum, and gives how many they are: nothing where
    /// no element is positive.
    #[inline(always)]
    fn find_candidates<I: Isa>(
        &self,
        isa: I,
        rows: Range<usize>,
        at: usize,
        scratch: &mut BoundedMaxScratch,
    ) -> Option<[usize; MAX_LANES]> {
        let BoundedMaxScratch { upper_bounds, candidates } = scratch;
        let lanes = isa.f32().len();
        upper_bounds.resize(rows.len() * lanes, 0.0);
        candidates.resize(rows.len() * lanes, 0);
        let threshold = self.compute_bounds(isa, rows.clone(), at, upper_bounds)?;
        let mut counts = [0; MAX_LANES];
        collect_candidates(isa, upper_bounds, threshold, rows, candidates, &mut counts[..lanes]);
        Some(counts)
    }

    /// Makes `uppers` the upper bounds of a vector of columns, `[rows, lanes]`, in units of their scales, and gives what an
    /// element must reach to be its column's maximum: ∞ where none can be positive, or nothing if that is so everywhere.
    #[inline(always)]
    fn compute_bounds<I: Isa>(
        &self,
        isa: I,
        rows: Range<usize>,
        at: usize,
        upper_bounds: &mut [f32],
    ) -> Option<I::F32> {
        let (float, int, weight) = (isa.f32(), isa.i32(), self.tile.weight);
        let column = self.tile.outputs.start + at;
        let Int8GemmOutput { sums: products, rows: coarse, columns } = &self.coarse;
        let (scales, sums) = (float.load(&columns.scales[at..]), int.load(&columns.sums[at..]));
        let rounding_error = float.splat(weight.rounding_error);
        let norm = float.load(&weight.norms[column..]);
        let error_norm = float.mul_add(norm, rounding_error, float.load(&weight.error_norms[column..]));
        let (mut max_lower_bound, mut max_upper_bound) =
            (float.splat(f32::NEG_INFINITY), float.splat(f32::NEG_INFINITY));
        for (row, row_upper_bounds) in rows.zip(upper_bounds.chunks_exact_mut(float.len())) {
            let products = int.load(&products[row * TILE_OUTPUTS + at..]);
            let products = int.sub(products, int.mul(int.splat(coarse.zero_points[row]), sums));
            let estimate = float.mul(int.to_float(products), float.splat(coarse.scales[row]));
            // The last summand is what denormal numbers may lose, whatever the lengths.
            let lengths_error = float.mul_add(float.splat(self.rows.norms[row]), error_norm, rounding_error);
            let error_bound = float.mul_add(float.splat(self.rows.error_norms[row]), norm, lengths_error);
            max_lower_bound = float.max(max_lower_bound, float.sub(estimate, error_bound));
            let upper_bound = float.add(estimate, error_bound);
            max_upper_bound = float.max(max_upper_bound, upper_bound);
            float.store(upper_bound, row_upper_bounds);
        }
        let is_positive =
            float.gt(float.mul_add(max_upper_bound, scales, float.load(&weight.bias[column..])), float.zero());
        isa.m32().any(is_positive).then(|| float.select(max_lower_bound, float.splat(f32::INFINITY), is_positive))
    }

    /// Makes `best` the maximum of each column over its candidates, each computed in float32.
    #[inline(always)]
    fn compute_exact<I: Isa>(
        &self,
        isa: I,
        at: usize,
        rows: usize,
        candidates: &[u32],
        counts: &[usize],
        best: &mut [f32],
    ) {
        let inputs = self.tile.weight.coarse.inputs;
        let weights = &self.tile.weight.exact.as_slice()[(self.tile.outputs.start + at) * inputs..];
        let x = self.rows.exact.as_slice();
        let row = |index: u32| &x[index as usize * inputs..][..inputs];
        let columns = weights.chunks_exact(inputs).zip(candidates.chunks_exact(rows)).zip(counts).zip(best);
        for (((weight, candidates), &count), best) in columns {
            let mut quads = candidates[..count].chunks_exact(4);
            for quad in &mut quads {
                *best = best.max(max_dot(isa, weight, [row(quad[0]), row(quad[1]), row(quad[2]), row(quad[3])]));
            }
            *best = match *quads.remainder() {
                [one] => best.max(max_dot(isa, weight, [row(one)])),
                [one, two] => best.max(max_dot(isa, weight, [row(one), row(two)])),
                [one, two, three] => best.max(max_dot(isa, weight, [row(one), row(two), row(three)])),
                _ => *best,
            };
        }
    }
}

/// Lists the rows whose upper bound reaches `least`, a list of `rows.len()` for each lane, of which `counts` are used.
#[inline(always)]
fn collect_candidates<I: Isa>(
    isa: I,
    upper_bounds: &[f32],
    threshold: I::F32,
    rows: Range<usize>,
    candidates: &mut [u32],
    counts: &mut [usize],
) {
    let float = isa.f32();
    let max_candidates = rows.len();
    for (row, row_upper_bounds) in rows.zip(upper_bounds.chunks_exact(float.len())) {
        let reaches_threshold = float.ge(float.load(row_upper_bounds), threshold);
        if !isa.m32().any(reaches_threshold) {
            continue;
        }
        let mut bits = 0u64;
        for (lane, &is_candidate) in reaches_threshold.to_array().as_ref().iter().enumerate() {
            bits |= u64::from(is_candidate) << lane;
        }
        while bits != 0 {
            let lane = bits.trailing_zeros() as usize;
            candidates[lane * max_candidates + counts[lane]] = row as u32;
            counts[lane] += 1;
            bits &= bits - 1;
        }
    }
}

/// The largest dot product of `weight` with some rows of its length. Each is summed in the same order, whatever the others.
#[inline(always)]
fn max_dot<I: Isa, const N: usize>(isa: I, weight: &[f32], rows: [&[f32]; N]) -> f32 {
    let float = isa.f32();
    let lanes = float.len();
    let mut sums = [[float.zero(); ACCUMULATORS]; N];
    let mut rows = rows.map(|row| row.chunks_exact(ACCUMULATORS * lanes));
    let weights = weight.chunks_exact(ACCUMULATORS * lanes);
    let remainder = weights.remainder();
    for weight in weights {
        for (sums, row) in sums.iter_mut().zip(&mut rows) {
            let Some(row) = row.next() else { continue };
            for (vector, sum) in sums.iter_mut().enumerate() {
                *sum = float.mul_add(float.load(&row[vector * lanes..]), float.load(&weight[vector * lanes..]), *sum);
            }
        }
    }
    for (sums, row) in sums.iter_mut().zip(&rows) {
        for (weight, row) in remainder.chunks(lanes).zip(row.remainder().chunks(lanes)) {
            sums[0] = float.mul_add(float.load_pad(row).0, float.load_pad(weight).0, sums[0]);
        }
    }
    let mut largest = f32::NEG_INFINITY;
    for [a, b, c, d] in sums {
        let sum = float.add(float.add(a, b), float.add(c, d));
        largest = largest.max(sum_lanes(sum.to_array().as_ref()));
    }
    largest
}

/// The sum of a vector, whose lanes are a multiple of four.
#[inline(always)]
fn sum_lanes(lanes: &[f32]) -> f32 {
    let mut sums = [0.0; 4];
    for four in lanes.chunks_exact(4) {
        for (sum, lane) in sums.iter_mut().zip(four) {
            *sum += lane;
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// The Euclidean length of a row.
///
/// In float64 the squares of float32 numbers neither overflow nor vanish.
fn euclidean_norm(row: impl Iterator<Item = f64>) -> f64 {
    row.map(|x| x * x).sum::<f64>().sqrt()
}

/// A length in float32 that is not below it: a thousandth more, and no denormal number, which may be far off.
fn round_norm_up(length: f64) -> f32 {
    if length == 0.0 { 0.0 } else { ((1.001 * length) as f32).max(f32::MIN_POSITIVE) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that are hard on the bounds: many alike, exact in 8 bits or halfway between two steps, a few far out.
    fn number() -> BoxedStrategy<f32> {
        prop_oneof![
            8 => -1.0f32..1.0,
            2 => prop::sample::select(vec![0.0, -0.0]),
            4 => prop::sample::select(vec![-1.0, -0.5, 0.25, 0.5, 1.0]),
            2 => (-255i16..=255).prop_map(|steps| f32::from(steps) / 254.0),
            1 => -30.0f32..30.0,
        ]
        .boxed()
    }

    /// Rows of such numbers, alike in size: common ones, tiny ones, denormal ones, large ones.
    fn rows(inputs: usize, count: usize) -> impl Strategy<Value = Vec<f32>> {
        let size = prop::sample::select(vec![1.0f32, 1.0, 1.0, 1e-3, 1e-19, 1e-30, 1e-38, 1e-42, 1e10, 1e18, 1e30]);
        let row = (prop::collection::vec(number(), inputs), size);
        let row = row.prop_map(|(row, size)| row.into_iter().map(|x| x * size).collect::<Vec<_>>());
        // Twins, so that several rows have the same maximum.
        (prop::collection::vec(row, count), any::<prop::sample::Index>()).prop_map(|(mut rows, twin)| {
            let last = rows.len() - 1;
            rows[last] = rows[twin.index(last + 1)].clone();
            rows.concat()
        })
    }

    /// What spoils a matrix: the place and the number.
    fn spoilers() -> impl Strategy<Value = Vec<(prop::sample::Index, f32)>> {
        let bad = prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38, -3e38, 1e25]);
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec((any::<prop::sample::Index>(), bad), 1..3)]
    }

    fn cases() -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>, Vec<f32>)> {
        (1usize..140, 1usize..150, 1usize..20).prop_flat_map(|(inputs, outputs, count)| {
            let bias =
                prop_oneof![8 => -3.0f32..3.0, 2 => Just(0.0), 1 => -1e-38f32..1e-38, 1 => Just(f32::NEG_INFINITY)];
            let matrix = |count| {
                (rows(inputs, count), spoilers()).prop_map(|(mut matrix, spoilers)| {
                    let len = matrix.len();
                    spoilers.iter().for_each(|(at, bad)| matrix[at.index(len)] = *bad);
                    matrix
                })
            };
            (Just(inputs), matrix(outputs), prop::collection::vec(bias, outputs), matrix(count))
        })
    }

    /// All products, one by one: `[outputs, rows]`.
    struct OneByOne<'a> {
        weight: &'a [f32],
        x: &'a [f32],
        inputs: usize,
    }

    impl SimdOp for OneByOne<'_> {
        type Output = Vec<Vec<f32>>;

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) -> Vec<Vec<f32>> {
            let mut all = Vec::new();
            for weight in self.weight.chunks(self.inputs) {
                let mut products = Vec::new();
                for row in self.x.chunks(self.inputs) {
                    products.push(max_dot(isa, weight, [row]));
                }
                all.push(products);
            }
            all
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        /// Law: the maximum is the one of all elements, computed one by one, to the bit, wherever it is positive; and
        /// there is none where an element is not finite.
        #[test]
        fn is_the_maximum((inputs, weight, bias, x) in cases()) {
            let screened = BoundedMaxWeight::new(&weight, &bias, inputs).unwrap();
            let rows = screened.prepare_rows(&x).unwrap();
            let count = x.len() / inputs;
            // The first half of the rows does not matter to the second.
            let [first, second] = [0..count / 2, count / 2..count].map(|range| SequenceRows::new(&x, inputs, range));
            let (mut sums, mut screening) = (Vec::new(), BoundedMaxScratch::default());
            let all = OneByOne { weight: &weight, x: &x, inputs }.dispatch();
            for (number, tile) in screened.tiles().enumerate() {
                let product = tile.multiply(&rows, &mut sums).unwrap();
                product.max_over_rows(&first, &mut screening);
                let got = product.max_over_rows(&second, &mut screening);
                let outputs = number * TILE_OUTPUTS..bias.len().min((number + 1) * TILE_OUTPUTS);
                let is_finite = all[outputs.clone()].iter().all(|products| {
                    products[second.range.clone()].iter().all(|product| product.is_finite())
                });
                prop_assert_eq!(got.is_some(), is_finite);
                let Some(got) = got else { continue };
                for (output, &got) in outputs.clone().zip(&got) {
                    let products = &all[output][second.range.clone()];
                    let want = products.iter().copied().fold(f32::NEG_INFINITY, f32::max) + bias[output];
                    if want > 0.0 || got > 0.0 {
                        prop_assert_eq!(got.to_bits(), want.to_bits(), "{} for {}", got, want);
                    }
                }
                prop_assert!(got[outputs.len()..].iter().all(|&padding| padding == f32::NEG_INFINITY));
            }
        }
    }

    /// Most elements of a product with unrelated rows are ruled out by their bounds.
    #[test]
    fn few_are_computed() {
        let mut state = 1u64;
        let mut random = |count: usize| -> Vec<f32> {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            };
            std::iter::repeat_with(|| next() + next() + next()).take(count).collect()
        };
        let (inputs, outputs, count) = (256, TILE_OUTPUTS, 100);
        let (weight, x) = (random(inputs * outputs), random(inputs * count));
        let screened = BoundedMaxWeight::new(&weight, &vec![0.0; outputs], inputs).unwrap();
        let rows = screened.prepare_rows(&x).unwrap();
        let (mut sums, mut screening) = (Vec::new(), BoundedMaxScratch::default());
        let tile = screened.tiles().next().unwrap();
        let product = tile.multiply(&rows, &mut sums).unwrap();
        let counts = Count { product: &product, rows: 0..count, screening: &mut screening }.dispatch();
        assert!(counts > 0 && counts < outputs * count / 10, "{counts} of {}", outputs * count);
    }

    struct Count<'a> {
        product: &'a BoundedMaxProduct<'a>,
        rows: Range<usize>,
        screening: &'a mut BoundedMaxScratch,
    }

    impl SimdOp for Count<'_> {
        type Output = usize;

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) -> usize {
            let Self { product, rows, screening } = self;
            let mut all = 0;
            for at in (0..TILE_OUTPUTS).step_by(isa.f32().len()) {
                let counts = product.find_candidates(isa, rows.clone(), at, screening);
                all += counts.iter().flatten().sum::<usize>();
            }
            all
        }
    }
}
