//! `SetAlias`, `DeleteAlias` and `ListAliases`, and aliases in other calls.

use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{
    Alias, DeleteAliasRequest, DeleteRequest, Document, ExplainRequest, GetDocumentsRequest, Hit, IngestOptions,
    ListAliasesRequest, SearchRequest, SetAliasRequest, UpsertRequest,
};
use tempfile::TempDir;
use tonic::{Code, Status};

use super::collections::get as get_collection;
use super::listing::{list, pages};
use super::{assert_indexed, by_text, hit_id, search};
use crate::support::documents::{encode_documents, num, number_documents, options, sample_texts};
use crate::support::endpoint::Endpoint;
use crate::support::failure::Failure;
use crate::support::models::model_dir;
use crate::support::process::Process;
use crate::support::qdrant_server::QdrantServer;
use crate::support::queries::text_query;
use crate::support::sidecar::{MODEL, Sidecar, on_both_stores};

pub async fn set(server: &Endpoint, alias: &str, collection: &str) -> Result<(), Status> {
    let request = SetAliasRequest { alias: alias.to_owned(), collection: collection.to_owned() };
    server.index_client().await.set_alias(request).await.map(drop)
}

pub async fn aliases(server: &Endpoint) -> Vec<(String, String)> {
    let aliases =
        server.index_client().await.list_aliases(ListAliasesRequest::default()).await.unwrap().into_inner().aliases;
    aliases.into_iter().map(|Alias { name, collection }| (name, collection)).collect()
}

fn pair(alias: &str, collection: &str) -> (String, String) {
    (alias.to_owned(), collection.to_owned())
}

async fn upsert(server: &Endpoint, options: IngestOptions, documents: Vec<Document>) {
    let request = UpsertRequest { options: Some(options), documents: encode_documents(documents) };
    assert_indexed(&server.index_client().await.upsert(request).await.unwrap().into_inner().results);
}

fn existing(collection: &str) -> IngestOptions {
    IngestOptions { create_collection: false, ..options(collection) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rpc_accepts_an_alias() {
    on_both_stores(async |sidecar| {
        let texts = sample_texts(20);
        assert_indexed(&sidecar.ingest(options("docs-v1"), number_documents(&texts[..10])).await);
        set(sidecar, "docs", "docs-v1").await.unwrap();
        assert_eq!(aliases(sidecar).await, [pair("docs", "docs-v1")]);
        assert_eq!(get_collection(sidecar, "docs").await, get_collection(sidecar, "docs-v1").await);
        assert_eq!(get_collection(sidecar, "docs").await.name, "docs-v1");

        // Both with and without permission to create the collection, which exists already.
        assert_indexed(&sidecar.ingest(options("docs"), number_documents(&texts[..15])).await);
        upsert(sidecar, existing("docs"), number_documents(&texts[..20])).await;
        assert_eq!(get_collection(sidecar, "docs-v1").await.point_count, 20);
        let by_alias = search(sidecar, by_text("docs", "the moon")).await;
        assert_eq!((by_alias.len(), &by_alias), (20, &search(sidecar, by_text("docs-v1", "the moon")).await));
        let explain = ExplainRequest {
            collection: "docs".to_owned(),
            query: Some(text_query("the moon")),
            document: Some(Explained::DocumentId(num(1))),
            ..Default::default()
        };
        sidecar.index_client().await.explain(explain).await.unwrap();
        let get = GetDocumentsRequest { collection: "docs".to_owned(), ids: vec![num(1)], ..Default::default() };
        assert_eq!(sidecar.index_client().await.get_documents(get).await.unwrap().into_inner().documents.len(), 1);
        assert_eq!(list(sidecar, "docs").await.len(), 20);
        let delete = DeleteRequest { collection: "docs".to_owned(), ids: vec![num(1)], ..Default::default() };
        sidecar.index_client().await.delete(delete).await.unwrap();
        assert_eq!(get_collection(sidecar, "docs-v1").await.point_count, 19);

        let delete = || DeleteAliasRequest { alias: "docs".to_owned() };
        for _ in 0..2 {
            sidecar.index_client().await.delete_alias(delete()).await.unwrap();
            let gone = sidecar.index_client().await.search(by_text("docs", "the moon")).await.unwrap_err();
            assert_eq!(Failure::from(gone).reason, "COLLECTION_NOT_FOUND");
        }
        assert_eq!((aliases(sidecar).await, get_collection(sidecar, "docs-v1").await.point_count), (vec![], 19));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_by_its_field() {
    on_both_stores(async |sidecar| {
        for collection in ["docs-v1", "docs-v2"] {
            assert_eq!(sidecar.ingest(options(collection), Vec::new()).await, []);
        }
        set(sidecar, "docs", "docs-v1").await.unwrap();
        for (alias, collection, code, field, part) in [
            ("", "docs-v1", Code::InvalidArgument, "alias", "name is empty"),
            ("a b", "docs-v1", Code::InvalidArgument, "alias", "1 to 128 characters"),
            ("docs-v2", "docs-v1", Code::AlreadyExists, "alias", "a collection has the name `docs-v2`"),
            ("new", "", Code::InvalidArgument, "collection", "name is empty"),
            ("new", "docs", Code::InvalidArgument, "collection", "name of its collection, `docs-v1`"),
            ("new", "absent", Code::NotFound, "collection", "there is no collection `absent`"),
        ] {
            let failure = Failure::from(set(sidecar, alias, collection).await.unwrap_err());
            assert_eq!((failure.code, &failure.fields), (code, &vec![field.to_owned()]), "{failure:?}");
            assert!(failure.message.contains(part), "{failure:?}");
        }
        let delete = DeleteAliasRequest { alias: "../up".to_owned() };
        let failure = Failure::from(sidecar.index_client().await.delete_alias(delete).await.unwrap_err());
        assert_eq!(failure.fields, ["alias"]);
        assert_eq!(aliases(sidecar).await, [pair("docs", "docs-v1")]);
    })
    .await;
}

/// Flags that serve a second model.
fn new_model() -> [String; 4] {
    let model = |name: &str, dir_name: &str| format!("{name}={}", model_dir(dir_name).display());
    ["--model".to_owned(), model("old", MODEL), "--model".to_owned(), model("new", "distilbert-random-untied")]
}

async fn with_two_models(flags: &[&str]) -> Sidecar {
    let models = new_model();
    let models = models.iter().map(String::as_str);
    Sidecar::start(&models.chain(flags.iter().copied()).collect::<Vec<_>>()).await
}

/// Indexes equal texts in `docs-v1` with the old model and in `docs-v2` with the new one; the alias `docs` names the
/// first.
async fn rolled_out(sidecar: &Sidecar, texts: &[String]) {
    for (collection, model) in [("docs-v1", "old"), ("docs-v2", "new")] {
        let ingest = IngestOptions { model: model.to_owned(), ..options(collection) };
        assert_indexed(&sidecar.ingest(ingest, number_documents(texts)).await);
    }
    set(sidecar, "docs", "docs-v1").await.unwrap();
}

async fn hits(sidecar: &Sidecar, collection: &str, model: &str) -> Vec<Hit> {
    search(sidecar, SearchRequest { model: model.to_owned(), ..by_text(collection, "the moon") }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_needs_no_change_of_clients() {
    let texts = sample_texts(20);
    let sidecar = with_two_models(&[]).await;
    rolled_out(&sidecar, &texts).await;
    let (old, new) = (hits(&sidecar, "docs-v1", "old").await, hits(&sidecar, "docs-v2", "new").await);
    assert_ne!(old, new);
    for _ in 0..3 {
        for (collection, model, other, expected) in [("docs-v1", "old", "new", &old), ("docs-v2", "new", "old", &new)] {
            set(&sidecar, "docs", collection).await.unwrap();
            assert_eq!(hits(&sidecar, "docs", "").await, *expected, "the model of the collection, effective at once");
            assert_eq!(hits(&sidecar, "docs", model).await, *expected);
            let wrong = SearchRequest { model: other.to_owned(), ..by_text("docs", "the moon") };
            let wrong = Failure::from(sidecar.index_client().await.search(wrong).await.unwrap_err());
            assert_eq!(wrong.reason, "FINGERPRINT_MISMATCH");
            assert!(wrong.message.contains(collection), "{wrong:?}");
            upsert(&sidecar, existing("docs"), number_documents(&texts)).await;
            let explain = ExplainRequest {
                collection: "docs".to_owned(),
                query: Some(text_query("the moon")),
                document: Some(Explained::DocumentId(num(1))),
                ..Default::default()
            };
            let explained = sidecar.index_client().await.explain(explain).await.unwrap().into_inner();
            let hit = expected.iter().find(|hit| *hit_id(hit) == num(1)).unwrap();
            assert!(super::close(explained.score, hit.score), "{} {}", explained.score, hit.score);
        }
    }
    sidecar.stop_drained().await;
}

/// During a switch, a search returns the hits of one of the two collections, encoded with the model of that collection.
/// A write goes to the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_by_another_process_is_harmless() {
    let (qdrant, texts) = (QdrantServer::start(), sample_texts(20));
    let url = qdrant.url();
    let flags = ["--qdrant-url", url.as_str()];
    let (ours, other) = (with_two_models(&flags).await, with_two_models(&flags).await);
    rolled_out(&ours, &texts).await;
    let (old, new) = (hits(&ours, "docs-v1", "old").await, hits(&ours, "docs-v2", "new").await);
    assert_eq!(hits(&ours, "docs", "").await, old);

    set(&other, "docs", "docs-v2").await.unwrap();
    let found = hits(&ours, "docs", "").await;
    assert!(found == old || found == new, "a query of one model was searched in the collection of the other");
    let further = number_documents(&crate::support::documents::sample_texts(25));
    upsert(&ours, existing("docs"), further).await;
    let counts =
        [get_collection(&ours, "docs-v1").await.point_count, get_collection(&ours, "docs-v2").await.point_count];
    assert_eq!(counts, [20, 25]);
    // The call refreshes the cached alias.
    assert_eq!(get_collection(&ours, "docs").await.name, "docs-v2");
    assert_eq!(hits(&ours, "docs", "").await.len(), 25);
    ours.stop_drained().await;
    other.stop_drained().await;
}

/// A document without an id gets one that depends on its text only, for every name of every collection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn derived_ids_depend_on_the_text_only() {
    let sidecar = Sidecar::start(&[]).await;
    let unnamed = || vec![Document { text: "the moon is full".to_owned(), ..Default::default() }];
    let mut ids = Vec::new();
    for collection in ["docs-v1", "docs-v2"] {
        assert_eq!(sidecar.ingest(options(collection), Vec::new()).await, []);
        set(&sidecar, "docs", collection).await.unwrap();
        for name in ["docs", collection] {
            ids.push(sidecar.ingest(existing(name), unnamed()).await[0].id.clone());
        }
        let listed = list(&sidecar, collection).await;
        assert_eq!((listed.len(), &listed[0].id), (1, &ids[0]));
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    sidecar.stop_drained().await;
}

/// In the embedded store, a confirmed alias survives a kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_survives_a_kill() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(dir.path(), &[]).await;
    assert_indexed(&process.ingest(options("docs-v1"), number_documents(&sample_texts(3))).await);
    set(&process, "docs", "docs-v1").await.unwrap();
    set(&process, "gone", "docs-v1").await.unwrap();
    process.index_client().await.delete_alias(DeleteAliasRequest { alias: "gone".to_owned() }).await.unwrap();
    process.kill().await;
    let process = Process::start(dir.path(), &[]).await;
    assert_eq!(aliases(&process).await, [pair("docs", "docs-v1")]);
    assert_eq!(process.point_count("docs").await, 3);
}

/// A page token of one collection is refused for the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_tokens_of_an_alias_belong_to_one_collection() {
    let sidecar = Sidecar::start(&[]).await;
    for collection in ["docs-v1", "docs-v2"] {
        assert_indexed(&sidecar.ingest(options(collection), number_documents(&sample_texts(5))).await);
    }
    set(&sidecar, "docs", "docs-v1").await.unwrap();
    let first = pages(&sidecar, "docs", 2, "").await.unwrap();
    set(&sidecar, "docs", "docs-v2").await.unwrap();
    let failure = Failure::from(pages(&sidecar, "docs", 2, &first.next_page_token).await.unwrap_err());
    assert_eq!(failure.fields, ["page_token"]);
    assert!(failure.message.contains("the alias was moved"), "{failure:?}");
    assert_eq!(pages(&sidecar, "docs-v1", 2, &first.next_page_token).await.unwrap().documents.len(), 2);
    sidecar.stop_drained().await;
}
