//! Server, store, documents and command line of the reindex tests.

use std::path::PathBuf;

use prost_types::value::Kind as ValueKind;
use serde_json::json;
use splade_sidecar::proto::{
    Collection, CollectionOptions, DenseVector, DenseVectorOptions, Distance, Document, Hit, IngestOptions,
    ListAliasesRequest, ListDocumentsRequest, ReturnOptions, SearchRequest, SetAliasRequest, StoredDocument,
};
use tempfile::{TempDir, tempdir};

use crate::cli::{Run, run};
use crate::support::documents::{document, key, num, options, sample_texts, to_payload};
use crate::support::models::model_dir as model;
use crate::support::process::Process;
use crate::support::qdrant_server::QdrantServer;
use crate::support::queries::text_query;

/// Server with two models, its store, and a working directory for the commands.
pub struct Fixture {
    pub server: Process,
    pub directory: TempDir,
    pub qdrant: Option<QdrantServer>,
}

impl Fixture {
    pub async fn embedded() -> Self {
        Self::start(None, &[]).await
    }

    pub async fn remote() -> Self {
        let qdrant = QdrantServer::start();
        let url = qdrant.url();
        Self::start(Some(qdrant), &["--qdrant-url", &url]).await
    }

    async fn start(qdrant: Option<QdrantServer>, store: &[&str]) -> Self {
        let directory = tempdir().unwrap();
        let new = format!("new={}", model("distilbert-random-tied").display());
        let server = Process::start(directory.path(), &[&["--model", &new], store].concat()).await;
        Self { server, directory, qdrant }
    }

    /// Kills the server and restarts it on the same address and embedded store.
    pub async fn restarted(self) -> Self {
        let Self { server, directory, qdrant } = self;
        let address = server.address.to_string();
        server.kill().await;
        let new = format!("new={}", model("distilbert-random-tied").display());
        let flags = ["--model", &new, "--listen", &address];
        Self { server: Process::start(directory.path(), &flags).await, directory, qdrant }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub async fn reindex(&self, more: &[&str]) -> Run {
        run(self.directory.path(), &self.url(), &[COMMAND, more].concat()).await
    }

    pub async fn ingest(&self, options: IngestOptions, documents: Vec<Document>) {
        let results = self.server.ingest(options, documents).await;
        assert!(results.iter().all(|result| result.error.is_none()));
    }

    pub async fn set_alias(&self, alias: &str, collection: &str) {
        let request = SetAliasRequest { alias: alias.to_owned(), collection: collection.to_owned() };
        self.server.index_client().await.set_alias(request).await.unwrap();
    }

    pub async fn alias(&self) -> Option<String> {
        let aliases = self
            .server
            .index_client()
            .await
            .list_aliases(ListAliasesRequest::default())
            .await
            .unwrap()
            .into_inner()
            .aliases;
        aliases.into_iter().find(|alias| alias.name == "docs").map(|alias| alias.collection)
    }

    pub async fn collection(&self, name: &str) -> Collection {
        self.server.collection(name).await
    }

    pub async fn documents(&self, collection: &str) -> Vec<StoredDocument> {
        let (mut documents, mut page_token) = (Vec::new(), String::new());
        loop {
            let collection = collection.to_owned();
            let request = ListDocumentsRequest {
                collection,
                page_size: 1_000,
                page_token,
                return_options: Some(ReturnOptions { with_dense_vectors: true, ..ReturnOptions::default() }),
                ..ListDocumentsRequest::default()
            };
            let page = self.server.index_client().await.list_documents(request).await.unwrap().into_inner();
            documents.extend(page.documents);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return documents;
            }
        }
    }

    pub async fn search(&self, collection: &str, model: &str) -> Vec<Hit> {
        let request = SearchRequest {
            collection: collection.to_owned(),
            model: model.to_owned(),
            query: Some(text_query("the moon")),
            limit: 50,
            ..Default::default()
        };
        self.server.index_client().await.search(request).await.unwrap().into_inner().hits
    }
}

pub const COMMAND: &[&str] = &[
    "reindex",
    "--from",
    "docs",
    "--into",
    "docs-v2",
    "--model",
    "new",
    "--alias",
    "docs",
    "--page-size",
    "20",
    "--batch-points",
    "20",
    "--output",
    "json",
];

/// Returns `count` documents with ids of every kind, payloads and dense vectors.
pub fn documents(count: usize) -> Vec<Document> {
    let one = |(number, text): (u16, String)| Document {
        payload: Some(to_payload(json!({ "number": number, "tags": ["a", null] }))),
        dense_vectors: [("image".to_owned(), DenseVector { values: vec![f32::from(number), 0.5] })].into(),
        ..document(if number % 3 == 0 { key(&format!("page/{number}")) } else { num(number.into()) }, &text)
    };
    (1..).zip(sample_texts(count)).map(one).collect()
}

pub fn with_dense(collection: &str) -> IngestOptions {
    let image = DenseVectorOptions { size: 2, distance: Distance::Dot.into() };
    let collection_options =
        CollectionOptions { dense_vectors: [("image".to_owned(), image)].into(), ..Default::default() };
    IngestOptions { collection_options: Some(collection_options), ..options(collection) }
}

/// Returns documents with the stored ids and texts only.
pub fn documents_of(stored: &[StoredDocument]) -> Vec<Document> {
    let text = |stored: &StoredDocument| match &stored.payload.as_ref().unwrap().fields["text"].kind {
        Some(ValueKind::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    stored.iter().map(|stored| document(stored.id.clone().unwrap(), &text(stored))).collect()
}
