//! The Unix socket.

use std::os::unix::net::UnixListener;

use splade_sidecar::app::{Server, ShutdownOutcome};
use splade_sidecar::proto::EncodeRequest;
use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use super::{assert_indexed, by_text, search};
use crate::support::documents::{
    build_messages, encode_documents, number_documents, options, run_stream, sample_texts,
};
use crate::support::sidecar::{Sidecar, parse_config};

async fn connect(socket: &str) -> Channel {
    Endpoint::from_shared(format!("unix:{socket}")).unwrap().connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_serves_all_calls_and_is_removed_at_the_end() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("s");
    let socket = path.to_str().unwrap();
    let sidecar = Sidecar::start(&["--unix-socket", socket]).await;
    let channel = connect(socket).await;

    let texts = sample_texts(30);
    let mut index = IndexServiceClient::new(channel.clone());
    assert_indexed(
        &run_stream(&mut index, build_messages(options("docs"), encode_documents(number_documents(&texts)), 4)).await,
    );
    let found = index.search(by_text("docs", "the moon")).await.unwrap().into_inner().hits;
    assert_eq!(found, search(&sidecar, by_text("docs", "the moon")).await);
    let request = EncodeRequest { texts: texts.clone(), ..Default::default() };
    let encoded = EncoderServiceClient::new(channel).encode(request).await;
    assert_eq!(encoded.unwrap().into_inner().results, sidecar.encode(EncodeRequest::default(), &texts).await);

    assert!(path.exists());
    sidecar.stop_drained().await;
    assert!(!path.exists(), "the socket file was not removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_socket_file_is_replaced() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let socket = path.to_str().unwrap();
    let sidecar = Sidecar::start(&["--unix-socket", socket]).await;
    let mut encoder = EncoderServiceClient::new(connect(socket).await);
    encoder.encode(EncodeRequest { texts: sample_texts(1), ..Default::default() }).await.unwrap();
    sidecar.stop_drained().await;
    assert!(!path.exists());
}

/// The server is stopped before its model is loaded, or before it runs at all.
#[tokio::test]
async fn the_socket_file_is_always_removed() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("s");
    let bind = || Server::bind(parse_config(dir.path(), &["--unix-socket", path.to_str().unwrap()]));
    let server = bind().await.unwrap();
    assert!(path.exists());
    drop(server);
    assert!(!path.exists());
    let server = bind().await.unwrap();
    assert_eq!(server.run(std::future::ready(())).await.unwrap(), ShutdownOutcome::Drained);
    assert!(!path.exists());
}

#[tokio::test]
async fn foreign_files_are_not_removed() {
    let dir = TempDir::new().unwrap();
    let (file, taken) = (dir.path().join("file"), dir.path().join("taken"));
    std::fs::write(&file, "precious").unwrap();
    let _other = UnixListener::bind(&taken).unwrap();
    for (path, problem) in [(&file, "is not a socket"), (&taken, "can't listen")] {
        let path = path.to_str().unwrap();
        let error = Server::bind(parse_config(&dir.path().join("store"), &["--unix-socket", path])).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.starts_with("--unix-socket") && error.contains(problem) && error.contains(path), "{error}");
        assert!(error.contains("choose another path"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    assert!(taken.exists());
}
