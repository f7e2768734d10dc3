//! `IndexService`: documents in, searchable.

use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::deadline::deadline;
use super::faults::invalid;
use super::stream::{OpenStream, Responder, Responses, first_request, opened_by_first_request};
use super::{Gate, aliases, collections, delete, explain, ingest, list_documents, search};
use crate::pipeline::Urgency;
use crate::proto::index_service_server::IndexService;
use crate::proto::{
    CreateCollectionRequest, CreateCollectionResponse, DeleteAliasRequest, DeleteAliasResponse, DeleteRequest,
    DeleteResponse, ExplainRequest, ExplainResponse, GetCollectionRequest, GetCollectionResponse, GetDocumentsRequest,
    GetDocumentsResponse, IngestRequest, IngestResponse, ListAliasesRequest, ListAliasesResponse,
    ListCollectionsRequest, ListCollectionsResponse, ListDocumentsRequest, ListDocumentsResponse, SearchRequest,
    SearchResponse, SetAliasRequest, SetAliasResponse, UpsertRequest, UpsertResponse,
};

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
            let IngestRequest { options, operations, flush } = first.unwrap_or_default();
            let opened = ingest::open(&shared, Urgency::Bulk, options).await?;
            let ingest::Opened { ingest, results, answer } = opened;
            let drain = ingest::Drain::new(&shared, &ingest);
            let first = IngestRequest { options: None, operations, flush };
            let reader = tokio::spawn(ingest::read(shared, requests, ingest, first).in_current_span());
            let responder = Responder::new(results, reader, deadline, RESULTS_A_MESSAGE, open);
            Ok(ingest::respond(responder, answer, drain))
        };
        Ok(Response::new(opened_by_first_request(opening)))
    }

    async fn upsert(&self, request: Request<UpsertRequest>) -> Result<Response<UpsertResponse>, Status> {
        let shared = self.gate.pass()?;
        let UpsertRequest { options, documents } = request.into_inner();
        let max = shared.limits.unary_documents;
        if documents.is_empty() || documents.len() > max {
            let message = format!("there are {} documents; send 1 to {max}, or use Ingest", documents.len());
            return Err(invalid("documents", message).into());
        }
        ingest::check_unary(options.as_ref()).map_err(|fault| fault.within("options"))?;
        let opened = ingest::open(&shared, Urgency::Interactive, options).await?;
        let results = ingest::upsert(&shared, opened, documents).await?;
        Ok(Response::new(UpsertResponse { results }))
    }

    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        let shared = self.gate.pass()?;
        Ok(Response::new(search::search(&shared, request.into_inner()).await?))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let shared = self.gate.pass()?;
        Ok(Response::new(explain::explain(&shared, request.into_inner()).await?))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let shared = self.gate.pass()?;
        delete::delete(&shared, request.into_inner()).await?;
        Ok(Response::new(DeleteResponse {}))
    }

    async fn get_documents(
        &self,
        request: Request<GetDocumentsRequest>,
    ) -> Result<Response<GetDocumentsResponse>, Status> {
        let shared = self.gate.pass()?;
        Ok(Response::new(list_documents::get_documents(&shared, request.into_inner()).await?))
    }

    async fn create_collection(
        &self,
        request: Request<CreateCollectionRequest>,
    ) -> Result<Response<CreateCollectionResponse>, Status> {
        let shared = self.gate.pass()?;
        let collection = Some(collections::create(&shared, request.into_inner()).await?);
        Ok(Response::new(CreateCollectionResponse { collection }))
    }

    async fn list_collections(
        &self,
        request: Request<ListCollectionsRequest>,
    ) -> Result<Response<ListCollectionsResponse>, Status> {
        let shared = self.gate.pass()?;
        Ok(Response::new(collections::list(&shared, request.into_inner()).await?))
    }

    async fn get_collection(
        &self,
        request: Request<GetCollectionRequest>,
    ) -> Result<Response<GetCollectionResponse>, Status> {
        let shared = self.gate.pass()?;
        let collection = Some(collections::get(&shared, &request.into_inner().collection).await?);
        Ok(Response::new(GetCollectionResponse { collection }))
    }

    async fn list_documents(
        &self,
        request: Request<ListDocumentsRequest>,
    ) -> Result<Response<ListDocumentsResponse>, Status> {
        let shared = self.gate.pass()?;
        Ok(Response::new(list_documents::list_documents(&shared, request.into_inner()).await?))
    }

    async fn set_alias(&self, request: Request<SetAliasRequest>) -> Result<Response<SetAliasResponse>, Status> {
        let shared = self.gate.pass()?;
        aliases::set(&shared, request.into_inner()).await?;
        Ok(Response::new(SetAliasResponse {}))
    }

    async fn delete_alias(
        &self,
        request: Request<DeleteAliasRequest>,
    ) -> Result<Response<DeleteAliasResponse>, Status> {
        let shared = self.gate.pass()?;
        aliases::delete(&shared, &request.into_inner().alias).await?;
        Ok(Response::new(DeleteAliasResponse {}))
    }

    async fn list_aliases(
        &self,
        request: Request<ListAliasesRequest>,
    ) -> Result<Response<ListAliasesResponse>, Status> {
        let shared = self.gate.pass()?;
        Ok(Response::new(aliases::list(&shared, request.into_inner()).await?))
    }
}
