//! A server that shuts down announces it on its streams, continues to read for a grace period, and then closes them.

use std::time::Duration;

use splade_sidecar::app::ShutdownOutcome;
use splade_sidecar::proto::IngestOptions;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};

use crate::support::failure::Failure;
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::Sidecar;
use crate::support::upload::{Upload, docs, options};

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a test on both stores, with this deadline for the shutdown.
async fn on_both_stores(deadline: &str, test: impl AsyncFn(Sidecar)) {
    let qdrant = QdrantServer::start();
    let url = qdrant.url();
    for store in [&[] as &[&str], &["--qdrant-url", &url]] {
        test(Sidecar::start(&[&["--drain-deadline", deadline], store].concat()).await).await;
    }
}

/// Opens a stream and waits until `count` documents are indexed.
async fn open_with(sidecar: &Sidecar, first_sequence: u64, count: u64) -> Upload {
    let how = IngestOptions { first_sequence, ..options() };
    let mut upload = Upload::open(sidecar.index_client().await, how).await.unwrap();
    upload.wait_opened().await.unwrap();
    if count > 0 {
        upload.push(docs(1..=count)).await;
        upload.read_results(count as usize).await;
    }
    upload
}

async fn wait_draining(upload: &mut Upload) {
    while upload.received.draining.is_none() {
        assert!(
            timeout(TEST_TIMEOUT, upload.read()).await.expect("an announcement of the drain").unwrap(),
            "the stream ended"
        );
    }
}

fn assert_stopping(status: Status) {
    let failure = Failure::from(status);
    assert_eq!((failure.code, failure.reason.as_str()), (Code::Unavailable, "SHUTTING_DOWN"), "{failure:?}");
    assert!(failure.retry_after.is_some(), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_half_closes_gets_all_results_and_ok() {
    on_both_stores("30s", async |mut sidecar: Sidecar| {
        let mut upload = open_with(&sidecar, 1, 10).await;
        let mut numbered = open_with(&sidecar, 101, 0).await;
        sidecar.begin_stop();
        let began = Instant::now();
        wait_draining(&mut upload).await;
        wait_draining(&mut numbered).await;
        let draining = upload.received.draining.unwrap();
        assert_eq!((draining.read_through, draining.grace_period.unwrap().seconds), (10, 5));
        assert_eq!(numbered.received.draining.unwrap().read_through, 100, "all operations read so far");
        // New streams are refused at once.
        assert_stopping(Upload::open(sidecar.index_client().await, options()).await.map(drop).unwrap_err());

        // Operations in transit are accepted.
        assert!(upload.push(docs(11..=20)).await);
        let (got, end) = upload.finish_and_drain().await;
        end.unwrap();
        got.expect_one_each(20);
        assert_eq!(got.indexed().len(), 20);
        numbered.finish_and_drain().await.1.unwrap();
        let (ended, _dir) = timeout(TEST_TIMEOUT, sidecar.stop()).await.expect("the server stops");
        assert_eq!(ended, ShutdownOutcome::Drained);
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "the server waited without an open stream: {:?}",
            began.elapsed()
        );
    })
    .await;
}

/// The grace period is at most half of the deadline.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_keeps_sending_is_disconnected_after_the_grace_period() {
    on_both_stores("2s", async |mut sidecar: Sidecar| {
        let mut upload = open_with(&sidecar, 1, 5).await;
        let mut idle = open_with(&sidecar, 1, 0).await;
        sidecar.begin_stop();
        wait_draining(&mut upload).await;
        let began = Instant::now();
        assert_eq!(upload.received.draining.unwrap().grace_period.map(|period| period.seconds), Some(1));
        // The client sends operations until the server stops reading.
        let mut next = 6;
        let end = loop {
            upload.push(docs([next])).await;
            next += 1;
            match timeout(TEST_TIMEOUT, upload.read()).await.expect("the stream ends") {
                Ok(is_open) => assert!(is_open, "the stream ended with OK although not all was read"),
                Err(status) => break status,
            }
        };
        assert_stopping(end);
        let lasted = began.elapsed();
        assert!((Duration::from_millis(500)..Duration::from_secs(10)).contains(&lasted), "{lasted:?}");
        let got = upload.finish_and_drain().await.0;
        let read = got.results.len();
        assert!(read > 5, "the server read nothing in the grace period");
        got.expect_one_each(read);
        assert_eq!(got.indexed().len(), read, "a document that was read has no result");

        let end = loop {
            match timeout(TEST_TIMEOUT, idle.read()).await.expect("the idle stream ends") {
                Ok(is_open) => assert!(is_open, "the idle stream ended with OK"),
                Err(status) => break status,
            }
        };
        assert_stopping(end);
        assert!(idle.received.draining.is_some() && idle.received.results.is_empty(), "{:?}", idle.received);
        let (ended, _dir) = timeout(TEST_TIMEOUT, sidecar.stop()).await.expect("the server stops");
        assert_eq!(ended, ShutdownOutcome::Drained);
    })
    .await;
}
