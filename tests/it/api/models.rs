//! `GetModel` and `ListModels`.

use splade_sidecar::model::{TokenBatch, YieldPoint};
use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{
    EncodeRequest, ExplainRequest, GetModelRequest, IngestOptions, ListModelsRequest, Model, SearchRequest,
    ServerLimits,
};
use splade_sidecar::version;
use tonic::Code;

use super::collections::{get as get_collection, sparse};
use super::{assert_indexed, by_text, search};
use crate::support::documents::{build_messages, encode_documents, num, number_documents, options, sample_texts};
use crate::support::failure::Failure;
use crate::support::models::{load_random_model, model_dir};
use crate::support::queries::text_query;
use crate::support::sidecar::{MODEL, Sidecar};

async fn get(sidecar: &Sidecar, name: &str) -> Model {
    let request = GetModelRequest { model: name.to_owned() };
    sidecar.encoder_client().await.get_model(request).await.unwrap().into_inner().model.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_model_describes_a_model() {
    let sidecar = Sidecar::start(&[]).await;
    let expected = Model {
        name: MODEL.to_owned(),
        architecture: "BertForMaskedLM".to_owned(),
        vocabulary_size: 701,
        max_length: 128,
        dtype: "float32".to_owned(),
        fingerprint: load_random_model(MODEL).fingerprint.to_string(),
        pooling: "max".to_owned(),
        activation: "relu".to_owned(),
        query_max_length: 128,
        max_terms: 0,
        document_prompt: String::new(),
        query_prompt: String::new(),
        earlier_fingerprint: "8779451c11f5617884814127b2fcbe84268951709bf950fe0b5cd82678f7f450".to_owned(),
    };
    assert_eq!(expected.fingerprint.len(), "2:".len() + 64);
    assert_eq!(get(&sidecar, "").await, expected);
    assert_eq!(get(&sidecar, MODEL).await, expected);
    let list = sidecar.encoder_client().await.list_models(ListModelsRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.models, [expected]);
    assert_eq!(list.default_model, MODEL);
    let server = list.server.unwrap();
    assert_eq!((server.version.as_str(), server.revision.as_str()), (version::VERSION, version::REVISION));
    let got = sidecar.encoder_client().await.get_model(GetModelRequest::default()).await.unwrap().into_inner();
    assert_eq!(got.server, Some(server));
    sidecar.stop_drained().await;
}

/// Each limit is that of its flag.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_reports_its_limits() {
    let bytes = ["--max-message-bytes", "3MiB", "--max-text-bytes", "2000B", "--max-payload-bytes", "3000B"];
    let counts = ["--max-payload-depth", "7", "--max-id-bytes", "33", "--max-unary-documents", "44"];
    let others = ["--max-dense-dimensions", "55", "--stream-idle-timeout", "66s"];
    let sidecar = Sidecar::start(&[&bytes[..], &counts, &others].concat()).await;
    let got = sidecar.encoder_client().await.get_model(GetModelRequest::default()).await.unwrap().into_inner();
    let expected = ServerLimits {
        max_message_bytes: 3 << 20,
        max_text_bytes: 2_000,
        max_payload_bytes: 3_000,
        max_payload_depth: 7,
        max_id_bytes: 33,
        max_unary_documents: 44,
        max_dense_dimensions: 55,
        stream_idle_timeout: Some(prost_types::Duration { seconds: 66, nanos: 0 }),
    };
    assert_eq!(got.server.unwrap().limits, Some(expected));
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooling_activation_and_name_are_as_configured() {
    for (model, pooling, activation) in [("bert-random-sum", "sum", "relu"), ("bert-random-log1p", "max", "log1p_relu")]
    {
        let sidecar = Sidecar::start(&["--model", &format!("mine={}", model_dir(model).display())]).await;
        let described = get(&sidecar, "").await;
        assert_eq!((described.pooling.as_str(), described.activation.as_str()), (pooling, activation));
        assert_eq!(described.name, "mine");
        assert_eq!(get(&sidecar, "mine").await, described);
        sidecar.stop_drained().await;
    }
}

/// Three models in one process with their names; the first is the default.
const SERVED: [(&str, &str); 3] =
    [("tied", "bert-random-tied"), ("distil", "distilbert-random-untied"), ("a-sum", "bert-random-sum")];

async fn with_three_models() -> Sidecar {
    let values = SERVED.map(|(name, model)| format!("{name}={}", model_dir(model).display()));
    // One flag with one model and one with a comma-separated list, as in the environment variable.
    Sidecar::start(&["--model", &values[0], "--model", &values[1..].join(",")]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_model_encodes_under_its_name() {
    let (sidecar, texts) = (with_three_models().await, sample_texts(20));
    let list = sidecar.encoder_client().await.list_models(ListModelsRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.default_model, "tied");
    assert!(list.models.iter().map(|model| model.name.as_str()).eq(["a-sum", "distil", "tied"]));
    assert_eq!(get(&sidecar, "").await, get(&sidecar, "tied").await);
    let [tied, distil, sum] = SERVED.map(|(name, _)| {
        let request = EncodeRequest { model: name.to_owned(), ..Default::default() };
        sidecar.encode(request, &texts)
    });
    // Concurrently, so that batches contain texts of all three models.
    let (tied, distil, sum) = tokio::join!(tied, distil, sum);
    for ((_, model), encoded) in SERVED.iter().zip([&tied, &distil, &sum]) {
        let side = load_random_model(model).document;
        for (text, encoded) in texts.iter().zip(encoded) {
            let tokens = side.tokenizer.tokenize(text).unwrap();
            let batch = TokenBatch::from_iter([tokens.ids.as_slice()]);
            let expected = side.encoder.encode(&batch, &mut YieldPoint::none()).unwrap().remove(0).unwrap();
            let vector = encoded.vector.as_ref().unwrap();
            assert_eq!((vector.indices.as_slice(), vector.values.as_slice()), (expected.indices(), expected.values()));
        }
    }
    assert_eq!(sidecar.encode(EncodeRequest::default(), &texts).await, tied, "the first model is the default");
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_belongs_to_the_model_that_wrote_it() {
    let sidecar = with_three_models().await;
    let ingest = IngestOptions { model: "distil".to_owned(), ..options("docs") };
    assert_indexed(&sidecar.ingest(ingest, number_documents(&sample_texts(10))).await);
    let described = get_collection(&sidecar, "docs").await;
    assert_eq!((sparse(&described).model.as_str(), described.point_count), ("distil", 10));
    let by = |model: &str| SearchRequest { model: model.to_owned(), ..by_text("docs", "the moon") };
    assert_eq!(search(&sidecar, by("distil")).await.len(), 10);
    assert_eq!(
        search(&sidecar, by("")).await,
        search(&sidecar, by("distil")).await,
        "the default is not the model of the collection"
    );
    let refused = Failure::from(sidecar.index_client().await.search(by("tied")).await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "FINGERPRINT_MISMATCH"));
    assert!(refused.message.contains("ignore_fingerprint"), "{}", refused.message);
    let fingerprint = |index: usize| load_random_model(SERVED[index].1).fingerprint.to_string();
    for (key, expected) in [
        ("collection", "docs".to_owned()),
        ("collection_model", "distil".to_owned()),
        ("collection_fingerprint", fingerprint(1)),
        ("model", "tied".to_owned()),
        ("model_fingerprint", fingerprint(0)),
    ] {
        assert_eq!(refused.metadata.get(key), Some(&expected), "{key} in {:?}", refused.metadata);
    }
    assert_eq!(search(&sidecar, SearchRequest { ignore_fingerprint: true, ..by("tied") }).await.len(), 10);
    let other = |ignore_fingerprint| IngestOptions { model: "tied".to_owned(), ignore_fingerprint, ..options("docs") };
    assert_indexed(&sidecar.ingest(other(true), number_documents(&sample_texts(12))).await);
    let described = get_collection(&sidecar, "docs").await;
    assert_eq!(sparse(&described).model, "distil", "the model of the collection changed");
    let messages = build_messages(other(false), encode_documents(number_documents(&sample_texts(1))), 1);
    let refused =
        sidecar.index_client().await.ingest(tokio_stream::iter(messages)).await.unwrap().into_inner().message().await;
    assert_eq!(Failure::from(refused.unwrap_err()).reason, "FINGERPRINT_MISMATCH");
    assert_indexed(&sidecar.ingest(options("docs"), number_documents(&sample_texts(13))).await);
    let explain = |ignore_fingerprint| ExplainRequest {
        collection: "docs".to_owned(),
        model: "tied".to_owned(),
        query: Some(text_query("the moon")),
        document: Some(Explained::DocumentId(num(1))),
        ignore_fingerprint,
        ..Default::default()
    };
    let refused = sidecar.index_client().await.explain(explain(false)).await.unwrap_err();
    assert_eq!(Failure::from(refused).reason, "FINGERPRINT_MISMATCH");
    sidecar.index_client().await.explain(explain(true)).await.unwrap();
    let unknown = Failure::from(sidecar.index_client().await.search(by("no-such")).await.unwrap_err());
    assert_eq!((unknown.code, unknown.reason.as_str()), (Code::NotFound, "UNKNOWN_MODEL"));
    assert!(unknown.message.contains("`a-sum`, `distil`, `tied`"), "{}", unknown.message);
    sidecar.stop_drained().await;
}
