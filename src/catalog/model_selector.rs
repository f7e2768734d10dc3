//! Selection of the model for a collection, and the check that their fingerprints match.

use std::sync::Arc;

use crate::model::{FingerprintMatch, Model, Models};
use crate::types::{ApiError, CollectionSpec, ErrorReason, Fingerprint};

/// Treatment of collections with the fingerprint of another model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FingerprintPolicy {
    /// Accept only collections with the model's fingerprint, or without a fingerprint.
    RequireMatch,
    /// Accept all collections: the client set `ignore_fingerprint`.
    IgnoreMismatch,
}

/// Model requested for a collection.
#[derive(Debug, Clone, Copy)]
pub struct ModelSelector<'a> {
    pub models: &'a Models,
    /// Requested model name; empty selects the model that wrote the collection, or else the default model.
    pub model_name: &'a str,
    pub fingerprint_policy: FingerprintPolicy,
}

impl ModelSelector<'_> {
    /// Selects the model for a collection.
    ///
    /// # Errors
    /// `UnknownModel` if no model has the requested name.
    pub fn select(&self, spec: Option<&CollectionSpec>) -> Result<Arc<Model>, ApiError> {
        self.models.select(self.model_name, spec.and_then(|spec| spec.fingerprint.as_ref()))
    }

    /// Checks that a collection has the fingerprint of `model`: vectors of different models are not comparable. A
    /// collection without a fingerprint is accepted.
    ///
    /// # Errors
    /// `FingerprintMismatch` if another model wrote the collection and the policy is
    /// [`FingerprintPolicy::RequireMatch`].
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
                    "collection `{name}` was written by a version of splade-sidecar that ignored these settings of model `{}`: \
                     {keys}; its vectors differ from those that the model produces now. Re-encode the collection with \
                     `splade-sidecar reindex`, or set ignore_fingerprint to accept the difference",
                    model.name
                );
                Err(build_mismatch_error(message, name, spec, model).with_metadata([("ignored_keys", keys.as_str())]))
            }
            FingerprintMatch::Other if !collection_fingerprint.has_known_version() => {
                let message = format!(
                    "collection `{name}` has fingerprint {collection_fingerprint}, whose version this splade-sidecar does not \
                     support; use the version that created the collection, or a later one, or set ignore_fingerprint \
                     if you know that model `{}` wrote it",
                    model.name
                );
                Err(build_mismatch_error(message, name, spec, model))
            }
            FingerprintMatch::Other => {
                let message = format!(
                    "collection `{name}` was written by model `{}` with fingerprint {collection_fingerprint}, but model `{}` has \
                     fingerprint {}; use the model that wrote it, use another collection, or set ignore_fingerprint if you \
                     know that the vectors are compatible",
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
