//! Numbers of JSON, which are doubles or integers of 64 bits.

use serde_json::Number;

/// From here on, a double may stand for a whole number that 64 bits don't hold. 2^63.
pub const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;

/// From here on, several whole numbers written as doubles are one: 2^53 and 2^53 + 1 are the first.
pub const TWO_POW_53: f64 = 9_007_199_254_740_992.0;

/// A double as the number that it is: whole numbers within 64 bits are integers, so that `1`, `1.0` and `1e0` are one
/// number and filters on integers match all of them. `None` for what is not finite.
pub fn number_from_f64(double: f64) -> Option<Number> {
    if double.fract() == 0.0 && (-TWO_POW_63..TWO_POW_63).contains(&double) {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 64 bits")]
        return Some((double as i64).into());
    }
    Number::from_f64(double)
}

/// The natural number that an id written as a double stands for. From 2^53 on it may have been rounded, so that two ids
/// would become one.
pub fn id_from_f64(double: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and within 53 bits")]
    (double.fract() == 0.0 && (0.0..TWO_POW_53).contains(&double)).then_some(double as u64)
}

/// Whether a double holds a whole number exactly.
pub fn is_exact_f64(integer: i64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "the loss is what is looked for")]
    let double = integer as f64;
    // In 128 bits, for 2^63 is one more than i64 has.
    double as i128 == i128::from(integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
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
