//! `CreateCollection`, `GetCollection` and `ListCollections`.

use super::ServiceContext;
use super::convert::parse_collection_options;
use super::features::check_features;
use super::pagination::Paginator;
use crate::proto::{Collection, CreateCollectionRequest, ListCollectionsRequest, ListCollectionsResponse};
use crate::store::StoreError;
use crate::types::{ApiError, check_collection_name};

/// Creates a collection.
///
/// # Errors
/// If a field is invalid (named in the error), a collection or an alias has the name (`COLLECTION_EXISTS`), or the store fails.
pub async fn create(context: &ServiceContext, request: CreateCollectionRequest) -> Result<Collection, ApiError> {
    let CreateCollectionRequest { name, model, options, required_features } = request;
    check_features(&required_features)?;
    check_collection_name(&name).map_err(|error| ApiError { field: "name".to_owned(), ..error })?;
    let model = context.models.get(&model)?;
    let spec = parse_collection_options(options, &model).map_err(|error| error.with_field_prefix("options"))?;
    let result = context.collections.create_new(&name, spec).await;
    // Also after an error: the store may have created the collection before the call failed.
    context.collections.invalidate(&name);
    result.map_err(|error| match error {
        StoreError::InvalidOption { .. } => ApiError::from(error).with_field_prefix("options"),
        StoreError::AlreadyExists(_) => ApiError { field: "name".to_owned(), ..error.into() },
        error => error.into(),
    })?;
    // Read back, because the store fills in defaults.
    get(context, &name).await
}

/// Returns the description of a collection.
///
/// # Errors
/// If the collection doesn't exist (`COLLECTION_NOT_FOUND`) or the store fails.
pub async fn get(context: &ServiceContext, name: &str) -> Result<Collection, ApiError> {
    check_collection_name(name)?;
    context.collections.fetch(name).await.map(Into::into)
}

/// Lists the collections, ordered by name.
///
/// # Errors
/// If the page size or the page token is invalid, or the store fails.
pub async fn list(
    context: &ServiceContext,
    request: ListCollectionsRequest,
) -> Result<ListCollectionsResponse, ApiError> {
    let ListCollectionsRequest { page_size, page_token } = request;
    let paginator = Paginator { method: "ListCollections", scope: "" };
    let infos = context.collections.list().await?;
    let (page, next_page_token) = paginator.paginate(infos, |info| &info.name, page_size, &page_token)?;
    Ok(ListCollectionsResponse { collections: page.into_iter().map(Into::into).collect(), next_page_token })
}
