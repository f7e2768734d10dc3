//! `IndexService`: documents in, searchable.

use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::deadline::deadline;
use super::document::document_id;
use super::options::{invalid, to_collection_options};
use super::status::status;
use super::stream::{OpenStream, Responder, Responses, first_request, opened_by_first_request};
use super::{Gate, aliases, explain, ingest, list_documents, search};
use crate::pipeline::{Progress, Urgency};
use crate::proto::index_service_server::IndexService;
use crate::proto::{
    DeleteAliasRequest, DeleteAliasResponse, DeleteRequest, DeleteResponse, ExplainRequest, ExplainResponse,
    GetCollectionRequest, GetCollectionResponse, IngestRequest, IngestResponse, ListAliasesRequest,
    ListAliasesResponse, ListDocumentsRequest, ListDocumentsResponse, SearchRequest, SearchResponse, SetAliasRequest,
    SetAliasResponse, UpsertRequest, UpsertResponse,
};
use crate::types::check_collection_name;

/// The most ids of one `Delete`.
pub const MAX_DELETES: usize = 10_000;

/// The most results of one response message: of 2 KiB each at most.
const RESULTS_A_MESSAGE: usize = 256;

/// The service.
#[derive(Debug, Clone)]
pub struct IndexApi {
    gate: Gate,
}

impl IndexApi {
    pub fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

#[tonic::async_trait]
impl IndexService for IndexApi {
    type IngestStream = Responses<IngestResponse>;

    async fn ingest(&self, request: Request<Streaming<IngestRequest>>) -> Result<Response<Self::IngestStream>, Status> {
        let shared = self.gate.pass()?;
        let open = OpenStream::new("ingest", shared.clone())?;
        let deadline = deadline(request.metadata());
        let mut requests = request.into_inner();
        let opening = async move {
            let first = first_request(&mut requests, &shared).await?;
            let IngestRequest { options, documents } = first.unwrap_or_default();
            let (ingest, results) = ingest::open(&shared, Urgency::Bulk, options).await.map_err(status)?;
            let reader = tokio::spawn(ingest::read(shared, requests, ingest, documents).in_current_span());
            let responder = Responder::new(results, reader, deadline, RESULTS_A_MESSAGE, open);
            let mut progress = Progress::default();
            Ok(responder.respond(move |finished| {
                finished.iter().for_each(|finished| progress.finish(finished.key.sequence));
                let results = finished.into_iter().map(ingest::to_result).collect();
                IngestResponse { results, durable_through: progress.through() }
            }))
        };
        Ok(Response::new(opened_by_first_request(opening)))
    }

    async fn upsert(&self, request: Request<UpsertRequest>) -> Result<Response<UpsertResponse>, Status> {
        let shared = self.gate.pass()?;
        let UpsertRequest { options, documents } = request.into_inner();
        let max = shared.limits.unary_documents;
        if documents.is_empty() || documents.len() > max {
            let message = format!("there are {} documents; send 1 to {max}, or use Ingest", documents.len());
            return Err(status(invalid("documents", message)));
        }
        let opened = ingest::open(&shared, Urgency::Interactive, options).await.map_err(status)?;
        let results = ingest::upsert(&shared, opened, documents).await.map_err(status)?;
        Ok(Response::new(UpsertResponse { results }))
    }

    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        let shared = self.gate.pass()?;
        let hits = search::search(&shared, request.into_inner()).await.map_err(status)?;
        Ok(Response::new(SearchResponse { hits }))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let shared = self.gate.pass()?;
        explain::explain(&shared, request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let shared = self.gate.pass()?;
        let DeleteRequest { collection, ids } = request.into_inner();
        check_collection_name(&collection).map_err(status)?;
        if ids.is_empty() || ids.len() > MAX_DELETES {
            let message = format!("there are {} ids; send 1 to {MAX_DELETES}", ids.len());
            return Err(status(invalid("ids", message)));
        }
        let ids = ids.into_iter().enumerate().map(|(index, id)| {
            let id = document_id(id).map_err(|fault| status(fault.within(&format!("ids[{index}]"))))?;
            Ok(id.point_id())
        });
        let ids = ids.collect::<Result<_, Status>>()?;
        let collection = shared.collections.resolve(&collection).await.map_err(status)?;
        shared.pipeline.delete(&collection, ids).await.map_err(status)?;
        Ok(Response::new(DeleteResponse {}))
    }

    async fn get_collection(
        &self,
        request: Request<GetCollectionRequest>,
    ) -> Result<Response<GetCollectionResponse>, Status> {
        let shared = self.gate.pass()?;
        let name = request.into_inner().collection;
        check_collection_name(&name).map_err(status)?;
        let info = shared.collections.read(&name).await.map_err(status)?;
        Ok(Response::new(GetCollectionResponse {
            name: info.name,
            point_count: info.point_count,
            model: info.spec.model.clone(),
            fingerprint: info.spec.fingerprint.as_ref().map(ToString::to_string).unwrap_or_default(),
            options: Some(to_collection_options(info.spec)),
        }))
    }

    async fn list_documents(
        &self,
        request: Request<ListDocumentsRequest>,
    ) -> Result<Response<ListDocumentsResponse>, Status> {
        let shared = self.gate.pass()?;
        list_documents::list_documents(&shared, request.into_inner()).await.map(Response::new).map_err(status)
    }

    async fn set_alias(&self, request: Request<SetAliasRequest>) -> Result<Response<SetAliasResponse>, Status> {
        let shared = self.gate.pass()?;
        aliases::set(&shared, request.into_inner()).await.map_err(status)?;
        Ok(Response::new(SetAliasResponse {}))
    }

    async fn delete_alias(
        &self,
        request: Request<DeleteAliasRequest>,
    ) -> Result<Response<DeleteAliasResponse>, Status> {
        let shared = self.gate.pass()?;
        aliases::delete(&shared, &request.into_inner().alias).await.map_err(status)?;
        Ok(Response::new(DeleteAliasResponse {}))
    }

    async fn list_aliases(
        &self,
        _request: Request<ListAliasesRequest>,
    ) -> Result<Response<ListAliasesResponse>, Status> {
        let shared = self.gate.pass()?;
        let aliases = aliases::list(&shared).await.map_err(status)?;
        Ok(Response::new(ListAliasesResponse { aliases }))
    }
}
