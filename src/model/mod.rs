//! The model: a folder of files becomes a tokenizer and an encoder.
//!
//! ```text
//!  text ──▶ Tokenizer ──▶ TokenBatch ──▶ Encoder: embeddings ▸ layers ▸ SPLADE head ──▶ SparseVector
//! ```
//!
//! A family (BERT, DistilBERT, …) says where its tensors are; the forward pass over a packed batch, the head and the
//! kernels are shared.

mod backend;
mod batch;
mod encoder;
mod error;
mod families;
mod files;
mod fingerprint;
mod head;
pub mod hub;
mod kernels;
mod layout;
mod models;
mod prune;
mod settings;
mod static_encoder;
mod tokenizer;
mod transformer;
mod weights;

use std::path::Path;
use std::sync::Arc;

use layout::{Layout, QuerySettings};
use static_encoder::StaticEncoder;

use crate::types::{Fingerprint, Role};

pub use backend::{Backend, DeviceName, Precision};
pub use batch::TokenBatch;
pub use encoder::{Encoder, EncoderOutput, NonFiniteOutput, SpladeEncoder};
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
    /// The number format of its products.
    pub precision: Precision,
    /// Where it computes, such as cpu.
    pub device: &'static str,
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
    pub fn load(name: &str, folder: &Path, backend: &Backend) -> Result<Self, ModelError> {
        let Layout { document: settings, query } = Layout::read(folder)?;
        // Reading all bytes for the fingerprint takes about as long as packing the weights.
        let (sides, fingerprint) = rayon::join(
            || {
                let query = query.as_ref().map(|query| Side::load(query, backend)).transpose()?;
                Ok((Side::transformer(&settings, backend)?, query))
            },
            || fingerprint::of(&settings, query.as_ref()),
        );
        let (document, query) = sides?;
        Ok(Self {
            name: name.to_owned(),
            settings,
            fingerprint: fingerprint?,
            precision: backend.precision(),
            device: backend.device_kind(),
            document,
            query,
        })
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
    /// If an encoder fails, or its output is not finite, which means that the weights are not usable.
    pub fn warm_up(&self) -> Result<(), ModelError> {
        std::iter::once(&self.document).chain(&self.query).try_for_each(Side::warm_up)
    }
}

impl Side {
    fn load(settings: &QuerySettings, backend: &Backend) -> Result<Self, ModelError> {
        match settings {
            QuerySettings::Transformer(settings) => Self::transformer(settings, backend),
            QuerySettings::Static(settings) => {
                let tokenizer = Tokenizer::load(&settings.tokenizer)?;
                let encoder = Arc::new(StaticEncoder::load(settings, &tokenizer)?);
                Ok(Self { tokenizer, encoder })
            }
        }
    }

    fn transformer(settings: &Settings, backend: &Backend) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::load(&settings.tokenizer())?;
        Ok(Self { tokenizer, encoder: Arc::new(SpladeEncoder::load(settings, backend)?) })
    }

    fn warm_up(&self) -> Result<(), ModelError> {
        let tokens = self.tokenizer.tokenize("warm").map_err(|error| ModelError::Unusable(error.to_string()))?;
        let batch = TokenBatch::from_iter([tokens.ids.as_slice()]);
        let outputs =
            self.encoder.encode(&batch, &mut || {}).map_err(|error| ModelError::Unusable(error.to_string()))?;
        outputs.into_iter().try_for_each(|output| match output {
            Ok(_) => Ok(()),
            Err(error) => Err(ModelError::Unusable(error.to_string())),
        })
    }
}
