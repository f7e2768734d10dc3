//! `Encode` and `EncodeStream`: one vector per text, equal to that of the model.

use std::collections::BTreeMap;

use bytes::Bytes;
use splade_sidecar::model::{TokenBatch, YieldPoint};
use splade_sidecar::proto::encode_stream_result::Outcome;
use splade_sidecar::proto::{
    EncodeRequest, EncodeStreamOptions, EncodeStreamRequest, EncodedText, EncodingStats, ItemError, LongText, Pruning,
    Role, SparseVector,
};

use super::{close, long_texts, pruned};
use crate::support::documents::sample_texts;
use crate::support::models::load_random_model;
use crate::support::sidecar::{MODEL, Sidecar};

/// The maximum number of tokens of the model.
const MAX_LENGTH: i64 = 128;

pub fn stats(encoded: &EncodedText) -> EncodingStats {
    encoded.stats.unwrap()
}

fn long_text() -> String {
    "the moon and the sea ".repeat(50)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vectors_are_those_of_the_model_in_order() {
    let (sidecar, model, texts) = (Sidecar::start(&[]).await, load_random_model(MODEL), sample_texts(300));
    let encoded = sidecar.encode(EncodeRequest::default(), &texts).await;
    assert_eq!(encoded.len(), texts.len());
    for (text, encoded) in texts.iter().zip(encoded) {
        let tokens = model.document.tokenizer.tokenize(text).unwrap();
        let batch = TokenBatch::from_iter([tokens.ids.as_slice()]);
        let expected = model.document.encoder.encode(&batch, &mut YieldPoint::none()).unwrap().remove(0).unwrap();
        let vector = encoded.vector.unwrap();
        assert_eq!((vector.indices.as_slice(), vector.values.as_slice()), (expected.indices(), expected.values()));
        assert_eq!(encoded.tokens, [""; 0], "tokens were returned without a request");
        let stats = encoded.stats.unwrap();
        assert_eq!(stats.token_count as usize, tokens.ids.len());
        assert_eq!(stats.truncated, tokens.is_truncated);
        assert_eq!((stats.term_count as usize, stats.window_count), (expected.len(), 1));
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_returned_on_request_for_both_roles() {
    let (sidecar, model, texts) = (Sidecar::start(&[]).await, load_random_model(MODEL), sample_texts(3));
    for role in [Role::Unspecified, Role::Document, Role::Query] {
        let request = EncodeRequest { with_tokens: true, role: role.into(), ..Default::default() };
        for encoded in sidecar.encode(request, &texts).await {
            let indices = encoded.vector.unwrap().indices;
            assert!(indices.len() > 10);
            let expected: Vec<_> =
                indices.into_iter().map(|index| model.document.tokenizer.id_to_token(index).unwrap()).collect();
            assert_eq!(encoded.tokens, expected);
        }
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_text_is_truncated_and_reported() {
    let sidecar = Sidecar::start(&[]).await;
    let encoded = sidecar.encode(EncodeRequest::default(), &[long_text(), "the moon".to_owned()]).await;
    let counts = |encoded: &EncodedText| (stats(encoded).token_count, stats(encoded).truncated);
    assert_eq!([counts(&encoded[0]), counts(&encoded[1])], [(MAX_LENGTH, true), (4, false)]);
    // Two of the tokens are special tokens.
    let around: Vec<i64> = (MAX_LENGTH - 3..MAX_LENGTH + 3).collect();
    let texts: Vec<_> = around.iter().map(|&words| "moon ".repeat(words as usize)).collect();
    for (words, encoded) in around.into_iter().zip(sidecar.encode(EncodeRequest::default(), &texts).await) {
        let expected = ((words + 2).min(MAX_LENGTH), words + 2 > MAX_LENGTH);
        assert_eq!(counts(&encoded), expected, "{words} words");
    }
    sidecar.stop_drained().await;
}

fn entries(vector: &SparseVector) -> BTreeMap<u32, f32> {
    vector.indices.iter().copied().zip(vector.values.iter().copied()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_keeps_the_terms_with_the_highest_weights() {
    let (sidecar, texts) = (Sidecar::start(&[]).await, sample_texts(5));
    let full = sidecar.encode(EncodeRequest::default(), &texts).await;
    // A maximum number of terms; the weight of the term of a rank as the minimum weight; the share of the total weight
    // of the first terms.
    for (max_terms, least, sharing) in
        [(7, 0, 0), (0, 5, 0), (0, 0, 9), (7, 3, 9), (3, 7, 9), (9, 7, 3), (100_000, 0, 0)]
    {
        for (full, text) in full.iter().zip(&texts) {
            let full = entries(full.vector.as_ref().unwrap());
            let mut weights: Vec<f32> = full.values().copied().collect();
            weights.sort_unstable_by(|a, b| b.total_cmp(a));
            let sum = |weights: &[f32]| weights.iter().sum::<f32>();
            let min_weight = if least == 0 { 0.0 } else { weights[least - 1] };
            // Slightly less, so that rounding does not include one more term.
            let weight_share = 0.9999 * sum(&weights[..sharing]) / sum(&weights);
            let rules = [max_terms, least, sharing];
            let count = rules.into_iter().filter(|&count| count > 0).min().unwrap().min(full.len());
            let max_terms = Some(u32::try_from(max_terms).unwrap());
            let pruning = Pruning { max_terms, min_weight: Some(min_weight), weight_share: Some(weight_share) };
            let request = EncodeRequest { encoding: Some(pruned(pruning)), ..Default::default() };
            let kept = sidecar.encode(request, std::slice::from_ref(text)).await.remove(0);
            let heaviest: BTreeMap<u32, f32> =
                full.into_iter().filter(|(_, weight)| *weight >= weights[count - 1]).collect();
            assert_eq!(entries(kept.vector.as_ref().unwrap()), heaviest, "{pruning:?}");
            let counted = stats(&kept);
            assert_eq!(counted.term_count as usize, count);
            assert_eq!(counted.pruned_term_count as usize, weights.len() - count);
            assert!(close(counted.pruned_weight, sum(&weights[count..])), "{kept:?}");
        }
    }
    sidecar.stop_drained().await;
}

/// Sends a stream of texts and returns the outcomes in order.
async fn stream(sidecar: &Sidecar, requests: Vec<EncodeStreamRequest>) -> Vec<Outcome> {
    let count: usize = requests.iter().map(|request| request.texts.len()).sum();
    let mut client = sidecar.encoder_client().await;
    let mut responses = client.encode_stream(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut outcomes = BTreeMap::new();
    while let Some(response) = responses.message().await.unwrap() {
        for result in response.results {
            let sequence = result.sequence;
            assert!(outcomes.insert(sequence, result.outcome.unwrap()).is_none(), "text {sequence} has two results");
        }
    }
    assert!(outcomes.keys().copied().eq(1..=count as u64), "{:?}", outcomes.keys());
    outcomes.into_values().collect()
}

fn encoded(outcome: &Outcome) -> &EncodedText {
    let Outcome::Encoded(encoded) = outcome else { panic!("{outcome:?}") };
    encoded
}

fn error(outcome: &Outcome) -> &ItemError {
    let Outcome::Error(error) = outcome else { panic!("{outcome:?}") };
    error
}

fn requests(options: EncodeStreamOptions, texts: &[Bytes], a_message: usize) -> Vec<EncodeStreamRequest> {
    let first = EncodeStreamRequest { options: Some(options), texts: Vec::new() };
    let rest = texts.chunks(a_message).map(|texts| EncodeStreamRequest { options: None, texts: texts.to_vec() });
    std::iter::once(first).chain(rest).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streamed_vectors_are_bit_identical_to_unary_ones() {
    let (sidecar, texts) = (Sidecar::start(&[]).await, sample_texts(500));
    let pruning = Pruning { max_terms: Some(100), min_weight: Some(0.01), weight_share: Some(0.9) };
    let encoding = Some(pruned(pruning));
    let bytes: Vec<Bytes> = texts.iter().map(|text| text.clone().into()).collect();
    let options = EncodeStreamOptions { with_tokens: true, encoding, ..Default::default() };
    let outcomes = stream(&sidecar, requests(options, &bytes, 37)).await;
    let alone = sidecar.encode(EncodeRequest { with_tokens: true, encoding, ..Default::default() }, &texts).await;
    assert!(outcomes.iter().map(encoded).eq(&alone));
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_text_of_a_stream_is_rejected_alone() {
    let sidecar = Sidecar::start(&[]).await;
    let bad: [(Bytes, &str); 5] = [
        ("".into(), "EMPTY_TEXT"),
        (" \n\u{a0}".into(), "EMPTY_TEXT"),
        ("x".repeat((1 << 20) + 1).into(), "TEXT_TOO_LONG"),
        (long_text().into(), "TEXT_TOO_LONG"),
        (Bytes::from_static(b"caf\xe9 au lait"), "INVALID_ARGUMENT"),
    ];
    let good = || Bytes::from_static(b"the moon");
    let texts: Vec<Bytes> = bad.iter().flat_map(|(bad, _)| [bad.clone(), good()]).collect();
    let options = EncodeStreamOptions { encoding: Some(long_texts(LongText::Reject)), ..Default::default() };
    let outcomes = stream(&sidecar, requests(options, &texts, 3)).await;
    for (pair, (text, reason)) in outcomes.chunks(2).zip(&bad) {
        let why = error(&pair[0]);
        assert_eq!(why.reason, *reason, "{:?}", &text[..text.len().min(20)]);
        assert_eq!((why.code, why.field.as_str(), why.retry_delay), (3, "text", None));
        assert!(why.message.contains(';'), "no remedy: {}", why.message);
        assert_eq!(stats(encoded(&pair[1])).token_count, 4);
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_texts_ends_with_ok() {
    let sidecar = Sidecar::start(&[]).await;
    assert_eq!(stream(&sidecar, Vec::new()).await, []);
    assert_eq!(stream(&sidecar, requests(EncodeStreamOptions::default(), &[], 1)).await, []);
    sidecar.stop_drained().await;
}
