//! The choice of a model for a collection, and whether its vectors belong there.

use std::sync::Arc;

use crate::model::{FingerprintMatch, Model, Models};
use crate::types::{ApiError, CollectionSpec, ErrorReason, Fingerprint};

/// Which collections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FingerprintPolicy {
    /// Those that this encoder wrote, or that say nothing of their writer.
    RequireMatch,
    /// All, since the client asked for it.
    IgnoreMismatch,
}

/// The model that a request wants.
#[derive(Debug, Clone, Copy)]
pub struct ModelSelector<'a> {
    pub models: &'a Models,
    /// Its name; empty for the one that wrote the collection, or else the default one.
    pub model_name: &'a str,
    pub fingerprint_policy: FingerprintPolicy,
}

impl ModelSelector<'_> {
    /// The model for a collection.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn select(&self, spec: Option<&CollectionSpec>) -> Result<Arc<Model>, ApiError> {
        self.models.select(self.model_name, spec.and_then(|spec| spec.fingerprint.as_ref()))
    }

    /// Vectors of different encoders can't be compared. A collection that says nothing of its writer is taken on trust.
    ///
    /// # Errors
    /// If another encoder wrote the collection, and that matters.
    pub fn check_fingerprint(&self, model: &Model, name: &str, spec: &CollectionSpec) -> Result<(), ApiError> {
        let (FingerprintPolicy::RequireMatch, Some(collection_fingerprint)) =
            (self.fingerprint_policy, &spec.fingerprint)
        else {
            return Ok(());
        };
        match model.compare_fingerprint(collection_fingerprint) {
            FingerprintMatch::Same => Ok(()),
            FingerprintMatch::KeysIgnored(keys) => {
                let keys = keys.join(", ");
                let message = format!(
                    "collection `{name}` was written by a version of splade-sidecar that ignored settings of model `{}`: \
                     {keys}. Its vectors differ from those of the model now; re-encode them with `splade-sidecar reindex`, \
                     or set ignore_fingerprint if you accept that",
                    model.name
                );
                Err(build_mismatch_error(message, name, spec, model).with_metadata([("ignored_keys", keys.as_str())]))
            }
            FingerprintMatch::Other if !collection_fingerprint.has_known_version() => {
                let message = format!(
                    "collection `{name}` has the fingerprint {collection_fingerprint}, in a form that this version of splade-sidecar does \
                     not know; use the version that created the collection, or a later one, or set ignore_fingerprint \
                     if you know that model `{}` wrote it",
                    model.name
                );
                Err(build_mismatch_error(message, name, spec, model))
            }
            FingerprintMatch::Other => {
                let message = format!(
                    "collection `{name}` was written by model `{}` with fingerprint {collection_fingerprint}, and model `{}` has {}; \
                     use the model that wrote it, or another collection, or set ignore_fingerprint if you know better",
                    spec.model, model.name, model.fingerprint
                );
                Err(build_mismatch_error(message, name, spec, model))
            }
        }
    }
}

fn build_mismatch_error(message: String, name: &str, spec: &CollectionSpec, model: &Model) -> ApiError {
    let (collection_fingerprint, model_fingerprint) = (spec.fingerprint.as_ref(), model.fingerprint.to_string());
    ApiError::new(ErrorReason::FingerprintMismatch, "model", message).with_metadata([
        ("collection", name),
        ("collection_model", &spec.model),
        ("collection_fingerprint", collection_fingerprint.map_or("", |Fingerprint(hash)| hash)),
        ("model", &model.name),
        ("model_fingerprint", &model_fingerprint),
    ])
}
