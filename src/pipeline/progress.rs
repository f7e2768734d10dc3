//! How far a stream has come.

use std::collections::BTreeSet;

/// Follows the sequence numbers of a stream, which finish in any order.
#[derive(Debug, Default)]
pub struct Progress {
    through: u64,
    /// Finished, but with a gap before them. Never more than there are permits.
    ahead: BTreeSet<u64>,
}

impl Progress {
    /// Takes note that an item has its result.
    pub fn finish(&mut self, sequence: u64) {
        self.ahead.insert(sequence);
        while self.ahead.first() == Some(&(self.through + 1)) {
            self.ahead.pop_first();
            self.through += 1;
        }
    }

    /// The highest number such that it and all before it, from 1, have their results.
    pub fn through(&self) -> u64 {
        self.through
    }
}

#[cfg(test)]
mod tests {
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
            }
            prop_assert!(progress.ahead.is_empty());
        }
    }
}
