//! A model: a tokenizer and an encoder for each role, and its identity.

use std::path::Path;

use super::layout::{EncoderSettings, Layout};
use super::legacy::{FingerprintV1, LegacyIdentity};
use super::{Backend, FingerprintMatch, InferenceDType, ModelError, RoleEncoder, TransformerSettings, fingerprint};
use crate::types::{Fingerprint, Role};

/// A model that is ready to encode.
#[derive(Debug)]
pub struct Model {
    /// The name that requests use.
    pub name: String,
    /// The transformer that encodes documents.
    pub settings: TransformerSettings,
    pub fingerprint: Fingerprint,
    /// Its identity before version 2 of the fingerprint; `None` if earlier builds could not load it.
    pub(crate) legacy: Option<LegacyIdentity>,
    /// The number format of its products.
    pub dtype: InferenceDType,
    /// Where it computes, such as cpu.
    pub device: &'static str,
    /// Maximum number of terms of a vector, unless a request or a flag says otherwise.
    pub max_terms: Option<usize>,
    /// How documents are encoded.
    pub document: RoleEncoder,
    /// How queries are; `None`: as documents are.
    pub query: Option<RoleEncoder>,
}

impl Model {
    /// Loads a model from the files of a directory. Blocks while it reads and packs the weights.
    ///
    /// # Errors
    /// A file that is missing, unreadable or of an unknown kind; a key that is refused; a tensor that is missing or of the
    /// wrong shape; a tokenizer with more tokens than the model has. Each names the file and what was expected.
    pub fn load(name: &str, directory: &Path, backend: &Backend) -> Result<Self, ModelError> {
        let layout = Layout::read(directory)?;
        layout.warnings.log(name);
        let Layout { document, query, .. } = &layout;
        // Reading all bytes for the fingerprint takes about as long as packing the weights.
        let fingerprints = || rayon::join(|| fingerprint::compute(&layout), || FingerprintV1::compute(&layout));
        let (encoders, (fingerprint, version_1)) =
            rayon::join(|| RoleEncoder::load_roles(document, query, backend), fingerprints);
        let (document_encoder, query_encoder) = encoders?;
        let query_tokenizer = query_encoder.as_ref().map_or(&document_encoder.tokenizer, |encoder| &encoder.tokenizer);
        let tokenizers = [&document_encoder.tokenizer, query_tokenizer];
        let legacy = version_1?.map(|version_1| LegacyIdentity::new(version_1, &layout, tokenizers));
        let EncoderSettings::Transformer { settings, .. } = layout.document.encoder else {
            return Err(ModelError::file(directory, "nothing here encodes documents"));
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

    /// How texts of that role are encoded.
    pub fn role_encoder(&self, role: Role) -> &RoleEncoder {
        match role {
            Role::Document => &self.document,
            Role::Query => self.query.as_ref().unwrap_or(&self.document),
        }
    }

    /// The maximum number of tokens of a text in that role; `None`: there is no limit.
    pub fn max_length(&self, role: Role) -> Option<usize> {
        self.role_encoder(role).tokenizer.max_length()
    }

    /// How the fingerprint of a collection relates to this model.
    pub fn compare_fingerprint(&self, stored: &Fingerprint) -> FingerprintMatch<'_> {
        FingerprintMatch::compare(stored, &self.fingerprint, self.legacy.as_ref())
    }

    /// The fingerprint that earlier builds gave to this model, if their vectors were the same.
    pub fn legacy_fingerprint(&self) -> Option<&Fingerprint> {
        self.legacy.as_ref().filter(|legacy| legacy.ignored_keys.is_empty()).map(|legacy| &legacy.fingerprint)
    }

    /// What stands for the encoder in the digests of documents: the fingerprint of earlier builds where their vectors are
    /// the same, so that documents that they wrote are still UNCHANGED.
    pub fn digest_fingerprint(&self) -> &Fingerprint {
        self.legacy_fingerprint().unwrap_or(&self.fingerprint)
    }

    /// Encodes a text in each role, so that the first request doesn't pay for what is made on first use.
    ///
    /// # Errors
    /// If an encoder fails, or its output is not finite, which means that the weights are not usable.
    pub fn warm_up(&self) -> Result<(), ModelError> {
        std::iter::once(&self.document).chain(&self.query).try_for_each(RoleEncoder::warm_up)
    }
}
