//! Collections, and whether this encoder's vectors belong in them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::store_fault;
use crate::model::Model;
use crate::store::{CollectionInfo, StoreError, VectorStore};
use crate::types::{CollectionSpec, Fault, Reason};

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

/// What is known of the store's collections.
#[derive(Debug)]
pub struct Collections {
    store: Arc<dyn VectorStore>,
    known: Mutex<HashMap<String, (CollectionSpec, Instant)>>,
}

impl Collections {
    pub fn new(store: Arc<dyn VectorStore>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// How a collection is made, if `model` wrote it.
    ///
    /// # Errors
    /// If there is none of that name, another encoder wrote it, or the store fails.
    pub async fn open(&self, name: &str, model: &Model, accept: Accept) -> Result<CollectionSpec, Fault> {
        let spec = match self.remembered(name) {
            Some(spec) => spec,
            None => self.read(name).await?.spec,
        };
        match accept {
            Accept::SameEncoder => check_writer(name, &spec, model)?,
            Accept::AnyEncoder => {}
        }
        Ok(spec)
    }

    /// The same, but a collection that is not there is created as `spec` says, to be written by `model`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_or_create(
        &self,
        name: &str,
        model: &Model,
        accept: Accept,
        spec: CollectionSpec,
    ) -> Result<CollectionSpec, Fault> {
        if self.store.collection(name).await.map_err(store_fault)?.is_none() {
            let fingerprint = Some(model.fingerprint.clone());
            let spec = CollectionSpec { model: model.name.clone(), fingerprint, ..spec };
            match self.store.create_collection(name, &spec).await {
                // Another stream may have been quicker; then that one's options count.
                Ok(()) | Err(StoreError::AlreadyExists(_)) => {}
                Err(error) => return Err(store_fault(error)),
            }
            self.forget(name);
        }
        self.open(name, model, accept).await
    }

    /// A collection as it stands.
    ///
    /// # Errors
    /// If there is none of that name, or the store fails.
    pub async fn read(&self, name: &str) -> Result<CollectionInfo, Fault> {
        let info = self.store.collection(name).await.map_err(store_fault)?;
        let Some(info) = info else {
            self.forget(name);
            return Err(store_fault(StoreError::CollectionNotFound(name.to_owned())));
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(name.to_owned(), (info.spec.clone(), Instant::now()));
        Ok(info)
    }

    /// Takes note that a collection may not be as it was.
    pub fn forget(&self, name: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn remembered(&self, name: &str) -> Option<CollectionSpec> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(_, since)| since.elapsed() < FRESH).map(|(spec, _)| spec.clone())
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

/// Vectors of different encoders can't be compared. A collection that says nothing of its writer is taken on trust.
fn check_writer(name: &str, spec: &CollectionSpec, model: &Model) -> Result<(), Fault> {
    match &spec.fingerprint {
        Some(writer) if *writer != model.fingerprint => {
            let message = format!(
                "collection `{name}` was written by model `{}` with fingerprint {writer}, and model `{}` has {}; \
                 use the model that wrote it, or another collection, or set ignore_fingerprint if you know better",
                spec.model, model.name, model.fingerprint
            );
            Err(Fault::new(Reason::FingerprintMismatch, "model", message))
        }
        _ => Ok(()),
    }
}
