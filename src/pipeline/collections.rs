//! Collections, and whether this encoder's vectors belong in them.
//!
//! A collection may be named by an alias, which somebody may have stand for another one at any time: in this process, which
//! then forgets at once what it knew of the alias, or in another one that shares the store. So an alias is resolved once a
//! request, together with the collection's encoder, and from there on the collection goes by its own name. A query that
//! was encoded for one collection is never held against another, and a stream's documents all go into one.
//!
//! Searches take what was true within the last 5 seconds: after a switch by another process they may go on for so long in
//! the old collection, with its model, and find what they would have found just before. Writes ask the store each time, so
//! that nothing is written to the old collection that began after the switch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::store_fault;
use crate::model::{FingerprintMatch, Model, Models};
use crate::store::{CollectionInfo, StoreError, VectorStore};
use crate::types::{CollectionSpec, Fault, Fingerprint, Reason};

/// How long a collection is taken to be as it was. A search would else ask the store twice.
const FRESH: Duration = Duration::from_secs(5);
/// How many collections are remembered.
const MAX_REMEMBERED: usize = 1_000;

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

/// Checks that a collection is the one that a client expects, if it expects one.
///
/// # Errors
/// If it was deleted and created again.
pub fn check_incarnation(info: &CollectionInfo, expected: &str) -> Result<(), Fault> {
    let CollectionInfo { name, spec: CollectionSpec { incarnation, .. }, .. } = info;
    if expected.is_empty() || expected == incarnation {
        return Ok(());
    }
    let message = format!(
        "collection `{name}` has the incarnation `{incarnation}`: it was deleted and created again, or the alias was moved; \
         what was confirmed before is not in it, so ingest all of it again"
    );
    let fault = Fault::new(Reason::IncarnationMismatch, "expected_incarnation", message);
    Err(fault.with_metadata([("collection", name), ("incarnation", incarnation), ("expected_incarnation", expected)]))
}

/// A collection to search in.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its own name, whatever it was asked for by.
    pub name: String,
    pub spec: CollectionSpec,
    pub model: Arc<Model>,
}

/// What is known of the store's collections.
#[derive(Debug)]
pub struct Collections {
    store: Arc<dyn VectorStore>,
    known: Mutex<Known>,
}

/// What was read lately.
#[derive(Debug, Default)]
struct Known {
    /// By the name that was asked for, which may be an alias.
    collections: HashMap<String, (Collection, Instant)>,
    /// How often something was forgotten: what was asked for before that is not worth remembering.
    forgotten: u64,
}

/// A collection's own name, and how it is made.
#[derive(Debug, Clone)]
struct Collection {
    name: String,
    spec: CollectionSpec,
}

impl Collections {
    pub fn new(store: Arc<dyn VectorStore>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// A collection to read from, as it was within the last seconds, and the model for it.
    ///
    /// # Errors
    /// If there is none of that name, another encoder wrote it, or the store fails.
    pub async fn open(&self, name: &str, choice: ModelChoice<'_>) -> Result<Opened, Fault> {
        let Collection { name, spec } = match self.remembered(name) {
            Some(collection) => collection,
            None => {
                let info = self.read(name).await?;
                Collection { name: info.name, spec: info.spec }
            }
        };
        let model = choice.model(Some(&spec))?;
        choice.check(&model, &name, &spec)?;
        Ok(Opened { name, spec, model })
    }

    /// Creates a collection. If another call was quicker, that one's options count.
    ///
    /// # Errors
    /// If the store fails, or refuses.
    pub async fn create(&self, name: &str, spec: CollectionSpec) -> Result<CollectionInfo, Fault> {
        match self.create_new(name, spec.clone()).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => {}
            Err(error @ StoreError::InvalidOption { .. }) => {
                return Err(store_fault(error).within("collection_options"));
            }
            Err(error) => return Err(store_fault(error)),
        }
        self.forget(name);
        let info = self.read(name).await?;
        self.complete(&info, &spec).await?;
        Ok(info)
    }

    /// Creates a collection that must not exist.
    ///
    /// # Errors
    /// If it does; if the store fails, or refuses.
    pub async fn create_new(&self, name: &str, spec: CollectionSpec) -> Result<(), StoreError> {
        let spec = CollectionSpec { incarnation: Uuid::new_v4().to_string(), ..spec };
        self.store.create_collection(name, &spec).await
    }

    /// Completes an existing collection for a client that would have created it as `spec` says.
    ///
    /// # Errors
    /// If the store fails, or refuses.
    pub async fn complete(&self, info: &CollectionInfo, spec: &CollectionSpec) -> Result<(), Fault> {
        self.store.complete_collection(info, spec).await.map_err(store_fault)
    }

    /// All collections of the store, ordered by name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(&self) -> Result<Vec<CollectionInfo>, Fault> {
        self.store.collections().await.map_err(store_fault)
    }

    /// A collection as it stands.
    ///
    /// # Errors
    /// If there is none of that name, or the store fails.
    pub async fn read(&self, name: &str) -> Result<CollectionInfo, Fault> {
        let info = self.look_up(name).await?;
        info.ok_or_else(|| store_fault(StoreError::CollectionNotFound(name.to_owned())))
    }

    /// The same; `None` if there is none of that name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn look_up(&self, name: &str) -> Result<Option<CollectionInfo>, Fault> {
        let asked = self.known().forgotten;
        let info = self.store.collection(name).await.map_err(store_fault)?;
        let Some(info) = info else {
            self.forget(name);
            return Ok(None);
        };
        let mut known = self.known();
        if known.collections.len() >= MAX_REMEMBERED {
            known.collections.clear();
        }
        if known.forgotten == asked {
            let collection = Collection { name: info.name.clone(), spec: info.spec.clone() };
            known.collections.insert(name.to_owned(), (collection, Instant::now()));
        }
        Ok(Some(info))
    }

    /// Returns the name of the collection that `name`, a collection's or an alias, stands for, whether there is one or not.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn resolve(&self, name: &str) -> Result<String, Fault> {
        let aliases = self.store.aliases().await.map_err(store_fault)?;
        Ok(aliases.get(name).map_or(name, String::as_str).to_owned())
    }

    /// Takes note that a collection, or what an alias stands for, may not be as it was.
    pub fn forget(&self, name: &str) {
        let mut known = self.known();
        known.collections.remove(name);
        known.forgotten += 1;
    }

    fn remembered(&self, name: &str) -> Option<Collection> {
        let known = self.known();
        let fresh = known.collections.get(name).filter(|(_, since)| since.elapsed() < FRESH);
        fresh.map(|(collection, _)| collection.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a store's error means to a stream, whose collection was there when it began.
pub fn stream_fault(error: StoreError) -> Fault {
    match error {
        StoreError::CollectionNotFound(name) => lost(&name),
        error => store_fault(error),
    }
}

/// Told to a client whose collection was there when its stream began and is not any more, and logged: the store came back
/// empty, or somebody deleted the collection. What it had confirmed is gone with it, and only the client can bring it back.
fn lost(name: &str) -> Fault {
    tracing::error!(
        collection = name,
        "a collection is gone from the store, with all that was confirmed in it; its clients must ingest again"
    );
    let message = format!(
        "collection `{name}` was there when this stream began and is gone from the store, and what was confirmed before \
         may be gone with it; find out why, then ingest all of it again, with create_collection"
    );
    Fault::new(Reason::CollectionNotFound, "collection", message)
}
