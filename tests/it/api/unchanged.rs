//! `skip_unchanged`: documents that are stored already.

use prost_types::value::Kind;
use serde_json::json;
use splade_sidecar::proto::{IngestOptions, OperationStatus, Pruning, UpsertRequest};

use super::{assert_indexed, by_text, hit_document, hit_id, pruned, search};
use crate::support::documents::{
    encode_documents, expect_stats, num, number_documents, options, sample_texts, to_payload,
};
use crate::support::sidecar::{Sidecar, on_both_stores};

const COUNT: usize = 40;

fn skipping() -> IngestOptions {
    IngestOptions { skip_unchanged: true, ..options("docs") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unchanged_documents_are_skipped() {
    on_both_stores(async |sidecar: &Sidecar| {
        let with_payload = |texts: &[String]| {
            let mut documents = number_documents(texts);
            documents
                .iter_mut()
                .for_each(|document| document.payload = Some(to_payload(json!({"year": 1969, "of": []}))));
            documents
        };
        let mut texts = sample_texts(COUNT);
        assert_indexed(&sidecar.ingest(options("docs"), with_payload(&texts)).await);

        let again = sidecar.ingest(skipping(), with_payload(&texts)).await;
        for result in &again {
            assert_eq!(result.status(), OperationStatus::Unchanged, "{result:?}");
            assert_eq!((&result.stats, &result.error), (&None, &None));
            assert_eq!(result.id, Some(num(result.sequence)));
        }
        assert_eq!(search(sidecar, by_text("docs", "the moon")).await.len(), COUNT);

        // A new text, a new payload, a new id, a malformed document, and an id that occurs twice.
        texts[3] = "the sea".to_owned();
        let mut documents = with_payload(&texts);
        documents[5].payload = Some(to_payload(json!({"year": 1970, "of": []})));
        documents[7].id = Some(num(1_000));
        documents[9].text = String::new();
        documents.push(documents[3].clone());
        let results = sidecar.ingest(skipping(), documents).await;
        for (index, result) in results.iter().enumerate() {
            let expected = match index {
                3 | 5 | 7 => OperationStatus::Indexed,
                9 => OperationStatus::Rejected,
                _ => OperationStatus::Unchanged,
            };
            assert_eq!(result.status(), expected, "document {index}: {result:?}");
        }
        let hits = search(sidecar, by_text("docs", "the sea")).await;
        let changed = hits.iter().find(|hit| *hit_id(hit) == num(4)).unwrap();
        let text = &hit_document(changed).payload.as_ref().unwrap().fields["text"];
        assert_eq!(text.kind, Some(Kind::StringValue("the sea".to_owned())));

        // Other encoding options.
        let encoding = Some(pruned(Pruning { max_terms: Some(3), ..Default::default() }));
        let request = UpsertRequest {
            options: Some(IngestOptions { encoding, ..skipping() }),
            documents: encode_documents(with_payload(&texts)),
        };
        for _ in 0..2 {
            let results = sidecar.index_client().await.upsert(request.clone()).await.unwrap().into_inner().results;
            let are_pruned = results
                .iter()
                .all(|result| result.status() == OperationStatus::Indexed && expect_stats(result).term_count == 3);
            let are_unchanged = results.iter().all(|result| result.status() == OperationStatus::Unchanged);
            assert!(are_pruned || are_unchanged, "{results:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_collection_has_nothing_to_skip() {
    on_both_stores(async |sidecar: &Sidecar| {
        assert_indexed(&sidecar.ingest(skipping(), number_documents(&sample_texts(COUNT))).await);
    })
    .await;
}
