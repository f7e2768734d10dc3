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
mod config;
mod content;
mod encoder;
mod error;
mod families;
mod files;
mod fingerprint;
mod head;
pub mod hub;
mod json_file;
mod kernels;
pub mod keys;
mod layout;
mod legacy;
mod max_length;
mod models;
mod module;
mod module_arguments;
mod notes;
mod own_terms;
mod pooling;
mod role_settings;
mod router;
mod sentence_config;
mod settings;
mod splade_encoder;
mod static_encoder;
mod tokenizer;
mod tokenizer_files;
mod tokenizer_settings;
mod transformer;
#[cfg(feature = "verify")]
pub mod verify;
mod weights;
mod yield_point;

use std::path::Path;
use std::sync::Arc;

use layout::Layout;
use legacy::{Legacy, Version1};
use own_terms::OwnTermsEncoder;
use role_settings::{EncoderSettings, RoleSettings};
use static_encoder::StaticEncoder;
use tokenizer_settings::TokenizerSettings;

use crate::types::{Fingerprint, Role};

pub use backend::{Backend, DeviceName, Precision};
pub use batch::TokenBatch;
pub use config::Config;
pub use encoder::{Encoder, EncoderOutput, NonFiniteOutput};
pub use error::ModelError;
pub use models::Models;
pub use pooling::{Pooling, TermActivation};
pub use settings::Settings;
pub use splade_encoder::SpladeEncoder;
pub use tokenizer::{Tokenizer, Tokens};
pub use yield_point::YieldPoint;

/// A model that is ready to encode.
#[derive(Debug)]
pub struct Model {
    /// The name that requests use.
    pub name: String,
    /// The transformer that encodes documents.
    pub settings: Settings,
    pub fingerprint: Fingerprint,
    /// Its identity before version 2 of the fingerprint; `None` if earlier builds could not load it.
    pub(crate) legacy: Option<Legacy>,
    /// The number format of its products.
    pub precision: Precision,
    /// Where it computes, such as cpu.
    pub device: &'static str,
    /// Maximum number of terms of a vector, unless a request or a flag says otherwise.
    pub max_terms: Option<usize>,
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

/// How a stored fingerprint relates to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FingerprintMatch<'a> {
    /// The vectors are those of this model.
    Same,
    /// An earlier build wrote them with this model, but ignored these keys, as `file: key`.
    KeysIgnored(&'a [String]),
    Other,
}

/// Checks all that can be known of a model without its weights: every setting, and the tokenizers.
///
/// # Errors
/// A file that is missing, is not JSON, or says what is not supported; each by name.
pub fn check_settings(directory: &Path) -> Result<(), ModelError> {
    let Layout { document, query, .. } = Layout::read(directory)?;
    for role in [&document, &query] {
        // A tokenizer that is not there yet is missing, which is not for this to say.
        if role.tokenizer.files.path().exists() {
            check_padding(role, &Tokenizer::load(&role.tokenizer)?)?;
        }
    }
    Ok(())
}

impl Model {
    /// Loads a model from the files of a directory. Blocks while it reads and packs the weights.
    ///
    /// # Errors
    /// A file that is missing, unreadable or of an unknown kind; a key that is refused; a tensor that is missing or of the
    /// wrong shape; a tokenizer with more tokens than the model has. Each names the file and what was expected.
    pub fn load(name: &str, directory: &Path, backend: &Backend) -> Result<Self, ModelError> {
        let layout = Layout::read(directory)?;
        layout.notes.log(name);
        let Layout { document, query, .. } = &layout;
        // Reading all bytes for the fingerprint takes about as long as packing the weights.
        let fingerprints = || rayon::join(|| fingerprint::of(&layout), || Version1::of(&layout));
        let (sides, (fingerprint, version_1)) = rayon::join(|| load_sides(document, query, backend), fingerprints);
        let (document_side, query_side) = sides?;
        let query_tokenizer = query_side.as_ref().map_or(&document_side.tokenizer, |side| &side.tokenizer);
        let tokenizers = [&document_side.tokenizer, query_tokenizer];
        let legacy = version_1?.map(|version_1| Legacy::new(version_1, &layout, tokenizers));
        let EncoderSettings::Transformer { settings, .. } = layout.document.encoder else {
            return Err(ModelError::file(directory, "nothing here encodes documents"));
        };
        Ok(Self {
            name: name.to_owned(),
            settings,
            fingerprint: fingerprint?,
            legacy,
            precision: backend.precision(),
            device: backend.device_kind(),
            max_terms: layout.max_terms,
            document: document_side,
            query: query_side,
        })
    }

    /// How texts of that role are encoded.
    pub fn side(&self, role: Role) -> &Side {
        match role {
            Role::Document => &self.document,
            Role::Query => self.query.as_ref().unwrap_or(&self.document),
        }
    }

    /// The maximum number of tokens of a text in that role; `None`: there is no limit.
    pub fn max_length(&self, role: Role) -> Option<usize> {
        self.side(role).tokenizer.max_length()
    }

    /// How the fingerprint of a collection relates to this model.
    pub fn compare(&self, stored: &Fingerprint) -> FingerprintMatch<'_> {
        match &self.legacy {
            _ if *stored == self.fingerprint => FingerprintMatch::Same,
            Some(legacy) if *stored == legacy.fingerprint => match &legacy.ignored_keys[..] {
                [] => FingerprintMatch::Same,
                keys => FingerprintMatch::KeysIgnored(keys),
            },
            _ => FingerprintMatch::Other,
        }
    }

    /// The fingerprint that earlier builds gave to this model, if their vectors were the same.
    pub fn earlier_fingerprint(&self) -> Option<&Fingerprint> {
        self.legacy.as_ref().filter(|legacy| legacy.ignored_keys.is_empty()).map(|legacy| &legacy.fingerprint)
    }

    /// What stands for the encoder in the digests of documents: the fingerprint of earlier builds where their vectors are
    /// the same, so that documents that they wrote are still UNCHANGED.
    pub fn digest_fingerprint(&self) -> &Fingerprint {
        self.earlier_fingerprint().unwrap_or(&self.fingerprint)
    }

    /// Encodes a text in each role, so that the first request doesn't pay for what is made on first use.
    ///
    /// # Errors
    /// If an encoder fails, or its output is not finite, which means that the weights are not usable.
    pub fn warm_up(&self) -> Result<(), ModelError> {
        std::iter::once(&self.document).chain(&self.query).try_for_each(Side::warm_up)
    }
}

/// The sides of both roles; no second one where queries are encoded just as documents.
fn load_sides(
    document: &RoleSettings,
    query: &RoleSettings,
    backend: &Backend,
) -> Result<(Side, Option<Side>), ModelError> {
    let document_side = Side::load(document, None, backend)?;
    let is_same = query.encoder == document.encoder && query.tokenizer == document.tokenizer;
    let query_side = match is_same {
        true => None,
        false => Some(Side::load(query, Some((document, &document_side)), backend)?),
    };
    Ok((document_side, query_side))
}

/// A token that takes the position of padding must not be in every text: the number of positions would depend on it.
fn check_padding(role: &RoleSettings, tokenizer: &Tokenizer) -> Result<(), ModelError> {
    let EncoderSettings::Transformer { settings, .. } = &role.encoder else { return Ok(()) };
    let Some(padding) = settings.config.padding()? else { return Ok(()) };
    let around = tokenizer.sequence(&[]).map_err(|error| settings.config.problem(error))?;
    if around.contains(&padding) {
        return Err(settings.config.problem(format!(
            "`pad_token_id` is {padding}, which is a token that the tokenizer adds to every text; set it to that of padding"
        )));
    }
    Ok(())
}

impl Side {
    /// Loads a role; of another role that is loaded already it shares what is the same.
    fn load(role: &RoleSettings, other: Option<(&RoleSettings, &Self)>, backend: &Backend) -> Result<Self, ModelError> {
        let tokenizer = match other {
            Some((settings, side))
                if settings.tokenizer.files == role.tokenizer.files
                    && settings.tokenizer.vocabulary_size == role.tokenizer.vocabulary_size =>
            {
                side.tokenizer.with(&role.tokenizer)?
            }
            _ => Tokenizer::load(&role.tokenizer)?,
        };
        check_padding(role, &tokenizer)?;
        let encoder: Arc<dyn Encoder> = match &role.encoder {
            EncoderSettings::Static(table) => {
                let size = tokenizer.vocabulary_size();
                Arc::new(StaticEncoder::load(table, &tokenizer, size)?)
            }
            EncoderSettings::Transformer { settings, own_terms } => {
                let shared = other.and_then(|(other, side)| match &other.encoder {
                    EncoderSettings::Transformer { settings: theirs, own_terms: None } if theirs == settings => {
                        Some(Arc::clone(&side.encoder))
                    }
                    _ => None,
                });
                let encoder = match shared {
                    Some(encoder) => encoder,
                    None => Arc::new(SpladeEncoder::load(settings, backend)?),
                };
                match own_terms {
                    None => encoder,
                    Some(table) => {
                        let own = Tokenizer::load(&TokenizerSettings {
                            files: table.tokenizer.clone(),
                            vocabulary_size: None,
                            max_length: None,
                            prompt: String::new(),
                            special_tokens: false,
                        })?;
                        let weights = StaticEncoder::load(table, &own, settings.vocabulary_size)?;
                        Arc::new(OwnTermsEncoder::new(encoder, weights))
                    }
                }
            }
        };
        Ok(Self { tokenizer, encoder })
    }

    fn warm_up(&self) -> Result<(), ModelError> {
        let tokens = self.tokenizer.tokenize("warm").map_err(|error| ModelError::Unusable(error.to_string()))?;
        let batch = TokenBatch::from_iter([tokens.ids.as_slice()]);
        let outputs = self
            .encoder
            .encode(&batch, &mut YieldPoint::none())
            .map_err(|error| ModelError::Unusable(error.to_string()))?;
        outputs.into_iter().try_for_each(|output| match output {
            Ok(_) => Ok(()),
            Err(error) => Err(ModelError::Unusable(error.to_string())),
        })
    }
}
