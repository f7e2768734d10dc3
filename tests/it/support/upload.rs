//! A stream of documents, from the client's side.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{
    Document, DocumentId, DocumentResult, DocumentStatus, IngestOptions, IngestRequest, IngestResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// The collection that tests write to unless they ask for another.
pub const COLLECTION: &str = "docs";

/// Options that create the collection.
pub fn options() -> IngestOptions {
    IngestOptions { collection: COLLECTION.to_owned(), create_collection: true, ..Default::default() }
}

/// A document under a number, as bytes: what a stream carries.
pub fn doc(number: u64, text: &str) -> Vec<u8> {
    Document { id: Some(id(number)), text: text.to_owned(), ..Default::default() }.encode_to_vec()
}

/// `document {i}` for each number.
pub fn docs(numbers: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(|number| doc(number, &format!("document {number}"))).collect()
}

pub fn id(number: u64) -> DocumentId {
    DocumentId { kind: Some(Kind::Num(number)) }
}

/// A message with documents alone.
pub fn message(documents: Vec<Vec<u8>>) -> IngestRequest {
    IngestRequest { options: None, documents: documents.into_iter().map(Into::into).collect() }
}

/// An open stream, and what came back on it.
pub struct Upload {
    requests: Option<mpsc::Sender<IngestRequest>>,
    responses: Streaming<IngestResponse>,
    pub got: Got,
}

/// Everything that came back on a stream.
#[derive(Debug, Default)]
pub struct Got {
    pub results: Vec<DocumentResult>,
    pub durable_through: u64,
    /// Finished, but with a gap before them.
    ahead: BTreeSet<u64>,
}

impl Upload {
    /// Opens a stream, without a deadline.
    pub async fn open(client: IndexServiceClient<Channel>, options: IngestOptions) -> Result<Self, Status> {
        Self::open_with(client, options, |_| ()).await
    }

    /// Opens a stream after a change to its request.
    pub async fn open_with(
        mut client: IndexServiceClient<Channel>,
        options: IngestOptions,
        change: impl FnOnce(&mut Request<ReceiverStream<IngestRequest>>),
    ) -> Result<Self, Status> {
        // One message waits at most: what is pushed beyond it is with the transport.
        let (requests, receiver) = mpsc::channel(1);
        let first = IngestRequest { options: Some(options), documents: Vec::new() };
        requests.send(first).await.expect("the receiver is here");
        let mut request = Request::new(ReceiverStream::new(receiver));
        change(&mut request);
        let responses = client.ingest(request).await?.into_inner();
        Ok(Self { requests: Some(requests), responses, got: Got::default() })
    }

    /// Sends a message when the transport takes it; `false` if the stream has ended.
    pub async fn push(&self, documents: Vec<Vec<u8>>) -> bool {
        let requests = self.requests.as_ref().expect("the stream is still open for documents");
        requests.send(message(documents)).await.is_ok()
    }

    /// Pushes messages from a task of its own, as fast as the transport takes them, and then says that it was all.
    pub fn push_all(&mut self, messages: impl IntoIterator<Item = Vec<Vec<u8>>, IntoIter: Send> + Send + 'static) {
        let requests = self.requests.take().expect("the stream is still open for documents");
        let messages = messages.into_iter();
        tokio::spawn(async move {
            for documents in messages {
                if requests.send(message(documents)).await.is_err() {
                    break;
                }
            }
        });
    }

    /// Says that there are no more documents.
    pub fn finish(&mut self) {
        self.requests = None;
    }

    /// Takes one message of results; `false` when the stream has ended OK.
    pub async fn read(&mut self) -> Result<bool, Status> {
        let Some(response) = self.responses.message().await? else { return Ok(false) };
        self.got.take(response);
        Ok(true)
    }

    /// Takes results until there are so many.
    pub async fn read_results(&mut self, count: usize) {
        while self.got.results.len() < count {
            assert!(self.read().await.unwrap(), "the stream ended after {} results", self.got.results.len());
        }
    }

    /// Takes results until the stream ends, and gives its end with them.
    pub async fn rest(mut self) -> (Got, Result<(), Status>) {
        self.finish();
        loop {
            match self.read().await {
                Ok(true) => {}
                Ok(false) => return (self.got, Ok(())),
                Err(status) => return (self.got, Err(status)),
            }
        }
    }
}

impl Got {
    /// Takes note of a message, whose `durable_through` must be the number of the last document of the finished prefix.
    fn take(&mut self, response: IngestResponse) {
        assert!(response.durable_through >= self.durable_through, "durable_through went back");
        self.ahead.extend(response.results.iter().map(|result| result.sequence));
        while self.ahead.first() == Some(&(self.durable_through + 1)) {
            self.ahead.pop_first();
            self.durable_through += 1;
        }
        assert_eq!(response.durable_through, self.durable_through, "it is not the finished prefix");
        self.results.extend(response.results);
    }

    /// Checks that the results are those of documents 1 to `count`, each once, and gives them in order.
    pub fn one_each(&self, count: usize) -> Vec<&DocumentResult> {
        let by_number: BTreeMap<u64, &DocumentResult> = self.results.iter().map(|it| (it.sequence, it)).collect();
        assert_eq!(self.results.len(), by_number.len(), "a document has two results");
        let numbers: Vec<u64> = by_number.keys().copied().collect();
        assert_eq!(numbers, (1..=count as u64).collect::<Vec<_>>(), "not every document has a result");
        assert_eq!(self.durable_through, count as u64);
        by_number.into_values().collect()
    }

    /// The numbers in the stream of what was reported indexed.
    pub fn indexed(&self) -> Vec<u64> {
        let indexed = self.results.iter().filter(|result| result.status() == DocumentStatus::Indexed);
        indexed.map(|result| result.sequence).collect()
    }

    /// The reason of each refusal, by the number in the stream.
    pub fn rejected(&self) -> BTreeMap<u64, &str> {
        let rejections = self.results.iter().filter(|result| result.status() == DocumentStatus::Rejected);
        rejections.map(|result| (result.sequence, result.rejection.as_ref().unwrap().reason.as_str())).collect()
    }
}

/// Ingests documents through a stream of its own, one message, and gives all that came back.
pub async fn ingest(client: IndexServiceClient<Channel>, options: IngestOptions, documents: Vec<Vec<u8>>) -> Got {
    let mut upload = Upload::open(client, options).await.unwrap();
    upload.push_all([documents]);
    let (got, end) = upload.rest().await;
    end.unwrap();
    got
}
