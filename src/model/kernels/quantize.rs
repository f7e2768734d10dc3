//! 8-bit quantization: weights have a scale per output channel, activations a scale and a zero point per row, so that
//! the vector of a text does not depend on the rest of its batch.
//!
//! See docs/adr/0028-int8.md.

use rten_simd::ops::{BitOps, FloatOps, NarrowSaturate, NumOps};
use rten_simd::{Isa, SimdOp};
use rten_vecmath::MinMax;

use super::finite::max_abs;

/// Quantized `[rows, inputs]`: an element is `(value − zero point of its row) × scale of its row`.
pub struct QuantizedRows {
    pub values: Vec<u8>,
    pub zero_points: Vec<i32>,
    pub scales: Vec<f32>,
}

impl QuantizedRows {
    /// Quantizes each row over its own range, extended to include 0, which is represented exactly.
    ///
    /// A row with a non-finite element gets the scale NaN, which makes every product of that row NaN: the range
    /// computation ignores NaN, and 8-bit values cannot represent it.
    pub fn new(x: &[f32], inputs: usize) -> Self {
        let rows = x.len() / inputs.max(1);
        let mut quantized =
            Self { values: vec![0; x.len()], zero_points: Vec::with_capacity(rows), scales: Vec::with_capacity(rows) };
        for (row, values) in x.chunks_exact(inputs).zip(quantized.values.chunks_exact_mut(inputs)) {
            let (row_min, row_max) = MinMax::new(row).dispatch();
            // The range must include 0, otherwise the zero point would not fit into 8 bits.
            let (min, max) = (row_min.min(0.0), row_max.max(0.0));
            // A row of zeros would have the scale 0, and `1 / scale` would be infinite.
            let scale = ((max - min) / 255.0).max(f32::MIN_POSITIVE);
            let scale = if max_abs(row).is_finite() { scale } else { f32::NAN };
            let zero_point = (-min / scale).round() as i32;
            QuantizeRow { row, inverse_scale: 1.0 / scale, zero_point, values }.dispatch();
            quantized.zero_points.push(zero_point);
            quantized.scales.push(scale);
        }
        quantized
    }

    /// Returns the dequantized values of a row in float64, so that no rounding is added.
    pub fn dequantize_row(&self, row_index: usize, inputs: usize) -> impl Iterator<Item = f64> + Clone {
        let (zero_point, scale) = (self.zero_points[row_index], f64::from(self.scales[row_index]));
        let values = &self.values[row_index * inputs..][..inputs];
        values.iter().map(move |&value| f64::from(i32::from(value) - zero_point) * scale)
    }
}

/// Computes `round(x / scale) + zero point`, clamped to 0..=255. Equivalent to `rten_vecmath::Quantize` without the
/// closure in its loop, which is sometimes not inlined and then costs a fifth of the total time.
struct QuantizeRow<'a> {
    row: &'a [f32],
    inverse_scale: f32,
    zero_point: i32,
    values: &'a mut [u8],
}

impl QuantizeRow<'_> {
    #[inline(always)]
    fn quantize_vector<I: Isa>(&self, isa: I, at: usize) -> I::I32 {
        let (float, int) = (isa.f32(), isa.i32());
        let scaled = float.mul(float.load(&self.row[at..]), float.splat(self.inverse_scale));
        int.add(float.to_int_round(scaled), int.splat(self.zero_point))
    }
}

impl SimdOp for QuantizeRow<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let lanes = isa.f32().len();
        let vectorized_len = self.row.len() - self.row.len() % (4 * lanes);
        for at in (0..vectorized_len).step_by(4 * lanes) {
            let low = isa.i32().narrow_saturate(self.quantize_vector(isa, at), self.quantize_vector(isa, at + lanes));
            let high = isa
                .i32()
                .narrow_saturate(self.quantize_vector(isa, at + 2 * lanes), self.quantize_vector(isa, at + 3 * lanes));
            let values = isa.i16().narrow_saturate(low, high);
            isa.u8().store(values, &mut self.values[at..at + 4 * lanes]);
        }
        for (value, x) in self.values[vectorized_len..].iter_mut().zip(&self.row[vectorized_len..]) {
            let rounded = (x * self.inverse_scale).round_ties_even() as i32;
            *value = (rounded + self.zero_point).clamp(0, 255) as u8;
        }
    }
}

/// Quantization parameters per output channel; an element of the weight is `value × scale of its output`.
#[derive(Default)]
pub struct ChannelQuantParams {
    pub scales: Vec<f32>,
    /// Sum of the quantized values of each output, for the correction by zero points.
    pub sums: Vec<i32>,
}

/// Quantizes a weight to a multiple of the scale.
fn quantize(weight: f32, scale: f32) -> f32 {
    (weight * (1.0 / scale)).round()
}

/// Returns the quantization error of a weight, in float64.
pub fn quantization_error(weight: f32, scale: f32) -> f64 {
    f64::from(weight) - f64::from(quantize(weight, scale)) * f64::from(scale)
}

/// Quantizes a `[outputs, inputs]` weight to 8 bits.
///
/// `use_7_bits` selects the range for CPUs without byte dot products, where the sum of two products must fit into 16
/// bits. As with inputs, a row with a non-finite weight gets the scale NaN.
pub fn quantize_weights(weight: &[f32], inputs: usize, use_7_bits: bool) -> (Vec<i8>, ChannelQuantParams) {
    let max_value = if use_7_bits { 63.0 } else { 127.0 };
    let mut values = Vec::with_capacity(weight.len());
    let mut channel_params = ChannelQuantParams::default();
    for row in weight.chunks_exact(inputs) {
        let row_max_abs = max_abs(row);
        let scale = if row_max_abs.is_finite() { (row_max_abs / max_value).max(f32::MIN_POSITIVE) } else { f32::NAN };
        let row_start = values.len();
        values.extend(row.iter().map(|&weight| quantize(weight, scale) as i8));
        channel_params.sums.push(values[row_start..].iter().map(|&value| i32::from(value)).sum());
        channel_params.scales.push(scale);
    }
    (values, channel_params)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(prop_oneof![-3.0f32..3.0, Just(0.0), -100.0f32..100.0], 1..70)
    }

    proptest! {
        /// Property: dequantized values are within one step of the original, and 0 stays 0.
        #[test]
        fn dequantized_rows_are_close(row in rows()) {
            let QuantizedRows { values, zero_points, scales } = QuantizedRows::new(&row, row.len());
            for (&value, &x) in values.iter().zip(&row) {
                let back = (i32::from(value) - zero_points[0]) as f32 * scales[0];
                prop_assert!((back - x).abs() <= 1.01 * scales[0], "{x} became {back}");
                prop_assert!(x != 0.0 || back == 0.0);
            }
        }

        /// Property: dequantized weights are within half a step of the original, and `use_7_bits` limits values to 63.
        #[test]
        fn dequantized_weights_are_close(row in rows(), use_7_bits in any::<bool>()) {
            let (values, ChannelQuantParams { scales, .. }) = quantize_weights(&row, row.len(), use_7_bits);
            let largest = if use_7_bits { 63 } else { 127 };
            for (&value, &weight) in values.iter().zip(&row) {
                prop_assert!((f32::from(value) * scales[0] - weight).abs() <= 0.51 * scales[0]);
                prop_assert!(value.unsigned_abs() <= largest);
            }
        }
    }

    /// Property: a non-finite element makes the scale of its row NaN, and of no other row.
    #[test]
    fn non_finite_elements_make_the_scale_nan() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 33, 69] {
                let mut rows = vec![0.5; 3 * 70];
                rows[70 + at] = bad;
                let of_rows = QuantizedRows::new(&rows, 70).scales;
                for scales in [of_rows, quantize_weights(&rows, 70, false).1.scales] {
                    assert_eq!(scales.iter().map(|scale| scale.is_nan()).collect::<Vec<_>>(), [false, true, false]);
                }
            }
        }
    }
}
