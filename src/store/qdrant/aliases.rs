//! Aliases of collections.
//!
//! See docs/adr/0038-aliases.md.

use std::collections::BTreeMap;

use qdrant_client::qdrant::alias_operations::Action;
use qdrant_client::qdrant::{AliasOperations, ChangeAliases, CreateAlias, DeleteAlias, ListAliasesRequest};

use super::connection::QdrantConnection;
use crate::store::StoreError;

/// Returns the target collection of each alias, by alias.
pub(super) async fn list(connection: &QdrantConnection) -> Result<BTreeMap<String, String>, StoreError> {
    let mut collections = connection.collections_client()?;
    let response = connection.call("", collections.list_aliases(ListAliasesRequest {})).await?;
    Ok(response.aliases.into_iter().map(|alias| (alias.alias_name, alias.collection_name)).collect())
}

/// Creates an alias, or points an existing one to another collection.
///
/// Creating an existing alias switches it atomically. Qdrant's documentation deletes it first in the same request; but if
/// the target collection were missing, the alias would be lost, because Qdrant doesn't roll back.
pub(super) async fn set(connection: &QdrantConnection, alias: &str, collection: &str) -> Result<(), StoreError> {
    let (alias_name, collection_name) = (alias.to_owned(), collection.to_owned());
    let action = Action::CreateAlias(CreateAlias { collection_name, alias_name });
    match update_alias(connection, collection, action).await {
        // Qdrant reports the conflict of the alias with a collection of its name.
        Err(StoreError::AlreadyExists(_)) => Err(StoreError::AlreadyExists(alias.to_owned())),
        outcome => outcome,
    }
}

pub(super) async fn delete(connection: &QdrantConnection, alias: &str) -> Result<(), StoreError> {
    update_alias(connection, alias, Action::DeleteAlias(DeleteAlias { alias_name: alias.to_owned() })).await
}

async fn update_alias(connection: &QdrantConnection, name: &str, action: Action) -> Result<(), StoreError> {
    let request = ChangeAliases { actions: vec![AliasOperations { action: Some(action) }], timeout: None };
    let mut collections = connection.collections_client()?;
    let response = connection.call(name, collections.update_aliases(request)).await?;
    if response.result {
        return Ok(());
    }
    Err(StoreError::Timeout("Qdrant did not confirm the change of the alias".to_owned()))
}
