//! `IndexService`: indexes documents and searches them.

use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::deadline::parse_deadline;
use super::errors::invalid_argument;
use super::stream::{OpenStream, Responder, ResponseStream, open_on_first_request, read_first_request};
use super::{Readiness, aliases, collections, delete, explain, ingest, list_documents, search};
use crate::pipeline::Urgency;
use crate::proto::index_service_server::IndexService;
use crate::proto::{
    CreateCollectionRequest, CreateCollectionResponse, DeleteAliasRequest, DeleteAliasResponse, DeleteRequest,
    DeleteResponse, ExplainRequest, ExplainResponse, GetCollectionRequest, GetCollectionResponse, GetDocumentsRequest,
    GetDocumentsResponse, IngestRequest, IngestResponse, ListAliasesRequest, ListAliasesResponse,
    ListCollectionsRequest, ListCollectionsResponse, ListDocumentsRequest, ListDocumentsResponse, SearchRequest,
    SearchResponse, SetAliasRequest, SetAliasResponse, UpsertRequest, UpsertResponse,
};

/// Maximum number of results per response message. A result has at most 2 KiB, so a message stays far below 4 MiB.
const MAX_RESULTS_PER_MESSAGE: usize = 256;

/// Implementation of `IndexService`.
#[derive(Debug, Clone)]
pub struct IndexApi {
    readiness: Readiness,
}

impl IndexApi {
    pub fn new(readiness: Readiness) -> Self {
        Self { readiness }
    }
}

#[tonic::async_trait]
impl IndexService for IndexApi {
    type IngestStream = ResponseStream<IngestResponse>;

    async fn ingest(&self, request: Request<Streaming<IngestRequest>>) -> Result<Response<Self::IngestStream>, Status> {
        let context = self.readiness.admit()?;
        // Refuses the stream before anything is read from it if too many streams are open.
        let open_stream = OpenStream::new("ingest", context.clone())?;
        let deadline = parse_deadline(request.metadata());
        let mut requests = request.into_inner();
        let opening = async move {
            let first = read_first_request(&mut requests, &context).await?;
            let IngestRequest { options, operations, flush } = first.unwrap_or_default();
            let session = ingest::open_ingest(&context, Urgency::Bulk, options).await?;
            let ingest::IngestSession { ingest, results, response_options } = session;
            let drain_notice = ingest::DrainNotice::new(&context, &ingest);
            // The options are consumed: `read_operations` refuses messages with options.
            let first = IngestRequest { options: None, operations, flush };
            let reader = tokio::spawn(ingest::read_operations(context, requests, ingest, first).in_current_span());
            let responder = Responder::new(results, reader, deadline, MAX_RESULTS_PER_MESSAGE, open_stream);
            Ok(ingest::respond(responder, response_options, drain_notice))
        };
        Ok(Response::new(open_on_first_request(opening)))
    }

    async fn upsert(&self, request: Request<UpsertRequest>) -> Result<Response<UpsertResponse>, Status> {
        let context = self.readiness.admit()?;
        let UpsertRequest { options, documents } = request.into_inner();
        let max = context.limits.max_unary_documents;
        if documents.is_empty() || documents.len() > max {
            let message = format!("the call has {} documents; send 1 to {max}, or use Ingest", documents.len());
            return Err(invalid_argument("documents", message).into());
        }
        ingest::check_unary_options(options.as_ref()).map_err(|error| error.with_field_prefix("options"))?;
        let session = ingest::open_ingest(&context, Urgency::Interactive, options).await?;
        let results = ingest::upsert(&context, session, documents).await?;
        Ok(Response::new(UpsertResponse { results }))
    }

    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        let context = self.readiness.admit()?;
        Ok(Response::new(search::search(&context, request.into_inner()).await?))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let context = self.readiness.admit()?;
        Ok(Response::new(explain::explain(&context, request.into_inner()).await?))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let context = self.readiness.admit()?;
        delete::delete(&context, request.into_inner()).await?;
        Ok(Response::new(DeleteResponse {}))
    }

    async fn get_documents(
        &self,
        request: Request<GetDocumentsRequest>,
    ) -> Result<Response<GetDocumentsResponse>, Status> {
        let context = self.readiness.admit()?;
        Ok(Response::new(list_documents::get_documents(&context, request.into_inner()).await?))
    }

    async fn create_collection(
        &self,
        request: Request<CreateCollectionRequest>,
    ) -> Result<Response<CreateCollectionResponse>, Status> {
        let context = self.readiness.admit()?;
        let collection = Some(collections::create(&context, request.into_inner()).await?);
        Ok(Response::new(CreateCollectionResponse { collection }))
    }

    async fn list_collections(
        &self,
        request: Request<ListCollectionsRequest>,
    ) -> Result<Response<ListCollectionsResponse>, Status> {
        let context = self.readiness.admit()?;
        Ok(Response::new(collections::list(&context, request.into_inner()).await?))
    }

    async fn get_collection(
        &self,
        request: Request<GetCollectionRequest>,
    ) -> Result<Response<GetCollectionResponse>, Status> {
        let context = self.readiness.admit()?;
        let collection = Some(collections::get(&context, &request.into_inner().collection).await?);
        Ok(Response::new(GetCollectionResponse { collection }))
    }

    async fn list_documents(
        &self,
        request: Request<ListDocumentsRequest>,
    ) -> Result<Response<ListDocumentsResponse>, Status> {
        let context = self.readiness.admit()?;
        Ok(Response::new(list_documents::list_documents(&context, request.into_inner()).await?))
    }

    async fn set_alias(&self, request: Request<SetAliasRequest>) -> Result<Response<SetAliasResponse>, Status> {
        let context = self.readiness.admit()?;
        aliases::set(&context, request.into_inner()).await?;
        Ok(Response::new(SetAliasResponse {}))
    }

    async fn delete_alias(
        &self,
        request: Request<DeleteAliasRequest>,
    ) -> Result<Response<DeleteAliasResponse>, Status> {
        let context = self.readiness.admit()?;
        aliases::delete(&context, &request.into_inner().alias).await?;
        Ok(Response::new(DeleteAliasResponse {}))
    }

    async fn list_aliases(
        &self,
        request: Request<ListAliasesRequest>,
    ) -> Result<Response<ListAliasesResponse>, Status> {
        let context = self.readiness.admit()?;
        Ok(Response::new(aliases::list(&context, request.into_inner()).await?))
    }
}
