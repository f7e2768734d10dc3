//! Detection of non-finite numbers and of products that may overflow.
//!
//! `max`, `relu`, comparisons and casts to integers swallow NaN and −∞: afterwards an overflow looks like a small
//! number. Each kernel that uses one of them therefore checks its input first, or proves from magnitudes that it is
//! finite.
//!
//! See docs/adr/0025-non-finite-vectors.md.

use std::ops::Range;

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, Simd, SimdOp};

/// Mask of all bits of a float32 except the sign. Compared as integers, the masked bits order numbers by magnitude,
/// with infinity above all finite numbers and NaN above infinity.
const ABS_MASK: i32 = i32::MAX;
/// Number of independent accumulators, which hide latency.
const ACCUMULATORS: usize = 4;

/// Headroom of [`max_input_without_overflow`] for rounding and quantization.
///
/// Rounding of `n` additions enlarges a sum by at most `(1 + 2⁻²⁴)ⁿ` in float32 and `(1 + 2⁻¹¹)ⁿ` in float16: below 2
/// for the widths of models. 8-bit quantization enlarges a weight and an input by at most about 2 each.
const OVERFLOW_HEADROOM: f64 = 8.0;

/// Returns the largest magnitude in `x`: NaN or infinite if an element is, 0 if `x` is empty.
pub fn max_abs(x: &[f32]) -> f32 {
    MaxAbs(bytemuck::cast_slice(x)).dispatch()
}

/// Computes [`max_abs`] on the bits of float32 numbers.
struct MaxAbs<'a>(&'a [i32]);

impl SimdOp for MaxAbs<'_> {
    type Output = f32;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> f32 {
        let ops = isa.i32();
        let (lanes, mask) = (ops.len(), ops.splat(ABS_MASK));
        // Independent maxima hide the latency of each operation.
        let mut largest = [ops.zero(); ACCUMULATORS];
        let chunks = self.0.chunks_exact(ACCUMULATORS * lanes);
        let remainder = chunks.remainder();
        for bits in chunks {
            for (largest, bits) in largest.iter_mut().zip(bits.chunks_exact(lanes)) {
                *largest = ops.max(*largest, ops.and(ops.load(bits), mask));
            }
        }
        for bits in remainder.chunks(lanes) {
            largest[0] = ops.max(largest[0], ops.and(ops.load_pad(bits).0, mask));
        }
        let [a, b, c, d] = largest;
        let largest = ops.max(ops.max(a, b), ops.max(c, d)).to_array();
        let largest = largest.as_ref().iter().fold(0, |largest, &bits| bits.max(largest));
        f32::from_bits(largest.cast_unsigned())
    }
}

/// Rows of one sequence, with their largest magnitude.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceRows {
    pub range: Range<usize>,
    /// Largest magnitude of the elements; NaN or infinite if an element is.
    pub max_abs: f32,
}

impl SequenceRows {
    /// Creates the description of rows `range` of `x`, `[rows, inputs]`.
    pub fn new(x: &[f32], inputs: usize, range: Range<usize>) -> Self {
        Self { max_abs: max_abs(&x[range.start * inputs..range.end * inputs]), range }
    }
}

/// Returns a magnitude of inputs up to which no product with a row of `weight` (`[outputs, inputs]`) overflows, in any
/// order of addition and with any rounding; −1 if a weight is not finite, so that no input is within the limit.
///
/// Every partial sum of `Σ xᵢ wᵢ` is at most `max |xᵢ| · Σ |wᵢ|`. `max_finite` is the largest finite number of the
/// product's dtype.
pub fn max_input_without_overflow(weight: &[f32], inputs: usize, max_finite: f64) -> f32 {
    let sums = weight.chunks_exact(inputs.max(1)).map(sum_abs);
    // `f32::max` would ignore NaN.
    let max_sum = sums.fold(0.0f32, |max, sum| if max.is_nan() || sum <= max { max } else { sum });
    if !max_sum.is_finite() {
        return -1.0;
    }
    (max_finite / OVERFLOW_HEADROOM / f64::from(max_sum)).min(f64::from(f32::MAX)) as f32
}

/// Returns `Σ |x|`: NaN or infinite if an element is, or if the sum overflows.
fn sum_abs(row: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (chunks, remainder) = row.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x.abs());
    }
    sums.iter().chain(remainder).map(|x| x.abs()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: the magnitude is that of the largest element, and non-finite if any element is.
        #[test]
        fn no_element_is_missed(
            mut x in prop::collection::vec(prop_oneof![-3.0f32..3.0, Just(f32::MAX), Just(-0.0), Just(-1e-45)], 1..150),
            at in any::<prop::sample::Index>(),
            bad in prop::sample::select(vec![f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY]),
        ) {
            let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            prop_assert_eq!(max_abs(&x).to_bits(), largest.to_bits());
            prop_assert!(max_input_without_overflow(&x, 1, f32::MAX.into()) > 0.0);
            let at = at.index(x.len());
            x[at] = bad;
            prop_assert!(!max_abs(&x).is_finite());
            prop_assert_eq!(max_input_without_overflow(&x, 1, f32::MAX.into()), -1.0);
        }

        /// Property: no partial sum overflows with inputs of the returned magnitude.
        #[test]
        fn inputs_within_the_bound_do_not_overflow(
            weight in prop::collection::vec(prop_oneof![-3.0f32..3.0, Just(0.0), Just(1e20), Just(-3e38)], 1..100),
        ) {
            let bound = max_input_without_overflow(&weight, weight.len(), f32::MAX.into());
            let most: f32 = weight.iter().map(|w| w.abs() * bound.max(0.0)).sum();
            prop_assert!(most.is_finite(), "{most}");
        }
    }

    #[test]
    fn no_elements_and_zeros() {
        assert_eq!(max_abs(&[]), 0.0);
        assert_eq!(max_input_without_overflow(&[0.0; 4], 2, 65_504.0), f32::MAX);
        assert_eq!(max_input_without_overflow(&[f32::MAX; 4], 4, f32::MAX.into()), -1.0);
    }
}
