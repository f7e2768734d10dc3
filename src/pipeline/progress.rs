//! How far a stream has come.

use std::collections::BTreeMap;

/// Follows the sequence numbers of a stream, which finish in any order.
#[derive(Debug, Default)]
pub struct Progress {
    through: u64,
    /// Finished numbers with a gap before them, as ranges: the first of each, and the last. In each gap is an item in
    /// flight, so there are never more ranges than permits, however many items finish while an early one waits.
    ahead: BTreeMap<u64, u64>,
}

impl Progress {
    /// Takes note that an item has its result.
    pub fn finish(&mut self, sequence: u64) {
        let last = self.ahead.remove(&(sequence + 1)).unwrap_or(sequence);
        let before = self.ahead.range(..sequence).next_back();
        let first = before.filter(|(_, last)| **last + 1 == sequence).map_or(sequence, |(first, _)| *first);
        if first == self.through + 1 {
            self.through = last;
        } else {
            self.ahead.insert(first, last);
        }
    }

    /// The highest number such that it and all before it, from 1, have their results.
    pub fn through(&self) -> u64 {
        self.through
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: `through` is the length of the finished prefix, at every moment.
        #[test]
        fn is_the_finished_prefix(order in Just((1u64..40).collect::<Vec<_>>()).prop_shuffle()) {
            let mut progress = Progress::default();
            let mut finished = BTreeSet::new();
            for sequence in order {
                progress.finish(sequence);
                finished.insert(sequence);
                let prefix = (1..).take_while(|number| finished.contains(number)).count() as u64;
                prop_assert_eq!(progress.through(), prefix);
                let gaps = finished.iter().filter(|number| !finished.contains(&(*number - 1))).count();
                prop_assert!(progress.ahead.len() <= gaps);
            }
            prop_assert!(progress.ahead.is_empty());
        }
    }
}
