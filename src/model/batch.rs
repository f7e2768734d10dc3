//! A packed batch of token sequences.

/// Token ids of several sequences, one after another: no padding, no mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    ids: Vec<u32>,
    /// Sequence `i` is `ids[bounds[i]..bounds[i + 1]]`; begins with 0 and ends with the number of tokens.
    bounds: Vec<usize>,
}

impl TokenBatch {
    /// All tokens.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Where sequences begin and end; one more than there are sequences.
    pub fn bounds(&self) -> &[usize] {
        &self.bounds
    }

    /// How many sequences there are.
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequences, in order.
    pub fn sequences(&self) -> impl Iterator<Item = &[u32]> {
        self.bounds.windows(2).map(|pair| &self.ids[pair[0]..pair[1]])
    }

    /// Each token's position in its own sequence, from 0.
    pub fn positions(&self) -> Vec<u32> {
        self.bounds.windows(2).flat_map(|pair| 0..(pair[1] - pair[0]) as u32).collect()
    }
}

impl<'a> FromIterator<&'a [u32]> for TokenBatch {
    fn from_iter<I: IntoIterator<Item = &'a [u32]>>(sequences: I) -> Self {
        let mut batch = Self { ids: Vec::new(), bounds: vec![0] };
        for sequence in sequences {
            batch.ids.extend_from_slice(sequence);
            batch.bounds.push(batch.ids.len());
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_without_padding() {
        let batch = TokenBatch::from_iter([&[1, 2, 3][..], &[4, 5]]);
        assert_eq!(batch.ids(), [1, 2, 3, 4, 5]);
        assert_eq!(batch.bounds(), [0, 3, 5]);
        assert_eq!(batch.positions(), [0, 1, 2, 0, 1]);
        assert_eq!(batch.len(), 2);
    }
}
