//! `CreateCollection`, `GetCollection`, `ListCollections`.

use super::ServiceContext;
use super::convert::parse_collection_options;
use super::features::check_features;
use super::page::List;
use crate::proto::{Collection, CreateCollectionRequest, ListCollectionsRequest, ListCollectionsResponse};
use crate::store::StoreError;
use crate::types::{Fault, check_collection_name};

/// Creates a collection.
///
/// # Errors
/// A request that is invalid, by its field; a collection or alias that has the name; a store that fails.
pub async fn create(shared: &ServiceContext, request: CreateCollectionRequest) -> Result<Collection, Fault> {
    let CreateCollectionRequest { name, model, options, required_features } = request;
    check_features(&required_features)?;
    check_collection_name(&name).map_err(|fault| Fault { field: "name".to_owned(), ..fault })?;
    let model = shared.models.get(&model)?;
    let spec = parse_collection_options(options, &model).map_err(|fault| fault.within("options"))?;
    let created = shared.collections.create_new(&name, spec).await;
    shared.collections.forget(&name);
    created.map_err(|error| match error {
        StoreError::InvalidOption { .. } => Fault::from(error).within("options"),
        StoreError::AlreadyExists(_) => Fault { field: "name".to_owned(), ..error.into() },
        error => error.into(),
    })?;
    get(shared, &name).await
}

/// Describes a collection.
///
/// # Errors
/// A collection that doesn't exist; a store that fails.
pub async fn get(shared: &ServiceContext, name: &str) -> Result<Collection, Fault> {
    check_collection_name(name)?;
    shared.collections.read(name).await.map(Into::into)
}

/// Lists the collections.
///
/// # Errors
/// A page that is invalid, by its field; a store that fails.
pub async fn list(shared: &ServiceContext, request: ListCollectionsRequest) -> Result<ListCollectionsResponse, Fault> {
    let ListCollectionsRequest { page_size, page_token } = request;
    let list = List { method: "ListCollections", scope: "" };
    let infos = shared.collections.list().await?;
    let (page, next_page_token) = list.page(infos, |info| &info.name, page_size, &page_token)?;
    Ok(ListCollectionsResponse { collections: page.into_iter().map(Into::into).collect(), next_page_token })
}
