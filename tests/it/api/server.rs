//! Health, reflection, message size limits, and concurrent calls.

use std::collections::BTreeSet;

use splade_sidecar::app::{Server, ShutdownOutcome};
use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{EncodeRequest, EncodedText, ExplainRequest, GetModelRequest, UpsertRequest};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::collections::get;
use super::{assert_indexed, by_text};
use crate::support::documents::{
    build_messages, document, encode_documents, key, number_documents, options, sample_texts,
};
use crate::support::failure::Failure;
use crate::support::queries::text_query;
use crate::support::sidecar::{Sidecar, parse_config};

const SERVICES: [&str; 4] =
    ["splade_sidecar.v1.EncoderService", "splade_sidecar.v1.IndexService", "tei.v1.Info", "tei.v1.Embed"];

async fn health(channel: Channel, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let response = HealthClient::new(channel).check(request).await;
    response.map(|response| response.into_inner().status()).map_err(|status| status.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_serving_for_each_service_once_it_has_started() {
    let sidecar = Sidecar::start(&[]).await;
    for service in SERVICES.into_iter().chain([""]) {
        assert_eq!(health(sidecar.channel().await, service).await, Ok(ServingStatus::Serving), "{service}");
    }
    assert_eq!(health(sidecar.channel().await, "splade_sidecar.v1.NoSuchService").await, Err(Code::NotFound));
    sidecar.stop_drained().await;
}

/// The server listens while its model and its store are still loading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_not_serving_before_the_start() {
    let dir = TempDir::new().unwrap();
    let server = Server::bind(parse_config(dir.path(), &[])).await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", server.grpc_address())).unwrap().connect().await.unwrap();
    for service in SERVICES.into_iter().chain([""]) {
        assert_eq!(health(channel.clone(), service).await, Ok(ServingStatus::NotServing), "{service}");
    }
    let outcome = EncoderServiceClient::new(channel).get_model(GetModelRequest::default()).await;
    let failure = Failure::from(outcome.unwrap_err());
    assert_eq!((failure.code, failure.reason.as_str()), (Code::Unavailable, "STARTING"));
    assert!(failure.retry_after.is_some() && failure.message.contains("SERVING"), "{failure:?}");
    assert_eq!(server.run(std::future::ready(())).await.unwrap(), ShutdownOutcome::Drained);
}

/// Requests the list of services from one version of the reflection service.
macro_rules! reflected {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version::ServerReflectionRequest;
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        let list = Some(MessageRequest::ListServices(String::new()));
        let request = ServerReflectionRequest { host: String::new(), message_request: list };
        let responses = ServerReflectionClient::new($channel).server_reflection_info(tokio_stream::once(request)).await;
        let response = responses.unwrap().into_inner().message().await.unwrap().unwrap();
        match response.message_response {
            Some(MessageResponse::ListServicesResponse(list)) => {
                list.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>()
            }
            other => panic!("{other:?}"),
        }
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_lists_the_services_in_both_versions() {
    let sidecar = Sidecar::start(&[]).await;
    let v1 = reflected!(v1, sidecar.channel().await);
    let v1alpha = reflected!(v1alpha, sidecar.channel().await);
    for service in SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
        assert!(v1.contains(service), "{v1:?}");
        assert!(v1alpha.contains(service), "{v1alpha:?}");
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_message_ends_only_its_call() {
    let sidecar = Sidecar::start(&["--max-message-bytes", "64KiB"]).await;
    let refused = |status: tonic::Status| {
        assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
        assert!(status.message().contains("65536"), "the limit is not in the message: {}", status.message());
    };
    let text = "word ".repeat(20_000);
    let mut encoder = sidecar.encoder_client().await;
    refused(encoder.encode(EncodeRequest { texts: vec![text.clone()], ..Default::default() }).await.unwrap_err());

    // Earlier operations of the stream get their results.
    let mut documents = number_documents(&sample_texts(4));
    documents.push(document(key("large"), &text));
    let mut index = sidecar.index_client().await;
    let stream_of = build_messages(options("docs"), encode_documents(documents), 2);
    let mut responses = index.ingest(tokio_stream::iter(stream_of)).await.unwrap().into_inner();
    let mut results = Vec::new();
    let status = loop {
        match responses.message().await {
            Ok(response) => results.extend(response.expect("a response before the error").results),
            Err(status) => break status,
        }
    };
    refused(status);
    assert_indexed(&results);
    assert_eq!(results.len(), 4);
    assert_eq!(get(&sidecar, "docs").await.point_count, 4);
    encoder.encode(EncodeRequest { texts: sample_texts(1), ..Default::default() }).await.unwrap();
    sidecar.stop_drained().await;
}

/// Fifty concurrent calls of every kind on one connection, with far fewer permits than texts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_at_once_are_all_answered() {
    let sidecar = Sidecar::start(&["--max-queued-texts", "2", "--threads", "2"]).await;
    let texts = sample_texts(50);
    assert_indexed(&sidecar.ingest(options("docs"), number_documents(&texts)).await);
    let expected = sidecar.encode(EncodeRequest::default(), &texts).await;
    let (index, encoder) = (sidecar.index_client().await, sidecar.encoder_client().await);
    let mut calls = JoinSet::new();
    for (number, text) in texts.iter().cloned().enumerate() {
        let (mut index, mut encoder) = (index.clone(), encoder.clone());
        let around: Vec<EncodedText> = expected.iter().skip(number).take(10).cloned().collect();
        let texts: Vec<String> = texts.iter().skip(number).take(10).cloned().collect();
        calls.spawn(async move {
            match number % 4 {
                0 => {
                    let response = encoder.encode(EncodeRequest { texts, ..Default::default() }).await.unwrap();
                    assert_eq!(response.into_inner().results, around);
                }
                1 => {
                    let hits = index.search(by_text("docs", &text)).await.unwrap().into_inner().hits;
                    assert!(hits.len() >= 50);
                }
                2 => {
                    let documents =
                        texts.iter().zip(0..).map(|(text, n)| document(key(&format!("{number}-{n}")), text));
                    let request =
                        UpsertRequest { options: Some(options("docs")), documents: encode_documents(documents) };
                    assert_indexed(&index.upsert(request).await.unwrap().into_inner().results);
                }
                _ => {
                    let (query, document) = (Some(text_query(&text)), Some(Explained::DocumentText(text)));
                    let request = ExplainRequest { query, document, ..Default::default() };
                    assert!(index.explain(request).await.unwrap().into_inner().score > 0.0);
                }
            }
        });
    }
    assert_eq!(calls.join_all().await.len(), 50);
    sidecar.stop_drained().await;
}
