//! Measures and judges the differences between vectors and the reference.

use serde::Serialize;

use super::super::{EncoderOutput, InferenceDType};
use crate::types::SparseVector;

/// Maximum difference of two equal weights, relative to the reference's weight if that is above 1.
///
/// Both implementations compute in float32 and add the same products in another order; on the models in
/// `tests/data/models` they differ by less than a tenth of this.
pub const EQUAL_TOLERANCE: f64 = 1e-4;
/// Minimum cosine similarity of a text's two vectors in an approximate dtype.
///
/// Measured for int8 with the built-in texts: at least 0.996 on splade-tiny, 0.992 on the random models in
/// `tests/data/models` and 0.981 on the random ModernBERT, all with 8-bit weights. On CPUs without byte dot products,
/// weights have 7 bits, with about twice the error. A weight that is an outlier in its row results in less than 0.95.
pub const MIN_CLOSE_COSINE: f64 = 0.97;
/// Maximum difference of two weights in an approximate dtype, relative to the reference's weight if that is above 1.
///
/// Measured for int8: at most 0.18 on splade-tiny, 0.11 on the random models, 0.38 on a random BERT-base.
pub const MAX_CLOSE_DIFFERENCE: f64 = 1.0;

/// Result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyVerdict {
    /// No weight differs by more than [`EQUAL_TOLERANCE`].
    Equal,
    /// The dtype is approximate, and every vector is within its bounds ([`VerifyVerdict::judge`]).
    Close,
    /// At least one vector is outside the bounds of the dtype.
    Different,
    /// A text has no finite vector in at least one implementation, or a weight of the checkpoint is not usable.
    NotFinite,
    /// Nothing was compared, since the model has no reference.
    NotCompared,
}

/// Differences between a model's vectors and those of the reference, over all compared texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Differences {
    /// Number of texts compared.
    pub text_count: usize,
    /// Largest absolute difference of a term's two weights.
    pub max_difference: f64,
    /// Largest difference of a term's two weights, relative to the reference's weight if that is above 1.
    pub max_relative_difference: f64,
    /// Number of terms, over all texts, that only the reference's vector has, with a weight above [`EQUAL_TOLERANCE`].
    pub missing_terms: usize,
    /// Number of terms, over all texts, that only the model's vector has, with a weight above [`EQUAL_TOLERANCE`].
    pub extra_terms: usize,
    /// Smallest cosine similarity of a text's two vectors.
    pub min_cosine: f64,
    /// Number of texts without a finite vector in at least one implementation.
    pub non_finite_texts: usize,
    /// Index of the text with the largest difference, or of the first text without a finite vector.
    pub worst_text: Option<usize>,
}

impl Differences {
    /// Compares the model's output for each text with the reference's.
    pub fn measure(outputs: &[EncoderOutput], references: &[EncoderOutput]) -> Self {
        let mut total = Self { min_cosine: 1.0, ..Self::default() };
        let mut first_not_finite = None;
        for (index, (output, reference)) in outputs.iter().zip(references).enumerate() {
            total.text_count += 1;
            match (output, reference) {
                (Ok(vector), Ok(reference)) => total.add_text(index, vector, reference),
                _ => {
                    total.non_finite_texts += 1;
                    first_not_finite.get_or_insert(index);
                }
            }
        }
        total.worst_text = first_not_finite.or(total.worst_text);
        total
    }

    fn add_text(&mut self, index: usize, vector: &SparseVector, reference: &SparseVector) {
        for (term, weight) in vector.iter() {
            match find_weight(reference, term) {
                Some(expected) => self.add_weights(index, weight, expected),
                // A missing term has the weight 0.
                None => {
                    self.add_weights(index, weight, 0.0);
                    self.extra_terms += usize::from(f64::from(weight.abs()) > EQUAL_TOLERANCE);
                }
            }
        }
        for (term, expected) in reference.iter() {
            if find_weight(vector, term).is_none() {
                self.add_weights(index, 0.0, expected);
                self.missing_terms += usize::from(f64::from(expected.abs()) > EQUAL_TOLERANCE);
            }
        }
        self.min_cosine = self.min_cosine.min(cosine_similarity(vector, reference));
    }

    fn add_weights(&mut self, index: usize, weight: f32, expected: f32) {
        let difference = (f64::from(weight) - f64::from(expected)).abs();
        if difference > self.max_difference {
            self.max_difference = difference;
            self.worst_text = Some(index);
        }
        self.max_relative_difference =
            self.max_relative_difference.max(difference / f64::from(expected.abs()).max(1.0));
    }
}

fn find_weight(vector: &SparseVector, term: u32) -> Option<f32> {
    vector.indices().binary_search(&term).ok().and_then(|at| vector.values().get(at).copied())
}

/// Computes the cosine similarity: 1 for two empty vectors, 0 if only one is empty.
fn cosine_similarity(a: &SparseVector, b: &SparseVector) -> f64 {
    let norm =
        |vector: &SparseVector| vector.values().iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    match (a.is_empty(), b.is_empty()) {
        (true, true) => 1.0,
        (false, false) => {
            let product: f64 = a.intersection(b).map(|(_, a, b)| f64::from(a) * f64::from(b)).sum();
            product / (norm(a) * norm(b))
        }
        _ => 0.0,
    }
}

impl VerifyVerdict {
    /// Judges measured differences by the bounds of a dtype.
    ///
    /// float32 is exact: `equal` or `different`. int8 and float16 are approximate: `close` if each vector has a cosine
    /// similarity of at least [`MIN_CLOSE_COSINE`] with the reference and no weight differs by more than
    /// [`MAX_CLOSE_DIFFERENCE`], otherwise `different`. With `has_outlier` (the dtype cannot represent some weights of
    /// the model), the verdict is `different` for any measured differences.
    pub fn judge(dtype: InferenceDType, has_outlier: bool, differences: &Differences) -> Self {
        let Differences {
            non_finite_texts: not_finite,
            max_relative_difference: largest_relative,
            min_cosine: smallest_cosine,
            ..
        } = *differences;
        let (is_within_bounds, verdict) = match dtype {
            InferenceDType::Float32 => (largest_relative <= EQUAL_TOLERANCE, Self::Equal),
            InferenceDType::Int8 | InferenceDType::Float16 => {
                (smallest_cosine >= MIN_CLOSE_COSINE && largest_relative <= MAX_CLOSE_DIFFERENCE, Self::Close)
            }
        };
        match not_finite {
            0 if is_within_bounds && !has_outlier => verdict,
            0 => Self::Different,
            _ => Self::NotFinite,
        }
    }

    /// Returns true if the model must not be used.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Different | Self::NotFinite)
    }

    /// Returns the verdict as text for humans.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Close => "close",
            Self::Different => "different",
            Self::NotFinite => "not finite",
            Self::NotCompared => "not compared",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::NonFiniteOutput;
    use super::*;

    fn vector(entries: &[(u32, f32)]) -> EncoderOutput {
        let (indices, values) = entries.iter().copied().unzip();
        Ok(SparseVector::new(indices, values).unwrap())
    }

    const REFERENCE: [(u32, f32); 3] = [(3, 0.5), (7, 2.0), (9, 0.25)];

    /// Returns the differences and the verdicts in float32 and int8 of a vector, compared beside an equal one.
    fn verdicts(output: EncoderOutput, reference: EncoderOutput) -> (Differences, VerifyVerdict, VerifyVerdict) {
        let equal = || vector(&[(1, 1.0)]);
        let differences = Differences::measure(&[equal(), output], &[equal(), reference]);
        let verdict = |dtype| VerifyVerdict::judge(dtype, false, &differences);
        let (exact, near) = (verdict(InferenceDType::Float32), verdict(InferenceDType::Int8));
        (differences, exact, near)
    }

    #[test]
    fn equal_vectors() {
        let (differences, exact, near) = verdicts(vector(&REFERENCE), vector(&REFERENCE));
        assert_eq!((exact, near), (VerifyVerdict::Equal, VerifyVerdict::Close));
        assert_eq!((differences.max_difference, differences.worst_text, differences.text_count), (0.0, None, 2));
        assert!((differences.min_cosine - 1.0).abs() < 1e-12);
        let (differences, exact, _) = verdicts(vector(&[]), vector(&[]));
        assert_eq!((exact, differences.min_cosine), (VerifyVerdict::Equal, 1.0));
    }

    #[test]
    fn the_tolerance_is_relative_to_weights_above_one() {
        let with = |term: usize, difference: f32| {
            let mut changed = REFERENCE;
            changed[term].1 += difference;
            verdicts(vector(&changed), vector(&REFERENCE)).1
        };
        assert_eq!(with(0, 9e-5), VerifyVerdict::Equal);
        assert_eq!(with(0, 1.1e-4), VerifyVerdict::Different);
        assert_eq!(with(1, 1.9e-4), VerifyVerdict::Equal);
        assert_eq!(with(1, 2.2e-4), VerifyVerdict::Different);
    }

    #[test]
    fn a_missing_or_an_extra_term_is_a_difference() {
        let (differences, exact, near) = verdicts(vector(&REFERENCE[..2]), vector(&REFERENCE));
        assert_eq!((exact, near), (VerifyVerdict::Different, VerifyVerdict::Close));
        assert_eq!((differences.missing_terms, differences.extra_terms), (1, 0));
        assert_eq!((differences.max_difference, differences.worst_text), (0.25, Some(1)));
        let (differences, exact, _) = verdicts(vector(&REFERENCE), vector(&REFERENCE[1..]));
        assert_eq!((differences.missing_terms, differences.extra_terms, exact), (0, 1, VerifyVerdict::Different));
        // A weight within rounding error of zero does not count.
        let rounded = [&REFERENCE[..], &[(11, 3e-6)]].concat();
        let (differences, exact, _) = verdicts(vector(&rounded), vector(&REFERENCE));
        assert_eq!((differences.extra_terms, exact), (0, VerifyVerdict::Equal));
        for (output, reference) in [(vector(&[]), vector(&REFERENCE)), (vector(&REFERENCE), vector(&[]))] {
            let (differences, exact, near) = verdicts(output, reference);
            assert_eq!(
                (differences.min_cosine, exact, near),
                (0.0, VerifyVerdict::Different, VerifyVerdict::Different)
            );
        }
    }

    #[test]
    fn an_approximate_dtype_has_two_bounds() {
        // Different direction.
        let (_, _, near) = verdicts(vector(&[(3, 0.5), (7, 1.6), (9, 0.7)]), vector(&REFERENCE));
        assert_eq!(near, VerifyVerdict::Different);
        // Nearly the same direction, but one outlier.
        let many: Vec<(u32, f32)> = (0..400).map(|term| (term, 1.0)).collect();
        let mut changed = many.clone();
        changed[7].1 = 2.2;
        let (differences, _, near) = verdicts(vector(&changed), vector(&many));
        assert!(differences.min_cosine > 0.99);
        assert_eq!(near, VerifyVerdict::Different);
        let (differences, _, near) = verdicts(vector(&many), vector(&many));
        assert_eq!(near, VerifyVerdict::Close);
        assert_eq!(VerifyVerdict::judge(InferenceDType::Int8, true, &differences), VerifyVerdict::Different);
    }

    #[test]
    fn a_text_without_a_finite_vector_is_never_equal_or_close() {
        let bad = || Err(NonFiniteOutput);
        let fine = || vector(&REFERENCE);
        for (output, reference) in [(bad(), fine()), (fine(), bad()), (bad(), bad())] {
            let (differences, exact, near) = verdicts(output, reference);
            assert_eq!((exact, near), (VerifyVerdict::NotFinite, VerifyVerdict::NotFinite));
            assert_eq!((differences.non_finite_texts, differences.worst_text), (1, Some(1)));
        }
        let (_, exact, near) = verdicts(vector(&[(3, f32::MAX)]), vector(&[(3, -f32::MAX)]));
        assert_eq!((exact, near), (VerifyVerdict::Different, VerifyVerdict::Different));
    }
}
