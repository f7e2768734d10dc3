//! The selection of vectors that a read returns.

/// The vectors to return with each point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WithVectors {
    /// The name of the sparse vector, if it is returned.
    pub sparse: Option<String>,
    /// The names of dense vectors.
    pub dense: Vec<String>,
}

impl WithVectors {
    /// Selects only the sparse vector of this name.
    pub fn sparse(name: &str) -> Self {
        Self { sparse: Some(name.to_owned()), dense: Vec::new() }
    }

    /// Returns the names of all selected vectors.
    pub fn names(&self) -> Vec<String> {
        self.sparse.iter().chain(&self.dense).cloned().collect()
    }
}
