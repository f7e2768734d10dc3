//! Long texts as windows: one vector with the maximum weight of each term over all windows.

use splade_sidecar::model::{RoleEncoder, TokenBatch, YieldPoint};
use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{
    self, EncodeRequest, EncodedText, EncodingOptions, ExplainRequest, IngestOptions, LongText, Role, SearchRequest,
    TermOrigin,
};
use splade_sidecar::types::SparseVector;

use super::encode::stats;
use super::{
    assert_indexed, by_text, close, encoded_query, hit_document, hit_id, long_texts, search, stored_vector,
    with_vectors,
};
use crate::support::documents::{number_documents, options, sample_texts};
use crate::support::models::{load_random_model, model_dir};
use crate::support::queries::{text_query, vector_query};
use crate::support::sidecar::{MODEL, Sidecar, on_both_stores};

/// Maximum number of tokens of a text in one window: 128 minus [CLS] and [SEP].
const ROOM: usize = 126;

/// Returns texts of one window and of several, alternating.
fn mixed() -> Vec<String> {
    let texts = sample_texts(80);
    let long = texts.chunks(8).map(|chunk| chunk.join(" "));
    texts.iter().step_by(8).cloned().zip(long).flat_map(|(short, long)| [short, long]).collect()
}

/// Returns the expected maximum weights over windows that are encoded separately, the number of tokens, and the number
/// of windows.
fn expected(side: &RoleEncoder, text: &str, overlap: usize) -> (SparseVector, usize, usize) {
    let tokens = side.tokenizer.tokenize_all(text).unwrap();
    let (mut vector, mut count, mut windows) = (SparseVector::default(), 0, 0);
    let mut start = 0;
    loop {
        let end = (start + ROOM).min(tokens.len());
        let window = side.tokenizer.build_sequence(&tokens[start..end]).unwrap();
        let batch = TokenBatch::from_iter([window.as_slice()]);
        vector =
            vector.elementwise_max(&side.encoder.encode(&batch, &mut YieldPoint::none()).unwrap().remove(0).unwrap());
        (count, windows) = (count + window.len(), windows + 1);
        if end == tokens.len() {
            return (vector, count, windows);
        }
        start = end - overlap;
    }
}

fn windows(window_overlap: Option<u32>) -> EncodingOptions {
    EncodingOptions { window_overlap, ..long_texts(LongText::Window) }
}

fn windowed(window_overlap: Option<u32>) -> EncodeRequest {
    EncodeRequest { encoding: Some(windows(window_overlap)), ..Default::default() }
}

fn vector(encoded: &EncodedText) -> SparseVector {
    to_vector(encoded.vector.clone().unwrap())
}

fn to_vector(vector: proto::SparseVector) -> SparseVector {
    SparseVector::new(vector.indices, vector.values).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_windowed_vector_is_bit_identical_to_the_maximum_of_its_windows() {
    let (sidecar, side, texts) = (Sidecar::start(&[]).await, load_random_model(MODEL).document, mixed());
    let cut = sidecar.encode(EncodeRequest::default(), &texts).await;
    // The default overlap is a quarter of the window here, because that is less than 32.
    for (window_overlap, overlap, texts) in
        [(None, 31, &texts[..]), (Some(0), 0, &texts), (Some(20), 20, &texts), (Some(63), 63, &texts)]
    {
        let encoded = sidecar.encode(windowed(window_overlap), texts).await;
        for ((text, encoded), cut) in texts.iter().zip(&encoded).zip(&cut) {
            let (expected, tokens, windows) = expected(&side, text, overlap);
            assert_eq!(vector(encoded), expected, "{overlap}: {text}");
            let (counted, of_cut) = (stats(encoded), stats(cut));
            assert_eq!((counted.token_count as usize, counted.window_count as usize), (tokens, windows));
            assert!(!counted.truncated);
            assert_eq!((of_cut.window_count, of_cut.truncated), (1, windows > 1));
            if windows == 1 {
                assert_eq!(encoded, cut);
            }
        }
        assert!(encoded.iter().any(|encoded| stats(encoded).window_count > 3), "{overlap}");
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_document_is_one_point_that_its_last_words_find() {
    on_both_stores(async |sidecar| {
        let mut texts = mixed();
        // Only windows find the end of a long text. It is explained as it was stored.
        texts.push(format!("{} the friction of the water", "the moon ".repeat(200)));
        let ingest = |long_text: LongText, collection| {
            let options = IngestOptions { encoding: Some(long_texts(long_text)), ..options(collection) };
            sidecar.ingest(options, number_documents(&texts))
        };
        let results = ingest(LongText::Window, "windows").await;
        assert_indexed(&results);
        let encoded = sidecar.encode(windowed(None), &texts).await;
        let hits =
            search(sidecar, SearchRequest { return_options: with_vectors(), ..by_text("windows", &texts[1]) }).await;
        assert_eq!(hits.len(), texts.len());
        for ((number, result), encoded) in (1..).zip(&results).zip(&encoded) {
            assert_eq!(result.stats, encoded.stats);
            let hit = hits.iter().find(|hit| *hit_id(hit) == crate::support::documents::num(number)).unwrap();
            let stored = stored_vector(hit_document(hit)).unwrap().clone();
            assert_eq!(to_vector(stored), vector(encoded), "document {number}");
        }
        let last = results.last().unwrap().id.clone().unwrap();
        let query = "the friction of the water";
        let score = |hits: &[proto::Hit]| hits.iter().find(|hit| *hit_id(hit) == last).unwrap().score;
        let found = score(&search(sidecar, by_text("windows", query)).await);
        let explained = ExplainRequest {
            collection: "windows".to_owned(),
            query: Some(text_query(query)),
            document: Some(Explained::DocumentId(last.clone())),
            ..Default::default()
        };
        let explained = sidecar.index_client().await.explain(explained).await.unwrap().into_inner();
        assert!(close(explained.score, found), "{} and {found} in the search", explained.score);
        // A token of a later window originates from the text too.
        let tokenizer = load_random_model(MODEL).document.tokenizer;
        let own = tokenizer.tokenize_all(texts.last().unwrap()).unwrap();
        for term in &explained.terms {
            let expected = if own.contains(&term.index) { TermOrigin::Text } else { TermOrigin::Expansion };
            assert_eq!(term.document_origin(), expected, "{}", term.token);
        }
        let cut = ingest(LongText::Truncate, "cut").await;
        let of_last = cut.last().unwrap().stats.unwrap();
        assert!(of_last.truncated && of_last.window_count == 1);
        assert!(found >= score(&search(sidecar, by_text("cut", "the friction of the water")).await));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_query_is_searched_and_explained_by_its_windows() {
    on_both_stores(async |sidecar| {
        let texts = mixed();
        let query = texts[1].clone();
        let by_windows = || encoded_query(&query, windows(None));
        assert_indexed(&sidecar.ingest(options("docs"), number_documents(&texts)).await);
        let of_query = EncodeRequest { role: Role::Query.into(), ..windowed(None) };
        let encoded = sidecar.encode(of_query, std::slice::from_ref(&query)).await.remove(0);
        let by_vector = SearchRequest { query: Some(vector_query(encoded.vector.unwrap())), ..by_text("docs", "") };
        let expected = search(sidecar, by_vector).await;
        let request = SearchRequest { query: by_windows(), ..by_text("docs", "") };
        let response = sidecar.index_client().await.search(request).await.unwrap().into_inner();
        assert_eq!(response.query_stats, encoded.stats);
        let hits = response.hits;
        assert_eq!(super::ids(&hits), super::ids(&expected));
        for hit in hits.into_iter().take(3) {
            let document = Some(Explained::DocumentId(hit_id(&hit).clone()));
            let (collection, query) = ("docs".to_owned(), by_windows());
            let request = ExplainRequest { collection, query, document, ..Default::default() };
            let explained = sidecar.index_client().await.explain(request).await.unwrap().into_inner();
            assert!(close(explained.score, hit.score), "{} and {}", explained.score, hit.score);
        }
        // The text of a document that is not stored.
        let document = Some(Explained::DocumentText(query.clone()));
        let document_encoding = Some(windows(None));
        let request = ExplainRequest { query: by_windows(), document, document_encoding, ..Default::default() };
        let explained = sidecar.index_client().await.explain(request).await.unwrap().into_inner();
        let squares = vector(&sidecar.encode(windowed(None), std::slice::from_ref(&query)).await[0]);
        assert!(close(explained.score, squares.values().iter().map(|weight| weight * weight).sum()));
    })
    .await;
}

/// A query encoder without attention weighs each token separately, so windows are equal to the whole text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_of_an_inference_free_query_equal_the_whole_text() {
    let model = model_dir("router-random-static");
    let sidecar = Sidecar::start(&["--model", model.to_str().unwrap()]).await;
    let text = sample_texts(20).join(" ");
    let query = load_random_model("router-random-static").query.unwrap();
    let tokens = query.tokenizer.tokenize_all(&text).unwrap();
    let batch = TokenBatch::from_iter([tokens.as_slice()]);
    let expected = query.encoder.encode(&batch, &mut YieldPoint::none()).unwrap().remove(0).unwrap();
    // It has no special tokens, so all 128 tokens are available to the text.
    let request = EncodeRequest { role: Role::Query.into(), ..windowed(Some(64)) };
    let encoded = sidecar.encode(request, std::slice::from_ref(&text)).await.remove(0);
    assert_eq!(vector(&encoded), expected);
    let counted = stats(&encoded);
    assert_eq!((counted.window_count as usize, counted.truncated), ((tokens.len() - 64).div_ceil(64), false));
    let cut = EncodeRequest { role: Role::Query.into(), ..Default::default() };
    let cut = sidecar.encode(cut, &[text]).await.remove(0);
    assert_eq!((stats(&cut).token_count, stats(&cut).truncated), (128, true));
    sidecar.stop_drained().await;
}
