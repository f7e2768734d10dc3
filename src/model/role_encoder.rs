//! Tokenizer and encoder of one role.
//!
//! See docs/adr/0021-encoder-per-role.md.

use std::sync::Arc;

use super::layout::{EncoderSettings, RoleSettings, StaticSettings, TokenizerSettings};
use super::lexical_encoder::LexicalEncoder;
use super::settings_check::check_padding;
use super::static_encoder::StaticEncoder;
use super::{Backend, Encoder, ModelError, SpladeEncoder, TokenBatch, Tokenizer, TransformerSettings, YieldPoint};

/// Tokenizer and encoder for texts of one role. All roles of a model share its vocabulary.
#[derive(Debug)]
pub struct RoleEncoder {
    pub tokenizer: Tokenizer,
    pub encoder: Arc<dyn Encoder>,
}

/// Settings and encoder of the role that is already loaded, from which the other role shares equal parts.
type LoadedRole<'a> = (&'a RoleSettings, &'a RoleEncoder);

impl RoleEncoder {
    /// Loads both roles. The second is `None` if queries are encoded like documents.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file is missing, damaged, or inconsistent with the others.
    pub fn load_roles(
        document: &RoleSettings,
        query: &RoleSettings,
        backend: &Backend,
    ) -> Result<(Self, Option<Self>), ModelError> {
        let document_encoder = Self::load(document, None, backend)?;
        // Equal settings give equal vectors; sharing the encoder halves the memory of most models.
        let is_same = query.encoder == document.encoder && query.tokenizer == document.tokenizer;
        let query_encoder = match is_same {
            true => None,
            false => Some(Self::load(query, Some((document, &document_encoder)), backend)?),
        };
        Ok((document_encoder, query_encoder))
    }

    fn load(role: &RoleSettings, other: Option<LoadedRole<'_>>, backend: &Backend) -> Result<Self, ModelError> {
        let tokenizer = load_tokenizer(&role.tokenizer, other)?;
        check_padding(role, &tokenizer)?;
        let encoder = load_encoder(&role.encoder, &tokenizer, other, backend)?;
        Ok(Self { tokenizer, encoder })
    }

    /// Encodes a test text and checks that its vector is finite.
    ///
    /// # Errors
    /// [`ModelError::Unusable`] if the encoder fails or its output is not finite.
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

fn load_tokenizer(settings: &TokenizerSettings, other: Option<LoadedRole<'_>>) -> Result<Tokenizer, ModelError> {
    let is_same = |other_settings: &TokenizerSettings| {
        other_settings.files == settings.files && other_settings.vocabulary_size == settings.vocabulary_size
    };
    match other {
        Some((other_settings, other_encoder)) if is_same(&other_settings.tokenizer) => {
            other_encoder.tokenizer.with_settings(settings)
        }
        _ => Tokenizer::load(settings),
    }
}

fn load_encoder(
    settings: &EncoderSettings,
    tokenizer: &Tokenizer,
    other: Option<LoadedRole<'_>>,
    backend: &Backend,
) -> Result<Arc<dyn Encoder>, ModelError> {
    match settings {
        EncoderSettings::Static(table) => {
            Ok(Arc::new(StaticEncoder::load(table, tokenizer, tokenizer.vocabulary_size())?))
        }
        EncoderSettings::Transformer { settings, lexical_weights } => {
            let encoder = load_transformer(settings, other, backend)?;
            match lexical_weights {
                None => Ok(encoder),
                Some(table) => restrict_to_input_terms(encoder, table, settings.vocabulary_size),
            }
        }
    }
}

fn load_transformer(
    settings: &TransformerSettings,
    other: Option<LoadedRole<'_>>,
    backend: &Backend,
) -> Result<Arc<dyn Encoder>, ModelError> {
    if let Some((RoleSettings { encoder, .. }, other_encoder)) = other
        // With lexical weights, the other encoder is already wrapped and its transformer is not accessible.
        && let EncoderSettings::Transformer { settings: other_settings, lexical_weights: None } = encoder
        && other_settings == settings
    {
        return Ok(Arc::clone(&other_encoder.encoder));
    }
    Ok(Arc::new(SpladeEncoder::load(settings, backend)?))
}

/// Wraps `encoder` so that its vectors contain only terms of the text, weighted by `table`.
fn restrict_to_input_terms(
    encoder: Arc<dyn Encoder>,
    table: &StaticSettings,
    vocabulary_size: usize,
) -> Result<Arc<dyn Encoder>, ModelError> {
    let tokenizer = Tokenizer::load(&TokenizerSettings {
        files: table.tokenizer.clone(),
        vocabulary_size: None,
        max_length: None,
        prompt: String::new(),
        add_special_tokens: false,
    })?;
    let weights = StaticEncoder::load(table, &tokenizer, vocabulary_size)?;
    Ok(Arc::new(LexicalEncoder::new(encoder, weights)))
}
