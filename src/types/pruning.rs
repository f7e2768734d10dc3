//! Pruning: a vector keeps its heaviest terms.
//!
//! See docs/adr/0023-pruning-and-dtype-outside-fingerprint.md.

use super::SparseVector;

/// Which terms of a vector are kept, the heaviest first; the default keeps all. The strictest rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pruning {
    /// At most so many terms; `None` is no limit.
    pub max_terms: Option<usize>,
    /// Only terms of at least this weight; 0 is no limit.
    pub min_weight: f32,
    /// Only as many terms as it takes for their weights to sum to at least this share of the sum of all, above 0 and at
    /// most 1; `None` is no limit.
    pub weight_share: Option<f32>,
}

/// What pruning cut from a vector.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PruningStats {
    pub terms: usize,
    /// The sum of their weights.
    pub weight: f32,
}

impl SparseVector {
    /// Keeps the terms that `pruning` asks for, and returns what was cut.
    ///
    /// Each rule keeps a prefix of the same order: by descending magnitude of the weight and, where these are equal, by
    /// ascending index. So the strictest rule decides, and the order in which rules are applied makes no difference. Only
    /// weights of a table can be negative; sentence-transformers ranks them by their magnitude, too.
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

/// Returns how many of these entries, the heaviest first, are kept.
fn count_kept(entries: &[(u32, f32)], Pruning { max_terms, min_weight, weight_share }: Pruning) -> usize {
    let by_count = max_terms.unwrap_or(usize::MAX).min(entries.len());
    let by_weight = entries.partition_point(|&(_, weight)| min_weight == 0.0 || weight.abs() >= min_weight);
    // The whole is all of them, down to those that are too light to change the sum.
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

    /// A few weights only, so that many are equal.
    fn vectors() -> impl Strategy<Value = SparseVector> {
        let weight = prop_oneof![0.01f32..3.0, prop::sample::select(vec![0.25, 0.5, 1.0])];
        let weights = prop::collection::vec(weight, 0..40);
        weights.prop_map(|weights| SparseVector::new((0..weights.len() as u32).collect(), weights).unwrap())
    }

    #[test]
    fn negative_weights_count_by_their_magnitude() {
        let mut vector = SparseVector::new(vec![1, 2, 3], vec![0.5, -2.0, 1.0]).unwrap();
        vector.prune(Pruning { max_terms: Some(2), ..Pruning::default() });
        assert_eq!(vector.iter().collect::<Vec<_>>(), [(2, -2.0), (3, 1.0)]);
    }

    proptest! {
        /// Laws: what is kept is the beginning of the order by weight, then vocabulary; each rule holds, and with one
        /// term more one of them would not; and what is cut is told.
        #[test]
        fn keeps_the_heaviest_as_many_as_all_rules_allow(
            full in vectors(),
            max_terms in prop::option::of(1usize..50),
            min_weight in prop_oneof![Just(0.0f32), 0.0f32..2.0],
            weight_share in prop::option::of(prop_oneof![0.001f32..1.0, Just(1.0)]),
        ) {
            let mut order: Vec<(u32, f32)> = full.iter().collect();
            order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let mut vector = full.clone();
            let pruned = vector.prune(Pruning { max_terms, min_weight, weight_share });
            let (kept, cut) = order.split_at(vector.len());
            let mut expected = kept.to_vec();
            expected.sort_by_key(|entry| entry.0);
            prop_assert_eq!(vector.iter().collect::<Vec<_>>(), expected);
            prop_assert_eq!(pruned, PruningStats { terms: cut.len(), weight: sum_magnitudes(cut) as f32 });

            let goal = weight_share.map(|share| f64::from(share) * sum_magnitudes(&order));
            let reached = |entries| goal.is_some_and(|goal| sum_magnitudes(entries) >= goal);
            let full = max_terms.is_some_and(|max| kept.len() == max);
            prop_assert!(max_terms.is_none_or(|max| kept.len() <= max));
            prop_assert!(kept.iter().all(|&(_, weight)| weight >= min_weight));
            if let Some(&(_, next)) = cut.first() {
                prop_assert!(full || next < min_weight || reached(kept), "{} more could be kept", cut.len());
            }
            // Minimal: without its lightest term, what is kept would be short of the share.
            if let Some((_, fewer)) = kept.split_last() {
                prop_assert!(!reached(fewer));
            }
        }
    }

    #[test]
    fn the_whole_share_keeps_what_is_too_light_to_count() {
        let full = SparseVector::new(vec![1, 2], vec![1e9, 1e-30]).unwrap();
        let mut vector = full.clone();
        let all = Pruning { weight_share: Some(1.0), ..Pruning::default() };
        assert_eq!(vector.prune(all), PruningStats::default());
        assert_eq!(vector, full);
    }
}
