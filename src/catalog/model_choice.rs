//! The choice of a model for a collection, and whether its vectors belong there.

use std::sync::Arc;

use crate::model::{FingerprintMatch, Model, Models};
use crate::types::{CollectionSpec, Fault, Fingerprint, Reason};

/// Which collections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// Those that this encoder wrote, or that say nothing of their writer.
    SameEncoder,
    /// All, since the client asked for it.
    AnyEncoder,
}

/// The model that a request wants.
#[derive(Debug, Clone, Copy)]
pub struct ModelChoice<'a> {
    pub models: &'a Models,
    /// Its name; empty for the one that wrote the collection, or else the default one.
    pub name: &'a str,
    pub accept: Accept,
}

impl ModelChoice<'_> {
    /// The model for a collection.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn model(&self, spec: Option<&CollectionSpec>) -> Result<Arc<Model>, Fault> {
        self.models.choose(self.name, spec.and_then(|spec| spec.fingerprint.as_ref()))
    }

    /// Vectors of different encoders can't be compared. A collection that says nothing of its writer is taken on trust.
    ///
    /// # Errors
    /// If another encoder wrote the collection, and that matters.
    pub fn check(&self, model: &Model, name: &str, spec: &CollectionSpec) -> Result<(), Fault> {
        let (Accept::SameEncoder, Some(writer)) = (self.accept, &spec.fingerprint) else { return Ok(()) };
        match model.compare(writer) {
            FingerprintMatch::Same => Ok(()),
            FingerprintMatch::KeysIgnored(keys) => {
                let keys = keys.join(", ");
                let message = format!(
                    "collection `{name}` was written by a version of splade-sidecar that ignored settings of model `{}`: \
                     {keys}. Its vectors differ from those of the model now; re-encode them with `splade-sidecar reindex`, \
                     or set ignore_fingerprint if you accept that",
                    model.name
                );
                Err(mismatch(message, name, spec, model).with_metadata([("ignored_keys", keys.as_str())]))
            }
            FingerprintMatch::Other if !writer.is_known() => {
                let message = format!(
                    "collection `{name}` has the fingerprint {writer}, in a form that this version of splade-sidecar does \
                     not know; use the version that created the collection, or a later one, or set ignore_fingerprint \
                     if you know that model `{}` wrote it",
                    model.name
                );
                Err(mismatch(message, name, spec, model))
            }
            FingerprintMatch::Other => {
                let message = format!(
                    "collection `{name}` was written by model `{}` with fingerprint {writer}, and model `{}` has {}; \
                     use the model that wrote it, or another collection, or set ignore_fingerprint if you know better",
                    spec.model, model.name, model.fingerprint
                );
                Err(mismatch(message, name, spec, model))
            }
        }
    }
}

fn mismatch(message: String, name: &str, spec: &CollectionSpec, model: &Model) -> Fault {
    let (writer, fingerprint) = (spec.fingerprint.as_ref(), model.fingerprint.to_string());
    Fault::new(Reason::FingerprintMismatch, "model", message).with_metadata([
        ("collection", name),
        ("collection_model", &spec.model),
        ("collection_fingerprint", writer.map_or("", |Fingerprint(hash)| hash)),
        ("model", &model.name),
        ("model_fingerprint", &fingerprint),
    ])
}
