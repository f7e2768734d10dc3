//! Sparse vectors.

/// Sparse vector over a vocabulary. Indices are ascending and unique; values are finite and not zero.
///
/// # Examples
///
/// ```
/// use splade_sidecar::types::{SparseVector, SparseVectorError};
///
/// let query = SparseVector::new(vec![7, 2], vec![0.5, 1.0])?;
/// let document = SparseVector::new(vec![2, 9], vec![2.0, 3.0])?;
/// assert_eq!(query.indices(), [2, 7]);
///
/// let score: f32 = query.intersection(&document).map(|(_, a, b)| a * b).sum();
/// assert_eq!(score, 2.0);
/// # Ok::<(), SparseVectorError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SparseVector {
    indices: Vec<u32>,
    values: Vec<f32>,
}

/// Error of a sparse vector's construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SparseVectorError {
    #[error("there are {indices} indices but {values} values; send one value per index")]
    LengthMismatch { indices: usize, values: usize },
    #[error("index {0} occurs twice; send each index once")]
    DuplicateIndex(u32),
    #[error("index {0} is less than the previous one; append indices in ascending order")]
    UnsortedIndex(u32),
    #[error("the value of index {0} is not a finite number; send finite numbers")]
    NonFiniteValue(u32),
}

impl SparseVector {
    /// Creates a vector from entries in any order. Zeros are dropped.
    ///
    /// # Errors
    /// `LengthMismatch` for lists of different lengths, `DuplicateIndex`, or `NonFiniteValue`.
    pub fn new(indices: Vec<u32>, values: Vec<f32>) -> Result<Self, SparseVectorError> {
        if indices.len() != values.len() {
            return Err(SparseVectorError::LengthMismatch { indices: indices.len(), values: values.len() });
        }
        let mut entries: Vec<(u32, f32)> = indices.into_iter().zip(values).collect();
        entries.sort_unstable_by_key(|&(index, _)| index);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(SparseVectorError::DuplicateIndex(pair[0].0));
        }
        if let Some(&(index, _)) = entries.iter().find(|(_, value)| !value.is_finite()) {
            return Err(SparseVectorError::NonFiniteValue(index));
        }
        entries.retain(|&(_, value)| value != 0.0);
        let (indices, values) = entries.into_iter().unzip();
        Ok(Self { indices, values })
    }

    /// Creates a vector from the entries that a store returned. Other writers of the store may have stored entries that
    /// [`SparseVector::new`] rejects: of duplicate indices the first is kept, and values that are not finite are
    /// dropped.
    pub fn from_stored(indices: Vec<u32>, values: Vec<f32>) -> Self {
        let mut entries: Vec<(u32, f32)> = indices.into_iter().zip(values).collect();
        entries.retain(|&(_, value)| value.is_finite() && value != 0.0);
        entries.sort_by_key(|&(index, _)| index);
        entries.dedup_by_key(|&mut (index, _)| index);
        let (indices, values) = entries.into_iter().unzip();
        Self { indices, values }
    }

    /// Appends an entry with an index above all others, as the model's head does while it iterates over the vocabulary.
    /// Zeros are dropped.
    ///
    /// # Errors
    /// `NonFiniteValue`, or `DuplicateIndex` or `UnsortedIndex` if the index is not above all others. The vector does
    /// not change.
    pub fn push(&mut self, index: u32, value: f32) -> Result<(), SparseVectorError> {
        match self.indices.last() {
            Some(&last) if index == last => return Err(SparseVectorError::DuplicateIndex(index)),
            Some(&last) if index < last => return Err(SparseVectorError::UnsortedIndex(index)),
            _ => {}
        }
        if !value.is_finite() {
            return Err(SparseVectorError::NonFiniteValue(index));
        }
        if value != 0.0 {
            self.indices.push(index);
            self.values.push(value);
        }
        Ok(())
    }

    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Iterates over the entries by ascending index.
    pub fn iter(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.indices.iter().copied().zip(self.values.iter().copied())
    }

    /// Iterates over the indices that both vectors have, in ascending order: index, value in `self`, value in `other`.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (u32, f32, f32)> + 'a {
        self.iter().filter_map(|(index, value)| {
            let position = other.indices.binary_search(&index).ok()?;
            Some((index, value, other.values[position]))
        })
    }

    /// Returns the larger value of each index of both vectors. Values must be positive, as those of encoders are.
    #[must_use]
    pub fn elementwise_max(&self, other: &Self) -> Self {
        let mut entries: Vec<(u32, f32)> = self.iter().chain(other.iter()).collect();
        // A stable sort is fast on two ascending runs.
        entries.sort_by_key(|&(index, _)| index);
        entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = kept.1.max(later.1);
            }
            same
        });
        let (indices, values) = entries.into_iter().unzip();
        Self { indices, values }
    }

    /// Keeps only the entries for which `keep` returns true.
    pub fn retain(&mut self, keep: impl Fn(u32, f32) -> bool) {
        let (indices, values) = self.iter().filter(|&(index, value)| keep(index, value)).unzip();
        *self = Self { indices, values };
    }

    /// Returns the indices and values.
    pub fn into_parts(self) -> (Vec<u32>, Vec<f32>) {
        (self.indices, self.values)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn invalid_stored_entries_are_dropped() {
        let vector = SparseVector::from_stored(vec![7, 3, 7, 5, 9], vec![0.5, f32::NAN, 0.25, 0.0, f32::INFINITY]);
        assert_eq!((vector.indices(), vector.values()), (&[7][..], &[0.5][..]));
        assert_eq!(SparseVector::from_stored(vec![1, 2], vec![1.0]).indices(), [1]);
    }

    proptest! {
        /// Invariant: an accepted vector is sorted, unique, finite and without zeros, and has all other entries.
        #[test]
        fn accepted_vectors_are_canonical(entries in prop::collection::vec((0u32..50, -2.0f32..2.0), 0..20)) {
            let (indices, values): (Vec<_>, Vec<_>) = entries.iter().copied().unzip();
            let unique = indices.iter().collect::<std::collections::HashSet<_>>().len() == indices.len();
            match SparseVector::new(indices, values) {
                Ok(vector) => {
                    prop_assert!(unique);
                    prop_assert!(vector.indices().windows(2).all(|pair| pair[0] < pair[1]));
                    let mut expected: Vec<_> = entries.into_iter().filter(|e| e.1 != 0.0).collect();
                    expected.sort_by_key(|e| e.0);
                    prop_assert_eq!(vector.iter().collect::<Vec<_>>(), expected);
                }
                Err(SparseVectorError::DuplicateIndex(_)) => prop_assert!(!unique),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }

    proptest! {
        /// Invariant: the maximum of two vectors is the maximum at each index, where a missing entry counts as zero.
        #[test]
        fn the_maximum_is_element_wise(
            a in prop::collection::btree_map(0u32..30, 0.01f32..2.0, 0..20),
            b in prop::collection::btree_map(0u32..30, 0.01f32..2.0, 0..20),
        ) {
            let vector = |entries: &BTreeMap<u32, f32>| {
                SparseVector::new(entries.keys().copied().collect(), entries.values().copied().collect()).unwrap()
            };
            let at = |entries: &BTreeMap<u32, f32>, index| entries.get(&index).copied().unwrap_or_default();
            let expected = (0..30).map(|index| (index, at(&a, index).max(at(&b, index)))).filter(|entry| entry.1 > 0.0);
            let expected: Vec<_> = expected.collect();
            prop_assert_eq!(vector(&a).elementwise_max(&vector(&b)).iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn rejects_invalid_entries() {
        assert!(matches!(SparseVector::new(vec![1], vec![]), Err(SparseVectorError::LengthMismatch { .. })));
        assert_eq!(SparseVector::new(vec![7], vec![f32::NAN]), Err(SparseVectorError::NonFiniteValue(7)));
    }

    #[test]
    fn push_requires_ascending_indices_and_drops_zeros() {
        let mut vector = SparseVector::default();
        assert_eq!(vector.push(3, 1.0), Ok(()));
        assert_eq!(vector.push(3, 2.0), Err(SparseVectorError::DuplicateIndex(3)));
        assert_eq!(vector.push(2, 1.0), Err(SparseVectorError::UnsortedIndex(2)));
        assert_eq!(vector.push(4, 0.0), Ok(()));
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(vector.push(5, value), Err(SparseVectorError::NonFiniteValue(5)));
        }
        assert_eq!(vector.push(6, 0.5), Ok(()));
        assert_eq!(vector.iter().collect::<Vec<_>>(), [(3, 1.0), (6, 0.5)]);
    }
}
