//! Column maxima of a matrix product, in float32, at little more than the cost of an 8-bit product.
//!
//! Max pooling needs, of the decoder's product `[tokens, vocabulary]`, only the maximum of each term over the tokens of
//! a text, and only if it is positive. An 8-bit product bounds each element: with `x̂` and `ŵ` the dequantized values
//! of `x` and `w`, `x·w − x̂·ŵ = (x − x̂)·w + x̂·(w − ŵ)`, whose magnitude is at most `‖x − x̂‖ ‖w‖ + ‖x̂‖ ‖w − ŵ‖`
//! (Cauchy–Schwarz). An element whose upper bound is below another element's lower bound is not the maximum, and a term
//! without a positive upper bound has no weight. Only the remaining candidates are computed in float32 from the
//! original weights. There are few, and very few in a trained model, in which most terms are unrelated to a text.
//!
//! The result equals, bit for bit, the maximum of the float32 products of [`max_dot`], and depends only on the rows of
//! the text. This requires two properties of the bounds:
//!
//! - They include float32 rounding: they are widened by the rounding error of a product and of the bounds themselves,
//!   relative to the norms of the rows, and by an absolute term for denormal numbers ([`rounding_error_factor`]).
//! - They are never NaN. A comparison with NaN is false, so an element with such a bound would never be computed, and an
//!   overflow would be lost. If the inputs of a sequence are so large that a product or a bound may overflow, every
//!   element is computed and checked ([`BoundedMaxTile::max_input`]).
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

/// Number of outputs per tile: their rows stay in the L2 cache while all sequences of a batch are processed. A multiple
/// of every SIMD vector length.
pub const TILE_OUTPUTS: usize = 64;
/// Number of independent accumulators of a dot product, which hide the latency of the additions.
const ACCUMULATORS: usize = 4;
/// Largest input, 2⁸⁰, for which no bound can overflow: in units of a weight's scale a bound is below 2¹⁰ times the
/// number of inputs times the largest input.
const MAX_INPUT: f32 = (1u128 << 80) as f32;

/// A `[outputs, inputs]` weight and its bias, packed for column maxima.
pub struct BoundedMaxWeight {
    coarse: Int8Weight,
    /// float32 weight, padded with rows of zeros to a multiple of the tile size.
    exact: AlignedBuffer,
    /// Bias; −∞ for padding rows.
    bias: Vec<f32>,
    /// Norm of each output's row, in units of its quantization scale.
    norms: Vec<f32>,
    /// Norm of the quantization error of each output's row, in the same units.
    error_norms: Vec<f32>,
    rounding_error: f32,
    /// [`BoundedMaxTile::max_input`] of each tile.
    max_inputs: Vec<f32>,
}

/// Bounds the float32 rounding error of a product of two rows of `inputs` elements, relative to the product of their
/// norms and, in units of a weight's scale, for denormal numbers.
///
/// The error of a sum of `n` terms is at most `n · 2⁻²⁴` of their magnitudes in any order of addition, plus 2⁻¹⁵⁰ per
/// operation with a denormal result; a scale is at least 2⁻¹²⁶. The returned bound is twice that, with 16 additional
/// operations for the bounds themselves.
fn rounding_error_factor(inputs: usize) -> f32 {
    (inputs + 16) as f32 * f32::EPSILON
}

/// Prepared left operand of a product, `[rows, inputs]`.
pub struct BoundedMaxRows {
    coarse: Int8Rows,
    exact: AlignedBuffer,
    /// Norm of each dequantized row.
    norms: Vec<f32>,
    /// Norm of each row's quantization error.
    error_norms: Vec<f32>,
}

/// Reusable buffers for bounds and candidates.
#[derive(Default)]
pub struct BoundedMaxScratch {
    upper_bounds: Vec<f32>,
    candidates: Vec<u32>,
}

impl BoundedMaxWeight {
    /// Packs a row-major weight `[outputs, inputs]` with its bias `[outputs]`.
    ///
    /// # Errors
    /// If the lengths of `weight` and `bias` do not match `inputs`.
    pub fn new(weight: &[f32], bias: &[f32], inputs: usize) -> Result<Self> {
        if bias.is_empty() || weight.len() != bias.len() * inputs {
            bail!("shape mismatch: a weight of {} elements, expected [{}, {inputs}]", weight.len(), bias.len());
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
                // The rounding error is relative to ‖x‖ ‖w‖, and ‖x‖ ≤ ‖x̂‖ + ‖x − x̂‖. This factor covers the second
                // summand; `compute_bounds` adds the first.
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

    /// Quantizes and packs the left operand; `x` is `[rows, inputs]`.
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

    /// Iterates over the weight in tiles of [`TILE_OUTPUTS`] outputs.
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

/// A range of a weight's outputs.
pub struct BoundedMaxTile<'a> {
    weight: &'a BoundedMaxWeight,
    tile: &'a Int8Tile,
    outputs: Range<usize>,
    /// Largest magnitude of inputs for which neither a product nor a bound overflows; −1 if a weight is not finite.
    max_input: f32,
}

impl<'a> BoundedMaxTile<'a> {
    /// Computes the 8-bit product. `rows` must be prepared by the same weight.
    pub fn multiply(&'a self, rows: &'a BoundedMaxRows, sums: &'a mut Vec<i32>) -> Result<BoundedMaxProduct<'a>> {
        Ok(BoundedMaxProduct { tile: self, rows, coarse: self.tile.multiply(&rows.coarse, sums)? })
    }
}

/// 8-bit product of a tile, `[rows, TILE_OUTPUTS]`, with the data to refine it.
pub struct BoundedMaxProduct<'a> {
    tile: &'a BoundedMaxTile<'a>,
    rows: &'a BoundedMaxRows,
    coarse: Int8GemmOutput<'a>,
}

impl BoundedMaxProduct<'_> {
    /// Returns the maximum of `product + bias` over some rows for each output, exact if positive and otherwise any
    /// non-positive value; `None` if a product is not finite.
    pub fn max_over_rows(&self, rows: &SequenceRows, scratch: &mut BoundedMaxScratch) -> Option<[f32; TILE_OUTPUTS]> {
        let mut best = [f32::NEG_INFINITY; TILE_OUTPUTS];
        // NaN compares false and selects the exact path.
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

/// Computes every element in float32. Returns false if one is not finite.
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
                // `max_dot` returns −∞ for NaN, since `f32::max` ignores NaN.
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

/// Computes the maxima of all columns of a tile, one SIMD vector of columns at a time.
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
    /// Lists for each column of a SIMD vector the rows that may be its maximum, and returns their numbers; `None` if no
    /// element can be positive.
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

    /// Writes the upper bounds `[rows, lanes]` of a SIMD vector of columns, in units of their scales, and returns the
    /// threshold that a candidate must reach in each column: ∞ if no element of it can be positive. `None` if that
    /// holds for all columns.
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
            // The addend covers denormal rounding, which does not depend on the norms.
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

    /// Computes the candidates in float32 and writes the maximum of each column to `best`.
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
            // Four rows share each load of the weight.
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

/// Lists the rows whose upper bound reaches the threshold: one list of `rows.len()` entries per lane, filled up to
/// `counts`.
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

/// Returns the largest dot product of `weight` with `N` rows. The order of summation does not depend on the other rows,
/// so results are reproducible bit for bit.
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

/// Sums the lanes of a SIMD vector; their number is a multiple of four.
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

/// Computes the Euclidean norm of a row.
///
/// In float64, squares of float32 numbers neither overflow nor underflow.
fn euclidean_norm(row: impl Iterator<Item = f64>) -> f64 {
    row.map(|x| x * x).sum::<f64>().sqrt()
}

/// Rounds a norm up to float32: adds a thousandth, and avoids denormal numbers, whose relative error may be large.
fn round_norm_up(length: f64) -> f32 {
    if length == 0.0 { 0.0 } else { ((1.001 * length) as f32).max(f32::MIN_POSITIVE) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Generates numbers that stress the bounds: repeated values, values exact in 8 bits or halfway between two steps,
    /// and outliers.
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

    /// Generates rows of one magnitude each: common, tiny, denormal or large.
    fn rows(inputs: usize, count: usize) -> impl Strategy<Value = Vec<f32>> {
        let size = prop::sample::select(vec![1.0f32, 1.0, 1.0, 1e-3, 1e-19, 1e-30, 1e-38, 1e-42, 1e10, 1e18, 1e30]);
        let row = (prop::collection::vec(number(), inputs), size);
        let row = row.prop_map(|(row, size)| row.into_iter().map(|x| x * size).collect::<Vec<_>>());
        // Duplicates a row, so that several rows have the same maximum.
        (prop::collection::vec(row, count), any::<prop::sample::Index>()).prop_map(|(mut rows, twin)| {
            let last = rows.len() - 1;
            rows[last] = rows[twin.index(last + 1)].clone();
            rows.concat()
        })
    }

    /// Generates positions and values that make a matrix non-finite or prone to overflow.
    fn corruptions() -> impl Strategy<Value = Vec<(prop::sample::Index, f32)>> {
        let bad = prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38, -3e38, 1e25]);
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec((any::<prop::sample::Index>(), bad), 1..3)]
    }

    fn cases() -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>, Vec<f32>)> {
        (1usize..140, 1usize..150, 1usize..20).prop_flat_map(|(inputs, outputs, count)| {
            let bias =
                prop_oneof![8 => -3.0f32..3.0, 2 => Just(0.0), 1 => -1e-38f32..1e-38, 1 => Just(f32::NEG_INFINITY)];
            let matrix = |count| {
                (rows(inputs, count), corruptions()).prop_map(|(mut matrix, corruptions)| {
                    let len = matrix.len();
                    corruptions.iter().for_each(|(at, bad)| matrix[at.index(len)] = *bad);
                    matrix
                })
            };
            (Just(inputs), matrix(outputs), prop::collection::vec(bias, outputs), matrix(count))
        })
    }

    /// Computes all products one by one: `[outputs, rows]`.
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
        /// Property: a positive maximum equals, bit for bit, the maximum of all elements computed one by one; it is
        /// `None` if an element is not finite.
        #[test]
        fn is_the_maximum((inputs, weight, bias, x) in cases()) {
            let bounded_max = BoundedMaxWeight::new(&weight, &bias, inputs).unwrap();
            let rows = bounded_max.prepare_rows(&x).unwrap();
            let count = x.len() / inputs;
            // The first half of the rows must not affect the result of the second.
            let [first, second] = [0..count / 2, count / 2..count].map(|range| SequenceRows::new(&x, inputs, range));
            let (mut sums, mut scratch) = (Vec::new(), BoundedMaxScratch::default());
            let all = OneByOne { weight: &weight, x: &x, inputs }.dispatch();
            for (number, tile) in bounded_max.tiles().enumerate() {
                let product = tile.multiply(&rows, &mut sums).unwrap();
                product.max_over_rows(&first, &mut scratch);
                let got = product.max_over_rows(&second, &mut scratch);
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

    /// With unrelated rows, the bounds exclude most elements.
    #[test]
    fn bounds_exclude_most_elements() {
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
        let bounded_max = BoundedMaxWeight::new(&weight, &vec![0.0; outputs], inputs).unwrap();
        let rows = bounded_max.prepare_rows(&x).unwrap();
        let (mut sums, mut scratch) = (Vec::new(), BoundedMaxScratch::default());
        let tile = bounded_max.tiles().next().unwrap();
        let product = tile.multiply(&rows, &mut sums).unwrap();
        let counts = Count { product: &product, rows: 0..count, scratch: &mut scratch }.dispatch();
        assert!(counts > 0 && counts < outputs * count / 10, "{counts} of {}", outputs * count);
    }

    /// Counts the candidates of all columns of a tile.
    struct Count<'a> {
        product: &'a BoundedMaxProduct<'a>,
        rows: Range<usize>,
        scratch: &'a mut BoundedMaxScratch,
    }

    impl SimdOp for Count<'_> {
        type Output = usize;

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) -> usize {
            let Self { product, rows, scratch } = self;
            let mut all = 0;
            for at in (0..TILE_OUTPUTS).step_by(isa.f32().len()) {
                let counts = product.find_candidates(isa, rows.clone(), at, scratch);
                all += counts.iter().flatten().sum::<usize>();
            }
            all
        }
    }
}
