//! Calls of the `Collections` service.

use ::qdrant_client::qdrant::collections_server::Collections;
use ::qdrant_client::qdrant::*;
use tonic::{Request, Response, Status};

use super::Call;
use super::collection::Collection;
use super::service::Service;
use super::stubs::unimplemented_calls;

#[tonic::async_trait]
impl Collections for Service {
    async fn get(
        &self,
        request: Request<GetCollectionInfoRequest>,
    ) -> Result<Response<GetCollectionInfoResponse>, Status> {
        let request = self.admit(Call::Collections, request).await?;
        let info = self.with_collection(&request.collection_name, Collection::info).await?;
        Ok(Response::new(GetCollectionInfoResponse { result: Some(info), ..Default::default() }))
    }

    async fn list(
        &self,
        request: Request<ListCollectionsRequest>,
    ) -> Result<Response<ListCollectionsResponse>, Status> {
        self.admit(Call::Collections, request).await?;
        let collections = self.database().names().into_iter().map(|name| CollectionDescription { name }).collect();
        Ok(Response::new(ListCollectionsResponse { collections, ..Default::default() }))
    }

    async fn create(
        &self,
        request: Request<CreateCollection>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        let mut request = self.admit(Call::Collections, request).await?;
        if self.options().forget_metadata {
            request.metadata.clear();
        }
        let service = self.clone();
        tokio::task::spawn_blocking(move || service.database().create(request)).await.unwrap()?;
        Ok(Response::new(CollectionOperationResponse { result: true, ..Default::default() }))
    }

    async fn delete(
        &self,
        request: Request<DeleteCollection>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        let request = self.admit(Call::Collections, request).await?;
        let result = self.database().delete(&request.collection_name);
        Ok(Response::new(CollectionOperationResponse { result, ..Default::default() }))
    }

    async fn collection_exists(
        &self,
        request: Request<CollectionExistsRequest>,
    ) -> Result<Response<CollectionExistsResponse>, Status> {
        let request = self.admit(Call::Collections, request).await?;
        let exists = self.database().get(&request.collection_name).is_ok();
        Ok(Response::new(CollectionExistsResponse { result: Some(CollectionExists { exists }), ..Default::default() }))
    }

    async fn update_aliases(
        &self,
        request: Request<ChangeAliases>,
    ) -> Result<Response<CollectionOperationResponse>, Status> {
        let request = self.admit(Call::Collections, request).await?;
        self.database().change_aliases(request.actions.into_iter().filter_map(|action| action.action).collect())?;
        Ok(Response::new(CollectionOperationResponse { result: true, ..Default::default() }))
    }

    async fn list_aliases(
        &self,
        request: Request<ListAliasesRequest>,
    ) -> Result<Response<ListAliasesResponse>, Status> {
        self.admit(Call::Collections, request).await?;
        let aliases = self.database().list_aliases();
        Ok(Response::new(ListAliasesResponse { aliases, ..Default::default() }))
    }

    async fn create_shard_key(
        &self,
        request: Request<CreateShardKeyRequest>,
    ) -> Result<Response<CreateShardKeyResponse>, Status> {
        let request = self.admit(Call::ShardKeys, request).await?;
        self.faults().wait_shard_keys_released().await;
        let key = request.request.and_then(|request| request.shard_key);
        let key = key.ok_or_else(|| Status::invalid_argument("No shard key"))?;
        self.with_collection(&request.collection_name, |it| it.create_shard_key(key)).await?;
        Ok(Response::new(CreateShardKeyResponse { result: true, ..Default::default() }))
    }

    async fn collection_cluster_info(
        &self,
        request: Request<CollectionClusterInfoRequest>,
    ) -> Result<Response<CollectionClusterInfoResponse>, Status> {
        let request = self.admit(Call::Collections, request).await?;
        let keys = self.with_collection(&request.collection_name, |it| Ok(it.shard_keys())).await?;
        let shard = |key| LocalShardInfo { shard_key: Some(key), ..Default::default() };
        let local_shards = keys.into_iter().map(shard).collect();
        Ok(Response::new(CollectionClusterInfoResponse { local_shards, ..Default::default() }))
    }

    unimplemented_calls! {
        update: UpdateCollection => CollectionOperationResponse,
        list_collection_aliases: ListCollectionAliasesRequest => ListAliasesResponse,
        update_collection_cluster_setup: UpdateCollectionClusterSetupRequest => UpdateCollectionClusterSetupResponse,
        delete_shard_key: DeleteShardKeyRequest => DeleteShardKeyResponse,
        list_shard_keys: ListShardKeysRequest => ListShardKeysResponse,
    }
}
