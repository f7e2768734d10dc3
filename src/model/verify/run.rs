//! Compares a model in each dtype and role.

use std::path::Path;

use super::super::{Backend, DeviceName, InferenceDType, Model, ModelError};
use super::comparison::Comparison;
use super::role_reference::RoleReference;

/// Compares a model in each dtype, and each role that has an encoder of its own.
///
/// Texts are cut to [`MAX_TOKENS`](super::MAX_TOKENS) tokens; those that the tokenizer rejects are skipped. Blocks, and takes the memory of
/// the weights in float32 beside that of the model.
///
/// # Errors
/// If the model can't be loaded, or the device can't compute in a dtype.
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
