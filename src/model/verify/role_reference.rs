//! Reference vectors for one role of a model, and the comparison with a model.

use std::path::Path;

use super::super::layout::{EncoderSettings, Layout};
use super::super::{
    EncoderOutput, InferenceDType, Model, ModelError, RoleEncoder, TokenBatch, TransformerSettings, YieldPoint,
};
use super::compare::{Differences, VerifyVerdict};
use super::comparison::Comparison;
use super::reference::{MAX_TOKENS, ReferenceEncoder, ReferenceError};
use crate::types::Role;

/// Number of texts per batch of the model.
const BATCH_TEXTS: usize = 8;

/// Reference vectors of the texts in one role.
pub struct RoleReference {
    role: Role,
    texts: Vec<IndexedText>,
    vectors: Result<ReferenceVectors, ReferenceError>,
}

struct IndexedText {
    /// Index in the list of texts.
    index: usize,
    ids: Vec<u32>,
}

struct ReferenceVectors {
    outputs: Vec<EncoderOutput>,
    /// Description of a weight so large that int8 rounds the rest of its row to zero.
    outlier: Option<String>,
}

impl RoleReference {
    /// Encodes the texts in each role with its own encoder.
    ///
    /// # Errors
    /// [`ModelError::File`] if the configuration files can no longer be read.
    pub fn load_all(directory: &Path, model: &Model, texts: &[String]) -> Result<Vec<Self>, ModelError> {
        let Layout { document, query, .. } = Layout::read(directory)?;
        let mut references = vec![Self::new(Role::Document, &model.document, &document.encoder, texts)];
        if let Some(role_encoder) = &model.query {
            references.push(Self::new(Role::Query, role_encoder, &query.encoder, texts));
        }
        Ok(references)
    }

    /// Encodes the texts that the tokenizer accepts.
    fn new(role: Role, role_encoder: &RoleEncoder, encoder: &EncoderSettings, texts: &[String]) -> Self {
        let tokenized = texts.iter().enumerate();
        let texts: Vec<_> = tokenized
            .filter_map(|(index, text)| Some(IndexedText { index, ids: tokenize_bounded(role_encoder, text)? }))
            .collect();
        let no_reference =
            |what: &str| Err(ReferenceError::Unsupported(format!("the {} encoder {what}", role.as_str())));
        let vectors = match encoder {
            EncoderSettings::Transformer { settings, lexical_weights: None } => {
                ReferenceVectors::compute(settings, &texts)
            }
            EncoderSettings::Transformer { lexical_weights: Some(_), .. } => {
                no_reference("keeps only the terms of the text")
            }
            EncoderSettings::Static(_) => no_reference("is a table of token weights"),
        };
        Self { role, texts, vectors }
    }

    /// Compares the vectors of a model, loaded with `dtype`, with those of the reference.
    ///
    /// # Errors
    /// [`ModelError::Unusable`] if the model cannot encode.
    pub fn compare(&self, model: &Model, dtype: InferenceDType) -> Result<Comparison, ModelError> {
        let (verdict, reason, differences) = match &self.vectors {
            Ok(ReferenceVectors { outputs, outlier }) => {
                let encoded = encode_texts(model.role_encoder(self.role), &self.texts)?;
                let mut differences = Differences::measure(&encoded, outputs);
                let worst = differences.worst_text.and_then(|at| self.texts.get(at));
                differences.worst_text = worst.map(|text| text.index);
                let outlier = outlier.clone().filter(|_| dtype == InferenceDType::Int8);
                (VerifyVerdict::judge(dtype, outlier.is_some(), &differences), outlier, Some(differences))
            }
            Err(ReferenceError::Unsupported(reason)) => (VerifyVerdict::NotCompared, Some(reason.clone()), None),
            Err(ReferenceError::Damaged(reason)) => (VerifyVerdict::NotFinite, Some(reason.clone()), None),
        };
        Ok(Comparison { role: self.role, dtype, verdict, reason, differences })
    }
}

impl ReferenceVectors {
    fn compute(settings: &TransformerSettings, texts: &[IndexedText]) -> Result<Self, ReferenceError> {
        if texts.is_empty() {
            return Err(ReferenceError::Unsupported("the tokenizer accepts none of the texts".to_owned()));
        }
        let reference = ReferenceEncoder::load(settings)?;
        let outputs = texts.iter().map(|text| reference.encode(&text.ids)).collect::<Result<_, _>>()?;
        Ok(Self { outputs, outlier: reference.outlier })
    }
}

/// Returns the token ids of a text; `None` if the tokenizer rejects it. Longer texts are truncated to [`MAX_TOKENS`]
/// ids, keeping the last id, a special token.
fn tokenize_bounded(role_encoder: &RoleEncoder, text: &str) -> Option<Vec<u32>> {
    let mut ids = role_encoder.tokenizer.tokenize(text).ok()?.ids;
    if let Some(&last) = ids.last().filter(|_| ids.len() > MAX_TOKENS) {
        ids.truncate(MAX_TOKENS - 1);
        ids.push(last);
    }
    Some(ids)
}

fn encode_texts(role_encoder: &RoleEncoder, texts: &[IndexedText]) -> Result<Vec<EncoderOutput>, ModelError> {
    let mut outputs = Vec::with_capacity(texts.len());
    for texts in texts.chunks(BATCH_TEXTS) {
        let batch: TokenBatch = texts.iter().map(|text| text.ids.as_slice()).collect();
        let encoded = role_encoder.encoder.encode(&batch, &mut YieldPoint::none());
        outputs.extend(encoded.map_err(|error| ModelError::Unusable(error.to_string()))?);
    }
    Ok(outputs)
}
