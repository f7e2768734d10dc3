//! Vector selection of a read.

/// Vectors to return with each point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WithVectors {
    /// Name of the sparse vector to return, if any.
    pub sparse: Option<String>,
    /// Names of the dense vectors to return.
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
