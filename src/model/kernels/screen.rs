//! The largest element of each column of a product, in float32, at little more than the cost of a product in 8 bits.
//!
//! Of a decoder's product, `[tokens, vocabulary]`, only each term's maximum over the tokens of a text is wanted, and only
//! where it is positive. A product in 8 bits tells within which bounds each element lies: with `x̂` and `ŵ` what 8 bits keep
//! of `x` and `w`, `x·w − x̂·ŵ = (x − x̂)·w + x̂·(w − ŵ)`, which is at most `‖x − x̂‖ ‖w‖ + ‖x̂‖ ‖w − ŵ‖` (Cauchy and
//! Schwarz). An element whose upper bound is below another's lower bound is not the largest, and one whose upper bound is
//! not positive has no weight. What is left is computed in float32 from the weights as they are: few elements, and in a
//! trained model, where most terms of the vocabulary have nothing to do with a text, very few. So the result is exactly the
//! maximum of float32 products, and depends on nothing but the text's own rows.

use std::ops::Range;

use candle_core::{Result, bail};
use rten_simd::ops::{BitOps, MaskOps, NumOps, ToFloat};
use rten_simd::{Isa, Mask, Simd, SimdOp};

use super::aligned::Aligned;
use super::epilogue::MAX_LANES;
use super::int8::{Int8Product, Int8Rows, Int8Tile, Int8Weight};
use super::quantize::lost;

/// Outputs of a tile: their rows stay in the second-level cache while the sequences of a batch pass by. A multiple of every
/// vector's lanes.
pub const TILE: usize = 64;
/// Vectors that a dot product is summed in, so that its additions need not wait for each other.
const SUMS: usize = 4;

/// A `[outputs, inputs]` weight and its bias, for maxima over rows.
pub struct ScreenedWeight {
    coarse: Int8Weight,
    /// The weight as it is, with rows of zeros at the end that fill the last tile.
    exact: Aligned,
    /// −∞ where there is no output.
    bias: Vec<f32>,
    /// Of each output, in units of its scale: the length of its row, and that of what 8 bits lose of it.
    lengths: Vec<f32>,
    losses: Vec<f32>,
    /// What rounding in float32 may add to a product of two rows, as a share of their lengths.
    rounding: f32,
}

/// The left side of a product, `[rows, inputs]`.
pub struct ScreenedRows {
    coarse: Int8Rows,
    exact: Aligned,
    /// Of each row: the length of what 8 bits keep of it, and that of what they lose.
    lengths: Vec<f32>,
    losses: Vec<f32>,
}

/// What screening writes to; used again and again.
#[derive(Default)]
pub struct Screening {
    uppers: Vec<f32>,
    candidates: Vec<u32>,
}

impl ScreenedWeight {
    /// `weight` is `[outputs, inputs]` row by row, `bias` `[outputs]`.
    ///
    /// # Errors
    /// If their lengths don't fit each other.
    pub fn new(weight: &[f32], bias: &[f32], inputs: usize) -> Result<Self> {
        if bias.is_empty() || weight.len() != bias.len() * inputs {
            bail!("a weight of {} elements is not [{}, {inputs}]", weight.len(), bias.len());
        }
        let outputs = bias.len().next_multiple_of(TILE);
        let mut padded = bias.to_vec();
        padded.resize(outputs, f32::NEG_INFINITY);
        let exact = Aligned::new(weight, outputs * inputs);
        let coarse = Int8Weight::new(exact.as_slice(), [outputs, inputs], TILE)?;
        let (mut lengths, mut losses) = (Vec::with_capacity(outputs), Vec::with_capacity(outputs));
        for (tile, rows) in coarse.tiles().iter().zip(exact.as_slice().chunks(TILE * inputs)) {
            for (row, &scale) in rows.chunks_exact(inputs).zip(&tile.columns.scales) {
                lengths.push(length(row.iter().copied()) / scale);
                losses.push(length(row.iter().map(|&weight| lost(weight, scale))) / scale);
            }
        }
        // Twice what the worst order of additions can do.
        let rounding = (inputs + 16) as f32 * f32::EPSILON;
        Ok(Self { coarse, exact, bias: padded, lengths, losses, rounding })
    }

    /// Prepares the left side of products: `x` is `[rows, inputs]`.
    pub fn rows(&self, x: &[f32]) -> Result<ScreenedRows> {
        let coarse = self.coarse.rows(x)?;
        let (mut lengths, mut losses) = (Vec::new(), Vec::new());
        for (number, row) in x.chunks_exact(self.coarse.inputs).enumerate() {
            let kept = coarse.rows.row(number, self.coarse.inputs);
            lengths.push(length(kept.clone()));
            losses.push(length(row.iter().zip(kept).map(|(x, kept)| x - kept)));
        }
        Ok(ScreenedRows { coarse, exact: Aligned::new(x, x.len()), lengths, losses })
    }

    /// The weight in tiles of [`TILE`] outputs.
    pub fn tiles(&self) -> impl Iterator<Item = ScreenedTile<'_>> {
        let tiles = self.coarse.tiles().iter().enumerate();
        tiles.map(|(index, tile)| ScreenedTile { weight: self, tile, outputs: index * TILE..(index + 1) * TILE })
    }
}

/// Some of a weight's outputs.
pub struct ScreenedTile<'a> {
    weight: &'a ScreenedWeight,
    tile: &'a Int8Tile,
    outputs: Range<usize>,
}

impl<'a> ScreenedTile<'a> {
    /// The product in 8 bits. `rows` must have been prepared by the tile's own weight.
    pub fn multiply(&'a self, rows: &'a ScreenedRows, sums: &'a mut Vec<i32>) -> Result<Screened<'a>> {
        Ok(Screened { tile: self, rows, coarse: self.tile.multiply(&rows.coarse, sums)? })
    }
}

/// A tile's part of a product, `[rows, TILE]`.
pub struct Screened<'a> {
    tile: &'a ScreenedTile<'a>,
    rows: &'a ScreenedRows,
    coarse: Int8Product<'a>,
}

impl Screened<'_> {
    /// The maximum of `product + bias` of each output over some rows, where it is positive, and else anything that is not.
    pub fn max_rows(&self, rows: Range<usize>, screening: &mut Screening) -> [f32; TILE] {
        let mut best = [f32::NEG_INFINITY; TILE];
        MaxRows { product: self, rows, screening, best: &mut best }.dispatch();
        for (best, bias) in best.iter_mut().zip(&self.tile.weight.bias[self.tile.outputs.clone()]) {
            *best += bias;
        }
        best
    }
}

struct MaxRows<'a> {
    product: &'a Screened<'a>,
    rows: Range<usize>,
    screening: &'a mut Screening,
    best: &'a mut [f32; TILE],
}

impl SimdOp for MaxRows<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { product, rows, screening, best } = self;
        let lanes = isa.f32().len();
        for (at, best) in (0..TILE).step_by(lanes).zip(best.chunks_exact_mut(lanes)) {
            if let Some(counts) = product.candidates(isa, rows.clone(), at, screening) {
                product.exact(isa, at, rows.len(), &screening.candidates, &counts[..lanes], best);
            }
        }
    }
}

impl Screened<'_> {
    /// Lists, for each of a vector of columns, the rows that may be its maximum, and gives how many they are: nothing where
    /// no element is positive.
    #[inline(always)]
    fn candidates<I: Isa>(
        &self,
        isa: I,
        rows: Range<usize>,
        at: usize,
        screening: &mut Screening,
    ) -> Option<[usize; MAX_LANES]> {
        let Screening { uppers, candidates } = screening;
        let lanes = isa.f32().len();
        uppers.resize(rows.len() * lanes, 0.0);
        candidates.resize(rows.len() * lanes, 0);
        let least = self.bounds(isa, rows.clone(), at, uppers)?;
        let mut counts = [0; MAX_LANES];
        reaching(isa, uppers, least, rows, candidates, &mut counts[..lanes]);
        Some(counts)
    }

    /// Makes `uppers` the upper bounds of a vector of columns, `[rows, lanes]`, in units of their scales, and gives what an
    /// element must reach to be its column's maximum: ∞ where none can be positive, or nothing if that is so everywhere.
    #[inline(always)]
    fn bounds<I: Isa>(&self, isa: I, rows: Range<usize>, at: usize, uppers: &mut [f32]) -> Option<I::F32> {
        let (float, int, weight) = (isa.f32(), isa.i32(), self.tile.weight);
        let column = self.tile.outputs.start + at;
        let Int8Product { sums: products, rows: coarse, columns } = &self.coarse;
        let (scales, sums) = (float.load(&columns.scales[at..]), int.load(&columns.sums[at..]));
        let rounding = float.splat(weight.rounding);
        let length = float.load(&weight.lengths[column..]);
        let loss = float.mul_add(length, rounding, float.load(&weight.losses[column..]));
        let (mut lower, mut upper) = (float.splat(f32::NEG_INFINITY), float.splat(f32::NEG_INFINITY));
        for (row, uppers) in rows.zip(uppers.chunks_exact_mut(float.len())) {
            let products = int.load(&products[row * TILE + at..]);
            let products = int.sub(products, int.mul(int.splat(coarse.zero_points[row]), sums));
            let near = float.mul(int.to_float(products), float.splat(coarse.scales[row]));
            let error = float.mul(float.splat(self.rows.lengths[row]), loss);
            let error = float.mul_add(float.splat(self.rows.losses[row]), length, error);
            lower = float.max(lower, float.sub(near, error));
            let most = float.add(near, error);
            upper = float.max(upper, most);
            float.store(most, uppers);
        }
        let positive = float.gt(float.mul_add(upper, scales, float.load(&weight.bias[column..])), float.zero());
        isa.m32().any(positive).then(|| float.select(lower, float.splat(f32::INFINITY), positive))
    }

    /// Makes `best` the maximum of each column over its candidates, each computed in float32.
    #[inline(always)]
    fn exact<I: Isa>(&self, isa: I, at: usize, rows: usize, candidates: &[u32], counts: &[usize], best: &mut [f32]) {
        let inputs = self.tile.weight.coarse.inputs;
        let weights = &self.tile.weight.exact.as_slice()[(self.tile.outputs.start + at) * inputs..];
        let x = self.rows.exact.as_slice();
        let row = |number: u32| &x[number as usize * inputs..][..inputs];
        let columns = weights.chunks_exact(inputs).zip(candidates.chunks_exact(rows)).zip(counts).zip(best);
        for (((weight, candidates), &count), best) in columns {
            let mut fours = candidates[..count].chunks_exact(4);
            for four in &mut fours {
                *best = best.max(largest_dot(isa, weight, [row(four[0]), row(four[1]), row(four[2]), row(four[3])]));
            }
            *best = match *fours.remainder() {
                [one] => best.max(largest_dot(isa, weight, [row(one)])),
                [one, two] => best.max(largest_dot(isa, weight, [row(one), row(two)])),
                [one, two, three] => best.max(largest_dot(isa, weight, [row(one), row(two), row(three)])),
                _ => *best,
            };
        }
    }
}

/// Lists the rows whose upper bound reaches `least`, a list of `rows.len()` for each lane, of which `counts` are used.
#[inline(always)]
fn reaching<I: Isa>(
    isa: I,
    uppers: &[f32],
    least: I::F32,
    rows: Range<usize>,
    lists: &mut [u32],
    counts: &mut [usize],
) {
    let float = isa.f32();
    let room = rows.len();
    for (row, uppers) in rows.zip(uppers.chunks_exact(float.len())) {
        let reach = float.ge(float.load(uppers), least);
        if !isa.m32().any(reach) {
            continue;
        }
        let mut bits = 0u64;
        for (lane, &reaches) in reach.to_array().as_ref().iter().enumerate() {
            bits |= u64::from(reaches) << lane;
        }
        while bits != 0 {
            let lane = bits.trailing_zeros() as usize;
            lists[lane * room + counts[lane]] = row as u32;
            counts[lane] += 1;
            bits &= bits - 1;
        }
    }
}

/// The largest dot product of `weight` with some rows of its length. Each is summed in the same order, whatever the others.
#[inline(always)]
fn largest_dot<I: Isa, const N: usize>(isa: I, weight: &[f32], rows: [&[f32]; N]) -> f32 {
    let float = isa.f32();
    let lanes = float.len();
    let mut sums = [[float.zero(); SUMS]; N];
    let mut rows = rows.map(|row| row.chunks_exact(SUMS * lanes));
    let weights = weight.chunks_exact(SUMS * lanes);
    let rest = weights.remainder();
    for weight in weights {
        for (sums, row) in sums.iter_mut().zip(&mut rows) {
            let Some(row) = row.next() else { continue };
            for (part, sum) in sums.iter_mut().enumerate() {
                *sum = float.mul_add(float.load(&row[part * lanes..]), float.load(&weight[part * lanes..]), *sum);
            }
        }
    }
    for (sums, row) in sums.iter_mut().zip(&rows) {
        for (weight, row) in rest.chunks(lanes).zip(row.remainder().chunks(lanes)) {
            sums[0] = float.mul_add(float.load_pad(row).0, float.load_pad(weight).0, sums[0]);
        }
    }
    let mut largest = f32::NEG_INFINITY;
    for [a, b, c, d] in sums {
        let sum = float.add(float.add(a, b), float.add(c, d));
        largest = largest.max(sum_of_lanes(sum.to_array().as_ref()));
    }
    largest
}

/// The sum of a vector, whose lanes are a multiple of four.
#[inline(always)]
fn sum_of_lanes(lanes: &[f32]) -> f32 {
    let mut sums = [0.0; 4];
    for four in lanes.chunks_exact(4) {
        for (sum, lane) in sums.iter_mut().zip(four) {
            *sum += lane;
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// The Euclidean length of a row, rounded up.
fn length(row: impl Iterator<Item = f32>) -> f32 {
    1.001 * row.map(|x| x * x).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that are hard on the bounds: many alike, exact in 8 bits or halfway between two steps, a few far out.
    fn numbers(count: usize) -> impl Strategy<Value = Vec<f32>> {
        let number = prop_oneof![
            8 => -1.0f32..1.0,
            2 => Just(0.0),
            4 => prop::sample::select(vec![-1.0, -0.5, 0.25, 0.5, 1.0]),
            2 => (-255i16..=255).prop_map(|steps| f32::from(steps) / 254.0),
            1 => -30.0f32..30.0,
        ];
        prop::collection::vec(number, count)
    }

    fn cases() -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>, Vec<f32>)> {
        (1usize..140, 1usize..150, 1usize..20).prop_flat_map(|(inputs, outputs, rows)| {
            (
                Just(inputs),
                numbers(inputs * outputs),
                prop::collection::vec(-3.0f32..3.0, outputs),
                numbers(inputs * rows),
            )
        })
    }

    proptest! {
        /// Law: the maximum is the one of all elements, computed one by one, wherever it is positive.
        #[test]
        fn is_the_maximum((inputs, weight, bias, x) in cases()) {
            let screened = ScreenedWeight::new(&weight, &bias, inputs).unwrap();
            let rows = screened.rows(&x).unwrap();
            let count = x.len() / inputs;
            let (mut sums, mut screening) = (Vec::new(), Screening::default());
            let mut got = Vec::new();
            for tile in screened.tiles() {
                let product = tile.multiply(&rows, &mut sums).unwrap();
                // The first half of the rows does not matter to the second.
                product.max_rows(0..count / 2, &mut screening);
                got.extend(product.max_rows(count / 2..count, &mut screening));
            }
            for (output, (&got, row)) in got.iter().zip(weight.chunks(inputs)).enumerate() {
                let dot = |x: &[f32]| -> f64 { x.iter().zip(row).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum() };
                let dots = x.chunks(inputs).skip(count / 2).map(dot);
                let want = dots.fold(f64::NEG_INFINITY, f64::max) + f64::from(bias[output]);
                let size = x.iter().map(|x| x.abs()).fold(0.0, f32::max) * row.iter().map(|w| w.abs()).sum::<f32>();
                let tolerance = 1e-5 * f64::from(1.0 + size);
                if want > tolerance {
                    prop_assert!((f64::from(got) - want).abs() <= tolerance, "{got} for {want}");
                } else {
                    prop_assert!(f64::from(got) <= tolerance, "{got} for {want}");
                }
            }
            prop_assert!(got[bias.len()..].iter().all(|&padding| padding == f32::NEG_INFINITY));
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
        let (inputs, outputs, count) = (256, TILE, 100);
        let (weight, x) = (random(inputs * outputs), random(inputs * count));
        let screened = ScreenedWeight::new(&weight, &vec![0.0; outputs], inputs).unwrap();
        let rows = screened.rows(&x).unwrap();
        let (mut sums, mut screening) = (Vec::new(), Screening::default());
        let tile = screened.tiles().next().unwrap();
        let product = tile.multiply(&rows, &mut sums).unwrap();
        let counts = Count { product: &product, rows: 0..count, screening: &mut screening }.dispatch();
        assert!(counts > 0 && counts < outputs * count / 10, "{counts} of {}", outputs * count);
    }

    struct Count<'a> {
        product: &'a Screened<'a>,
        rows: Range<usize>,
        screening: &'a mut Screening,
    }

    impl SimdOp for Count<'_> {
        type Output = usize;

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) -> usize {
            let Self { product, rows, screening } = self;
            let mut all = 0;
            for at in (0..TILE).step_by(isa.f32().len()) {
                let counts = product.candidates(isa, rows.clone(), at, screening);
                all += counts.iter().flatten().sum::<usize>();
            }
            all
        }
    }
}
