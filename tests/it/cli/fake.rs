//! A fake server that records requests and answers by simple rules.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use splade_sidecar::proto::encoder_service_server::{EncoderService, EncoderServiceServer};
use splade_sidecar::proto::index_service_server::{IndexService, IndexServiceServer};
use splade_sidecar::proto::*;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream, UnixListenerStream};
use tonic::transport;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

/// Behavior of the fake server on an ingest stream.
#[derive(Debug, Clone, Copy, Default)]
pub enum Rule {
    /// Index documents, and reject those whose text contains `bad`.
    #[default]
    Index,
    /// Index this many documents, all but the one before the last, then break the stream.
    BreakAfter(usize),
    /// Read documents without sending results.
    Swallow,
    /// Index this many documents, then read the others without sending results.
    HoldAfter(u64),
    /// Refuse the call.
    Refuse,
    /// Break the first streams as their entries specify, and index the documents of later streams.
    Breaking(&'static [Break]),
    /// Break every stream in the given way.
    AlwaysBreaking(Break),
}

/// Early end of a stream: `after` documents have their results in order, and another document has arrived.
#[derive(Debug, Clone, Copy)]
pub struct Break {
    pub after: u64,
    /// If set, the document after the first one without a result has a result.
    pub skips_one: bool,
    pub ending: Ending,
}

#[derive(Debug, Clone, Copy)]
pub enum Ending {
    Unavailable,
    /// RESOURCE_EXHAUSTED with a RetryInfo.
    RetryAfter(Duration),
    StreamIdle,
    /// Status OK, although documents have no result.
    EndsOk,
    Internal,
    /// The next document is FAILED with this retry delay. The others have results, and the client ends the stream.
    Fails(Duration),
    /// The server announces that it is draining. All documents have results, and the client ends the stream.
    Drains,
}

impl Break {
    pub const fn after(after: u64, ending: Ending) -> Self {
        Self { after, skips_one: false, ending }
    }
}

impl Ending {
    /// Returns whether the server ends the stream.
    const fn breaks(self) -> bool {
        !matches!(self, Self::Fails(_) | Self::Drains)
    }

    fn status(self) -> Result<(), Status> {
        Err(match self {
            Self::EndsOk | Self::Fails(_) | Self::Drains => return Ok(()),
            Self::Unavailable => Status::unavailable("the server is going down"),
            Self::RetryAfter(delay) => {
                let details = ErrorDetails::with_retry_info(Some(delay));
                Status::with_error_details(Code::ResourceExhausted, "server at capacity", details)
            }
            Self::StreamIdle => {
                let mut details = ErrorDetails::with_error_info("STREAM_IDLE", "splade-sidecar", HashMap::new());
                details.set_retry_info(Some(Duration::ZERO));
                Status::with_error_details(Code::Unavailable, "stream idle", details)
            }
            Self::Internal => Status::internal("a defect"),
        })
    }
}

/// State of the fake server, shared with the test.
#[derive(Clone, Default)]
pub struct Fake {
    rule: Rule,
    seen: Arc<Mutex<Seen>>,
    streams: Arc<AtomicUsize>,
    /// Semaphore with one permit per received document.
    pub arrivals: Arc<Arrivals>,
    /// Semaphore with one permit per stream that the client has ended.
    pub endings: Arc<Arrivals>,
}

pub struct Arrivals(pub Semaphore);

impl Default for Arrivals {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

/// Requests that the fake server has received.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Options of each stream message that had any, with the position of the message.
    pub options: Vec<(usize, IngestOptions)>,
    /// Documents of each stream message.
    pub messages: Vec<Vec<Document>>,
    /// Time at which each stream was opened, and its documents.
    pub streams: Vec<(Instant, Vec<Document>)>,
    pub searches: Vec<SearchRequest>,
    pub explains: Vec<ExplainRequest>,
    pub encodes: Vec<EncodeRequest>,
}

impl Seen {
    pub fn documents(&self) -> Vec<Document> {
        self.messages.concat()
    }
}

impl Fake {
    pub fn new(rule: Rule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Serves on a free port and returns the address.
    pub async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = self.router();
        tokio::spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await });
        format!("http://{address}")
    }

    /// Serves on a Unix socket and returns the address.
    pub fn serve_unix(&self, path: &std::path::Path) -> String {
        let listener = UnixListener::bind(path).unwrap();
        let server = self.router();
        tokio::spawn(async move { server.serve_with_incoming(UnixListenerStream::new(listener)).await });
        format!("unix:{}", path.display())
    }

    fn router(&self) -> transport::server::Router {
        transport::Server::builder()
            .add_service(IndexServiceServer::new(self.clone()).max_decoding_message_size(32 << 20))
            .add_service(EncoderServiceServer::new(self.clone()))
    }

    pub fn seen(&self) -> Seen {
        self.with_seen(|seen| seen.clone())
    }

    fn with_seen<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn answer(
        self,
        mut requests: Streaming<IngestRequest>,
        responses: mpsc::Sender<Result<IngestResponse, Status>>,
    ) -> Result<(), Status> {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        self.with_seen(|seen| seen.streams.push((Instant::now(), Vec::new())));
        let breaks = match self.rule {
            Rule::Breaking(breaks) => breaks.get(number).copied(),
            Rule::AlwaysBreaking(how) => Some(how),
            _ => None,
        };
        let mut position = 0;
        // Sequence numbers of the last operation before the stream and of the last one read.
        let (mut before, mut sequence) = (0, 0);
        let mut is_draining = false;
        while let Some(request) = requests.message().await? {
            if let Some(options) = request.options {
                before = options.first_sequence.max(1) - 1;
                sequence = before;
                let opened = Some(create_opening(&options));
                self.with_seen(|seen| seen.options.push((position, options)));
                let _ =
                    responses.send(Ok(IngestResponse { opened, durable_through: before, ..Default::default() })).await;
            }
            position += 1;
            let documents: Vec<Document> = request.operations.into_iter().map(decode_upsert).collect();
            let (first, count) = (sequence + 1, documents.len());
            sequence += count as u64;
            let mut results: Vec<_> =
                (first..).zip(&documents).map(|(sequence, d)| create_result(sequence, d)).collect();
            self.with_seen(|seen| {
                seen.streams[number].1.extend(documents.iter().cloned());
                seen.messages.push(documents);
            });
            self.arrivals.0.add_permits(count);
            if count == 0 {
                continue;
            }

            let mut durable_through = sequence;
            if let Some(Break { after, skips_one, ending }) = breaks {
                let last = before + after;
                let mut draining = None;
                match ending {
                    Ending::Fails(delay) => {
                        results.iter_mut().filter(|it| it.sequence == last + 1).for_each(|it| fail(it, delay));
                        durable_through = sequence.min(last);
                    }
                    Ending::Drains => {
                        let begins = sequence > last && !std::mem::replace(&mut is_draining, sequence > last);
                        let grace_period = Some(prost_types::Duration { seconds: 5, nanos: 0 });
                        draining = begins.then_some(IngestDraining { read_through: sequence, grace_period });
                    }
                    _ => {
                        results.retain(|it| it.sequence <= last || skips_one && it.sequence == last + 2);
                        durable_through = sequence.min(last);
                    }
                }
                let response = IngestResponse { results, durable_through, draining, ..Default::default() };
                let _ = responses.send(Ok(response)).await;
                if sequence > last && ending.breaks() {
                    return ending.status();
                }
                continue;
            }
            match self.rule {
                Rule::Swallow => continue,
                Rule::HoldAfter(limit) => {
                    results.retain(|result| result.sequence <= before + limit);
                    durable_through = sequence.min(before + limit);
                    let response = IngestResponse { results, durable_through, ..Default::default() };
                    let _ = responses.send(Ok(response)).await;
                    continue;
                }
                Rule::BreakAfter(limit) if sequence >= before + limit as u64 => {
                    // The last document has a result, and the one before it has none.
                    let last = before + limit as u64;
                    results.retain(|result| result.sequence <= last && result.sequence != last - 1);
                    durable_through = last - 2;
                }
                _ => {}
            }
            let _ = responses.send(Ok(IngestResponse { results, durable_through, ..Default::default() })).await;
            if durable_through < sequence {
                return Err(Status::unavailable("the server is going down"));
            }
        }
        self.endings.0.add_permits(1);
        let is_holding = match self.rule {
            Rule::Swallow => true,
            Rule::HoldAfter(limit) => sequence > before + limit,
            _ => false,
        };
        if is_holding {
            responses.closed().await;
        }
        Ok(())
    }
}

/// Incarnation of the collection that every stream opens.
pub const INCARNATION: &str = "the first";

fn create_opening(options: &IngestOptions) -> IngestOpened {
    let collection =
        Collection { name: options.collection.clone(), incarnation: INCARNATION.to_owned(), ..Collection::default() };
    IngestOpened {
        collection: Some(collection),
        model: "tiny".to_owned(),
        server: Some(server()),
        ..Default::default()
    }
}

/// Decodes the document of an upsert operation; panics on any other operation.
fn decode_upsert(operation: Bytes) -> Document {
    match Operation::decode(operation).unwrap().kind {
        Some(operation::Kind::Upsert(document)) => Document::decode(document).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn create_result(sequence: u64, document: &Document) -> OperationResult {
    let bad = document.text.contains("bad");
    let status = if bad { OperationStatus::Rejected } else { OperationStatus::Indexed };
    let error = ItemError {
        code: Code::InvalidArgument.into(),
        reason: "BAD_TEXT".to_owned(),
        field: "text".to_owned(),
        message: "the text is bad; make it good".to_owned(),
        retry_delay: None,
    };
    let stats = EncodingStats {
        token_count: 10,
        truncated: document.text.contains("long"),
        window_count: 2,
        term_count: 3,
        pruned_term_count: 4,
        pruned_weight: 0.5,
    };
    OperationResult {
        sequence,
        id: document.id.clone(),
        status: status.into(),
        error: bad.then_some(error),
        stats: (!bad).then_some(stats),
        position: String::new(),
    }
}

/// Turns a result into a retryable failure.
fn fail(result: &mut OperationResult, delay: Duration) {
    let error = ItemError {
        code: Code::Unavailable.into(),
        reason: "STORE_UNAVAILABLE".to_owned(),
        message: "the store is away; send it again".to_owned(),
        retry_delay: delay.try_into().ok(),
        ..ItemError::default()
    };
    (result.stats, result.error) = (None, Some(error));
    result.set_status(OperationStatus::Failed);
}

#[tonic::async_trait]
impl IndexService for Fake {
    type IngestStream = ReceiverStream<Result<IngestResponse, Status>>;

    async fn ingest(&self, request: Request<Streaming<IngestRequest>>) -> Result<Response<Self::IngestStream>, Status> {
        if matches!(self.rule, Rule::Refuse) {
            let details = ErrorDetails::with_bad_request_violation("options.collection", "no collection has this name");
            return Err(Status::with_error_details(Code::NotFound, "there is no collection `docs`", details));
        }
        let (sender, receiver) = mpsc::channel(4);
        let fake = self.clone();
        tokio::spawn(async move {
            if let Err(status) = fake.answer(request.into_inner(), sender.clone()).await {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        assert!(request.metadata().contains_key("grpc-timeout"), "the request must carry the deadline");
        let request = request.into_inner();
        let query = request.query.as_ref().and_then(|query| query.kind.as_ref());
        let is_long = matches!(query, Some(query::Kind::Text(text)) if text.contains("long"));
        self.with_seen(|seen| seen.searches.push(request));
        let id = DocumentId { kind: Some(document_id::Kind::Key("7".to_owned())) };
        let payload_json = r#"{"text": "a\nfox"}"#.to_owned();
        let document = Some(StoredDocument { id: Some(id), payload_json, ..StoredDocument::default() });
        let hit = Hit { document, score: 1.5, ..Hit::default() };
        let query_stats = Some(EncodingStats { token_count: 5, truncated: is_long, ..EncodingStats::default() });
        Ok(Response::new(SearchResponse { hits: vec![hit], query_stats, groups: Vec::new() }))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        self.with_seen(|seen| seen.explains.push(request.into_inner()));
        let term = TermContribution {
            index: 4419,
            token: "fox".to_owned(),
            query_weight: 2.0,
            document_weight: 1.5,
            contribution: 3.0,
            query_origin: TermOrigin::Text.into(),
            document_origin: TermOrigin::Expansion.into(),
        };
        let terms = vec![term];
        let stats = |term_count| Some(EncodingStats { term_count, ..EncodingStats::default() });
        Ok(Response::new(ExplainResponse { terms, score: 3.0, query_stats: stats(4), document_stats: stats(9) }))
    }

    async fn upsert(&self, _: Request<UpsertRequest>) -> Result<Response<UpsertResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn delete(&self, _: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn get_documents(&self, _: Request<GetDocumentsRequest>) -> Result<Response<GetDocumentsResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn create_collection(
        &self,
        _: Request<CreateCollectionRequest>,
    ) -> Result<Response<CreateCollectionResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn list_collections(
        &self,
        _: Request<ListCollectionsRequest>,
    ) -> Result<Response<ListCollectionsResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn get_collection(
        &self,
        _: Request<GetCollectionRequest>,
    ) -> Result<Response<GetCollectionResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn list_documents(
        &self,
        _: Request<ListDocumentsRequest>,
    ) -> Result<Response<ListDocumentsResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn set_alias(&self, _: Request<SetAliasRequest>) -> Result<Response<SetAliasResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn delete_alias(&self, _: Request<DeleteAliasRequest>) -> Result<Response<DeleteAliasResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn list_aliases(&self, _: Request<ListAliasesRequest>) -> Result<Response<ListAliasesResponse>, Status> {
        Err(Status::unimplemented("not used here"))
    }
}

#[tonic::async_trait]
impl EncoderService for Fake {
    type EncodeStreamStream = ReceiverStream<Result<EncodeStreamResponse, Status>>;

    async fn encode(&self, request: Request<EncodeRequest>) -> Result<Response<EncodeResponse>, Status> {
        let request = request.into_inner();
        let vector = SparseVector { indices: vec![3, 5, 8], values: vec![0.1, 2.0, 0.5] };
        let tokens = ["a", "b", "c"].map(str::to_owned).to_vec();
        let stats = EncodingStats {
            token_count: 5,
            truncated: false,
            window_count: 2,
            term_count: 3,
            pruned_term_count: 4,
            pruned_weight: 0.5,
        };
        let encoded = EncodedText { vector: Some(vector), tokens, stats: Some(stats) };
        let results = vec![encoded; request.texts.len()];
        self.with_seen(|seen| seen.encodes.push(request));
        Ok(Response::new(EncodeResponse { results, model: "tiny".to_owned(), fingerprint: String::new() }))
    }

    async fn encode_stream(
        &self,
        _: Request<Streaming<EncodeStreamRequest>>,
    ) -> Result<Response<Self::EncodeStreamStream>, Status> {
        Err(Status::unimplemented("not used here"))
    }

    async fn get_model(&self, request: Request<GetModelRequest>) -> Result<Response<GetModelResponse>, Status> {
        match request.into_inner().model {
            name if name == "tiny" => {
                Ok(Response::new(GetModelResponse { model: Some(tiny()), server: Some(server()) }))
            }
            name => Err(Status::not_found(format!("unknown model `{name}`"))),
        }
    }

    async fn list_models(&self, _: Request<ListModelsRequest>) -> Result<Response<ListModelsResponse>, Status> {
        Ok(Response::new(ListModelsResponse {
            models: vec![tiny()],
            next_page_token: String::new(),
            default_model: "tiny".to_owned(),
            server: Some(server()),
        }))
    }
}

fn server() -> Server {
    Server { version: "1.2.3".to_owned(), revision: "a1b2c3d4e5f6".to_owned(), ..Server::default() }
}

fn tiny() -> Model {
    Model { name: "tiny".to_owned(), vocabulary_size: 30522, ..Model::default() }
}
