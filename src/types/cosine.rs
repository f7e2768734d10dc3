//! Normalization of dense vectors that stores compare by cosine similarity and keep at length 1.

/// Range of squared lengths that a store can normalize in 32-bit arithmetic. Qdrant's engine does not normalize vectors
/// with a squared length below 2^-23, and turns vectors into zeros if the squared length overflows.
const NORMALIZABLE_SQUARED_NORMS: std::ops::RangeInclusive<f64> = 1e-6..=1e38;

/// Normalizes a vector to length 1 in 64-bit arithmetic if the store would fail to. Other vectors are left to the
/// store, so that all vectors except the zero vector are stored at length 1.
pub fn normalize_extreme(values: &mut [f32]) {
    let squared_norm: f64 = values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    if squared_norm == 0.0 || NORMALIZABLE_SQUARED_NORMS.contains(&squared_norm) {
        return;
    }
    let norm = squared_norm.sqrt();
    for value in values {
        #[expect(clippy::cast_possible_truncation, reason = "at most 1; the rounding is that of the store's vectors")]
        let normalized = (f64::from(*value) / norm) as f32;
        *value = normalized;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn length(values: &[f32]) -> f32 {
        values.iter().map(|value| value * value).sum::<f32>().sqrt()
    }

    proptest! {
        /// Invariant: a vector of any length other than zero can be normalized in 32 bits afterwards, and keeps its
        /// direction.
        #[test]
        fn a_store_can_normalize_the_result(
            values in prop::collection::vec(-1.0_f32..1.0, 1..20),
            exponent in -126_i32..127,
        ) {
            let mut scaled: Vec<f32> = values.iter().map(|value| value * 2_f32.powi(exponent)).collect();
            prop_assume!(scaled.iter().any(|value| value.abs() > f32::MIN_POSITIVE));
            let largest = scaled.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let directions: Vec<f32> = scaled.iter().map(|value| value / largest).collect();
            normalize_extreme(&mut scaled);
            let length = length(&scaled);
            prop_assert!(length.is_finite() && length * length >= f32::EPSILON, "{length}");
            let largest = scaled.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            for (value, direction) in scaled.iter().zip(directions) {
                prop_assert!((value / largest - direction).abs() < 1e-3, "{value} {direction}");
            }
        }
    }

    #[test]
    fn vectors_of_ordinary_length_are_not_changed() {
        for values in [[0.0, 0.0], [3.0, 4.0], [1e-2, 0.0], [1e18, 1e18]] {
            let mut after = values;
            normalize_extreme(&mut after);
            assert_eq!(after, values);
        }
        for mut values in [[3e38, 3e38], [1e-30, 1e-30], [f32::MIN_POSITIVE / 4.0; 2]] {
            normalize_extreme(&mut values);
            assert!((length(&values) - 1.0).abs() < 1e-6, "{values:?}");
        }
    }
}
