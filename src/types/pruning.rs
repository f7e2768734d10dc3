//! Pruning of vectors: removes the terms with the smallest weights.
//!
//! See docs/adr/0023-pruning-and-dtype-outside-fingerprint.md.

use super::SparseVector;

/// Rules for the terms that are kept, highest weights first. All rules apply; the default keeps all terms.
///
/// # Examples
///
/// ```
/// use splade_sidecar::types::{Pruning, SparseVector, SparseVectorError};
///
/// let mut vector = SparseVector::new(vec![1, 5, 8], vec![0.2, 3.0, 1.0])?;
/// let removed = vector.prune(Pruning { max_terms: Some(2), min_weight: 0.5, ..Pruning::default() });
/// assert_eq!(vector.indices(), [5, 8]);
/// assert_eq!(removed.terms, 1);
/// # Ok::<(), SparseVectorError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pruning {
    /// Maximum number of terms; `None` for no limit.
    pub max_terms: Option<usize>,
    /// Minimum weight of a term; 0 for no limit.
    pub min_weight: f32,
    /// Share of the total weight to keep, greater than 0 and at most 1: the smallest number of terms whose weights sum
    /// to at least this share. `None` for no limit.
    pub weight_share: Option<f32>,
}

/// Statistics of the terms that pruning removed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PruningStats {
    /// Number of removed terms.
    pub terms: usize,
    /// Sum of the removed weights.
    pub weight: f32,
}

impl SparseVector {
    /// Removes the terms that `pruning` does not keep, and returns statistics of the removed terms.
    ///
    /// Each rule keeps a prefix of the same order: by descending magnitude of the weight, then by ascending index. The
    /// strictest rule therefore decides, and the order of the rules does not matter. Only weights from a lookup table
    /// can be negative; sentence-transformers also ranks them by magnitude.
    pub fn prune(&mut self, pruning: Pruning) -> PruningStats {
        if pruning == Pruning::default() {
            return PruningStats::default();
        }
        let mut kept: Vec<(u32, f32)> = self.iter().collect();
        kept.sort_unstable_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        let removed = kept.split_off(count_kept(&kept, pruning));
        let mut kept: Vec<u32> = kept.into_iter().map(|(index, _)| index).collect();
        kept.sort_unstable();
        self.retain(|index, _| kept.binary_search(&index).is_ok());
        PruningStats { terms: removed.len(), weight: sum_magnitudes(&removed) as f32 }
    }
}

/// Returns the number of entries to keep, given entries in descending order of magnitude.
fn count_kept(entries: &[(u32, f32)], Pruning { max_terms, min_weight, weight_share }: Pruning) -> usize {
    let by_count = max_terms.unwrap_or(usize::MAX).min(entries.len());
    let by_weight = entries.partition_point(|&(_, weight)| min_weight == 0.0 || weight.abs() >= min_weight);
    // A share of 1 keeps all terms, including those that are too small to change the sum.
    let by_share = weight_share.filter(|&share| share < 1.0).map_or(usize::MAX, |share| {
        let (target_sum, mut running_sum) = (f64::from(share) * sum_magnitudes(entries), 0.0);
        let needed = entries.iter().take_while(|&&(_, weight)| {
            let is_below_target = running_sum < target_sum;
            running_sum += f64::from(weight.abs());
            is_below_target
        });
        needed.count()
    });
    by_count.min(by_weight).min(by_share)
}

fn sum_magnitudes(entries: &[(u32, f32)]) -> f64 {
    entries.iter().map(|&(_, weight)| f64::from(weight.abs())).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Generates vectors in which many weights are equal.
    fn vectors() -> impl Strategy<Value = SparseVector> {
        let weight = prop_oneof![0.01f32..3.0, prop::sample::select(vec![0.25, 0.5, 1.0])];
        let weights = prop::collection::vec(weight, 0..40);
        weights.prop_map(|weights| SparseVector::new((0..weights.len() as u32).collect(), weights).unwrap())
    }

    #[test]
    fn negative_weights_are_ranked_by_magnitude() {
        let mut vector = SparseVector::new(vec![1, 2, 3], vec![0.5, -2.0, 1.0]).unwrap();
        vector.prune(Pruning { max_terms: Some(2), ..Pruning::default() });
        assert_eq!(vector.iter().collect::<Vec<_>>(), [(2, -2.0), (3, 1.0)]);
    }

    proptest! {
        /// Invariants: the kept terms are a prefix of the order by weight, then index; all rules hold, and keeping one
        /// more term would violate one of them; the statistics describe the removed terms.
        #[test]
        fn keeps_the_longest_prefix_that_all_rules_allow(
            full in vectors(),
            max_terms in prop::option::of(1usize..50),
            min_weight in prop_oneof![Just(0.0f32), 0.0f32..2.0],
            weight_share in prop::option::of(prop_oneof![0.001f32..1.0, Just(1.0)]),
        ) {
            let mut order: Vec<(u32, f32)> = full.iter().collect();
            order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let mut vector = full.clone();
            let pruned = vector.prune(Pruning { max_terms, min_weight, weight_share });
            let (kept, removed) = order.split_at(vector.len());
            let mut expected = kept.to_vec();
            expected.sort_by_key(|entry| entry.0);
            prop_assert_eq!(vector.iter().collect::<Vec<_>>(), expected);
            prop_assert_eq!(pruned, PruningStats { terms: removed.len(), weight: sum_magnitudes(removed) as f32 });

            let target_sum = weight_share.map(|share| f64::from(share) * sum_magnitudes(&order));
            let reached = |entries| target_sum.is_some_and(|target| sum_magnitudes(entries) >= target);
            let has_max_terms = max_terms.is_some_and(|max| kept.len() == max);
            prop_assert!(max_terms.is_none_or(|max| kept.len() <= max));
            prop_assert!(kept.iter().all(|&(_, weight)| weight >= min_weight));
            if let Some(&(_, next)) = removed.first() {
                prop_assert!(
                    has_max_terms || next < min_weight || reached(kept),
                    "{} more could be kept",
                    removed.len()
                );
            }
            // Minimal: without their smallest term, the kept terms would not reach the share.
            if let Some((_, fewer)) = kept.split_last() {
                prop_assert!(!reached(fewer));
            }
        }
    }

    #[test]
    fn a_share_of_one_keeps_terms_too_small_to_change_the_sum() {
        let full = SparseVector::new(vec![1, 2], vec![1e9, 1e-30]).unwrap();
        let mut vector = full.clone();
        let all = Pruning { weight_share: Some(1.0), ..Pruning::default() };
        assert_eq!(vector.prune(all), PruningStats::default());
        assert_eq!(vector, full);
    }
}
