//! gRPC-Web as browsers use it: HTTP/1.1, the status in the body, and CORS preflight requests.

use prost::Message;
use splade_sidecar::proto::{ListModelsRequest, ListModelsResponse, SearchRequest};

use crate::support::documents::{number_documents, options, sample_texts};
use crate::support::http1::{Http1Client, HttpResponse};
use crate::support::sidecar::{MODEL, Sidecar};

const KIND: &str = "application/grpc-web+proto";
const LIST: &str = "/splade_sidecar.v1.EncoderService/ListModels";
const ORIGIN: &str = "https://app.example";

fn framed(message: &impl Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    [&[0][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat()
}

/// Decodes the messages of a response and the trailers after them.
fn unframed(answer: &HttpResponse) -> (Vec<Vec<u8>>, String) {
    let (mut messages, mut rest) = (Vec::new(), answer.body.as_slice());
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let (flag, body) = (rest[0], rest[5..5 + length].to_vec());
        rest = &rest[5 + length..];
        match flag {
            0 => messages.push(body),
            0x80 => return (messages, String::from_utf8(body).unwrap()),
            other => panic!("{other}"),
        }
    }
    panic!("there are no trailers: {answer:?}")
}

async fn call(sidecar: &Sidecar, path: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpResponse {
    let mut client = Http1Client::connect(sidecar.address).await;
    let length = body.len().to_string();
    let headers = [headers, &[("content-type", KIND), ("content-length", &length), ("x-grpc-web", "1")]].concat();
    client.sender.send_head("POST", path, &headers).await.unwrap();
    client.sender.send_raw(body).await.unwrap();
    client.responses.read_response().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_beside_those_of_grpc() {
    let sidecar = Sidecar::start(&["--grpc-web", "--grpc-web-origins", ORIGIN]).await;
    let answer = call(&sidecar, LIST, &[("origin", ORIGIN)], &framed(&ListModelsRequest::default())).await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, KIND));
    assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN);
    assert!(answer.headers["access-control-expose-headers"].contains("grpc-status-details-bin"));
    let (messages, trailers) = unframed(&answer);
    assert_eq!(ListModelsResponse::decode(messages[0].as_slice()).unwrap().default_model, MODEL);
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
    // gRPC still works.
    sidecar.ingest(options("docs"), number_documents(&sample_texts(5))).await;
    let answer =
        call(&sidecar, "/splade_sidecar.v1.IndexService/Search", &[], &framed(&SearchRequest::default())).await;
    // The status of an error without messages is in the headers.
    assert_eq!((answer.status, answer.headers["grpc-status"].as_str()), (200, "3"));
    assert!(answer.headers.contains_key("grpc-status-details-bin"));
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    sidecar.stop_drained().await;
}

/// Sends a CORS preflight request.
async fn preflight(sidecar: &Sidecar, origin: &str) -> HttpResponse {
    let mut client = Http1Client::connect(sidecar.address).await;
    let asked = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-grpc-web,authorization,grpc-timeout"),
    ];
    client.sender.send_head("OPTIONS", LIST, &asked).await.unwrap();
    client.responses.read_response().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_configured_origins_may_call() {
    let tokens = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(tokens.path(), "token-0123456789abcdef").unwrap();
    let tokens = tokens.path().to_str().unwrap();
    // A browser sends no token with a preflight request.
    let origins = "http://localhost:5173,https://app.example";
    let flags = ["--grpc-web", "--grpc-web-origins", origins, "--auth-tokens", tokens];
    let sidecar = Sidecar::start_in(tempfile::TempDir::new().unwrap(), &flags).await;
    sidecar.wait_serving().await;
    let answer = preflight(&sidecar, ORIGIN).await;
    assert_eq!((answer.status, answer.headers["access-control-allow-origin"].as_str()), (200, ORIGIN));
    let allowed = &answer.headers["access-control-allow-headers"];
    for name in ["content-type", "x-grpc-web", "authorization", "grpc-timeout", "x-api-key"] {
        assert!(allowed.contains(name), "{allowed}");
    }
    assert_eq!(answer.headers["access-control-allow-methods"], "POST");
    let other = preflight(&sidecar, "https://evil.example").await;
    assert!(!other.headers.contains_key("access-control-allow-origin"), "{other:?}");
    let refused = call(&sidecar, LIST, &[("origin", ORIGIN)], &framed(&ListModelsRequest::default())).await;
    assert_eq!(refused.headers["grpc-status"], "16");
    let token = ("authorization", "Bearer token-0123456789abcdef");
    let answer = call(&sidecar, LIST, &[("origin", ORIGIN), token], &framed(&ListModelsRequest::default())).await;
    assert_eq!(unframed(&answer).0.len(), 1);
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_http_is_refused() {
    let sidecar = Sidecar::start(&["--grpc-web"]).await;
    let mut client = Http1Client::connect(sidecar.address).await;
    assert_eq!(client.send("POST", LIST, "application/json", b"{}").await.status, 400);
    sidecar.stop_drained().await;
    // Without the flag, HTTP/1.1 gets no response.
    let sidecar = Sidecar::start(&[]).await;
    let mut client = Http1Client::connect(sidecar.address).await;
    // The server may close the connection before everything is sent.
    let _sent = client.sender.send_head("POST", LIST, &[("content-type", KIND), ("content-length", "0")]).await;
    assert!(client.responses.is_closed().await);
    sidecar.stop_drained().await;
}
