//! The collections of a server, by name, in one temporary directory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use qdrant_client::qdrant::alias_operations::Action;
use qdrant_client::qdrant::{AliasDescription, CreateAlias, CreateCollection, DeleteAlias};
use tempfile::TempDir;
use tonic::Status;

use super::collection::Collection;

#[derive(Debug)]
pub struct Database {
    collections: Mutex<BTreeMap<String, Arc<Collection>>>,
    /// Lock order: collections, then aliases.
    aliases: Mutex<BTreeMap<String, String>>,
    /// Number of the next directory. A collection's name is not always a valid file name.
    created: AtomicUsize,
    dir: Arc<TempDir>,
}

impl Database {
    pub fn new() -> Self {
        let dir = Arc::new(TempDir::new().unwrap());
        Self { dir, created: AtomicUsize::new(0), collections: Mutex::default(), aliases: Mutex::default() }
    }

    pub fn create(&self, request: CreateCollection) -> Result<(), Status> {
        let name = request.collection_name.clone();
        let mut collections = self.collections();
        if collections.contains_key(&name) {
            return Err(Status::already_exists(format!("Wrong input: Collection `{name}` already exists!")));
        }
        if self.aliases().contains_key(&name) {
            let message = format!(
                "Wrong input: Can't create collection with name {name}. Alias with the same name already exists"
            );
            return Err(Status::invalid_argument(message));
        }
        let number = self.created.fetch_add(1, Ordering::Relaxed);
        collections.insert(name, Arc::new(Collection::create(self.dir.clone(), number, request)?));
        Ok(())
    }

    /// Returns a collection by its name or an alias.
    pub fn get(&self, name: &str) -> Result<Arc<Collection>, Status> {
        let collections = self.collections();
        let aliases = self.aliases();
        let resolved_name = aliases.get(name).map_or(name, String::as_str);
        collections.get(resolved_name).cloned().ok_or_else(|| collection_not_found(resolved_name))
    }

    /// Applies the actions one after the other, as Qdrant does. If one fails, the previous ones are kept.
    pub fn change_aliases(&self, actions: Vec<Action>) -> Result<(), Status> {
        let (collections, mut aliases) = (self.collections(), self.aliases());
        for action in actions {
            match action {
                Action::CreateAlias(CreateAlias { collection_name, alias_name }) => {
                    if !collections.contains_key(&collection_name) {
                        return Err(collection_not_found(&collection_name));
                    }
                    if collections.contains_key(&alias_name) {
                        let message = format!("Wrong input: Collection `{alias_name}` already exists!");
                        return Err(Status::invalid_argument(message));
                    }
                    aliases.insert(alias_name, collection_name);
                }
                Action::DeleteAlias(DeleteAlias { alias_name }) => {
                    aliases.remove(&alias_name);
                }
                Action::RenameAlias(_) => return Err(Status::unimplemented("the test server renames no alias")),
            }
        }
        Ok(())
    }

    pub fn list_aliases(&self) -> Vec<AliasDescription> {
        let describe = |(alias_name, collection_name): (&String, &String)| AliasDescription {
            alias_name: alias_name.clone(),
            collection_name: collection_name.clone(),
        };
        self.aliases().iter().map(describe).collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.collections().keys().cloned().collect()
    }

    /// Deletes a collection and returns whether it existed.
    pub fn delete(&self, name: &str) -> bool {
        let mut collections = self.collections();
        self.aliases().retain(|_, collection| collection != name);
        collections.remove(name).is_some()
    }

    pub fn clear(&self) {
        self.collections().clear();
        self.aliases().clear();
    }

    fn aliases(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.aliases.lock().unwrap()
    }

    fn collections(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Collection>>> {
        self.collections.lock().unwrap()
    }
}

fn collection_not_found(collection: &str) -> Status {
    Status::not_found(format!("Not found: Collection `{collection}` doesn't exist!"))
}
