//! Verification of a model in several dtypes.

use std::path::Path;

use super::super::{Backend, DeviceName, InferenceDType, Model, ModelError};
use super::comparison::Comparison;
use super::role_reference::RoleReference;

/// Compares a model with the reference in each dtype, for each role with its own encoder.
///
/// Texts are truncated to [`MAX_TOKENS`](super::MAX_TOKENS) tokens; texts that the tokenizer rejects are skipped.
/// Blocks, and needs memory for the float32 weights in addition to the model.
///
/// # Errors
/// Any [`ModelError`] if the model cannot be loaded or the device does not support a dtype.
pub fn verify(
    directory: &Path,
    device: DeviceName,
    dtypes: &[InferenceDType],
    texts: &[String],
) -> Result<Vec<Comparison>, ModelError> {
    let mut references: Option<Vec<RoleReference>> = None;
    let mut comparisons = Vec::new();
    for &dtype in dtypes {
        let model = Model::load("", directory, &Backend::open(device, dtype)?)?;
        // The reference does not depend on the dtype, so it is computed once.
        let references = match &mut references {
            Some(references) => references,
            absent => absent.insert(RoleReference::load_all(directory, &model, texts)?),
        };
        for reference in &*references {
            comparisons.push(reference.compare(&model, dtype)?);
        }
    }
    Ok(comparisons)
}
