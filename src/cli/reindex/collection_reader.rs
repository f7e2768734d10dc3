//! Reads a collection page by page and converts its documents to lines to ingest.

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

/// Number of batches read ahead of the stream.
const QUEUED_BATCHES: usize = 2;

/// Reader of a collection, with its current position.
pub struct CollectionReader {
    pub index: IndexServiceClient<ClientConnection>,
    pub client: ClientArgs,
    /// Request for the next page.
    pub request: ListDocumentsRequest,
    /// Payload field that contains the text.
    pub text_field: String,
    /// Number of the last document that was read, counted from 1.
    pub last_number: u64,
    /// Receives the end of each page that was read.
    pub pages: Arc<PendingPages>,
    /// Maximum time that reading a page is retried without progress.
    pub give_up_after: Duration,
}

impl CollectionReader {
    /// Starts a task that sends the documents as batches of lines. It ends after the last page, or when the receiver is dropped.
    pub fn spawn(self) -> InputEventReceiver {
        let (sender, events) = mpsc::channel(QUEUED_BATCHES);
        tokio::spawn(async move {
            if let Err(error) = self.read_pages(&sender).await {
                // If the receiver is dropped, the run has already ended with another error.
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
            let page = retry(self.give_up_after, "can't read a page of documents", list_page).await?.into_inner();
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

/// Returns the document to ingest as an encoded message, with the text moved from the payload to its field.
///
/// # Errors
/// The rejection, if the document has no text or can't be sent.
fn encode_stored_document(document: StoredDocument, text_field: &str) -> Result<bytes::Bytes, ItemError> {
    let StoredDocument { id, payload_json, dense_vectors, text_field: stored_text_field, payload_unreadable, .. } =
        document;
    if payload_unreadable {
        return Err(reject_malformed(
            "payload",
            "it is nested too deeply to be returned by the store; reduce its nesting in the store",
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

/// Parses a payload as returned by the server; empty if there is none.
fn parse_payload(payload_json: &str) -> Result<Payload, ItemError> {
    if payload_json.is_empty() {
        return Ok(Payload::new());
    }
    json::parse_object(payload_json.as_bytes(), usize::MAX).map_err(|JsonError { path, message: problem, .. }| {
        let field_path = if path.is_empty() { "payload".to_owned() } else { format!("payload.{path}") };
        reject_malformed(&field_path, format!("it is not valid JSON: {problem}"))
    })
}

fn reject_missing_text(text_field: &str, stored_text_field: &str) -> ItemError {
    let message = if stored_text_field.is_empty() {
        "its text was not stored when it was ingested; ingest it from its original source".to_owned()
    } else if stored_text_field == text_field {
        format!(
            "its payload has no string in `{text_field}`; set the field of the text with --text-field, or ingest the \
             document from its original source"
        )
    } else {
        format!("its text is stored in `{stored_text_field}`; run reindex with --text-field {stored_text_field}")
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
    fn documents_keep_id_payload_and_dense_vectors() {
        let stored = stored(r#"{"body":"a wing","year":1967,"n":9223372036854775807,"x":0.1}"#, "body");
        let document = Document::decode(encode_stored_document(stored.clone(), "body").unwrap()).unwrap();
        assert_eq!((document.id, document.text.as_str()), (stored.id, "a wing"));
        assert_eq!(document.dense_vectors, stored.dense_vectors);
        let payload: Value = serde_json::from_str(&document.payload_json).unwrap();
        assert_eq!(payload, json!({"year": 1967, "n": i64::MAX, "x": 0.1}));
    }

    #[test]
    fn documents_without_text_are_rejected_with_a_remedy() {
        for (stored, remedy) in [
            (stored(r#"{"body": "a wing"}"#, "body"), "run reindex with --text-field body"),
            (stored("", ""), "was not stored"),
            (stored(r#"{"text": 7}"#, "text"), "with --text-field"),
            (StoredDocument { text_field: "text".to_owned(), ..Default::default() }, "ingest the document from its"),
        ] {
            let rejection = encode_stored_document(stored, "text").unwrap_err();
            assert!(rejection.message.contains(remedy), "{}", rejection.message);
            assert_eq!((rejection.field.as_str(), rejection.reason.as_str()), ("payload.text", "EMPTY_TEXT"));
        }
        let unreadable = StoredDocument { payload_unreadable: true, ..stored("", "text") };
        assert!(encode_stored_document(unreadable, "text").unwrap_err().message.contains("reduce its nesting"));
    }
}
