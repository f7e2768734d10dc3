//! 8-bit numbers: weights have a scale for each output channel, activations a scale and a zero point for each row, so that
//! a text's vector does not depend on its neighbours.

use std::mem::MaybeUninit;

use rten_simd::SimdOp;
use rten_vecmath::{MinMax, Quantize};

/// `[rows, inputs]` in 8 bits: an element is `(value − zero point of its row) × scale of its row`.
pub struct QuantizedRows {
    pub values: Vec<u8>,
    pub zero_points: Vec<i32>,
    pub scales: Vec<f32>,
}

impl QuantizedRows {
    /// Quantizes each row over the range that it has itself. 0 is exact.
    pub fn new(x: &[f32], inputs: usize) -> Self {
        let rows = x.len() / inputs.max(1);
        let mut quantized = Self {
            values: Vec::with_capacity(x.len()),
            zero_points: Vec::with_capacity(rows),
            scales: Vec::with_capacity(rows),
        };
        let mut buffer = vec![MaybeUninit::uninit(); inputs];
        for row in x.chunks_exact(inputs) {
            let (least, most) = MinMax::new(row).dispatch();
            let (least, most) = (least.min(0.0), most.max(0.0));
            // A row of zeros has any scale.
            let scale = ((most - least) / 255.0).max(f32::MIN_POSITIVE);
            let zero_point = (-least / scale).round() as u8;
            quantized.values.extend_from_slice(Quantize::new(row, &mut buffer, 1.0 / scale, zero_point).dispatch());
            quantized.zero_points.push(i32::from(zero_point));
            quantized.scales.push(scale);
        }
        quantized
    }
}

/// What belongs to each output of a weight in 8 bits; an element is `value × scale of its output`.
#[derive(Default)]
pub struct Columns {
    pub scales: Vec<f32>,
    /// The sum of an output's values.
    pub sums: Vec<i32>,
}

/// A `[outputs, inputs]` weight in 8 bits.
///
/// With `narrow`, 7 bits are used: on processors without dot products of bytes, the sum of two products must fit into 16
/// bits.
pub fn quantize_weights(weight: &[f32], inputs: usize, narrow: bool) -> (Vec<i8>, Columns) {
    let largest = if narrow { 63.0 } else { 127.0 };
    let mut values = Vec::with_capacity(weight.len());
    let mut columns = Columns::default();
    for row in weight.chunks_exact(inputs) {
        let magnitude = row.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
        let scale = (magnitude / largest).max(f32::MIN_POSITIVE);
        let inverse = 1.0 / scale;
        let first = values.len();
        values.extend(row.iter().map(|weight| (weight * inverse).round() as i8));
        columns.sums.push(values[first..].iter().map(|&value| i32::from(value)).sum());
        columns.scales.push(scale);
    }
    (values, columns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(prop_oneof![-3.0f32..3.0, Just(0.0), -100.0f32..100.0], 1..70)
    }

    proptest! {
        /// Law: what is read back is within half a step of what it was, and 0 stays 0.
        #[test]
        fn a_row_comes_back(row in rows()) {
            let QuantizedRows { values, zero_points, scales } = QuantizedRows::new(&row, row.len());
            for (&value, &x) in values.iter().zip(&row) {
                let back = (i32::from(value) - zero_points[0]) as f32 * scales[0];
                prop_assert!((back - x).abs() <= 1.01 * scales[0], "{x} became {back}");
                prop_assert!(x != 0.0 || back == 0.0);
            }
        }

        /// Law: so is a weight, and the narrow form stays within 7 bits.
        #[test]
        fn a_weight_comes_back(row in rows(), narrow in any::<bool>()) {
            let (values, Columns { scales, .. }) = quantize_weights(&row, row.len(), narrow);
            let largest = if narrow { 63 } else { 127 };
            for (&value, &weight) in values.iter().zip(&row) {
                prop_assert!((f32::from(value) * scales[0] - weight).abs() <= 0.51 * scales[0]);
                prop_assert!(value.unsigned_abs() <= largest);
            }
        }
    }
}
