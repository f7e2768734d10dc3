//! The collections of a server, by name, in one temporary folder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use qdrant_client::qdrant::CreateCollection;
use tempfile::TempDir;
use tonic::Status;

use super::collection::Collection;

#[derive(Debug)]
pub struct Database {
    collections: Mutex<BTreeMap<String, Arc<Collection>>>,
    /// Numbers the folders: names of collections are not names of files.
    created: AtomicUsize,
    folder: Arc<TempDir>,
}

impl Database {
    pub fn new() -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        Self { folder, created: AtomicUsize::new(0), collections: Mutex::default() }
    }

    pub fn create(&self, request: CreateCollection) -> Result<(), Status> {
        let name = request.collection_name.clone();
        let mut collections = self.collections();
        if collections.contains_key(&name) {
            return Err(Status::already_exists(format!("Wrong input: Collection `{name}` already exists!")));
        }
        let number = self.created.fetch_add(1, Ordering::Relaxed);
        collections.insert(name, Arc::new(Collection::create(self.folder.clone(), number, request)?));
        Ok(())
    }

    pub fn get(&self, name: &str) -> Result<Arc<Collection>, Status> {
        let missing = || Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"));
        self.collections().get(name).cloned().ok_or_else(missing)
    }

    pub fn names(&self) -> Vec<String> {
        self.collections().keys().cloned().collect()
    }

    /// Whether there was one.
    pub fn delete(&self, name: &str) -> bool {
        self.collections().remove(name).is_some()
    }

    pub fn clear(&self) {
        self.collections().clear();
    }

    fn collections(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Collection>>> {
        self.collections.lock().unwrap()
    }
}
