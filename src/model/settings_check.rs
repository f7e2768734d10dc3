//! Validation of a model before its weights are available.
//!
//! See docs/adr/0019-configuration-key-table.md.

use std::path::Path;

use super::layout::{EncoderSettings, Layout, RoleSettings};
use super::{ModelError, Tokenizer};

/// Checks everything that does not need weights: all settings and the tokenizers.
///
/// # Errors
/// [`ModelError::File`] if a file is missing, is not JSON, or has an unsupported setting.
pub fn check_settings(directory: &Path) -> Result<(), ModelError> {
    let Layout { document, query, .. } = Layout::read(directory)?;
    for role in [&document, &query] {
        // A missing tokenizer is reported elsewhere, by the check for missing files.
        if role.tokenizer.files.path().exists() {
            check_padding(role, &Tokenizer::load(&role.tokenizer)?)?;
        }
    }
    Ok(())
}

/// Checks that the special tokens around a text do not include the padding id, because padding ids are not counted in
/// position ids.
///
/// # Errors
/// [`ModelError::File`] if they do.
pub fn check_padding(role: &RoleSettings, tokenizer: &Tokenizer) -> Result<(), ModelError> {
    let EncoderSettings::Transformer { settings, .. } = &role.encoder else { return Ok(()) };
    let Some(padding) = settings.config.padding_id()? else { return Ok(()) };
    let added_ids = tokenizer.build_sequence(&[]).map_err(|error| settings.config.file_error(error))?;
    if added_ids.contains(&padding) {
        return Err(settings.config.file_error(format!(
            "`pad_token_id` is {padding}, a token that the tokenizer adds to every text; set it to the id of the padding token"
        )));
    }
    Ok(())
}
