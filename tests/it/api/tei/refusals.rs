//! Refused requests, with field and remedy, and the unsupported calls of the API.

use splade_sidecar::proto::tei::embed_client::EmbedClient;
use splade_sidecar::proto::tei::predict_client::PredictClient;
use splade_sidecar::proto::tei::rerank_client::RerankClient;
use splade_sidecar::proto::tei::tokenize_client::TokenizeClient;
use splade_sidecar::proto::tei::{
    DecodeRequest, EmbedAllRequest, EmbedRequest, EmbedSparseRequest, EncodeRequest, PredictPairRequest,
    PredictRequest, RerankRequest, RerankStreamRequest,
};
use tokio_stream::once;
use tonic::{Code, Status};

use super::{client, expected, long_text, prompted, request, stream, vector};
use crate::support::documents::sample_texts;
use crate::support::failure::Failure;
use crate::support::models::load_random_model;
use crate::support::sidecar::{MODEL, Sidecar};

/// Returns invalid requests, with the reason, the field and a part of the remedy.
fn bad() -> Vec<(EmbedSparseRequest, &'static str, &'static str, &'static str)> {
    let sideways = EmbedSparseRequest { truncation_direction: 2, ..request("the moon", false) };
    vec![
        (request("", true), "EMPTY_TEXT", "inputs", "send a text"),
        (request(" \n\u{a0}", true), "EMPTY_TEXT", "inputs", "send a text"),
        (request(&"x".repeat((1 << 20) + 1), true), "TEXT_TOO_LONG", "inputs", "--max-text-bytes"),
        (request(&long_text(), false), "TEXT_TOO_LONG", "inputs", "set `truncate`"),
        (prompted("the moon", "passage"), "INVALID_ARGUMENT", "prompt_name", "send `query` or `document`"),
        (prompted("the moon", ""), "INVALID_ARGUMENT", "prompt_name", "send `query` or `document`"),
        (sideways, "INVALID_ARGUMENT", "truncation_direction", "send a defined value"),
    ]
}

fn check(status: Status, reason: &str, field: &str, remedy: &str) {
    let failure = Failure::from(status);
    assert_eq!((failure.code, failure.reason.as_str()), (Code::InvalidArgument, reason), "{failure:?}");
    assert_eq!(failure.fields, [field], "{failure:?}");
    let (problem, found) = failure.message.split_once("; ").unwrap_or_default();
    assert!(problem.starts_with(field) && found.contains(remedy), "{}", failure.message);
    assert_eq!(failure.retry_after, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_text_is_refused() {
    let sidecar = Sidecar::start(&[]).await;
    for (request, reason, field, remedy) in bad() {
        check(client(&sidecar).await.embed_sparse(request).await.unwrap_err(), reason, field, remedy);
    }
    sidecar.stop_drained().await;
}

/// The responses to earlier texts are sent first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_text_ends_its_stream_after_the_earlier_responses() {
    let (sidecar, model, texts) = (Sidecar::start(&[]).await, load_random_model(MODEL), sample_texts(40));
    for (bad, reason, field, remedy) in bad() {
        let mut requests: Vec<_> = texts.iter().map(|text| request(text, true)).collect();
        requests.insert(30, bad);
        let (answers, ended) = stream(&sidecar, requests).await;
        check(ended.unwrap_err(), reason, field, remedy);
        assert_eq!(answers.len(), 30);
        for (text, answer) in texts.iter().zip(&answers) {
            assert_eq!(vector(answer), expected(&model.document, text));
        }
    }
    sidecar.stop_drained().await;
}

fn unimplemented<T>(outcome: Result<T, Status>, instead: &str) {
    let Err(status) = outcome else { panic!("the call is implemented") };
    let failure = Failure::from(status);
    assert_eq!((failure.code, failure.reason.as_str()), (Code::Unimplemented, "UNIMPLEMENTED"), "{failure:?}");
    let (_, remedy) = failure.message.split_once("; use ").unwrap_or_default();
    assert!(remedy.contains(instead), "{}", failure.message);
    assert_eq!(failure.retry_after, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsupported_calls_name_the_alternative() {
    let sidecar = Sidecar::start(&[]).await;
    let channel = sidecar.channel().await;
    let mut embed = EmbedClient::new(channel.clone());
    unimplemented(embed.embed(EmbedRequest::default()).await, "Embed.EmbedSparse");
    unimplemented(embed.embed_stream(once(EmbedRequest::default())).await, "Embed.EmbedSparseStream");
    unimplemented(embed.embed_all(EmbedAllRequest::default()).await, "splade_sidecar.v1.EncoderService/Encode");
    unimplemented(
        embed.embed_all_stream(once(EmbedAllRequest::default())).await,
        "splade_sidecar.v1.EncoderService/Encode",
    );
    let mut predict = PredictClient::new(channel.clone());
    unimplemented(predict.predict(PredictRequest::default()).await, "text-embeddings-inference");
    unimplemented(predict.predict_pair(PredictPairRequest::default()).await, "text-embeddings-inference");
    unimplemented(predict.predict_stream(once(PredictRequest::default())).await, "text-embeddings-inference");
    unimplemented(predict.predict_pair_stream(once(PredictPairRequest::default())).await, "text-embeddings-inference");
    let mut rerank = RerankClient::new(channel.clone());
    unimplemented(rerank.rerank(RerankRequest::default()).await, "splade_sidecar.v1.IndexService/Explain");
    unimplemented(
        rerank.rerank_stream(once(RerankStreamRequest::default())).await,
        "splade_sidecar.v1.IndexService/Explain",
    );
    let mut tokenize = TokenizeClient::new(channel);
    unimplemented(tokenize.tokenize(EncodeRequest::default()).await, "splade_sidecar.v1.EncoderService/Encode");
    unimplemented(
        tokenize.tokenize_stream(once(EncodeRequest::default())).await,
        "splade_sidecar.v1.EncoderService/Encode",
    );
    unimplemented(tokenize.decode(DecodeRequest::default()).await, "splade_sidecar.v1.EncoderService/Encode");
    unimplemented(
        tokenize.decode_stream(once(DecodeRequest::default())).await,
        "splade_sidecar.v1.EncoderService/Encode",
    );
    sidecar.stop_drained().await;
}
