//! Shutdown drains: every operation that was read gets its result, under one deadline, and health reports NOT_SERVING.

use std::time::Duration;

use splade_sidecar::app::ShutdownOutcome;
use splade_sidecar::proto::{EncodeRequest, IngestOptions};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus::NotServing;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_types::StatusExt;

use super::{fetch_stored, start_remote};
use crate::support::endpoint::health;
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::sidecar::Sidecar;
use crate::support::upload::{Upload, docs, ingest, options};

/// Timeout of each wait in a test.
const LONG: Duration = Duration::from_secs(60);

fn small_batches() -> IngestOptions {
    IngestOptions { batch_points: 50, ..options() }
}

fn assert_stopping(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "SHUTTING_DOWN");
    assert!(status.get_details_retry_info().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_were_read_are_finished() {
    const COUNT: u64 = 100_000;
    let server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(300));
    let mut sidecar = start_remote(&server, &["--max-in-flight-documents", "1000"]).await;
    let mut existing = HealthClient::new(sidecar.channel().await);
    let mut index = sidecar.index_client().await;
    let mut upload = Upload::open(sidecar.index_client().await, small_batches()).await.unwrap();
    upload.push_all((1..=COUNT).map(|number| docs([number])));
    upload.read_results(100).await;

    server.faults().hold_upserts();
    sidecar.begin_stop();
    // Watched first, because the server notices the shutdown only when it is polled next.
    let mut watch = existing.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != NotServing {}
    for service in ["", "splade_sidecar.v1.EncoderService", "splade_sidecar.v1.IndexService"] {
        assert_eq!(health(&mut existing, service).await, NotServing);
        assert_eq!(sidecar.health(service).await, NotServing);
    }
    assert_stopping(&Upload::open(sidecar.index_client().await, options()).await.map(|_| ()).unwrap_err());
    assert_stopping(&index.ingest(tokio_stream::empty()).await.map(|_| ()).unwrap_err());
    let texts = EncodeRequest { texts: vec!["boundary layer".to_owned()], ..Default::default() };
    assert_stopping(&sidecar.encoder_client().await.encode(texts).await.unwrap_err());
    server.faults().release_upserts();

    let (got, end) = upload.finish_and_drain().await;
    assert_stopping(&end.unwrap_err());
    let read = got.results.len() as u64;
    assert!((100..COUNT).contains(&read), "{read} documents were read");
    got.expect_one_each(read as usize);
    assert_eq!(got.indexed().len() as u64, read, "{:?} {:?}", got.rejected(), got.failed());
    assert_eq!(fetch_stored(&server, 1..=read).await.len() as u64, read);
    assert_eq!(server.counters().written as u64, read, "a document was written but not reported");
    assert_eq!(sidecar.stop().await.0, ShutdownOutcome::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_closed_stream_ends_with_ok() {
    let server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(500));
    let mut sidecar = start_remote(&server, &[]).await;
    let mut upload = Upload::open(sidecar.index_client().await, options()).await.unwrap();
    upload.push_all([docs(1..=100)]);
    let rest = tokio::spawn(upload.finish_and_drain());
    server.wait_until(|counters| counters.in_flight == 1).await;
    sidecar.begin_stop();
    let (got, end) = rest.await.unwrap();
    end.unwrap();
    got.expect_one_each(100);
    assert_eq!(sidecar.stop().await.0, ShutdownOutcome::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shutdown_deadline_is_kept() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &["--drain-deadline", "2s"]).await;
    server.faults().hang(&[Call::Upsert]);
    let mut upload = Upload::open(sidecar.index_client().await, options()).await.unwrap();
    upload.push_all([docs(1..=100)]);
    server.wait_until(|counters| counters.in_flight == 1).await;
    let stopped = Instant::now();
    assert_eq!(sidecar.stop().await.0, ShutdownOutcome::DeadlinePassed);
    assert!(stopped.elapsed() >= Duration::from_secs(2));
    assert!(stopped.elapsed() < Duration::from_secs(4), "the shutdown took {:?}", stopped.elapsed());
}

/// Idle streams, calls of other services and connections without a call don't delay the end beyond the grace period of
/// streams, here one second.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_delay_the_shutdown() {
    let mut sidecar = Sidecar::start(&["--drain-deadline", "2s"]).await;
    ingest(sidecar.index_client().await, options(), docs(1..=10)).await;

    let idle_stream = Upload::open(sidecar.index_client().await, options()).await.unwrap();
    let channel = sidecar.channel().await;
    let mut watch = HealthClient::new(channel.clone()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let (requests, receiver) = mpsc::channel(1);
    let list = Some(MessageRequest::ListServices(String::new()));
    requests.send(ServerReflectionRequest { host: String::new(), message_request: list }).await.unwrap();
    let mut reflection = ServerReflectionClient::new(channel);
    let mut services = reflection.server_reflection_info(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    services.message().await.unwrap().unwrap();
    let _silent = TcpStream::connect(sidecar.address).await.unwrap();
    let _silent_too = TcpStream::connect(sidecar.metrics).await.unwrap();

    sidecar.begin_stop();
    let stopped = Instant::now();
    let (ended, _dir) = timeout(LONG, sidecar.stop()).await.expect("the server stops");
    assert_eq!(ended, ShutdownOutcome::Drained);
    assert!(stopped.elapsed() < Duration::from_secs(5), "the shutdown took {:?}", stopped.elapsed());
    assert_stopping(&idle_stream.finish_and_drain().await.1.unwrap_err());
    while let Ok(Some(_status)) = watch.message().await {}
    drop(requests);
}
