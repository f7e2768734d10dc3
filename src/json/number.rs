//! Conversion of JSON numbers, which are doubles or 64-bit integers.

use serde_json::Number;

/// 2^63. Doubles at or above it can represent integers that exceed 64 bits.
pub const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;

/// 2^53. Doubles above it cannot represent every integer; 2^53 + 1 is the first integer that is rounded.
pub const TWO_POW_53: f64 = 9_007_199_254_740_992.0;

/// Converts a double to a JSON number. Integral values within 64 bits become integers, so that `1`, `1.0` and `1e0` are
/// equal and integer filters match all of them. `None` if the double is not finite.
pub fn number_from_f64(double: f64) -> Option<Number> {
    if double.fract() == 0.0 && (-TWO_POW_63..TWO_POW_63).contains(&double) {
        #[expect(clippy::cast_possible_truncation, reason = "it is integral and within 64 bits")]
        return Some((double as i64).into());
    }
    Number::from_f64(double)
}

/// Converts an id that was written as a double. Returns `None` if it is negative, fractional or at least 2^53, where
/// rounding could map two ids to one.
pub fn id_from_f64(double: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is integral and within 53 bits")]
    (double.fract() == 0.0 && (0.0..TWO_POW_53).contains(&double)).then_some(double as u64)
}

/// Returns whether a double can represent an integer exactly.
pub fn is_exact_f64(integer: i64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "the comparison below detects the loss")]
    let double = integer as f64;
    // Compare in 128 bits: i64::MAX rounds to 2^63, which a cast to i64 would saturate back to i64::MAX.
    double as i128 == i128::from(integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integral_numbers_become_integers() {
        for (double, text) in [
            (1.0, "1"),
            (-0.0, "0"),
            (1e18, "1000000000000000000"),
            (-9_223_372_036_854_775_808.0, "-9223372036854775808"),
            (9_223_372_036_854_775_808.0, "9.223372036854776e+18"),
            (0.5, "0.5"),
        ] {
            assert_eq!(number_from_f64(double).unwrap().to_string(), text);
        }
        assert_eq!(number_from_f64(f64::NAN), None);
        assert_eq!([7.0, 0.0, TWO_POW_53 - 1.0].map(id_from_f64), [Some(7), Some(0), Some((1 << 53) - 1)]);
        assert_eq!([7.5, -1.0, TWO_POW_53, f64::NAN, f64::INFINITY].map(id_from_f64), [None; 5]);
        assert!([0, 1 << 53, i64::MIN, 1 << 62].into_iter().all(is_exact_f64));
        assert!(![(1 << 53) + 1, i64::MAX, i64::MIN + 1].into_iter().any(is_exact_f64));
    }
}
