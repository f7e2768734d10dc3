//! `tei.v1`: the API for clients of text-embeddings-inference.

mod refusals;

use std::time::Duration;

use splade_sidecar::model::{RoleEncoder, TokenBatch, YieldPoint};
use splade_sidecar::proto::tei::embed_client::EmbedClient;
use splade_sidecar::proto::tei::info_client::InfoClient;
use splade_sidecar::proto::tei::{
    EmbedSparseRequest, EmbedSparseResponse, InfoRequest, InfoResponse, ModelType, TruncationDirection,
};
use splade_sidecar::types::{Role, SparseVector};
use splade_sidecar::version;
use tokenizers::{TruncationDirection as Direction, TruncationParams};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

use crate::support::documents::sample_texts;
use crate::support::models::{load_random_model, model_dir};
use crate::support::sidecar::{MODEL, Sidecar};

/// The maximum number of tokens of the model.
const MAX_LENGTH: usize = 128;

async fn client(sidecar: &Sidecar) -> EmbedClient<Channel> {
    EmbedClient::new(sidecar.channel().await)
}

/// Returns a request with default values except for the text and `truncate`.
fn request(text: &str, truncate: bool) -> EmbedSparseRequest {
    EmbedSparseRequest { inputs: text.to_owned(), truncate, ..Default::default() }
}

fn prompted(text: &str, prompt: &str) -> EmbedSparseRequest {
    EmbedSparseRequest { prompt_name: Some(prompt.to_owned()), ..request(text, true) }
}

fn from_the_left(text: &str) -> EmbedSparseRequest {
    EmbedSparseRequest { truncation_direction: TruncationDirection::Left.into(), ..request(text, true) }
}

/// Returns a text with more tokens than the model's maximum, whose ends differ.
fn long_text() -> String {
    sample_texts(20).join(" ")
}

fn vector(response: &EmbedSparseResponse) -> SparseVector {
    let terms = response.sparse_embeddings.iter().map(|term| (term.index, term.value));
    let (indices, values) = terms.unzip();
    SparseVector::new(indices, values).unwrap()
}

fn encoded(side: &RoleEncoder, ids: &[u32]) -> SparseVector {
    side.encoder.encode(&TokenBatch::from_iter([ids]), &mut YieldPoint::none()).unwrap().remove(0).unwrap()
}

/// Returns the vector of a single text, truncated on the right.
fn expected(side: &RoleEncoder, text: &str) -> SparseVector {
    encoded(side, &side.tokenizer.tokenize(text).unwrap().ids)
}

/// Sends a stream and returns the responses and the final status.
async fn stream(
    sidecar: &Sidecar,
    requests: Vec<EmbedSparseRequest>,
) -> (Vec<EmbedSparseResponse>, Result<(), Status>) {
    let answers = client(sidecar).await.embed_sparse_stream(tokio_stream::iter(requests)).await;
    let mut answers = answers.unwrap().into_inner();
    let mut all = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => all.push(answer),
            Ok(None) => return (all, Ok(())),
            Err(status) => return (all, Err(status)),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn info_reports_the_default_model_and_the_flags() {
    let (model, other) = (model_dir(MODEL), model_dir("distilbert-random-tied"));
    let models = ["--model", model.to_str().unwrap(), "--model", other.to_str().unwrap()];
    let bounds =
        ["--threads", "3", "--max-batch-tokens", "300", "--max-unary-texts", "40", "--max-unary-documents", "20"];
    let sidecar = Sidecar::start(&[&models[..], &bounds].concat()).await;
    let info = InfoClient::new(sidecar.channel().await).info(InfoRequest {}).await.unwrap().into_inner();
    let expected = InfoResponse {
        version: version::VERSION.to_owned(),
        sha: Some(version::REVISION.to_owned()),
        docker_label: None,
        model_id: MODEL.to_owned(),
        model_sha: Some(load_random_model(MODEL).fingerprint.to_string()),
        model_dtype: "float32".to_owned(),
        model_type: ModelType::Embedding.into(),
        max_concurrent_requests: 40,
        max_input_length: 128,
        max_batch_tokens: 300,
        max_batch_requests: None,
        max_client_batch_size: 20,
        tokenization_workers: 3,
    };
    assert_eq!(info, expected);
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_has_the_vector_of_the_model_and_timing_headers() {
    let (sidecar, model) = (Sidecar::start(&[]).await, load_random_model(MODEL));
    let mut client = client(&sidecar).await;
    for text in sample_texts(10).iter().map(String::as_str).chain(["Überschall – ééé"]) {
        let response = client.embed_sparse(request(text, true)).await.unwrap();
        let headers = response.metadata().clone();
        let response = response.into_inner();
        assert_eq!(vector(&response), expected(&model.document, text), "{text}");
        let took = response.metadata.unwrap();
        let tokens = model.document.tokenizer.tokenize(text).unwrap().ids.len();
        assert_eq!((took.compute_chars as usize, took.compute_tokens as usize), (text.chars().count(), tokens));
        assert!(took.tokenization_time_ns > 0 && took.inference_time_ns > 0, "{took:?}");
        let steps = took.tokenization_time_ns + took.queue_time_ns + took.inference_time_ns;
        assert!(steps <= took.total_time_ns && took.total_time_ns < 60_000_000_000, "{took:?}");
        let header = |name: &str| headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned();
        assert_eq!(header("x-compute-type"), "cpu");
        for (name, value) in [
            ("x-compute-characters", u64::from(took.compute_chars)),
            ("x-compute-tokens", u64::from(took.compute_tokens)),
            ("x-compute-time", took.total_time_ns / 1_000_000),
            ("x-total-time", took.total_time_ns / 1_000_000),
            ("x-tokenization-time", took.tokenization_time_ns / 1_000_000),
            ("x-queue-time", took.queue_time_ns / 1_000_000),
            ("x-inference-time", took.inference_time_ns / 1_000_000),
        ] {
            assert_eq!(header(name), value.to_string(), "{name}");
        }
    }
    sidecar.stop_drained().await;
}

/// The kept tokens are those of the tokenizers library, which text-embeddings-inference uses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_text_is_truncated_at_either_end() {
    let (sidecar, model, text) = (Sidecar::start(&[]).await, load_random_model(MODEL), long_text());
    let mut library = tokenizers::Tokenizer::from_file(model_dir(MODEL).join("tokenizer.json")).unwrap();
    library.with_padding(None);
    let mut kept = Vec::new();
    for (request, direction) in [(request(&text, true), Direction::Right), (from_the_left(&text), Direction::Left)] {
        let cut = TruncationParams { max_length: MAX_LENGTH, direction, ..Default::default() };
        let ids = library.with_truncation(Some(cut)).unwrap().encode(text.as_str(), true).unwrap().get_ids().to_vec();
        let response = client(&sidecar).await.embed_sparse(request).await.unwrap().into_inner();
        assert_eq!(response.metadata.unwrap().compute_tokens as usize, MAX_LENGTH);
        assert_eq!(vector(&response), encoded(&model.document, &ids), "{direction:?}");
        kept.push(ids);
    }
    assert_ne!(kept[0], kept[1]);
    // A text that fits is not affected by the truncation direction.
    let short = client(&sidecar).await.embed_sparse(from_the_left("the moon")).await.unwrap().into_inner();
    assert_eq!(vector(&short), expected(&model.document, "the moon"));
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prompt_name_selects_the_role_and_its_pruning() {
    let name = "router-random-static";
    let (model, path, text) = (load_random_model(name), model_dir(name), &sample_texts(1)[0]);
    let pruning = ["--query-max-terms", "5", "--document-max-terms", "9"];
    let sidecar = Sidecar::start(&[&["--model", path.to_str().unwrap()], &pruning[..]].concat()).await;
    let mut client = client(&sidecar).await;
    for (request, role, terms) in [
        (request(text, true), Role::Document, 9),
        (prompted(text, "document"), Role::Document, 9),
        (prompted(text, "query"), Role::Query, 5),
    ] {
        let (found, whole) = (client.embed_sparse(request).await.unwrap(), expected(model.role_encoder(role), text));
        let mut weights = whole.values().to_vec();
        weights.sort_by(|a, b| b.total_cmp(a));
        let mut kept = vector(&found.into_inner()).values().to_vec();
        kept.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(kept, weights[..terms], "{role:?}");
    }
    sidecar.stop_drained().await;
}

/// Responses have no ids, so their order is significant. Each text may have its own options.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_responds_in_order() {
    let sidecar = Sidecar::start(&["--threads", "2", "--max-batch-tokens", "64"]).await;
    let (model, long) = (load_random_model(MODEL), long_text());
    let of_each_kind = |(number, text): (usize, &String)| match number % 5 {
        0 => request(text, true),
        1 => request(&text[..20], false),
        2 => request(&long, true),
        3 => from_the_left(&format!("{text} {long}")),
        _ => prompted(text, "query"),
    };
    let requests: Vec<_> = sample_texts(600).iter().enumerate().map(of_each_kind).collect();
    let (answers, ended) = stream(&sidecar, requests.clone()).await;
    ended.unwrap();
    assert_eq!(answers.len(), requests.len());
    let side = &model.document;
    for (number, (request, answer)) in requests.iter().zip(&answers).enumerate() {
        let expected = match number % 5 {
            3 => encoded(side, &side.tokenizer.tokenize_tail(&request.inputs).unwrap().ids),
            _ => expected(side, &request.inputs),
        };
        assert_eq!(vector(answer), expected, "text {number}");
        assert_eq!(answer.metadata.unwrap().compute_chars as usize, request.inputs.chars().count());
    }
    assert_eq!(stream(&sidecar, Vec::new()).await.0, []);
    sidecar.stop_drained().await;
}

/// A client that doesn't read is slowed down after a bounded number of texts, without effect on others. When it reads,
/// it gets all responses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_slowed_down() {
    const MANY: usize = 8_000;
    let (sidecar, model, texts) = (Sidecar::start(&[]).await, load_random_model(MODEL), sample_texts(50));
    let (requests, receiver) = mpsc::channel(1);
    let answers = client(&sidecar).await.embed_sparse_stream(ReceiverStream::new(receiver)).await;
    let mut answers = answers.unwrap().into_inner();
    let text = |number: usize| &texts[number % texts.len()];
    let mut sent = 0;
    while let Ok(outcome) = timeout(Duration::from_secs(3), requests.send(request(text(sent), true))).await {
        outcome.unwrap();
        sent += 1;
        assert!(sent < MANY, "the server reads without a bound although the client does not read responses");
    }
    client(&sidecar).await.embed_sparse(request("the moon", true)).await.unwrap();
    let rest = tokio::spawn(async move { drop(requests) });
    for number in 0..sent {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(vector(&answer), expected(&model.document, text(number)), "text {number} of {sent}");
    }
    assert_eq!(answers.message().await.unwrap(), None);
    rest.await.unwrap();
    sidecar.stop_drained().await;
}
