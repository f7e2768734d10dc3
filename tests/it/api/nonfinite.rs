//! A text with a non-finite model output is an error in every call, never a vector without terms.

use splade_sidecar::metrics;
use splade_sidecar::proto::encode_stream_result::Outcome;
use splade_sidecar::proto::{
    Document, EncodeRequest, EncodeStreamOptions, EncodeStreamRequest, IngestOptions, ItemError, LongText,
    OperationStatus, SearchRequest, UpsertRequest,
};
use tonic::{Code, Status};

use super::long_texts;
use crate::support::documents::{document, encode_documents, expect_stats, num, options};
use crate::support::models::{change_embedding, create_modified_model, find_distinct_token, load_random_model};
use crate::support::process::Process;
use crate::support::queries::text_query;
use crate::support::sidecar::MODEL;

/// The second text contains a word whose embedding overflows.
const TEXTS: [&str; 3] = ["a wing in a slipstream", "the moon and the sea", "heat"];

fn says(message: &str) {
    for part in ["model `spoilt`", "not finite", "float32", "use another model"] {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

fn is_of_model(ItemError { code, reason, field, message, .. }: &ItemError) {
    assert_eq!((*code, reason.as_str(), field.as_str()), (Code::Internal as i32, "ENCODING_FAILED", "text"));
    says(message);
}

fn is_status(status: &Status) {
    assert_eq!(status.code(), Code::Internal, "{status:?}");
    says(status.message());
}

/// Returns documents 1 to 3, and a fourth with the word in one of its windows.
fn documents() -> Vec<Document> {
    let mut documents: Vec<_> = (1..).zip(TEXTS).map(|(id, text)| document(num(id), text)).collect();
    documents.push(document(num(4), &format!("{} the moon and the sea", "a wing ".repeat(200))));
    documents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_non_finite_output_is_an_error_counted_and_logged() {
    let bad = find_distinct_token(&load_random_model(MODEL).document.tokenizer, TEXTS[1], &[TEXTS[0], TEXTS[2]]);
    let model = create_modified_model(MODEL, |tensors| change_embedding(tensors, bad, |row| row.fill(1e38)));
    let dir = tempfile::tempdir().unwrap();
    let flag = format!("spoilt={}", model.path().display());
    let process = Process::start(dir.path(), &["--model", &flag]).await;
    let count = metrics::NONFINITE_VECTORS;
    let samples = process.samples().await;
    assert!(samples.names().any(|name| name == format!("{count}{{model=\"spoilt\"}}")), "{samples:?}");
    assert_eq!(samples.get(count), 0.0);

    let options = IngestOptions {
        model: "spoilt".to_owned(),
        encoding: Some(long_texts(LongText::Window)),
        ..options("documents")
    };
    let results = process.ingest(options.clone(), documents()).await;
    for (result, is_bad) in results.iter().zip([false, true, false, true]) {
        if is_bad {
            assert_eq!(result.status(), OperationStatus::Rejected);
            is_of_model(result.error.as_ref().unwrap());
        } else {
            assert_eq!(result.status(), OperationStatus::Indexed, "{result:?}");
            assert!(expect_stats(result).term_count > 0);
        }
    }
    assert_eq!(process.point_count("documents").await, 2);
    let request = UpsertRequest { options: Some(options), documents: encode_documents(documents()) };
    let results = process.index_client().await.upsert(request).await.unwrap().into_inner().results;
    assert_eq!(results.iter().filter(|result| result.error.is_some()).count(), 2, "{results:?}");

    let search = |text: &str| SearchRequest {
        collection: "documents".to_owned(),
        query: Some(text_query(text)),
        ..Default::default()
    };
    assert_eq!(process.index_client().await.search(search(TEXTS[0])).await.unwrap().into_inner().hits.len(), 2);
    is_status(&process.index_client().await.search(search(TEXTS[1])).await.unwrap_err());

    let encode = |texts: &[&str]| EncodeRequest {
        model: "spoilt".to_owned(),
        texts: texts.iter().map(|&text| text.to_owned()).collect(),
        ..Default::default()
    };
    let good = process.encoder_client().await.encode(encode(&[TEXTS[0], TEXTS[2]])).await.unwrap().into_inner().results;
    assert!(good.iter().all(|text| !text.vector.as_ref().unwrap().indices.is_empty()));
    is_status(&process.encoder_client().await.encode(encode(&TEXTS)).await.unwrap_err());

    let options = Some(EncodeStreamOptions { model: "spoilt".to_owned(), ..Default::default() });
    let request = EncodeStreamRequest { options, texts: TEXTS.map(|text| text.as_bytes().to_vec().into()).into() };
    let mut responses =
        process.encoder_client().await.encode_stream(tokio_stream::iter([request])).await.unwrap().into_inner();
    let mut outcomes = [None, None, None];
    while let Some(response) = responses.message().await.unwrap() {
        response.results.into_iter().for_each(|result| outcomes[result.sequence as usize - 1] = result.outcome);
    }
    let [Some(Outcome::Encoded(_)), Some(Outcome::Error(error)), Some(Outcome::Encoded(_))] = &outcomes else {
        panic!("{outcomes:?}");
    };
    is_of_model(error);

    // Two documents twice, a query, and a text twice. Overlapping windows may both contain the word.
    let samples = process.samples().await;
    assert!(samples.get(&format!("{count}{{model=\"spoilt\"}}")) >= 7.0, "{samples:?}");
    assert_eq!(samples.get(metrics::ENCODER_FAILURES), 0.0);
    let line = process.wait_for_log("model output is not finite").await;
    assert!(line.contains("\"model\":\"spoilt\"") && line.contains("\"sequences\":"), "{line}");
}
