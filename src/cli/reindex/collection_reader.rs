//! The documents of a collection, page by page, as lines to ingest.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tonic::Code;

use super::pending_pages::PendingPages;
use crate::cli::client::{ClientArgs, ClientConnection};
use crate::cli::id;
use crate::cli::ingest::{
    IngestLine, InputEvent, InputEventReceiver, InputPosition, LineBatcher, MAX_DOCUMENT_BYTES, reject_malformed,
    reject_too_long,
};
use crate::cli::retry::retry;
use crate::json::{self, JsonError};
use crate::proto::index_service_client::IndexServiceClient;
use crate::proto::{Document, ItemError, ListDocumentsRequest, StoredDocument};
use crate::types::{ErrorReason, Payload};

/// How many batches wait to be sent.
const QUEUED_BATCHES: usize = 2;

/// What is read, and how far it is.
pub struct CollectionReader {
    pub index: IndexServiceClient<ClientConnection>,
    pub client: ClientArgs,
    /// Asks for the next page.
    pub request: ListDocumentsRequest,
    /// The payload field that holds the text.
    pub text_field: String,
    /// The number of the last document that was read.
    pub last_number: u64,
    /// Told of each page.
    pub pages: Arc<PendingPages>,
    /// A page that can't be read is asked for again for this long.
    pub give_up_after: Duration,
}

impl CollectionReader {
    /// Starts the task. It ends with the last page, or when the batches are no longer received.
    pub fn spawn(self) -> InputEventReceiver {
        let (sender, events) = mpsc::channel(QUEUED_BATCHES);
        tokio::spawn(async move {
            if let Err(error) = self.read_pages(&sender).await {
                // Nobody may listen any more: then there is nobody to tell.
                let _ = sender.send(Err(error)).await;
            }
        });
        events
    }

    async fn read_pages(mut self, sender: &mpsc::Sender<anyhow::Result<InputEvent>>) -> anyhow::Result<()> {
        loop {
            let list_page = || {
                let (mut index, request) = (self.index.clone(), self.client.build_request(self.request.clone()));
                async move { index.list_documents(request).await }
            };
            let page = retry(self.give_up_after, "a page can't be read", list_page).await?.into_inner();
            let lines: Vec<IngestLine> = page.documents.into_iter().map(|document| self.build_line(document)).collect();
            self.pages.add(self.last_number, page.next_page_token.clone());
            let mut batcher = LineBatcher::default();
            for line in lines {
                if let Some(batch) = batcher.push(line)
                    && sender.send(Ok(InputEvent::Lines(batch))).await.is_err()
                {
                    return Ok(());
                }
            }
            if let Some(batch) = batcher.take_batch()
                && sender.send(Ok(InputEvent::Lines(batch))).await.is_err()
            {
                return Ok(());
            }
            if page.next_page_token.is_empty() {
                return Ok(());
            }
            self.request.page_token = page.next_page_token;
        }
    }

    fn build_line(&mut self, document: StoredDocument) -> IngestLine {
        self.last_number += 1;
        let id_json = json!({ "id": id::to_json(document.id.clone()) });
        let document = encode_stored_document(document, &self.text_field);
        IngestLine {
            position: InputPosition { lines: self.last_number, bytes: self.last_number, ..InputPosition::default() },
            file: Arc::default(),
            number: self.last_number,
            other_shard_lines: 0,
            raw_bytes: Some(id_json.to_string().into_bytes()),
            document,
        }
    }
}

/// The document to ingest, encoded.
fn encode_stored_document(document: StoredDocument, text_field: &str) -> Result<bytes::Bytes, ItemError> {
    let StoredDocument { id, payload_json, dense_vectors, text_field: stored_text_field, payload_unreadable, .. } =
        document;
    if payload_unreadable {
        return Err(reject_malformed(
            "payload",
            "it is nested deeper than the store can return it; make it flatter in the store",
        ));
    }
    let mut payload = parse_payload(&payload_json)?;
    let Some(Value::String(text)) = payload.remove(text_field) else {
        return Err(reject_missing_text(text_field, &stored_text_field));
    };
    let payload_json = if payload.is_empty() { String::new() } else { Value::Object(payload).to_string() };
    let document = Document { id, text, payload_json, dense_vectors, ..Document::default() }.encode_to_vec();
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(reject_too_long(document.len() as u64));
    }
    Ok(document.into())
}

/// A payload as the server returns it: empty where there is none.
fn parse_payload(payload_json: &str) -> Result<Payload, ItemError> {
    if payload_json.is_empty() {
        return Ok(Payload::new());
    }
    json::parse_object(payload_json.as_bytes(), usize::MAX).map_err(|JsonError { path, message: problem, .. }| {
        let field_path = if path.is_empty() { "payload".to_owned() } else { format!("payload.{path}") };
        reject_malformed(&field_path, format!("it can't be read: {problem}"))
    })
}

fn reject_missing_text(text_field: &str, stored_text_field: &str) -> ItemError {
    let message = if stored_text_field.is_empty() {
        "its text was not kept when it was ingested; ingest it from where it came".to_owned()
    } else if stored_text_field == text_field {
        format!(
            "its payload has no text under `{text_field}`; name the field that has it with --text-field, or ingest the \
             document from where it came"
        )
    } else {
        format!("its text is kept under `{stored_text_field}`; run it with --text-field {stored_text_field}")
    };
    ItemError {
        code: Code::InvalidArgument.into(),
        reason: ErrorReason::EmptyText.as_str().to_owned(),
        field: format!("payload.{text_field}"),
        message,
        retry_delay: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{DenseVector, DocumentId, document_id};

    fn stored(payload_json: &str, text_field: &str) -> StoredDocument {
        StoredDocument {
            id: Some(DocumentId { kind: Some(document_id::Kind::Key("a/1".to_owned())) }),
            dense_vectors: [("image".to_owned(), DenseVector { values: vec![1.0, 0.5] })].into(),
            text_field: text_field.to_owned(),
            payload_json: payload_json.to_owned(),
            ..StoredDocument::default()
        }
    }

    #[test]
    fn a_document_is_taken_over_with_all_that_it_has() {
        let stored = stored(r#"{"body":"a wing","year":1967,"n":9223372036854775807,"x":0.1}"#, "body");
        let document = Document::decode(encode_stored_document(stored.clone(), "body").unwrap()).unwrap();
        assert_eq!((document.id, document.text.as_str()), (stored.id, "a wing"));
        assert_eq!(document.dense_vectors, stored.dense_vectors);
        let payload: Value = serde_json::from_str(&document.payload_json).unwrap();
        assert_eq!(payload, json!({"year": 1967, "n": i64::MAX, "x": 0.1}));
    }

    #[test]
    fn one_without_a_text_is_rejected_with_what_to_do() {
        for (stored, remedy) in [
            (stored(r#"{"body": "a wing"}"#, "body"), "run it with --text-field body"),
            (stored("", ""), "was not kept"),
            (stored(r#"{"text": 7}"#, "text"), "with --text-field"),
            (StoredDocument { text_field: "text".to_owned(), ..Default::default() }, "ingest the document from where"),
        ] {
            let rejection = encode_stored_document(stored, "text").unwrap_err();
            assert!(rejection.message.contains(remedy), "{}", rejection.message);
            assert_eq!((rejection.field.as_str(), rejection.reason.as_str()), ("payload.text", "EMPTY_TEXT"));
        }
        let unreadable = StoredDocument { payload_unreadable: true, ..stored("", "text") };
        assert!(encode_stored_document(unreadable, "text").unwrap_err().message.contains("make it flatter"));
    }
}
