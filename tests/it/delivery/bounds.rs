//! Bounded memory: a slow store, or a client that doesn't read, slows the sender down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{GetCollectionRequest, IngestOptions};
use tempfile::TempDir;
use tokio::time::{interval, timeout};
use tonic::transport::Channel;

use super::{PERMITS, RECEIVED, start_remote, start_remote_process};
use crate::support::qdrant_server::{Call, Options, QdrantServer};
use crate::support::upload::{COLLECTION, Upload, doc, docs, ingest, options};

const MAX_DOCUMENTS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_slows_the_sender() {
    const COUNT: usize = 1_000;
    // Large texts, so that HTTP/2 windows and socket buffers hold only a few of them.
    let text = "word ".repeat(4_000);
    let server = QdrantServer::start_with(Options { discard: true, ..Options::default() });
    server.faults().delay_upserts(Duration::from_millis(200));
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &["--max-in-flight-documents", "64"]).await;
    let options = IngestOptions { batch_points: 16, text_field: Some(String::new()), ..options() };
    let mut upload = Upload::open(process.index_client().await, options).await.unwrap();
    let pushed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pushed);
    upload.push_all((1..=COUNT as u64).map(move |number| {
        counter.fetch_add(1, Ordering::Relaxed);
        vec![doc(number, &text)]
    }));
    let rest = tokio::spawn(upload.finish_and_drain());
    let mut ticks = interval(Duration::from_millis(50));
    let (mut most_held, mut most_ahead) = (0, 0);
    while !rest.is_finished() {
        ticks.tick().await;
        let written = server.counters().written;
        let held = process.samples().await.get(PERMITS) as usize;
        most_held = most_held.max(held);
        most_ahead = most_ahead.max(pushed.load(Ordering::Relaxed) - written);
    }
    let (got, end) = rest.await.unwrap();
    end.unwrap();
    got.expect_one_each(COUNT);
    assert_eq!(got.indexed().len(), COUNT);
    assert_eq!((server.counters().points(), server.counters().written), (COUNT, COUNT));
    assert!((MAX_DOCUMENTS / 2..=MAX_DOCUMENTS).contains(&most_held), "{most_held} held a permit");
    assert!(most_ahead < COUNT / 2, "the sender was {most_ahead} documents ahead of the store");
    assert_eq!(process.samples().await.get(PERMITS), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_blocks_only_itself() {
    let server = QdrantServer::start_with(Options { discard: true, ..Options::default() });
    let dir = TempDir::new().unwrap();
    let process =
        start_remote_process(&dir, &server, &["--max-in-flight-documents", "64", "--max-upsert-delay", "5ms"]).await;
    let deaf = Upload::open(client_with_a_small_window(process.address).await, options()).await.unwrap();
    let mut sent = 0;
    while let Ok(pushed) = timeout(Duration::from_secs(1), deaf.push(docs(sent..sent + 100))).await {
        assert!(pushed, "the stream ended");
        sent += 100;
        assert!(sent < 1_000_000, "a client that does not read is not slowed down");
    }
    let received = process.samples().await.get(RECEIVED);
    assert!(received >= 64.0, "{received} documents were received");

    let got = ingest(process.index_client().await, options(), docs(1..=300)).await;
    got.expect_one_each(300);
    assert_eq!(got.indexed().len(), 300);

    drop(deaf);
    process.wait_samples(|samples| samples.get(PERMITS) == 0.0).await;
}

/// HTTP/2 servers limit small frames, which is what one document per message produces.
#[tokio::test(flavor = "multi_thread")]
async fn queued_small_messages_do_not_break_the_connection() {
    const STREAMS: u64 = 4;
    let server = QdrantServer::start_with(Options { discard: true, ..Options::default() });
    let sidecar = start_remote(&server, &["--max-in-flight-documents", "64", "--qdrant-timeout", "3s"]).await;
    ingest(sidecar.index_client().await, options(), docs([0])).await;
    server.faults().hang(&[Call::Upsert]);
    let client = sidecar.index_client().await;
    let mut uploads = Vec::new();
    for _ in 0..STREAMS {
        let upload = Upload::open(client.clone(), options()).await.unwrap();
        let mut sent = 0;
        while let Ok(pushed) = timeout(Duration::from_millis(300), upload.push(docs([sent]))).await {
            assert!(pushed, "the stream broke after {sent} messages");
            sent += 1;
        }
        uploads.push((upload, sent));
    }
    client.clone().get_collection(GetCollectionRequest { collection: COLLECTION.to_owned() }).await.unwrap();
    server.faults().clear();
    for (upload, sent) in uploads {
        let (got, end) = upload.finish_and_drain().await;
        end.unwrap();
        // The message whose send timed out may have been sent.
        assert!((sent..=sent + 1).contains(&(got.indexed().len() as u64)), "{} of {sent}", got.indexed().len());
    }
}

/// Returns a client with small receive windows, so that only few results are buffered.
pub async fn client_with_a_small_window(address: SocketAddr) -> IndexServiceClient<Channel> {
    IndexServiceClient::new(channel_with_a_small_window(address).await)
}

pub async fn channel_with_a_small_window(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.initial_stream_window_size(1_024).connect().await.unwrap()
}
