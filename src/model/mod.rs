//! The model: a folder of files becomes a tokenizer and an encoder.
//!
//! ```text
//!  text ──▶ Tokenizer ──▶ TokenBatch ──▶ Encoder: embeddings ▸ layers ▸ SPLADE head ──▶ SparseVector
//! ```
//!
//! A family (BERT, DistilBERT, …) says where its tensors are; the forward pass over a packed batch, the head and the
//! kernels are shared.

mod batch;
mod encoder;
mod error;
mod families;
mod fingerprint;
mod head;
pub mod hub;

mod kernels;
mod models;
mod settings;
mod tokenizer;
mod transformer;
mod weights;

use std::path::Path;
use std::sync::Arc;

use crate::types::{Fingerprint, Pruning, Role, SparseVector};

pub use batch::TokenBatch;
pub use encoder::{Encoder, SpladeEncoder};
pub use error::ModelError;
pub use models::Models;
pub use settings::{Pooling, Settings, TermActivation};
pub use tokenizer::{Tokenizer, Tokens};

/// A model that is ready to encode.
#[derive(Debug)]
pub struct Model {
    /// The name that requests use.
    pub name: String,
    pub settings: Settings,
    pub fingerprint: Fingerprint,
    /// How documents are encoded.
    pub document: Side,
    /// How queries are; `None`: as documents are.
    pub query: Option<Side>,
}

/// How the texts of one role are encoded. All sides of a model share its vocabulary.
#[derive(Debug)]
pub struct Side {
    pub tokenizer: Tokenizer,
    pub encoder: Arc<dyn Encoder>,
}

impl Model {
    /// Loads a model from the files of a folder. Blocks while it reads and packs the weights.
    ///
    /// # Errors
    /// A file that is missing, unreadable or of an unknown kind; a tensor that is missing or of the wrong shape; a
    /// tokenizer with more tokens than the model has. Each names the file and what was expected.
    pub fn load(name: &str, folder: &Path) -> Result<Self, ModelError> {
        let settings = Settings::read(folder)?;
        let tokenizer = Tokenizer::load(&settings)?;
        let encoder = SpladeEncoder::load(&settings)?;
        let fingerprint = fingerprint::of(&settings)?;
        let document = Side { tokenizer, encoder: Arc::new(encoder) };
        Ok(Self { name: name.to_owned(), settings, fingerprint, document, query: None })
    }

    /// How texts of that role are encoded.
    pub fn side(&self, role: Role) -> &Side {
        match role {
            Role::Document => &self.document,
            Role::Query => self.query.as_ref().unwrap_or(&self.document),
        }
    }

    /// Encodes a text in each role, so that the first request doesn't pay for what is made on first use.
    ///
    /// # Errors
    /// If an encoder fails, which means that the weights are not usable.
    pub fn warm_up(&self) -> Result<(), ModelError> {
        std::iter::once(&self.document).chain(&self.query).try_for_each(Side::warm_up)
    }
}

impl Side {
    fn warm_up(&self) -> Result<(), ModelError> {
        let tokens = self.tokenizer.tokenize("warm").map_err(|error| ModelError::Unusable(error.to_string()))?;
        let batch = TokenBatch::from_iter([tokens.ids.as_slice()]);
        self.encoder.encode(&batch, &mut || {}).map_err(|error| ModelError::Unusable(error.to_string()))?;
        Ok(())
    }
}

/// Keeps the terms that `pruning` asks for.
pub fn prune(vector: &mut SparseVector, pruning: Pruning) {
    if pruning.min_weight > 0.0 {
        vector.retain(|_, weight| weight >= pruning.min_weight);
    }
    let Some(max_terms) = pruning.max_terms.filter(|&max| max < vector.len()) else { return };
    // The order of terms of equal weight is that of the vocabulary, so that the choice is always the same.
    let mut entries: Vec<(u32, f32)> = vector.iter().collect();
    entries.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    entries.truncate(max_terms);
    entries.sort_unstable_by_key(|&(index, _)| index);
    let mut kept = SparseVector::default();
    entries.into_iter().for_each(|(index, weight)| kept.push(index, weight));
    *vector = kept;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: what is kept is never lighter than what is dropped, and no more than was asked for.
        #[test]
        fn pruning_keeps_the_heaviest(weights in prop::collection::vec(0.01f32..3.0, 1..40), max in 1usize..50, min in 0.0f32..2.0) {
            let full = SparseVector::new((0..weights.len() as u32).collect(), weights).unwrap();
            let mut kept = full.clone();
            prune(&mut kept, Pruning { max_terms: Some(max), min_weight: min });
            prop_assert!(kept.len() <= max);
            let lightest = kept.values().iter().copied().fold(f32::INFINITY, f32::min);
            for (index, weight) in full.iter() {
                if kept.indices().contains(&index) {
                    prop_assert!(weight >= min);
                } else {
                    prop_assert!(weight < min || (kept.len() == max && weight <= lightest));
                }
            }
        }
    }
}
