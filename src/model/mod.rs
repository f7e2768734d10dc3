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
mod prune;
mod settings;
mod tokenizer;
mod transformer;
mod weights;

use std::path::Path;
use std::sync::Arc;

use crate::types::{Fingerprint, Role};

pub use batch::TokenBatch;
pub use encoder::{Encoder, SpladeEncoder};
pub use error::ModelError;
pub use models::Models;
pub use prune::prune;
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
        let tokenizer = Tokenizer::load(&settings, Some(settings.max_length))?;
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
