//! Pruning as the server is set to do, and as a request asks instead; documents and queries apart.

use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::search_request::Query;
use splade_sidecar::proto::{
    EncodeOptions, EncodedText, ExplainRequest, ExplainResponse, Hit, Pruning, Role, SearchRequest,
};

use super::{assert_indexed, by_text, close, search};
use crate::support::documents::{num, numbered, options, texts};
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::Sidecar;

/// How the server of these tests is set: 20 terms of a document; of a query those that have 60 % of its weight, but no
/// more than 9.
const FLAGS: [&str; 6] = ["--document-max-terms", "20", "--query-max-terms", "9", "--query-weight-share", "0.6"];
const OF_DOCUMENTS: Pruning = Pruning { max_terms: 20, min_weight: 0.0, weight_share: 0.0 };
const OF_QUERIES: Pruning = Pruning { max_terms: 9, min_weight: 0.0, weight_share: 0.6 };

const QUERY: &str = "how far is the moon from the earth, and how long does a journey there take";

async fn on_both_stores(test: impl AsyncFn(&Sidecar)) {
    let qdrant = QdrantServer::start();
    let url = qdrant.url();
    for store in [&[] as &[&str], &["--qdrant-url", &url]] {
        let sidecar = Sidecar::start(&[&FLAGS, store].concat()).await;
        test(&sidecar).await;
        sidecar.end().await;
    }
}

async fn encode(sidecar: &Sidecar, role: Role, pruning: Option<Pruning>, texts: &[String]) -> Vec<EncodedText> {
    sidecar.encode(EncodeOptions { role: role.into(), pruning, ..Default::default() }, texts).await
}

fn terms(encoded: &EncodedText) -> usize {
    encoded.vector.as_ref().unwrap().indices.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_replaces_the_servers_setting_as_a_whole() {
    let (sidecar, texts) = (Sidecar::start(&FLAGS).await, texts(5));
    let all = Some(Pruning::default());
    for (role, set) in [(Role::Document, OF_DOCUMENTS), (Role::Query, OF_QUERIES), (Role::Unspecified, OF_DOCUMENTS)] {
        let full = encode(&sidecar, role, all, &texts).await;
        assert!(full.iter().all(|full| terms(full) > 20 && full.pruned_term_count == 0 && full.pruned_weight == 0.0));
        let by_default = encode(&sidecar, role, None, &texts).await;
        assert_eq!(by_default, encode(&sidecar, role, Some(set), &texts).await, "{role:?}");
        for (full, pruned) in full.iter().zip(&by_default) {
            assert!(terms(pruned) <= set.max_terms as usize);
            assert_eq!(terms(pruned) + pruned.pruned_term_count as usize, terms(full));
            let sum = |encoded: &EncodedText| encoded.vector.as_ref().unwrap().values.iter().sum::<f32>();
            assert!(close(sum(pruned) + pruned.pruned_weight, sum(full)), "{role:?}");
        }
        // Nothing of the setting is left beside a rule of the request's own.
        let light = Some(Pruning { min_weight: 1e-6, ..Default::default() });
        assert!(encode(&sidecar, role, light, &texts).await.iter().all(|pruned| terms(pruned) > 20));
    }
    sidecar.end().await;
}

async fn explain(sidecar: &Sidecar, document: Explained, query_pruning: Option<Pruning>) -> ExplainResponse {
    let (collection, query) = ("docs".to_owned(), QUERY.to_owned());
    let request = ExplainRequest { collection, query, document: Some(document), query_pruning, ..Default::default() };
    sidecar.index().await.explain(request).await.unwrap().into_inner()
}

fn assert_same(found: &[Hit], expected: &[Hit]) {
    assert!(!expected.is_empty() && found.len() == expected.len());
    assert!(found.iter().zip(expected).all(|(a, b)| a.id == b.id && close(a.score, b.score)), "{found:?} {expected:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_searched_and_explained_is_pruned_alike() {
    on_both_stores(async |sidecar| {
        let texts = texts(12);
        let results = sidecar.ingest(options("docs"), numbered(&texts)).await;
        assert_indexed(&results);
        let documents = encode(sidecar, Role::Document, None, &texts).await;
        for (result, document) in results.iter().zip(&documents) {
            assert_eq!((result.term_count, terms(document)), (20, 20));
            assert_eq!(result.pruned_term_count, document.pruned_term_count);
            assert_eq!(result.pruned_weight, document.pruned_weight);
        }
        let query = encode(sidecar, Role::Query, None, &[QUERY.to_owned()]).await.remove(0);
        let hits = search(sidecar, SearchRequest { with_vector: true, ..by_text("docs", QUERY) }).await;
        // A vector is taken as it is: it may be pruned already, as this one is.
        let query_terms = query.vector.as_ref().unwrap().indices.len();
        let by_vector = SearchRequest { query: Some(Query::Vector(query.vector.unwrap())), ..by_text("docs", "") };
        assert_same(&search(sidecar, by_vector).await, &hits);
        for hit in &hits {
            let id = hit.id.clone().unwrap();
            let at = (1..).zip(&documents).position(|(number, _)| id == num(number)).unwrap();
            assert_eq!(hit.vector, documents[at].vector, "the stored vector is the pruned one");
            let stored = explain(sidecar, Explained::Id(id), None).await;
            assert!(close(stored.score, hit.score), "{} and {} in the search", stored.score, hit.score);
            assert_eq!((stored.query_term_count as usize, stored.document_term_count), (query_terms, 20));
            // A text is pruned as it would be on its way into the store.
            assert_eq!(explain(sidecar, Explained::Text(texts[at].clone()), None).await.terms, stored.terms);
        }
        // As asked instead.
        let pruning = Some(Pruning { max_terms: 30, ..Default::default() });
        for hit in search(sidecar, SearchRequest { pruning, ..by_text("docs", QUERY) }).await {
            let explained = explain(sidecar, Explained::Id(hit.id.unwrap()), pruning).await;
            assert!(close(explained.score, hit.score));
            assert_eq!(explained.query_term_count, 30);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explained_text_is_pruned_as_asked() {
    let sidecar = Sidecar::start(&FLAGS).await;
    let request = ExplainRequest {
        query: QUERY.to_owned(),
        document: Some(Explained::Text(texts(1).remove(0))),
        query_pruning: Some(Pruning { max_terms: 22, ..Default::default() }),
        document_pruning: Some(Pruning { max_terms: 23, ..Default::default() }),
        ..Default::default()
    };
    let explained = sidecar.index().await.explain(request).await.unwrap().into_inner();
    assert_eq!((explained.query_term_count, explained.document_term_count), (22, 23));
    sidecar.end().await;
}
