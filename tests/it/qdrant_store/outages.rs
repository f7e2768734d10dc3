//! Errors of the server, and how the store reports them.

use std::time::Duration;

use splade_sidecar::store::{
    CollectionCatalog, PointReader, PointWriter, QdrantStore, StoreError, VectorStore, WithVectors,
};
use splade_sidecar::types::{DocumentId, PointId};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{ids, point, query, store, store_with_docs};
use crate::support::proxy::{Blackhole, Proxy};
use crate::support::qdrant_server::{Call, Faults};
use crate::support::remote_stores::default_config;

#[tokio::test]
async fn each_status_maps_to_a_store_error() {
    let (server, store) = store_with_docs().await;
    let mut limited = Status::resource_exhausted("Rate limiting exceeded");
    limited.metadata_mut().insert("retry-after", "3".parse().unwrap());
    type Check = fn(&StoreError) -> bool;
    let cases: [(Status, Check); 14] = [
        (limited, |e| e.retry_after() == Some(Duration::from_secs(3))),
        (Status::resource_exhausted("full"), |e| matches!(e, StoreError::Overloaded { retry_after: None, .. })),
        (Status::unavailable("Shard temporarily unavailable: x"), |e| matches!(e, StoreError::Unavailable(_))),
        (Status::failed_precondition("Storage locked: x"), |e| matches!(e, StoreError::Unavailable(_))),
        (Status::unavailable("upstream connect error"), |e| matches!(e, StoreError::Interrupted(_))),
        (Status::cancelled("x"), |e| matches!(e, StoreError::Interrupted(_))),
        (Status::internal("x"), |e| matches!(e, StoreError::Internal(_))),
        (Status::failed_precondition("x"), |e| matches!(e, StoreError::Internal(_))),
        (Status::deadline_exceeded("x"), |e| matches!(e, StoreError::Timeout(_))),
        (Status::invalid_argument("Wrong input"), |e| matches!(e, StoreError::Refused(_))),
        (Status::permission_denied("read-only"), |e| matches!(e, StoreError::Denied(_))),
        (Status::unimplemented("x"), |e| matches!(e, StoreError::Failed(_))),
        (Status::not_found("Not found: Collection `docs` doesn't exist!"), |e| {
            *e == StoreError::CollectionNotFound("docs".to_owned())
        }),
        (Status::new(Code::AlreadyExists, "x"), |e| *e == StoreError::AlreadyExists("docs".to_owned())),
    ];
    for (status, expected) in cases {
        let shown = format!("{status:?}");
        server.faults().fail_next(&[Call::Upsert], 1, status);
        let error = store.upsert("docs", "terms", &[point(1)]).await.unwrap_err();
        assert!(expected(&error), "{shown} became {error:?}");
        store.upsert("docs", "terms", &[point(1)]).await.unwrap();
    }
    assert_eq!(server.counters().calls(Call::Upsert), 28, "a call was sent more than once");
}

#[tokio::test]
async fn calls_time_out_if_the_server_does_not_answer() {
    let (server, _) = store_with_docs().await;
    let mut config = default_config(&server.url());
    config.timeout = Duration::from_secs(1);
    let store = store(config);
    let hang = |faults: &Faults| faults.hang(&[Call::Upsert]);
    let delay = |faults: &Faults| faults.delay_upserts(Duration::from_secs(60));
    for order in [hang, delay] {
        order(server.faults());
        let error = store.upsert("docs", "terms", &[point(1)]).await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");
        server.wait_until(|counters| counters.in_flight == 0).await;
        server.faults().clear();
        store.upsert("docs", "terms", &[point(1)]).await.unwrap();
    }
}

#[tokio::test]
async fn every_call_fails_during_an_outage() {
    let (server, store) = store_with_docs().await;
    server.faults().fail(Call::ALL, Status::unavailable("Shard temporarily unavailable: down"));
    for outcome in make_every_call(&store).await {
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    server.faults().clear();
    assert_eq!(make_every_call(&store).await, [const { Ok(()) }; 6]);
}

async fn make_every_call(store: &QdrantStore) -> [Result<(), StoreError>; 6] {
    [
        store.check_ready().await,
        store.get_collection("docs").await.map(drop),
        store.upsert("docs", "terms", &[point(1)]).await,
        store.search("docs", query()).await.map(drop),
        store.retrieve("docs", &[PointId::Num(1)], &WithVectors::sparse("terms")).await.map(drop),
        store.delete("docs", &[PointId::Num(1)]).await,
    ]
}

#[tokio::test]
async fn the_store_reconnects_to_a_restarted_server() {
    let (mut server, store) = store_with_docs().await;
    store.upsert("docs", "terms", &[point(1)]).await.unwrap();

    server.faults().hang(&[Call::Upsert]);
    let cut_off = tokio::spawn({
        let store = store.clone();
        async move { store.upsert("docs", "terms", &[point(2)]).await }
    });
    server.wait_until(|counters| counters.in_flight == 1).await;
    server.stop();
    server.faults().clear();
    let (cut_off, ready) = (cut_off.await.unwrap().unwrap_err(), store.check_ready().await.unwrap_err());
    for error in [&cut_off, &ready] {
        assert!(error.to_string().contains(&server.url()), "{error}");
    }
    assert!(matches!(cut_off, StoreError::Interrupted(_)) && cut_off.has_unknown_outcome(), "{cut_off:?}");
    let error = store.upsert("docs", "terms", &[point(2)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)) && !error.has_unknown_outcome(), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");

    server.restart();
    store.check_ready().await.unwrap();
    store.upsert("docs", "terms", &[point(3)]).await.unwrap();
    assert_eq!(ids(&store).await, [DocumentId::Num(1), DocumentId::Num(3)]);

    server.restart_empty();
    let error = store.upsert("docs", "terms", &[point(4)]).await.unwrap_err();
    let gone = StoreError::CollectionNotFound("docs".to_owned());
    // The first call may be sent on the old connection.
    assert!(error == gone || matches!(error, StoreError::Interrupted(_)), "{error:?}");
    assert_eq!(store.upsert("docs", "terms", &[point(4)]).await, Err(gone));
}

/// The response is lost although the write was applied: the outcome of an upsert or a delete is unknown.
#[tokio::test]
async fn a_write_without_a_response_has_an_unknown_outcome() {
    let (server, _) = store_with_docs().await;
    let proxy = Proxy::start(server.address()).await;
    let mut config = default_config(&proxy.url());
    config.settle_time = Duration::from_millis(50);
    let store = store(config);
    store.upsert("docs", "terms", &[point(1)]).await.unwrap();
    for delete in [false, true] {
        proxy.blackhole(Blackhole::Responses);
        let write = tokio::spawn({
            let store = store.clone();
            async move {
                if delete {
                    return store.delete("docs", &[PointId::Num(2)]).await;
                }
                store.upsert("docs", "terms", &[point(2)]).await
            }
        });
        proxy.wait_dropped_bytes().await;
        server
            .wait_until(|counters| if delete { counters.calls(Call::Delete) == 1 } else { counters.written == 2 })
            .await;
        proxy.disconnect_all();
        let error = write.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Interrupted(_)) && error.has_unknown_outcome(), "{error:?}");
        proxy.clear_faults();
        store.wait_until_settled().await.unwrap();
    }
    store.delete("docs", &[PointId::Num(2)]).await.unwrap();
    assert_eq!(ids(&store).await, [DocumentId::Num(1)]);
}

/// Earlier writes have settled when the server responds again and a delay for the writes in flight has passed.
#[tokio::test]
async fn writes_settle_once_the_server_has_answered_for_a_while() {
    let (mut server, _) = store_with_docs().await;
    let mut config = default_config(&server.url());
    config.settle_time = Duration::from_millis(300);
    let store = store(config);
    let asked = Instant::now();
    store.wait_until_settled().await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(300));

    server.faults().fail_next(&[Call::Collections], 1, Status::internal("not yet"));
    assert!(matches!(store.wait_until_settled().await, Err(StoreError::Internal(_))));
    server.stop();
    let error = store.wait_until_settled().await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    server.restart();
    store.wait_until_settled().await.unwrap();
}

/// A REST port, or a port with a different TLS setting: the error says that the server does not speak Qdrant's
/// protocol, and names it.
#[tokio::test]
async fn a_server_of_another_protocol_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rest = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let (server, _) = store_with_docs().await;
    for url in [format!("http://{rest}"), server.url().replace("http", "https")] {
        let error = store(default_config(&url)).check_ready().await.unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains(&url), "{error:?}");
    }
}
