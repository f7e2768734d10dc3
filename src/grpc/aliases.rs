//! `SetAlias`, `DeleteAlias`, `ListAliases`: second names of collections.

use super::ServiceContext;
use super::pagination::Paginator;
use crate::proto::{Alias, ListAliasesRequest, ListAliasesResponse, SetAliasRequest};
use crate::store::StoreError;
use crate::types::{ApiError, ErrorReason, check_collection_name};

/// Points an alias to a collection, and creates the alias if it doesn't exist.
///
/// # Errors
/// If a name is invalid or the target is an alias itself (`INVALID_ARGUMENT`), the collection doesn't exist
/// (`COLLECTION_NOT_FOUND`), a collection has the name of the alias (`COLLECTION_EXISTS`), or the store fails.
pub async fn set(context: &ServiceContext, request: SetAliasRequest) -> Result<(), ApiError> {
    let SetAliasRequest { alias, collection } = request;
    check_alias(&alias)?;
    check_collection_name(&collection)?;
    let resolved_name = context.collections.fetch(&collection).await?.name;
    if resolved_name != collection {
        let message = format!("`{collection}` is an alias; send the name of its collection, `{resolved_name}`");
        return Err(ApiError::new(ErrorReason::InvalidArgument, "collection", message));
    }
    let result = context.catalog.set_alias(&alias, &collection).await;
    // Also after an error: the store may have set the alias before the call failed.
    context.collections.invalidate(&alias);
    result.map_err(|error| match error {
        StoreError::AlreadyExists(_) => name_taken_error(&alias),
        error => error.into(),
    })
}

fn name_taken_error(alias: &str) -> ApiError {
    let message = format!("a collection has the name `{alias}`; choose another alias name");
    ApiError::new(ErrorReason::CollectionExists, "alias", message)
}

/// Removes an alias. Succeeds if the alias doesn't exist.
///
/// # Errors
/// If the name is invalid or the store fails.
pub async fn delete(context: &ServiceContext, alias: &str) -> Result<(), ApiError> {
    check_alias(alias)?;
    let result = context.catalog.delete_alias(alias).await;
    context.collections.invalidate(alias);
    Ok(result?)
}

/// Lists the aliases, ordered by name.
///
/// # Errors
/// If the page size or the page token is invalid, or the store fails.
pub async fn list(context: &ServiceContext, request: ListAliasesRequest) -> Result<ListAliasesResponse, ApiError> {
    let ListAliasesRequest { page_size, page_token } = request;
    let paginator = Paginator { method: "ListAliases", scope: "" };
    let aliases = context.catalog.list_aliases().await?;
    let (page, next_page_token) = paginator.paginate(aliases, |(name, _)| name, page_size, &page_token)?;
    let aliases = page.into_iter().map(|(name, collection)| Alias { name, collection }).collect();
    Ok(ListAliasesResponse { aliases, next_page_token })
}

fn check_alias(alias: &str) -> Result<(), ApiError> {
    // Aliases follow the naming rules of collections; only the field of the error differs.
    check_collection_name(alias).map_err(|error| ApiError { field: "alias".to_owned(), ..error })
}
