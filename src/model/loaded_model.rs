//! Loaded models: a tokenizer and an encoder per role, and the fingerprint.

use std::path::Path;

use super::layout::{EncoderSettings, Layout};
use super::legacy::{FingerprintV1, LegacyIdentity};
use super::{Backend, FingerprintMatch, InferenceDType, ModelError, RoleEncoder, TransformerSettings, fingerprint};
use crate::types::{Fingerprint, Role};

/// A loaded model.
#[derive(Debug)]
pub struct Model {
    /// Name of the model in requests.
    pub name: String,
    /// Settings of the transformer that encodes documents.
    pub settings: TransformerSettings,
    pub fingerprint: Fingerprint,
    /// Identity before version 2 of the fingerprint; `None` if earlier builds could not load the model.
    pub(crate) legacy: Option<LegacyIdentity>,
    /// dtype of the matrix products.
    pub dtype: InferenceDType,
    /// Kind of device, such as `cpu`.
    pub device: &'static str,
    /// Maximum number of terms per vector; a request or a flag may override it.
    pub max_terms: Option<usize>,
    /// Encoder of documents.
    pub document: RoleEncoder,
    /// Encoder of queries; `None` if queries are encoded like documents.
    pub query: Option<RoleEncoder>,
}

impl Model {
    /// Loads a model from a directory. Blocks while it reads and packs the weights.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file is missing, unreadable or unsupported, a key has an unsupported value, a tensor
    /// is missing or has the wrong shape, or the tokenizer has more tokens than the model has embeddings.
    pub fn load(name: &str, directory: &Path, backend: &Backend) -> Result<Self, ModelError> {
        let layout = Layout::read(directory)?;
        // Before the weights are read, so that the warnings precede an error that they may explain.
        layout.warnings.log(name);
        let Layout { document, query, .. } = &layout;
        // Hashing all bytes takes about as long as packing the weights, so the two run in parallel.
        let fingerprints = || rayon::join(|| fingerprint::compute(&layout), || FingerprintV1::compute(&layout));
        let (encoders, (fingerprint, version_1)) =
            rayon::join(|| RoleEncoder::load_roles(document, query, backend), fingerprints);
        let (document_encoder, query_encoder) = encoders?;
        let query_tokenizer = query_encoder.as_ref().map_or(&document_encoder.tokenizer, |encoder| &encoder.tokenizer);
        let tokenizers = [&document_encoder.tokenizer, query_tokenizer];
        let legacy = version_1?.map(|version_1| LegacyIdentity::new(version_1, &layout, tokenizers));
        let EncoderSettings::Transformer { settings, .. } = layout.document.encoder else {
            return Err(ModelError::file(directory, "no module encodes documents; expected a Transformer"));
        };
        Ok(Self {
            name: name.to_owned(),
            settings,
            fingerprint: fingerprint?,
            legacy,
            dtype: backend.inference_dtype(),
            device: backend.device_kind(),
            max_terms: layout.max_terms,
            document: document_encoder,
            query: query_encoder,
        })
    }

    /// Returns the encoder of a role.
    pub fn role_encoder(&self, role: Role) -> &RoleEncoder {
        match role {
            Role::Document => &self.document,
            Role::Query => self.query.as_ref().unwrap_or(&self.document),
        }
    }

    /// Returns the maximum number of tokens per text of a role; `None` if there is no limit.
    pub fn max_length(&self, role: Role) -> Option<usize> {
        self.role_encoder(role).tokenizer.max_length()
    }

    /// Compares the fingerprint of a collection with this model.
    pub fn compare_fingerprint(&self, stored: &Fingerprint) -> FingerprintMatch<'_> {
        FingerprintMatch::compare(stored, &self.fingerprint, self.legacy.as_ref())
    }

    /// Returns the fingerprint of earlier builds if they produced identical vectors.
    pub fn legacy_fingerprint(&self) -> Option<&Fingerprint> {
        self.legacy.as_ref().filter(|legacy| legacy.ignored_keys.is_empty()).map(|legacy| &legacy.fingerprint)
    }

    /// Returns the fingerprint that is part of document digests: the one of earlier builds if their vectors are
    /// identical, so that documents written by them are still UNCHANGED.
    pub fn digest_fingerprint(&self) -> &Fingerprint {
        self.legacy_fingerprint().unwrap_or(&self.fingerprint)
    }

    /// Encodes a text in each role, so that lazy initialization does not delay the first request.
    ///
    /// # Errors
    /// [`ModelError::Unusable`] if an encoder fails or its output is not finite, which indicates damaged weights.
    pub fn warm_up(&self) -> Result<(), ModelError> {
        std::iter::once(&self.document).chain(&self.query).try_for_each(RoleEncoder::warm_up)
    }
}
