//! Equal inputs store equal documents through every interface, on both stores: gRPC with either payload format, JSON
//! over HTTP, and the command line with each file format.

mod ids;
mod numbers;
mod oddities;

use std::path::Path;

use serde_json::Value;
use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::{DocumentId, ListDocumentsRequest, PayloadFormat, ReturnOptions, StoredDocument};

use crate::support::endpoint::Endpoint;
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::Sidecar;

/// Runs a test on both stores, on servers with every interface enabled.
async fn on_both_stores(test: impl AsyncFn(&Sidecar)) {
    let qdrant = QdrantServer::start();
    for store in [&[] as &[&str], &["--qdrant-url", &qdrant.url()]] {
        let sidecar = Sidecar::start(&[&["--http-listen", "127.0.0.1:0"], store].concat()).await;
        test(&sidecar).await;
        sidecar.stop_drained().await;
    }
}

/// Returns all documents of a collection, with their payloads in `format`.
async fn fetch_documents(server: &Endpoint, collection: &str, format: PayloadFormat) -> Vec<StoredDocument> {
    let request = ListDocumentsRequest {
        collection: collection.to_owned(),
        page_size: 1_000,
        return_options: Some(ReturnOptions { payload_format: format.into(), ..Default::default() }),
        ..ListDocumentsRequest::default()
    };
    let page = server.index_client().await.list_documents(request).await.unwrap().into_inner();
    assert_eq!(page.next_page_token, "");
    page.documents
}

/// Returns the payload of the document with this text.
async fn fetch_payload(server: &Endpoint, collection: &str, text: &str) -> Value {
    let documents = fetch_documents(server, collection, PayloadFormat::Json).await;
    let mut payloads = documents.iter().map(|document| serde_json::from_str::<Value>(&document.payload_json).unwrap());
    let mut payload = payloads.rfind(|payload| payload["text"] == text).unwrap();
    payload.as_object_mut().unwrap().remove("text");
    payload
}

/// Runs `ingest` on a file and returns its exit status and the rejected lines.
async fn ingest(server: &Endpoint, dir: &Path, file: &str, content: &str, flags: &[&str]) -> (i32, Vec<Value>) {
    std::fs::write(dir.join(file), content).unwrap();
    let address = format!("http://{}", server.address);
    let arguments = [&["ingest", file, "--create-collection"], flags].concat();
    let run = crate::cli::run(dir, &address, &arguments).await;
    assert!(run.code < 2, "{}", run.stderr);
    let rejects = std::fs::read_to_string(dir.join(format!("{file}.rejects.jsonl"))).unwrap_or_default();
    (run.code, rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Converts an id to the format of the table of ids.
fn id_to_json(id: &DocumentId) -> Value {
    match id.kind.as_ref().unwrap() {
        Kind::Num(num) => serde_json::json!({ "num": num.to_string() }),
        Kind::Uuid(uuid) => serde_json::json!({ "uuid": uuid }),
        Kind::Key(key) => serde_json::json!({ "key": key }),
    }
}
