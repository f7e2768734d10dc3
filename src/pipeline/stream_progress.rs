//! Progress of a stream: the sequence number from which a client can resume it.
//!
//! See docs/adr/0004-the-v1-contract.md.

use std::collections::BTreeMap;

/// Tracker of the final results of a stream, which arrive in any order.
#[derive(Debug)]
pub struct StreamProgress {
    /// Highest sequence number up to which all operations are final.
    durable_through: u64,
    /// Position of that operation; empty if it has none.
    position: String,
    /// Ranges of final numbers after a gap, keyed by their first number. Each gap contains an operation in flight, so
    /// there are never more ranges than permits, regardless of how many results arrive while an early one is pending.
    final_ranges: BTreeMap<u64, FinalRange>,
    /// Lowest sequence number that failed. Later results do not count, because the operations must be sent again.
    first_failed: Option<u64>,
}

/// Range of final numbers, without its first number.
#[derive(Debug)]
struct FinalRange {
    last: u64,
    /// Position of the last operation.
    position: String,
}

impl StreamProgress {
    /// Creates the progress of a stream whose first operation has number `first_sequence`.
    pub fn new(first_sequence: u64) -> Self {
        Self {
            durable_through: first_sequence.saturating_sub(1),
            position: String::new(),
            final_ranges: BTreeMap::new(),
            first_failed: None,
        }
    }

    /// Records a final result: the operation is durable, or permanently rejected.
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

    /// Records that an operation failed and must be sent again.
    pub fn record_failed(&mut self, sequence: u64) {
        let first_failed = self.first_failed.map_or(sequence, |failed| failed.min(sequence));
        self.first_failed = Some(first_failed);
        // Ranges end before a failed number, so none needs to be cut in two.
        drop(self.final_ranges.split_off(&first_failed));
    }

    /// Returns the highest number up to which all operations are final; `first_sequence - 1` if there is none.
    pub fn durable_through(&self) -> u64 {
        self.durable_through
    }

    /// Returns the position of the operation [`Self::durable_through`]; empty if it has none.
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
        /// Invariant: `durable_through` is always the end of the longest prefix of final results, and never passes a
        /// failed one.
        #[test]
        fn durable_through_ends_the_final_prefix(
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
