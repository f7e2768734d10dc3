//! SPLADE pooling, implemented term by term from its definition.

use super::super::super::{EncoderOutput, NonFiniteOutput, Pooling, TermActivation};
use crate::types::SparseVector;

/// Pools the logits of a sequence, `[tokens][vocabulary]`.
///
/// A logit of NaN or +∞ makes the output an error. −∞ does too, unless every token has it: then it comes from the
/// term's bias, which excludes the term.
pub fn pool(logits: &[Vec<f32>], pooling: Pooling, activation: TermActivation) -> EncoderOutput {
    let vocabulary = logits.first().map_or(0, Vec::len);
    let mut weights = Vec::with_capacity(vocabulary);
    for term in 0..vocabulary {
        let column = || logits.iter().filter_map(|row| row.get(term).copied());
        if column().all(|logit| logit == f32::NEG_INFINITY) {
            weights.push(0.0);
            continue;
        }
        let mut pooled = 0.0_f64;
        for logit in column() {
            if !logit.is_finite() {
                return Err(NonFiniteOutput);
            }
            let weight = activate(f64::from(logit), activation);
            pooled = match pooling {
                Pooling::Max => pooled.max(weight),
                Pooling::Sum => pooled + weight,
            };
        }
        weights.push(pooled as f32);
    }
    SparseVector::new((0..vocabulary as u32).collect(), weights).map_err(|_| NonFiniteOutput)
}

fn activate(logit: f64, activation: TermActivation) -> f64 {
    let weight = logit.max(0.0).ln_1p();
    match activation {
        TermActivation::Relu => weight,
        TermActivation::Log1pRelu => weight.ln_1p(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_follows_the_definition() {
        let logits = [vec![1.0, -1.0, 0.0, f32::NEG_INFINITY], vec![3.0, -2.0, 2.0, f32::NEG_INFINITY]];
        let pool = |pooling, activation| pool(&logits, pooling, activation).unwrap();
        let max = pool(Pooling::Max, TermActivation::Relu);
        assert_eq!((max.indices(), max.values()), (&[0, 2][..], &[4.0_f32.ln(), 3.0_f32.ln()][..]));
        let sum = pool(Pooling::Sum, TermActivation::Relu);
        assert!((sum.values()[0] - 8.0_f32.ln()).abs() < 1e-6);
        let twice = pool(Pooling::Max, TermActivation::Log1pRelu);
        assert!((twice.values()[0] - 4.0_f32.ln().ln_1p()).abs() < 1e-6);
    }

    #[test]
    fn a_non_finite_logit_is_an_error() {
        for logit in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let logits = [vec![0.5, logit], vec![0.5, 1.0]];
            assert_eq!(pool(&logits, Pooling::Max, TermActivation::Relu), Err(NonFiniteOutput));
        }
    }
}
