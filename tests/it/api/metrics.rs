//! The metrics page tells what happened.

use std::collections::HashMap;
use std::time::Duration;

use splade_sidecar::metrics;
use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{EncodeRequest, EncodeStreamRequest, UpsertRequest};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::by_text;
use crate::support::documents::{document, encoded, messages, num, numbered, options, stream, texts};
use crate::support::process::Process;
use crate::support::sidecar::Sidecar;

/// How long gauges may take to fall back, after the calls that raised them have ended.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(process: &Process) -> Channel {
    let channel = Endpoint::from_shared(format!("http://{}", process.address)).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let mut statuses = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while statuses.message().await.unwrap().expect("the server ended").status() != ServingStatus::Serving {}
    channel
}

/// Every sample of a page: its name with its labels, and its value.
async fn samples(process: &Process) -> HashMap<String, f64> {
    let page = process.metrics().await;
    let samples = page.lines().filter(|line| line.starts_with("splade_"));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

/// Sends some of everything; gives the number of tokens that were encoded.
async fn traffic(channel: Channel) -> u32 {
    let mut index = IndexServiceClient::new(channel.clone());
    let mut encoder = EncoderServiceClient::new(channel);
    let mut documents = numbered(&texts(20));
    documents.extend([document(num(21), " "), document(num(22), ""), document(num(23), &"x".repeat(2 << 20))]);
    documents.push(document(num(24), &"the moon ".repeat(200)));
    let ingested = stream(&mut index, messages(options("docs"), encoded(documents), 5)).await;
    let documents = encoded((31..).zip(texts(3)).map(|(id, text)| document(num(id), &text)));
    let upsert = UpsertRequest { options: Some(options("docs")), documents };
    let upserted = index.upsert(upsert).await.unwrap().into_inner().results;
    let texts = vec!["the moon".to_owned(), "the sun and the earth".to_owned()];
    let request = EncodeRequest { options: None, texts: texts.clone() };
    let results = encoder.encode(request).await.unwrap().into_inner().results;
    let request = EncodeStreamRequest { texts: texts.into_iter().map(Into::into).collect(), ..Default::default() };
    let mut responses = encoder.encode_stream(tokio_stream::once(request)).await.unwrap().into_inner();
    while responses.message().await.unwrap().is_some() {}
    for _ in 0..5 {
        index.search(by_text("docs", "the moon")).await.unwrap();
    }
    let documents = ingested.iter().chain(&upserted).map(|result| result.token_count);
    let encoded: Vec<u32> = results.iter().map(|result| result.token_count).collect();
    documents.sum::<u32>() + 2 * encoded.iter().sum::<u32>() + 5 * encoded[0]
}

#[tokio::test]
async fn the_page_tells_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]).await;
    let tokens = traffic(connect(&process).await).await;
    let samples = samples(&process).await;
    let labelled = |name: &str, label: &str, value: &str| format!("{name}{{{label}=\"{value}\"}}");
    let received = |call: &str| labelled(metrics::RECEIVED, "call", call);
    let rejected = |reason: &str| labelled(metrics::REJECTED, "reason", reason);
    let sum = |name: &str| format!("{name}_sum");
    let expected = [
        (received("ingest"), 24.0),
        (received("upsert"), 3.0),
        (received("encode"), 2.0),
        (received("encode_stream"), 2.0),
        (metrics::INDEXED.to_owned(), 24.0),
        (rejected("EMPTY_TEXT"), 2.0),
        (rejected("TEXT_TOO_LONG"), 1.0),
        (metrics::TRUNCATED.to_owned(), 1.0),
        (metrics::TOKENS.to_owned(), f64::from(tokens)),
        (sum(metrics::BATCH_TOKENS), f64::from(tokens)),
        (sum(metrics::BATCH_TEXTS), 21.0 + 3.0 + 2.0 + 2.0 + 5.0),
        (sum(metrics::UPSERT_POINTS), 24.0),
        (format!("{}_count", metrics::SEARCH_SECONDS), 5.0),
        (metrics::PERMITS.to_owned(), 0.0),
        (labelled(metrics::QUEUE_DEPTH, "lane", "query"), 0.0),
        (labelled(metrics::QUEUE_DEPTH, "lane", "bulk"), 0.0),
    ];
    for (name, value) in expected {
        assert_eq!(samples.get(&name), Some(&value), "{name} in {samples:#?}");
    }
    let ok = labelled(&format!("{}_count", metrics::UPSERT_SECONDS), "outcome", "ok");
    assert_eq!(samples[&ok], samples[&format!("{}_count", metrics::UPSERT_POINTS)]);
    assert_eq!(
        samples[&format!("{}_count", metrics::ENCODE_SECONDS)],
        samples[&format!("{}_count", metrics::BATCH_TEXTS)]
    );
    for name in [sum(metrics::ENCODE_SECONDS), sum(metrics::SEARCH_SECONDS)] {
        assert!((1e-6..600.0).contains(&samples[&name]), "{name} is {}", samples[&name]);
    }
    let failures = samples.get(metrics::ENCODER_FAILURES);
    assert!(failures.is_none_or(|&failures| failures == 0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_in_prometheus_format() {
    let sidecar = Sidecar::start(&[]).await;
    sidecar.encoder().await.encode(EncodeRequest { options: None, texts: texts(1) }).await.unwrap();
    let page = sidecar.metrics().await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("\r\ncontent-type: text/plain; version=0.0.4"), "{page}");
    for line in [format!("# TYPE {} counter", metrics::RECEIVED), format!("# TYPE {} gauge", metrics::PERMITS)] {
        assert!(page.contains(&line), "{line} is not in {page}");
    }
    assert!(page.contains(&format!("{}_bucket{{le=\"0.001\"}}", metrics::ENCODE_SECONDS)), "{page}");
    sidecar.end().await;
}

/// These fall just after the last result has left.
#[tokio::test]
async fn gauges_fall_back_to_zero() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]).await;
    traffic(connect(&process).await).await;
    let gauges = [
        metrics::UPSERTS_IN_FLIGHT.to_owned(),
        format!("{}{{call=\"ingest\"}}", metrics::STREAMS),
        format!("{}{{call=\"encode_stream\"}}", metrics::STREAMS),
    ];
    let fallen = async {
        loop {
            let samples = samples(&process).await;
            if gauges.iter().all(|gauge| samples[gauge] == 0.0) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, fallen).await.expect("gauges that stay up");
}
