//! `Explain`: the contributions of the terms add up to the score, and each has its origin.

use std::collections::{BTreeMap, HashSet};

use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{
    DocumentId, EncodeRequest, EncodingStats, ExplainRequest, ExplainResponse, IngestOptions, LongText, Query, Role,
    SparseVector, TermOrigin,
};

use super::{assert_indexed, by_text, close, encoded_query, hit_id, long_texts, search};
use crate::support::documents::{document, key, num, number_documents, options, sample_texts};
use crate::support::models::load_random_model;
use crate::support::queries::{text_query, vector_query};
use crate::support::sidecar::{MODEL, Sidecar, on_both_stores};

/// Long enough that the model keeps some of the query's own words.
const QUERY: &str = "The friction of the water within the moon turns its ice, and the heat keeps the whole sea below it from \
                     freezing over hundreds of years.";

async fn explain(sidecar: &Sidecar, collection: &str, document: Explained) -> ExplainResponse {
    explain_query(sidecar, collection, text_query(QUERY), document).await
}

async fn explain_query(sidecar: &Sidecar, collection: &str, query: Query, document: Explained) -> ExplainResponse {
    let request = ExplainRequest {
        collection: collection.to_owned(),
        query: Some(query),
        document: Some(document),
        ..Default::default()
    };
    sidecar.index_client().await.explain(request).await.unwrap().into_inner()
}

async fn weights(sidecar: &Sidecar, role: Role, text: &str) -> BTreeMap<u32, f32> {
    let SparseVector { indices, values } = encode(sidecar, role, text).await.0;
    indices.into_iter().zip(values).collect()
}

async fn encode(sidecar: &Sidecar, role: Role, text: &str) -> (SparseVector, EncodingStats) {
    let request = EncodeRequest { role: role.into(), ..Default::default() };
    let encoded = sidecar.encode(request, &[text.to_owned()]).await.remove(0);
    (encoded.vector.unwrap(), encoded.stats.unwrap())
}

/// Returns the ids of the tokens of a text.
fn own_tokens(text: &str) -> HashSet<u32> {
    let tokenizer = load_random_model(MODEL).document.tokenizer;
    let ids = tokenizer.tokenize(text).unwrap().ids;
    ids.into_iter().filter(|&id| !tokenizer.is_special(id)).collect()
}

/// Property: contributions are products of the weights of both vectors, sorted descending, and their sum is the score.
async fn check(sidecar: &Sidecar, text: &str, explained: &ExplainResponse) {
    let query = weights(sidecar, Role::Query, QUERY).await;
    let document = weights(sidecar, Role::Document, text).await;
    assert_eq!(explained.query_stats.unwrap().term_count as usize, query.len());
    assert_eq!(explained.document_stats.unwrap().term_count as usize, document.len());
    let shared: HashSet<_> = query.keys().filter(|index| document.contains_key(index)).copied().collect();
    assert_eq!(explained.terms.iter().map(|term| term.index).collect::<HashSet<_>>(), shared);
    assert_eq!(explained.terms.len(), shared.len());
    let tokenizer = load_random_model(MODEL).document.tokenizer;
    for term in &explained.terms {
        assert_eq!(term.token, tokenizer.id_to_token(term.index).unwrap());
        assert_eq!((term.query_weight, term.document_weight), (query[&term.index], document[&term.index]));
        assert_eq!(term.contribution, term.query_weight * term.document_weight);
    }
    assert!(explained.terms.is_sorted_by(|a, b| a.contribution >= b.contribution));
    let sum = explained.terms.iter().map(|term| term.contribution).sum();
    assert!(close(explained.score, sum), "{} is not {sum}", explained.score);
}

/// Checks that the origin of a term is the text if and only if its token is in the text. Returns the origins that
/// occur.
fn check_origins(origins: impl Iterator<Item = (u32, TermOrigin)>, text: &str) -> HashSet<TermOrigin> {
    let tokens = own_tokens(text);
    let origin = |index| if tokens.contains(&index) { TermOrigin::Text } else { TermOrigin::Expansion };
    origins.inspect(|(index, found)| assert_eq!(*found, origin(*index), "{index}")).map(|(_, found)| found).collect()
}

/// Returns both origins: a test without one of them would be weak.
fn both() -> HashSet<TermOrigin> {
    [TermOrigin::Text, TermOrigin::Expansion].into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contributions_add_up_to_the_score_of_a_search() {
    on_both_stores(async |sidecar| {
        let texts = sample_texts(12);
        assert_indexed(&sidecar.ingest(options("docs"), number_documents(&texts)).await);
        let hits = search(sidecar, by_text("docs", QUERY)).await;
        assert_eq!(hits.len(), texts.len());
        let (mut of_query, mut of_documents) = (HashSet::new(), HashSet::new());
        for hit in hits {
            let id = hit_id(&hit);
            let text = (1..).zip(&texts).find(|(number, _)| *id == num(*number)).unwrap().1;
            let stored = explain(sidecar, "docs", Explained::DocumentId(id.clone())).await;
            check(sidecar, text, &stored).await;
            assert!(close(stored.score, hit.score), "{id:?}: {} and {} in the search", stored.score, hit.score);
            // For a stored document only the number of terms is known.
            assert_eq!(stored.query_stats, Some(encode(sidecar, Role::Query, QUERY).await.1));
            let encoded = encode(sidecar, Role::Document, text).await.1;
            let term_count = encoded.term_count;
            assert_eq!(stored.document_stats, Some(EncodingStats { term_count, ..Default::default() }));
            let origins = stored.terms.iter().map(|term| (term.index, term.query_origin()));
            of_query.extend(check_origins(origins, QUERY));
            let origins = stored.terms.iter().map(|term| (term.index, term.document_origin()));
            of_documents.extend(check_origins(origins, text));
            // A text that is not stored, without a collection.
            let unstored = explain(sidecar, "", Explained::DocumentText(text.clone())).await;
            assert_eq!(unstored, ExplainResponse { document_stats: Some(encoded), ..stored });
        }
        assert_eq!((of_query, of_documents), (both(), both()));
    })
    .await;
}

fn origins(explained: &ExplainResponse) -> HashSet<TermOrigin> {
    explained.terms.iter().map(|term| term.document_origin()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn origins_are_known_if_the_text_was_stored() {
    on_both_stores(async |sidecar| {
        for (text_field, expected) in [("text", both()), ("body", both()), ("", [TermOrigin::Unspecified].into())] {
            let collection = format!("kept-{text_field}");
            let ingest = IngestOptions { text_field: Some(text_field.to_owned()), ..options(&collection) };
            let id: DocumentId = key("a key");
            assert_indexed(&sidecar.ingest(ingest, vec![document(id.clone(), QUERY)]).await);
            let explained = explain(sidecar, &collection, Explained::DocumentId(id)).await;
            assert_eq!(origins(&explained), expected, "text_field {text_field:?}");
            check(sidecar, QUERY, &explained).await;
        }
    })
    .await;
}

/// A query vector has terms, but no text that they could originate from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_vector_is_explained_like_its_text() {
    on_both_stores(async |sidecar| {
        assert_indexed(&sidecar.ingest(options("docs"), number_documents(&sample_texts(3))).await);
        let (vector, stats) = encode(sidecar, Role::Query, QUERY).await;
        let of_text = explain(sidecar, "docs", Explained::DocumentId(num(1))).await;
        let mut by_vector = explain_query(sidecar, "docs", vector_query(vector), Explained::DocumentId(num(1))).await;
        let term_count = stats.term_count;
        assert_eq!(by_vector.query_stats, Some(EncodingStats { term_count, ..Default::default() }));
        assert!(by_vector.terms.iter().all(|term| term.query_origin() == TermOrigin::Unspecified), "{by_vector:?}");
        for (term, expected) in by_vector.terms.iter_mut().zip(&of_text.terms) {
            term.query_origin = expected.query_origin;
        }
        assert_eq!(by_vector, ExplainResponse { query_stats: by_vector.query_stats, ..of_text });
    })
    .await;
}

/// Truncation is reported for the query and for the document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncation_is_reported() {
    let sidecar = Sidecar::start(&[]).await;
    let long = sample_texts(20).join(" ");
    let document = || Explained::DocumentText(long.clone());
    let cut = explain_query(&sidecar, "", text_query(&long), document()).await;
    let stats = [cut.query_stats, cut.document_stats].map(Option::unwrap);
    assert!(stats.iter().all(|stats| stats.truncated && stats.token_count == 128 && stats.window_count == 1));
    let windows = encoded_query(&long, long_texts(LongText::Window)).unwrap();
    let windowed = explain_query(&sidecar, "", windows, document()).await;
    let stats = windowed.query_stats.unwrap();
    assert!(!stats.truncated && stats.window_count > 1, "{stats:?}");
    assert!(windowed.document_stats.unwrap().truncated, "the options of the query were applied to the document");
    sidecar.stop_drained().await;
}
