//! Compares a model's vectors with those of candle-transformers' forward pass on the same files.
//!
//! The two share the token ids and the weight files, and nothing of the arithmetic: what this finds is a kernel, a
//! dtype or a reading of `config.json` that gives other vectors for this model. It can't find wrong token ids.

mod compare;
mod reference;
mod texts;

use std::path::Path;

use super::layout::Layout;
use super::role_settings::EncoderSettings;
use super::{Backend, DeviceName, EncoderOutput, Model, ModelError, Precision, Settings, Side, TokenBatch, YieldPoint};
use crate::types::Role;

pub use compare::{CLOSE_COSINE, CLOSE_DIFFERENCE, Differences, EQUAL_TOLERANCE, Verdict};
pub use reference::MAX_TOKENS;
use reference::{NoReference, Reference};
pub use texts::built_in_texts;

/// Number of texts that the product encodes at once.
const BATCH_TEXTS: usize = 8;

/// What was found for one role of a model in one dtype.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub role: Role,
    pub dtype: Precision,
    pub verdict: Verdict,
    /// Why nothing was compared, or which weight is not usable in the dtype.
    pub reason: Option<String>,
    /// `None` if nothing was compared.
    pub differences: Option<Differences>,
}

/// Compares a model in each dtype, and each role that has an encoder of its own.
///
/// Texts are cut to [`MAX_TOKENS`] tokens; those that the tokenizer rejects are skipped. Blocks, and takes the memory of
/// the weights in float32 beside that of the model.
///
/// # Errors
/// If the model can't be loaded, or the device can't compute in a dtype.
pub fn verify(
    folder: &Path,
    device: DeviceName,
    dtypes: &[Precision],
    texts: &[String],
) -> Result<Vec<Comparison>, ModelError> {
    let mut references: Option<Vec<RoleReference>> = None;
    let mut comparisons = Vec::new();
    for &dtype in dtypes {
        let model = Model::load("", folder, &Backend::open(device, dtype)?)?;
        let references = match &mut references {
            Some(references) => references,
            absent => absent.insert(RoleReference::of_model(folder, &model, texts)?),
        };
        for reference in &*references {
            comparisons.push(reference.compare(&model, dtype)?);
        }
    }
    Ok(comparisons)
}

/// The reference's vectors of the texts in one role.
struct RoleReference {
    role: Role,
    texts: Vec<TokenizedText>,
    vectors: Result<Vectors, NoReference>,
}

struct TokenizedText {
    /// Its index in the list of texts.
    index: usize,
    ids: Vec<u32>,
}

struct Vectors {
    outputs: Vec<EncoderOutput>,
    /// A weight beside which int8 rounds the others of its row to zero.
    outlier: Option<String>,
}

impl RoleReference {
    fn of_model(folder: &Path, model: &Model, texts: &[String]) -> Result<Vec<Self>, ModelError> {
        let Layout { document, query, .. } = Layout::read(folder)?;
        let mut references = vec![Self::new(Role::Document, &model.document, &document.encoder, texts)];
        if let Some(side) = &model.query {
            references.push(Self::new(Role::Query, side, &query.encoder, texts));
        }
        Ok(references)
    }

    /// Encodes the texts that the tokenizer accepts.
    fn new(role: Role, side: &Side, encoder: &EncoderSettings, texts: &[String]) -> Self {
        let tokenized = texts.iter().enumerate();
        let texts: Vec<_> =
            tokenized.filter_map(|(index, text)| Some(TokenizedText { index, ids: token_ids(side, text)? })).collect();
        let no_reference = |what: &str| Err(NoReference::Unsupported(format!("the {} encoder {what}", role.as_str())));
        let vectors = match encoder {
            EncoderSettings::Transformer { settings, own_terms: None } => Vectors::of_reference(settings, &texts),
            EncoderSettings::Transformer { own_terms: Some(_), .. } => no_reference("keeps only the terms of the text"),
            EncoderSettings::Static(_) => no_reference("is a table of token weights"),
        };
        Self { role, texts, vectors }
    }

    fn compare(&self, model: &Model, dtype: Precision) -> Result<Comparison, ModelError> {
        let (verdict, reason, differences) = match &self.vectors {
            Ok(Vectors { outputs, outlier }) => {
                let encoded = encode(model.side(self.role), &self.texts)?;
                let mut differences = Differences::measure(&encoded, outputs);
                let worst = differences.worst_text.and_then(|at| self.texts.get(at));
                differences.worst_text = worst.map(|text| text.index);
                let outlier = outlier.clone().filter(|_| dtype == Precision::Int8);
                (Verdict::of(dtype, outlier.is_some(), &differences), outlier, Some(differences))
            }
            Err(NoReference::Unsupported(reason)) => (Verdict::NotCompared, Some(reason.clone()), None),
            Err(NoReference::Damaged(reason)) => (Verdict::NotFinite, Some(reason.clone()), None),
        };
        Ok(Comparison { role: self.role, dtype, verdict, reason, differences })
    }
}

impl Vectors {
    fn of_reference(settings: &Settings, texts: &[TokenizedText]) -> Result<Self, NoReference> {
        if texts.is_empty() {
            return Err(NoReference::Unsupported("the tokenizer accepts none of the texts".to_owned()));
        }
        let reference = Reference::load(settings)?;
        let outputs = texts.iter().map(|text| reference.encode(&text.ids)).collect::<Result<_, _>>()?;
        Ok(Self { outputs, outlier: reference.outlier })
    }
}

/// Returns the token ids of a text; `None` if the tokenizer rejects it. Of more than [`MAX_TOKENS`] ids, the first ones
/// and the last, which is special.
fn token_ids(side: &Side, text: &str) -> Option<Vec<u32>> {
    let mut ids = side.tokenizer.tokenize(text).ok()?.ids;
    if let Some(&last) = ids.last().filter(|_| ids.len() > MAX_TOKENS) {
        ids.truncate(MAX_TOKENS - 1);
        ids.push(last);
    }
    Some(ids)
}

fn encode(side: &Side, texts: &[TokenizedText]) -> Result<Vec<EncoderOutput>, ModelError> {
    let mut outputs = Vec::with_capacity(texts.len());
    for texts in texts.chunks(BATCH_TEXTS) {
        let batch: TokenBatch = texts.iter().map(|text| text.ids.as_slice()).collect();
        let encoded = side.encoder.encode(&batch, &mut YieldPoint::none());
        outputs.extend(encoded.map_err(|error| ModelError::Unusable(error.to_string()))?);
    }
    Ok(outputs)
}
