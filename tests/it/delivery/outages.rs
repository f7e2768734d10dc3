//! INDEXED means that the store confirmed the write, also during outages of the store.

use std::time::Duration;

use splade_sidecar::proto::{EncodeRequest, IngestOptions};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};

use super::{fetch_stored, start_remote};
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::upload::{COLLECTION, Upload, docs, ingest, options};

const ENCODER: &str = "splade_sidecar.v1.EncoderService";
const INDEX: &str = "splade_sidecar.v1.IndexService";

/// Small batches, so that there are many of them.
fn small_batches() -> IngestOptions {
    IngestOptions { batch_points: 50, ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_outage_loses_nothing() {
    const COUNT: u64 = 3_000;
    let mut server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(20));
    let sidecar = start_remote(&server, &[]).await;
    let mut upload = Upload::open(sidecar.index_client().await, small_batches()).await.unwrap();
    upload.push_all((1..=COUNT).map(|number| docs([number])));
    server.wait_until(|counters| counters.written >= 200).await;

    server.stop();
    for service in [INDEX, ""] {
        sidecar.wait_health(service, NotServing).await;
    }
    assert_eq!(sidecar.health(ENCODER).await, Serving);
    let texts = EncodeRequest { texts: vec!["boundary layer".to_owned()], ..Default::default() };
    sidecar.encoder_client().await.encode(texts).await.unwrap();

    server.restart();
    for service in [INDEX, ""] {
        sidecar.wait_health(service, Serving).await;
    }
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap();
    got.expect_one_each(COUNT as usize);
    assert_eq!(got.indexed().len() as u64, COUNT);
    assert_eq!(fetch_stored(&server, 1..=COUNT).await.len() as u64, COUNT);
    assert_eq!(sidecar.point_count(COLLECTION).await, COUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lasting_outage_fails_the_documents_in_flight() {
    const COUNT: u64 = 2_000;
    let mut server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(20));
    let sidecar = start_remote(&server, &["--retry-deadline", "1s", "--max-in-flight-documents", "500"]).await;
    let mut upload = Upload::open(sidecar.index_client().await, small_batches()).await.unwrap();
    upload.push_all((1..=COUNT).map(|number| docs([number])));
    server.wait_until(|counters| counters.written >= 200).await;
    server.stop();
    let vanished = Instant::now();
    let (got, end) = upload.finish_and_drain().await;
    // Four times as many documents are left as there are permits.
    assert!(vanished.elapsed() < Duration::from_secs(8), "answered after {:?}", vanished.elapsed());
    end.unwrap();
    got.expect_one_each(COUNT as usize);
    let indexed = got.indexed();
    assert!((200..COUNT).contains(&(indexed.len() as u64)), "{} were indexed", indexed.len());
    assert!(got.rejected().is_empty() && got.failed().values().all(|reason| *reason == "STORE_UNAVAILABLE"));
    // Batches are written in any order, so `durable_through` may be less than the number of written documents.
    assert!(got.durable_through < COUNT);

    server.restart();
    let found = fetch_stored(&server, indexed.iter().copied()).await;
    assert_eq!(found.len(), indexed.len(), "a document that was reported as INDEXED is missing");
    // Resuming after `durable_through` loses nothing.
    let first_sequence = got.durable_through + 1;
    let resumed = IngestOptions { first_sequence, ..small_batches() };
    let got = ingest(sidecar.index_client().await, resumed, docs(first_sequence..=COUNT)).await;
    assert_eq!((got.failed().len(), got.durable_through), (0, COUNT));
    assert_eq!(fetch_stored(&server, 1..=COUNT).await.len() as u64, COUNT);
}

#[tokio::test]
async fn the_retry_delay_of_the_store_is_honoured() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &[]).await;
    let mut limited = Status::resource_exhausted("Rate limiting exceeded");
    limited.metadata_mut().insert("retry-after", "2".parse().unwrap());
    server.faults().fail_next(&[Call::Upsert], 1, limited);
    let ingest = tokio::spawn(ingest(sidecar.index_client().await, options(), docs(1..=10)));
    server.wait_until(|counters| counters.calls(Call::Upsert) == 1).await;
    let refused = Instant::now();
    server.wait_until(|counters| counters.calls(Call::Upsert) == 2).await;
    assert!(refused.elapsed() >= Duration::from_millis(1_900), "retried after {:?}", refused.elapsed());
    assert_eq!(ingest.await.unwrap().indexed().len(), 10);
}

/// A delay that overflows the clock is ignored: the documents are stored at the next attempt, and the stream continues.
/// The same applies to a delay that a read asks for.
#[tokio::test]
async fn an_infinite_retry_delay_is_ignored() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &[]).await;
    let limited = || {
        let mut limited = Status::resource_exhausted("Rate limiting exceeded");
        limited.metadata_mut().insert("retry-after", u64::MAX.to_string().parse().unwrap());
        limited
    };
    for options in [options(), IngestOptions { skip_unchanged: true, ..options() }] {
        let mut upload = Upload::open(sidecar.index_client().await, options).await.unwrap();
        server.faults().fail_next(&[Call::Upsert, Call::Get], 2, limited());
        assert!(upload.push(docs(1..=10)).await);
        upload.read_results(10).await;
        assert!(upload.push(docs(11..=20)).await);
        upload.finish();
        let (got, end) = upload.finish_and_drain().await;
        end.unwrap();
        got.expect_one_each(20);
        assert!(got.rejected().is_empty() && got.failed().is_empty(), "{:?} {:?}", got.rejected(), got.failed());
        server.faults().clear();
    }
}

/// A delay longer than the retry deadline is not waited for: the client gets the error at once, with the store's delay.
#[tokio::test]
async fn a_retry_delay_beyond_the_deadline_is_not_waited_for() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &["--retry-deadline", "60s"]).await;
    let mut limited = Status::resource_exhausted("Rate limiting exceeded");
    limited.metadata_mut().insert("retry-after", "3600".parse().unwrap());
    server.faults().fail_next(&[Call::Upsert], 1, limited);
    let sent = Instant::now();
    let got = ingest(sidecar.index_client().await, options(), docs(1..=10)).await;
    assert!(sent.elapsed() < Duration::from_secs(30), "answered after {:?}", sent.elapsed());
    assert!(got.failed().len() == 10 && got.failed().values().all(|reason| *reason == "STORE_UNAVAILABLE"));
    let delays = got.results.iter().map(|result| result.error.as_ref().unwrap().retry_delay.unwrap().seconds);
    assert!(delays.into_iter().all(|seconds| seconds == 3_600), "{:?}", got.results[0]);
    assert_eq!(ingest(sidecar.index_client().await, options(), docs(1..=10)).await.indexed().len(), 10);
}

#[tokio::test]
async fn a_call_that_times_out_is_retried() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &["--qdrant-timeout", "500ms"]).await;
    server.faults().hang(&[Call::Upsert]);
    let ingest = tokio::spawn(ingest(sidecar.index_client().await, options(), docs(1..=10)));
    server.wait_until(|counters| counters.calls(Call::Upsert) == 2).await;
    server.faults().clear();
    assert_eq!(ingest.await.unwrap().indexed().len(), 10);
    // All upserts contain the same batch.
    assert!(server.counters().batches.iter().all(|points| *points == 10));
    assert_eq!(fetch_stored(&server, 1..=10).await.len(), 10);
}

/// A refused batch is split, and then the store stops. The parts share one retry deadline.
#[tokio::test]
async fn the_parts_of_a_split_batch_share_its_deadline() {
    let mut server = QdrantServer::start();
    let sidecar = start_remote(&server, &["--retry-deadline", "2s"]).await;
    server.faults().refuse_point(1);
    server.faults().delay_upserts(Duration::from_millis(100));
    let ingest = tokio::spawn(ingest(sidecar.index_client().await, options(), docs(1..=256)));
    server.wait_until(|counters| counters.calls(Call::Upsert) == 8).await;
    server.stop();
    let vanished = Instant::now();
    let got = ingest.await.unwrap();
    assert!(vanished.elapsed() < Duration::from_secs(4), "answered after {:?}", vanished.elapsed());
    got.expect_one_each(256);
    // The refused point may have been found before the store stopped.
    assert!(got.rejected().keys().all(|sequence| *sequence == 1), "{:?}", got.rejected());
    let failed = got.failed();
    assert!(failed.len() > 200, "{} failed", failed.len());
    assert!(failed.into_values().all(|reason| reason == "STORE_UNAVAILABLE"));
    assert!(
        got.results.iter().filter_map(|result| result.error.as_ref()).any(|it| it.code == Code::Unavailable as i32)
    );
}
