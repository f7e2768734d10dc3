//! How the texts of one role are encoded.

use std::sync::Arc;

use super::layout::{EncoderSettings, RoleSettings, StaticSettings, TokenizerSettings};
use super::own_terms::OwnTermsEncoder;
use super::settings_check::check_padding;
use super::static_encoder::StaticEncoder;
use super::{Backend, Encoder, ModelError, Settings, SpladeEncoder, TokenBatch, Tokenizer, YieldPoint};

/// How the texts of one role are encoded. All sides of a model share its vocabulary.
#[derive(Debug)]
pub struct Side {
    pub tokenizer: Tokenizer,
    pub encoder: Arc<dyn Encoder>,
}

/// A role that is loaded already, and its settings: the other role shares what is the same.
type Loaded<'a> = (&'a RoleSettings, &'a Side);

impl Side {
    /// Loads both roles; no second one where queries are encoded just as documents.
    ///
    /// # Errors
    /// A file that is missing or damaged, or doesn't fit the others; each by name.
    pub fn load_both(
        document: &RoleSettings,
        query: &RoleSettings,
        backend: &Backend,
    ) -> Result<(Self, Option<Self>), ModelError> {
        let document_side = Self::load(document, None, backend)?;
        let is_same = query.encoder == document.encoder && query.tokenizer == document.tokenizer;
        let query_side = match is_same {
            true => None,
            false => Some(Self::load(query, Some((document, &document_side)), backend)?),
        };
        Ok((document_side, query_side))
    }

    fn load(role: &RoleSettings, other: Option<Loaded<'_>>, backend: &Backend) -> Result<Self, ModelError> {
        let tokenizer = load_tokenizer(&role.tokenizer, other)?;
        check_padding(role, &tokenizer)?;
        let encoder = load_encoder(&role.encoder, &tokenizer, other, backend)?;
        Ok(Self { tokenizer, encoder })
    }

    /// Encodes a text, and fails if its vector is not finite.
    ///
    /// # Errors
    /// If the encoder fails, or its output is not finite.
    pub fn warm_up(&self) -> Result<(), ModelError> {
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

fn load_tokenizer(settings: &TokenizerSettings, other: Option<Loaded<'_>>) -> Result<Tokenizer, ModelError> {
    let is_same = |theirs: &TokenizerSettings| {
        theirs.files == settings.files && theirs.vocabulary_size == settings.vocabulary_size
    };
    match other {
        Some((theirs, side)) if is_same(&theirs.tokenizer) => side.tokenizer.with(settings),
        _ => Tokenizer::load(settings),
    }
}

fn load_encoder(
    settings: &EncoderSettings,
    tokenizer: &Tokenizer,
    other: Option<Loaded<'_>>,
    backend: &Backend,
) -> Result<Arc<dyn Encoder>, ModelError> {
    match settings {
        EncoderSettings::Static(table) => {
            Ok(Arc::new(StaticEncoder::load(table, tokenizer, tokenizer.vocabulary_size())?))
        }
        EncoderSettings::Transformer { settings, own_terms } => {
            let encoder = load_transformer(settings, other, backend)?;
            match own_terms {
                None => Ok(encoder),
                Some(table) => keep_own_terms(encoder, table, settings.vocabulary_size),
            }
        }
    }
}

fn load_transformer(
    settings: &Settings,
    other: Option<Loaded<'_>>,
    backend: &Backend,
) -> Result<Arc<dyn Encoder>, ModelError> {
    if let Some((RoleSettings { encoder, .. }, side)) = other
        && let EncoderSettings::Transformer { settings: theirs, own_terms: None } = encoder
        && theirs == settings
    {
        return Ok(Arc::clone(&side.encoder));
    }
    Ok(Arc::new(SpladeEncoder::load(settings, backend)?))
}

/// Reduces the vectors of `encoder` to the terms of the text, which `table` weighs.
fn keep_own_terms(
    encoder: Arc<dyn Encoder>,
    table: &StaticSettings,
    vocabulary_size: usize,
) -> Result<Arc<dyn Encoder>, ModelError> {
    let tokenizer = Tokenizer::load(&TokenizerSettings {
        files: table.tokenizer.clone(),
        vocabulary_size: None,
        max_length: None,
        prompt: String::new(),
        special_tokens: false,
    })?;
    let weights = StaticEncoder::load(table, &tokenizer, vocabulary_size)?;
    Ok(Arc::new(OwnTermsEncoder::new(encoder, weights)))
}
