//! What can be checked of a model without its weights.
//!
//! See docs/adr/0019-configuration-key-table.md.

use std::path::Path;

use super::layout::{EncoderSettings, Layout, RoleSettings};
use super::{ModelError, Tokenizer};

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

/// Checks that the tokenizer adds no token to every text that takes the position of padding: the number of positions would
/// depend on it.
///
/// # Errors
/// If it does.
pub fn check_padding(role: &RoleSettings, tokenizer: &Tokenizer) -> Result<(), ModelError> {
    let EncoderSettings::Transformer { settings, .. } = &role.encoder else { return Ok(()) };
    let Some(padding) = settings.config.padding_id()? else { return Ok(()) };
    let added_ids = tokenizer.build_sequence(&[]).map_err(|error| settings.config.file_error(error))?;
    if added_ids.contains(&padding) {
        return Err(settings.config.file_error(format!(
            "`pad_token_id` is {padding}, which is a token that the tokenizer adds to every text; set it to that of padding"
        )));
    }
    Ok(())
}
