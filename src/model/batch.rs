//! Packed batches of token sequences.
//!
//! See docs/adr/0018-packed-batches.md.

use std::borrow::Cow;

/// Token ids of several sequences, concatenated without padding or mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    ids: Vec<u32>,
    /// Offsets into `ids`: sequence `i` is `ids[bounds[i]..bounds[i + 1]]`; the first is 0, the last the number of
    /// tokens.
    bounds: Vec<usize>,
}

impl TokenBatch {
    /// Token ids of all sequences, concatenated.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Offsets of the sequences in [`Self::ids`], from 0 to the number of tokens; one more than there are sequences.
    pub fn bounds(&self) -> &[usize] {
        &self.bounds
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over the token ids of each sequence, in order.
    pub fn sequences(&self) -> impl Iterator<Item = &[u32]> {
        self.bounds.windows(2).map(|pair| &self.ids[pair[0]..pair[1]])
    }

    /// Splits the batch, in order, into batches of at most `max_tokens` tokens; a longer sequence becomes a batch
    /// alone.
    pub fn split(&self, max_tokens: usize) -> Vec<Cow<'_, Self>> {
        if self.ids.len() <= max_tokens {
            return vec![Cow::Borrowed(self)];
        }
        let mut batches = Vec::new();
        let mut batch = Self::default();
        for sequence in self.sequences() {
            // A sequence is never split, so a long one alone may exceed the limit.
            if !batch.is_empty() && batch.ids.len() + sequence.len() > max_tokens {
                batches.push(Cow::Owned(std::mem::take(&mut batch)));
            }
            batch.push(sequence);
        }
        batches.push(Cow::Owned(batch));
        batches
    }

    fn push(&mut self, sequence: &[u32]) {
        self.ids.extend_from_slice(sequence);
        self.bounds.push(self.ids.len());
    }

    /// Position of each token in its sequence, from 0.
    pub fn positions(&self) -> Vec<u32> {
        self.bounds.windows(2).flat_map(|pair| 0..(pair[1] - pair[0]) as u32).collect()
    }
}

impl<'a> FromIterator<&'a [u32]> for TokenBatch {
    fn from_iter<I: IntoIterator<Item = &'a [u32]>>(sequences: I) -> Self {
        let mut batch = Self::default();
        sequences.into_iter().for_each(|sequence| batch.push(sequence));
        batch
    }
}

impl Default for TokenBatch {
    fn default() -> Self {
        Self { ids: Vec::new(), bounds: vec![0] }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: the parts concatenate to the batch, and only a part with a single sequence exceeds the limit.
        #[test]
        fn split_parts_concatenate_to_the_batch(lengths in prop::collection::vec(1usize..20, 0..30), tokens in 1usize..40) {
            let sequences: Vec<Vec<u32>> = lengths.iter().map(|&length| (0..length as u32).collect()).collect();
            let batch: TokenBatch = sequences.iter().map(Vec::as_slice).collect();
            let parts = batch.split(tokens);
            let together: TokenBatch = parts.iter().flat_map(|part| part.sequences()).collect();
            prop_assert_eq!(&together, &batch);
            for part in &parts {
                prop_assert!(part.ids().len() <= tokens || part.len() == 1);
            }
        }
    }

    #[test]
    fn packs_without_padding() {
        let batch = TokenBatch::from_iter([&[1, 2, 3][..], &[4, 5]]);
        assert_eq!(batch.ids(), [1, 2, 3, 4, 5]);
        assert_eq!(batch.bounds(), [0, 3, 5]);
        assert_eq!(batch.positions(), [0, 1, 2, 0, 1]);
        assert_eq!(batch.len(), 2);
    }
}
