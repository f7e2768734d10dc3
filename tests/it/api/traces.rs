//! Trace export: an OTLP receiver on a real socket receives the spans of real calls.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{IngestOptions, UpsertRequest};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::by_text;
use crate::support::documents::{document, encode_documents, num, options, sample_texts};
use crate::support::endpoint::connect;
use crate::support::process::Process;
use crate::support::qdrant_server::QdrantServer;
use crate::support::upload::{self, Upload, docs};

const TEST_TIMEOUT: Duration = Duration::from_secs(120);
/// The example of the W3C Trace Context recommendation.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// An OTLP receiver.
struct Collector(mpsc::Sender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).await.unwrap();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Starts a collector and returns its URL and the received requests.
async fn collector() -> (String, mpsc::Receiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel(100);
    let server = Server::builder().add_service(TraceServiceServer::new(Collector(sender)));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    (url, received)
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits until a span of each of these names was received, and returns all spans.
async fn spans(received: &mut mpsc::Receiver<ExportTraceServiceRequest>, names: &[&str]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let all = async {
        while !names.iter().all(|name| spans.iter().any(|span| span.name == *name)) {
            for resource in received.recv().await.unwrap().resource_spans {
                let attributes = resource.resource.unwrap().attributes;
                let service = attributes.iter().find(|pair| pair.key == "service.name").unwrap();
                let name = service.value.clone().unwrap().value.unwrap();
                assert_eq!(name, Value::StringValue("splade-sidecar".to_owned()));
                spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
    };
    timeout(TEST_TIMEOUT, all).await.expect("spans");
    spans
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_trace_from_the_caller_to_the_store() {
    let (url, mut received) = collector().await;
    let store = QdrantServer::start();
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &["--otlp-endpoint", &url, "--qdrant-url", &store.url()]).await;
    let mut index = IndexServiceClient::new(connect(process.address).await);
    let documents = encode_documents(sample_texts(3).iter().zip(1..).map(|(text, id)| document(num(id), text)));
    let traced = |message| {
        let mut request = Request::new(message);
        request.metadata_mut().insert("traceparent", format!("00-{TRACE}-{CALLER}-01").parse().unwrap());
        request
    };
    let upsert = UpsertRequest { options: Some(options("docs")), documents };
    index.upsert(traced(upsert)).await.unwrap();

    let calls = ["splade_sidecar.v1.IndexService/Upsert", "encode", "upsert"];
    let spans = spans(&mut received, &calls).await;
    let call = named(&spans, calls[0]);
    assert_eq!((hex(&call.trace_id), hex(&call.parent_span_id)), (TRACE.to_owned(), CALLER.to_owned()));
    for stage in ["encode", "upsert"] {
        let span = named(&spans, stage);
        assert_eq!((hex(&span.trace_id), &span.parent_span_id), (TRACE.to_owned(), &call.span_id), "{stage}");
    }
    let upsert = named(&spans, "upsert");
    let handed_over = store.counters().traceparents;
    let expected = format!("00-{TRACE}-{}-01", hex(&upsert.span_id));
    assert!(handed_over.contains(&expected), "{expected} in {handed_over:?}");
}

/// A batch with points of two calls is a child of one of them and linked to the other.
#[tokio::test(flavor = "multi_thread")]
async fn batches_are_linked_to_all_their_calls() {
    let (url, mut received) = collector().await;
    let dir = tempfile::tempdir().unwrap();
    // The points of two streams share a batch.
    let flags = ["--otlp-endpoint", &url, "--max-upsert-delay", "100s"];
    let process = Process::start(dir.path(), &flags).await;
    let open = async || {
        let options = IngestOptions { batch_points: 2, ..upload::options() };
        Upload::open(process.index_client().await, options).await.unwrap()
    };
    let (mut first, mut second) = (open().await, open().await);
    first.push(docs([1])).await;
    second.push(docs([2])).await;
    // Neither stream may end before both have their result, because a writer without streams flushes at once.
    tokio::join!(first.read_results(1), second.read_results(1));
    let (first, second) = tokio::join!(first.finish_and_drain(), second.finish_and_drain());
    assert_eq!((first.0.indexed().len(), second.0.indexed().len()), (1, 1));
    let mut index = process.index_client().await;
    index.search(by_text("docs", "boundary layers")).await.unwrap();

    let mut all = spans(&mut received, &["upsert", "search", "admit"]).await;
    let ingests = |spans: &[Span]| spans.iter().filter(|span| span.name.ends_with("/Ingest")).count();
    while ingests(&all) < 2 {
        all.extend(spans(&mut received, &["splade_sidecar.v1.IndexService/Ingest"]).await);
    }
    let by_id: HashMap<_, _> = all.iter().map(|span| (span.span_id.clone(), span)).collect();
    let upsert = named(&all, "upsert");
    let linked = upsert.links.iter().map(|link| link.span_id.clone()).chain([upsert.parent_span_id.clone()]);
    let linked: HashSet<_> = linked.map(|id| by_id[&id].trace_id.clone()).collect();
    assert_eq!(linked.len(), 2, "not linked to both streams: {upsert:?}");
}

/// Log lines of a call contain its trace id, also if traces are not exported.
#[tokio::test(flavor = "multi_thread")]
async fn log_lines_have_the_trace_id() {
    let store = QdrantServer::start();
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &["--qdrant-url", &store.url()]).await;
    let mut index = IndexServiceClient::new(connect(process.address).await);
    store.faults().refuse_point(1);
    let documents = encode_documents([document(num(1), "boundary layers")]);
    let mut request = Request::new(UpsertRequest { options: Some(options("docs")), documents });
    request.metadata_mut().insert("traceparent", format!("00-{TRACE}-{CALLER}-01").parse().unwrap());
    index.upsert(request).await.unwrap();
    let line = process.wait_for_log("upsert failed").await;
    assert!(line.contains(&format!("\"trace_id\":\"{TRACE}\"")), "{line}");
}
