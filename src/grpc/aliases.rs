//! `SetAlias`, `DeleteAlias`, `ListAliases`: second names of collections.

use super::ServiceContext;
use super::page::List;
use crate::proto::{Alias, ListAliasesRequest, ListAliasesResponse, SetAliasRequest};
use crate::store::StoreError;
use crate::types::{Fault, Reason, check_collection_name};

/// Has an alias stand for a collection.
///
/// # Errors
/// A name that is wrong, by its field; a collection that is not there; a store that fails.
pub async fn set(shared: &ServiceContext, request: SetAliasRequest) -> Result<(), Fault> {
    let SetAliasRequest { alias, collection } = request;
    check_alias(&alias)?;
    check_collection_name(&collection)?;
    let own = shared.collections.read(&collection).await?.name;
    if own != collection {
        let message = format!("`{collection}` is an alias itself; give the collection's own name, `{own}`");
        return Err(Fault::new(Reason::InvalidArgument, "collection", message));
    }
    let set = shared.catalog.set_alias(&alias, &collection).await;
    // Also after an error: it may be set all the same.
    shared.collections.forget(&alias);
    set.map_err(|error| match error {
        StoreError::AlreadyExists(_) => taken(&alias),
        error => error.into(),
    })
}

fn taken(alias: &str) -> Fault {
    let message = format!("a collection is named `{alias}`; use a name that none has, and have clients use that");
    Fault::new(Reason::CollectionExists, "alias", message)
}

/// Removes an alias.
///
/// # Errors
/// A name that is wrong; a store that fails.
pub async fn delete(shared: &ServiceContext, alias: &str) -> Result<(), Fault> {
    check_alias(alias)?;
    let deleted = shared.catalog.delete_alias(alias).await;
    shared.collections.forget(alias);
    Ok(deleted?)
}

/// Lists the aliases, ordered by name.
///
/// # Errors
/// A page that is invalid, by its field; a store that fails.
pub async fn list(shared: &ServiceContext, request: ListAliasesRequest) -> Result<ListAliasesResponse, Fault> {
    let ListAliasesRequest { page_size, page_token } = request;
    let list = List { method: "ListAliases", scope: "" };
    let aliases = shared.catalog.aliases().await?;
    let (page, next_page_token) = list.page(aliases, |(name, _)| name, page_size, &page_token)?;
    let aliases = page.into_iter().map(|(name, collection)| Alias { name, collection }).collect();
    Ok(ListAliasesResponse { aliases, next_page_token })
}

fn check_alias(alias: &str) -> Result<(), Fault> {
    // What it says of a collection's name is as true of an alias.
    check_collection_name(alias).map_err(|fault| Fault { field: "alias".to_owned(), ..fault })
}
