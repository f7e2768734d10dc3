//! Pruning by the server's defaults and by options of a request, for documents and for queries.

use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{
    EncodeRequest, EncodedText, EncodingOptions, ExplainRequest, ExplainResponse, Hit, Pruning, Query, Role,
    SearchRequest,
};

use super::encode::stats;
use super::{
    assert_indexed, by_text, close, encoded_query, hit_document, hit_id, pruned, search, stored_vector, with_vectors,
};
use crate::support::documents::{expect_stats as stats_of, num, number_documents, options, sample_texts};
use crate::support::qdrant_server::QdrantServer;
use crate::support::queries::{text_query, vector_query};
use crate::support::sidecar::Sidecar;

/// Defaults of the server: 20 terms per document; per query the terms that have 60 % of the weight, at most 9.
const FLAGS: [&str; 6] = ["--document-max-terms", "20", "--query-max-terms", "9", "--query-weight-share", "0.6"];
const OF_DOCUMENTS: Pruning = Pruning { max_terms: Some(20), min_weight: Some(0.0), weight_share: Some(0.0) };
const OF_QUERIES: Pruning = Pruning { max_terms: Some(9), min_weight: Some(0.0), weight_share: Some(0.6) };
/// Disables every limit, regardless of the server's defaults.
const ALL: Pruning = Pruning { max_terms: Some(0), min_weight: Some(0.0), weight_share: Some(0.0) };
/// Leaves every limit to the server's defaults.
const NONE: Pruning = Pruning { max_terms: None, min_weight: None, weight_share: None };

const QUERY: &str = "how far is the moon from the earth, and how long does a journey there take";

async fn on_both_stores(test: impl AsyncFn(&Sidecar)) {
    let qdrant = QdrantServer::start();
    let url = qdrant.url();
    for store in [&[] as &[&str], &["--qdrant-url", &url]] {
        let sidecar = Sidecar::start(&[&FLAGS, store].concat()).await;
        test(&sidecar).await;
        sidecar.stop_drained().await;
    }
}

async fn encode(sidecar: &Sidecar, role: Role, pruning: Option<Pruning>, texts: &[String]) -> Vec<EncodedText> {
    let encoding = pruning.map(pruned);
    sidecar.encode(EncodeRequest { role: role.into(), encoding, ..Default::default() }, texts).await
}

fn terms(encoded: &EncodedText) -> usize {
    encoded.vector.as_ref().unwrap().indices.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_overrides_the_defaults_field_by_field() {
    let (sidecar, texts) = (Sidecar::start(&FLAGS).await, sample_texts(5));
    for (role, set) in [(Role::Document, OF_DOCUMENTS), (Role::Query, OF_QUERIES), (Role::Unspecified, OF_DOCUMENTS)] {
        let full = encode(&sidecar, role, Some(ALL), &texts).await;
        let is_full = |full: &EncodedText| {
            let counted = stats(full);
            terms(full) > 20 && counted.pruned_term_count == 0 && counted.pruned_weight == 0.0
        };
        assert!(full.iter().all(is_full));
        let by_default = encode(&sidecar, role, None, &texts).await;
        assert_eq!(by_default, encode(&sidecar, role, Some(set), &texts).await, "{role:?}");
        assert_eq!(by_default, encode(&sidecar, role, Some(NONE), &texts).await, "{role:?}");
        for (full, kept) in full.iter().zip(&by_default) {
            assert!(terms(kept) <= set.max_terms.unwrap() as usize);
            assert_eq!(terms(kept) + stats(kept).pruned_term_count as usize, terms(full));
            let sum = |encoded: &EncodedText| encoded.vector.as_ref().unwrap().values.iter().sum::<f32>();
            assert!(close(sum(kept) + stats(kept).pruned_weight, sum(full)), "{role:?}");
        }
        // A rule in the request replaces only the default of its own field.
        for light in [Pruning { min_weight: Some(1e-6), ..NONE }, Pruning { max_terms: Some(1_000), ..NONE }] {
            let merged = Pruning {
                max_terms: light.max_terms.or(set.max_terms),
                min_weight: light.min_weight.or(set.min_weight),
                weight_share: set.weight_share,
            };
            let found = encode(&sidecar, role, Some(light), &texts).await;
            assert_eq!(found, encode(&sidecar, role, Some(merged), &texts).await, "{role:?} {light:?}");
        }
        let few = encode(&sidecar, role, Some(Pruning { min_weight: Some(1e-6), ..NONE }), &texts).await;
        assert!(few.iter().all(|kept| terms(kept) <= set.max_terms.unwrap() as usize));
        // 0 disables a default.
        let more = encode(&sidecar, role, Some(Pruning { max_terms: Some(0), ..NONE }), &texts).await;
        let unlimited = Pruning { max_terms: Some(0), ..set };
        assert_eq!(more, encode(&sidecar, role, Some(unlimited), &texts).await);
        assert!(more.iter().zip(&by_default).any(|(more, kept)| terms(more) > terms(kept)), "{role:?}");
    }
    sidecar.stop_drained().await;
}

/// Returns the query with these pruning rules.
fn query_of(pruning: Option<Pruning>) -> Option<Query> {
    pruning.map_or(Some(text_query(QUERY)), |pruning| encoded_query(QUERY, pruned(pruning)))
}

async fn explain(sidecar: &Sidecar, document: Explained, pruning: Option<Pruning>) -> ExplainResponse {
    let (collection, query) = ("docs".to_owned(), query_of(pruning));
    let request = ExplainRequest { collection, query, document: Some(document), ..Default::default() };
    sidecar.index_client().await.explain(request).await.unwrap().into_inner()
}

/// Returns the number of terms of the query and of the document.
fn term_counts(explained: &ExplainResponse) -> [usize; 2] {
    [explained.query_stats, explained.document_stats].map(|counted| counted.unwrap().term_count as usize)
}

fn assert_same(found: &[Hit], expected: &[Hit]) {
    assert!(!expected.is_empty() && found.len() == expected.len());
    assert!(
        found.iter().zip(expected).all(|(a, b)| hit_id(a) == hit_id(b) && close(a.score, b.score)),
        "{found:?} {expected:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_searched_and_explained_vectors_are_pruned_alike() {
    on_both_stores(async |sidecar| {
        let texts = sample_texts(12);
        let results = sidecar.ingest(options("docs"), number_documents(&texts)).await;
        assert_indexed(&results);
        let documents = encode(sidecar, Role::Document, None, &texts).await;
        for (result, document) in results.iter().zip(&documents) {
            assert_eq!((stats_of(result).term_count, terms(document)), (20, 20));
            assert_eq!(result.stats, document.stats);
        }
        let query = encode(sidecar, Role::Query, None, &[QUERY.to_owned()]).await.remove(0);
        let hits = search(sidecar, SearchRequest { return_options: with_vectors(), ..by_text("docs", QUERY) }).await;
        // A vector without pruning rules is used unchanged.
        let query_terms = query.vector.as_ref().unwrap().indices.len();
        let by_vector = SearchRequest { query: Some(vector_query(query.vector.unwrap())), ..by_text("docs", "") };
        assert_same(&search(sidecar, by_vector).await, &hits);
        for hit in &hits {
            let id = hit_id(hit).clone();
            let at = (1..).zip(&documents).position(|(number, _)| id == num(number)).unwrap();
            let vector = stored_vector(hit_document(hit));
            assert_eq!(vector, documents[at].vector.as_ref(), "the stored vector is not the pruned one");
            let stored = explain(sidecar, Explained::DocumentId(id), None).await;
            assert!(close(stored.score, hit.score), "{} and {} in the search", stored.score, hit.score);
            assert_eq!(term_counts(&stored), [query_terms, 20]);
            // An explained text is pruned like a stored document.
            assert_eq!(explain(sidecar, Explained::DocumentText(texts[at].clone()), None).await.terms, stored.terms);
        }
        // Pruning rules in the request replace the defaults.
        let pruning = Some(Pruning { max_terms: Some(30), ..ALL });
        let request = SearchRequest { query: query_of(pruning), ..by_text("docs", QUERY) };
        let response = sidecar.index_client().await.search(request).await.unwrap().into_inner();
        assert_eq!(response.query_stats.unwrap().term_count, 30);
        for hit in response.hits {
            let explained = explain(sidecar, Explained::DocumentId(hit_id(&hit).clone()), pruning).await;
            assert!(close(explained.score, hit.score));
            assert_eq!(term_counts(&explained)[0], 30);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explained_text_is_pruned_as_asked() {
    let sidecar = Sidecar::start(&FLAGS).await;
    let request = ExplainRequest {
        query: query_of(Some(Pruning { max_terms: Some(22), ..ALL })),
        document: Some(Explained::DocumentText(sample_texts(1).remove(0))),
        document_encoding: Some(EncodingOptions {
            pruning: Some(Pruning { max_terms: Some(23), ..NONE }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let explained = sidecar.index_client().await.explain(request).await.unwrap().into_inner();
    assert_eq!(term_counts(&explained), [22, 23]);
    sidecar.stop_drained().await;
}
