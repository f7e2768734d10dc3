//! Tokens: every call except health checks requires one.

use splade_sidecar::proto::ListModelsRequest;
use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::tei::InfoRequest;
use splade_sidecar::proto::tei::info_client::InfoClient;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use super::{Mounted, check_health, eventually, fast_reload_config};
use crate::support::failure::Failure;
use crate::support::sidecar::Sidecar;

const FLAG: &[(&str, &str)] = &[("--auth-tokens", "tokens")];
const OLD: &str = "old-0123456789abcdef";
const NEW: &str = "new-0123456789abcdef";

async fn start(mounted: &Mounted, more: &[String]) -> Sidecar {
    let directory = TempDir::new().unwrap();
    let config = fast_reload_config(&directory, &[&mounted.flags(FLAG), more].concat());
    let sidecar = Sidecar::start_with(directory, config).await;
    sidecar.wait_serving().await;
    sidecar
}

fn with<T>(message: T, header: Option<(&'static str, String)>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some((name, value)) = header {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}

async fn list(channel: &Channel, header: Option<(&'static str, String)>) -> Result<(), Status> {
    EncoderServiceClient::new(channel.clone()).list_models(with(ListModelsRequest::default(), header)).await.map(drop)
}

async fn info(channel: &Channel, header: Option<(&'static str, String)>) -> Result<(), Status> {
    InfoClient::new(channel.clone()).info(with(InfoRequest {}, header)).await.map(drop)
}

fn bearer(token: &str) -> Option<(&'static str, String)> {
    Some(("authorization", format!("Bearer {token}")))
}

async fn reflect(channel: &Channel, header: Option<(&'static str, String)>) -> Result<(), Status> {
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let requests = tokio_stream::iter([ServerReflectionRequest { host: String::new(), message_request }]);
    let mut client = ServerReflectionClient::new(channel.clone());
    let mut answers = client.server_reflection_info(with(requests, header)).await?.into_inner();
    answers.message().await.map(drop)
}

fn assert_refused(outcome: Result<(), Status>, problem: &str) {
    let failure = Failure::from(outcome.unwrap_err());
    assert_eq!((failure.code, failure.reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    assert!(failure.message.starts_with(problem), "{failure:?}");
    assert!(failure.message.contains("authorization: Bearer TOKEN") && failure.message.contains("x-api-key: TOKEN"));
    assert!(!failure.message.contains("0123456789abcdef"), "{failure:?}");
    assert_eq!(failure.retry_after, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_but_health_requires_a_token_on_every_socket() {
    let mounted = Mounted::new(&[("tokens", &format!("# the old one\n{OLD}\n\n# the new one\n{NEW}\n"))]);
    let socket = mounted.path("s").display().to_string();
    let sidecar = start(&mounted, &["--unix-socket".to_owned(), socket.clone()]).await;
    let unix = Endpoint::from_shared(format!("unix:{socket}")).unwrap().connect().await.unwrap();
    for channel in [sidecar.channel().await, unix] {
        check_health(channel.clone()).await.unwrap();
        for token in [OLD, NEW] {
            list(&channel, bearer(token)).await.unwrap();
            list(&channel, Some(("x-api-key", token.to_owned()))).await.unwrap();
            reflect(&channel, bearer(token)).await.unwrap();
            info(&channel, bearer(token)).await.unwrap();
        }
        assert_refused(list(&channel, None).await, "the call has no token; ");
        assert_refused(list(&channel, Some(("authorization", OLD.to_owned()))).await, "the call has no token; ");
        assert_refused(list(&channel, bearer("bad-0123456789abcdef")).await, "the token is invalid; ");
        assert_refused(list(&channel, Some(("x-api-key", String::new()))).await, "the token is invalid; ");
        assert_refused(reflect(&channel, None).await, "the call has no token; ");
        assert_refused(info(&channel, None).await, "the call has no token; ");
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_rotated_without_a_restart() {
    let mut mounted = Mounted::new(&[("tokens", OLD)]);
    let sidecar = start(&mounted, &[]).await;
    let channel = sidecar.channel().await;
    list(&channel, bearer(OLD)).await.unwrap();
    assert_refused(list(&channel, bearer(NEW)).await, "the token is invalid; ");
    mounted.replace(&[("tokens", &format!("{NEW}\n{OLD}"))]);
    eventually("the new token", async || list(&channel, bearer(NEW)).await.is_ok()).await;
    list(&channel, bearer(OLD)).await.unwrap();
    // An invalid file leaves the current tokens in use: an empty file neither admits nor locks out anyone.
    mounted.replace(&[("tokens", "")]);
    mounted.replace(&[("tokens", NEW)]);
    eventually("the end of the old token", async || list(&channel, bearer(OLD)).await.is_err()).await;
    list(&channel, bearer(NEW)).await.unwrap();
    sidecar.stop_drained().await;
}
