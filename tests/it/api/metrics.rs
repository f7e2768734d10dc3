//! The metrics page reports the work that was done.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use splade_sidecar::metrics::{self, Metric, MetricKind};
use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{EncodeRequest, EncodeStreamRequest, UpsertRequest};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::by_text;
use super::encode::stats;
use crate::support::documents::{
    build_messages, document, encode_documents, expect_stats as stats_of, num, number_documents, options, run_stream,
    sample_texts,
};
use crate::support::process::Process;
use crate::support::sidecar::{MODEL, Sidecar};

async fn connect(process: &Process) -> Channel {
    let channel = Endpoint::from_shared(format!("http://{}", process.address)).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let mut statuses = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while statuses.message().await.unwrap().expect("a health status").status() != ServingStatus::Serving {}
    channel
}

/// Sends calls of every kind and returns the number of encoded tokens.
async fn traffic(channel: Channel) -> i64 {
    let mut index = IndexServiceClient::new(channel.clone());
    let mut encoder = EncoderServiceClient::new(channel);
    let mut documents = number_documents(&sample_texts(20));
    documents.extend([document(num(21), " "), document(num(22), ""), document(num(23), &"x".repeat(2 << 20))]);
    documents.push(document(num(24), &"the moon ".repeat(200)));
    let ingested = run_stream(&mut index, build_messages(options("docs"), encode_documents(documents), 5)).await;
    let documents = encode_documents((31..).zip(sample_texts(3)).map(|(id, text)| document(num(id), &text)));
    let upsert = UpsertRequest { options: Some(options("docs")), documents };
    let upserted = index.upsert(upsert).await.unwrap().into_inner().results;
    let texts = vec!["the moon".to_owned(), "the sun and the earth".to_owned()];
    let request = EncodeRequest { texts: texts.clone(), ..Default::default() };
    let results = encoder.encode(request).await.unwrap().into_inner().results;
    let request = EncodeStreamRequest { texts: texts.into_iter().map(Into::into).collect(), ..Default::default() };
    let mut responses = encoder.encode_stream(tokio_stream::once(request)).await.unwrap().into_inner();
    while responses.message().await.unwrap().is_some() {}
    for _ in 0..5 {
        index.search(by_text("docs", "the moon")).await.unwrap();
    }
    let indexed = ingested.iter().chain(&upserted).filter(|result| result.error.is_none());
    let encoded: Vec<i64> = results.iter().map(|text| stats(text).token_count).collect();
    indexed.map(|result| stats_of(result).token_count).sum::<i64>() + 2 * encoded.iter().sum::<i64>() + 5 * encoded[0]
}

/// Kind of the default store of a server.
const STORE: &str = if cfg!(feature = "embedded") { "embedded" } else { "qdrant" };

#[tokio::test]
async fn the_metrics_page_counts_the_traffic() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &[]).await;
    let tokens = traffic(connect(&process).await).await as f64;
    let samples = process.samples().await;
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
        (labelled(metrics::TOKENS, "model", MODEL), tokens),
        (sum(metrics::BATCH_TOKENS), tokens),
        (sum(metrics::BATCH_TEXTS), 21.0 + 3.0 + 2.0 + 2.0 + 5.0),
        (sum(metrics::UPSERT_POINTS), 24.0),
        (format!("{}_count", metrics::SEARCH_SECONDS), 5.0),
        (format!("{}_count{{role=\"document\"}}", metrics::VECTOR_TERMS), 24.0 + 2.0 + 2.0),
        (format!("{}_count{{role=\"query\"}}", metrics::VECTOR_TERMS), 5.0),
        (format!("{}{{work=\"documents\",lane=\"bulk\"}}", metrics::ADMITTED), 24.0),
        (format!("{}{{work=\"documents\",lane=\"query\"}}", metrics::ADMITTED), 3.0),
        (format!("{}_count{{call=\"ingest\"}}", metrics::DOCUMENT_SECONDS), 24.0),
        (format!("{}_count{{call=\"encode\"}}", metrics::DOCUMENT_SECONDS), 2.0 + 5.0),
        (format!("{}{{method=\"splade_sidecar.v1.IndexService/Search\",code=\"OK\"}}", metrics::CALLS), 5.0),
        (format!("{}{{method=\"splade_sidecar.v1.IndexService/Ingest\",code=\"OK\"}}", metrics::CALLS), 1.0),
        (format!("{}_count{{method=\"splade_sidecar.v1.IndexService/Ingest\"}}", metrics::CALL_SECONDS), 1.0),
        (metrics::READY.to_owned(), 1.0),
        (metrics::STORE_UP.to_owned(), 1.0),
        (labelled(metrics::STORE_INFO, "kind", STORE), 1.0),
        (metrics::MODEL_INFO.to_owned(), 1.0),
        (metrics::BUILD_INFO.to_owned(), 1.0),
        (metrics::UPSERT_RETRIES.to_owned(), 0.0),
        (metrics::PERMITS.to_owned(), 0.0),
        (labelled(metrics::QUEUE_DEPTH, "lane", "query"), 0.0),
        (labelled(metrics::QUEUE_DEPTH, "lane", "bulk"), 0.0),
    ];
    for (name, value) in expected {
        assert_eq!(samples.get(&name), value, "{name} in {samples:#?}");
    }
    let ok = labelled(&format!("{}_count", metrics::UPSERT_SECONDS), "outcome", "ok");
    let count = |name: &str| samples.get(&format!("{name}_count"));
    assert_eq!(samples.get(&ok), count(metrics::UPSERT_POINTS));
    assert_eq!(count(metrics::ENCODE_SECONDS), count(metrics::BATCH_TEXTS));
    assert_eq!(count(metrics::BATCH_FILL), count(metrics::BATCH_TEXTS));
    for name in [sum(metrics::ENCODE_SECONDS), sum(metrics::SEARCH_SECONDS)] {
        assert!((1e-6..600.0).contains(&samples.get(&name)), "{name} is {}", samples.get(&name));
    }
    assert_eq!(samples.get(metrics::ENCODER_FAILURES), 0.0);
    assert!(samples.get(metrics::ENCODER_THREADS) >= 1.0);
    assert_eq!(samples.get(metrics::PERMITS_LIMIT), 2.0 * (8192.0 + 1024.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_in_prometheus_format() {
    let sidecar = Sidecar::start(&[]).await;
    sidecar
        .encoder_client()
        .await
        .encode(EncodeRequest { texts: sample_texts(1), ..Default::default() })
        .await
        .unwrap();
    let page = sidecar.metrics().await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("\r\ncontent-type: text/plain; version=0.0.4"), "{page}");
    for line in [format!("# TYPE {} counter", metrics::RECEIVED), format!("# TYPE {} gauge", metrics::PERMITS)] {
        assert!(page.contains(&line), "{line} is not in {page}");
    }
    assert!(page.contains(&format!("{}_bucket{{le=\"0.001\"}}", metrics::ENCODE_SECONDS)), "{page}");
    sidecar.stop_drained().await;
}

/// The gauges decrease shortly after the last result was sent.
#[tokio::test]
async fn gauges_fall_back_to_zero() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &[]).await;
    traffic(connect(&process).await).await;
    let gauges = [
        metrics::UPSERTS_IN_FLIGHT.to_owned(),
        metrics::UPSERTS_LIMIT.to_owned(),
        format!("{}{{call=\"ingest\"}}", metrics::STREAMS),
        format!("{}{{call=\"encode_stream\"}}", metrics::STREAMS),
    ];
    process.wait_samples(|samples| gauges.iter().all(|gauge| samples.get(gauge) == 0.0)).await;
}

/// The metrics page and the table of metrics, from which docs and dashboards are generated, list equal metrics.
#[tokio::test]
async fn the_metrics_page_and_the_table_are_equal() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &[]).await;
    traffic(connect(&process).await).await;
    let samples = process.samples().await;
    let bare = |sample: &str| sample.split('{').next().unwrap().to_owned();
    let families: BTreeSet<_> = samples.names().map(bare).collect();
    let of = |metric: &Metric| match metric.kind {
        MetricKind::Histogram => ["_bucket", "_sum", "_count"].map(|part| format!("{}{part}", metric.name)).into(),
        MetricKind::Counter | MetricKind::Gauge => vec![metric.name.to_owned()],
    };
    let known: BTreeSet<_> = metrics::ALL.iter().flat_map(of).collect();
    assert_eq!(families.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the table");
    assert_eq!(known.difference(&families).collect::<Vec<_>>(), Vec::<&String>::new(), "not on the page");
    let labels: BTreeSet<_> =
        metrics::ALL.iter().flat_map(|metric| metric.labels.iter().map(|(label, _)| *label)).collect();
    for sample in samples.names() {
        let Some((_, list)) = sample.split_once('{') else { continue };
        for label in list.split("\",").map(|pair| pair.split("=\"").next().unwrap()) {
            assert!(label == "le" || labels.contains(label), "{label} of {sample}");
        }
    }
}

#[tokio::test]
async fn the_metrics_port_has_a_page_a_status_and_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &[]).await;
    let page = process.get_page("/", "text/html").await;
    assert!(page.contains("\r\ncontent-security-policy: default-src 'none';"), "{page}");
    assert!(page.contains("<!doctype html>"), "{page}");

    let status = process.get_page("/status.json", "application/json").await;
    let status: Value = serde_json::from_str(status.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&status["ready"], &status["stopping"]), (&json!(true), &json!(false)), "{status}");
    assert_eq!(status["store"], json!({"kind": STORE, "up": true}));
    assert_eq!(status["models"][0]["name"], MODEL);
    assert_eq!((&status["models"][0]["dtype"], &status["models"][0]["device"]), (&json!("float32"), &json!("cpu")));
    assert_eq!(status["models"][0]["fingerprint"].as_str().unwrap().len(), "2:".len() + 64);
    assert!(status["encoder_threads"].as_u64().unwrap() >= 1 && status["errors"].is_array());

    let metrics = process.get_page("/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    assert!(metrics.contains("\r\ncontent-type: text/plain; version=0.0.4"), "{metrics}");
    assert!(
        metrics.contains("\n# TYPE splade_documents_indexed_total counter\nsplade_documents_indexed_total 0\n"),
        "{metrics}"
    );
}
