//! How far a stream has come: from where a client can resume it.
//!
//! See docs/adr/0004-the-v1-contract.md.

use std::collections::BTreeMap;

/// Follows the sequence numbers of a stream, whose results come in any order.
#[derive(Debug)]
pub struct StreamProgress {
    /// Every number up to and including this one is final.
    durable_through: u64,
    /// The position of that operation.
    position: String,
    /// Ranges of final numbers with a gap before them, by the first of each. In each gap is an operation in flight, so
    /// there are never more ranges than permits, however many results come while an early one waits.
    final_ranges: BTreeMap<u64, FinalRange>,
    /// The lowest number that failed. Nothing behind it counts: it must be sent again.
    first_failed: Option<u64>,
}

/// The end of a range of final numbers.
#[derive(Debug)]
struct FinalRange {
    last: u64,
    /// The position of the last operation.
    position: String,
}

impl StreamProgress {
    /// Starts a stream whose first operation has this number.
    pub fn new(first_sequence: u64) -> Self {
        Self {
            durable_through: first_sequence.saturating_sub(1),
            position: String::new(),
            final_ranges: BTreeMap::new(),
            first_failed: None,
        }
    }

    /// Notes the result of an operation: durable, or rejected for good.
    pub fn record_final(&mut self, sequence: u64, position: String) {
        if self.first_failed.is_some_and(|failed| failed < sequence) {
            return;
        }
        let range = self.final_ranges.remove(&(sequence + 1)).unwrap_or(FinalRange { last: sequence, position });
        let previous = self.final_ranges.range(..sequence).next_back();
        let first = previous.filter(|(_, before)| before.last + 1 == sequence).map_or(sequence, |(first, _)| *first);
        if first == self.durable_through + 1 {
            (self.durable_through, self.position) = (range.last, range.position);
        } else {
            self.final_ranges.insert(first, range);
        }
    }

    /// Notes that an operation failed and is to be sent again.
    pub fn record_failed(&mut self, sequence: u64) {
        let first_failed = self.first_failed.map_or(sequence, |failed| failed.min(sequence));
        self.first_failed = Some(first_failed);
        // No range spans a number that has failed.
        drop(self.final_ranges.split_off(&first_failed));
    }

    /// Returns the highest number such that it and all before it are final, or one less than the first number.
    pub fn durable_through(&self) -> u64 {
        self.durable_through
    }

    /// Returns the position of the operation [`Self::through`]; empty if it has none.
    pub fn position(&self) -> &str {
        &self.position
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: at every moment `through` ends the longest prefix of final results, and never passes a failed one.
        #[test]
        fn is_the_final_prefix(
            order in Just((0u64..40).collect::<Vec<_>>()).prop_shuffle(),
            failing in prop::collection::btree_set(0u64..40, 0..3),
            first in 1u64..1_000,
        ) {
            let mut progress = StreamProgress::new(first);
            let mut done = BTreeSet::new();
            for offset in order {
                if failing.contains(&offset) {
                    progress.record_failed(first + offset);
                } else {
                    progress.record_final(first + offset, offset.to_string());
                    done.insert(offset);
                }
                let prefix = (0..).take_while(|offset| done.contains(offset)).count() as u64;
                prop_assert_eq!(progress.durable_through(), first - 1 + prefix);
                let position = prefix.checked_sub(1).map(|last| last.to_string()).unwrap_or_default();
                prop_assert_eq!(progress.position(), position);
                prop_assert!(progress.final_ranges.len() <= 40);
            }
        }
    }
}
