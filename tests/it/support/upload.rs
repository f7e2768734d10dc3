//! The client's side of an `Ingest` stream.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{
    Document, DocumentId, IngestDraining, IngestOpened, IngestOptions, IngestRequest, IngestResponse, OperationResult,
    OperationStatus, ResultFilter,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::documents::upsert;

/// The default collection of tests.
pub const COLLECTION: &str = "docs";

/// Returns options that create the collection.
pub fn options() -> IngestOptions {
    IngestOptions { collection: COLLECTION.to_owned(), create_collection: true, ..Default::default() }
}

/// Returns a document with a numeric id, as protobuf bytes.
pub fn doc(number: u64, text: &str) -> Vec<u8> {
    Document { id: Some(id(number)), text: text.to_owned(), ..Default::default() }.encode_to_vec()
}

/// Returns one document per number, with the text `document {i}`.
pub fn docs(numbers: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(|number| doc(number, &format!("document {number}"))).collect()
}

pub fn id(number: u64) -> DocumentId {
    DocumentId { kind: Some(Kind::Num(number)) }
}

/// Returns a message that only upserts documents.
pub fn upsert_message(documents: Vec<Vec<u8>>) -> IngestRequest {
    let operations = documents.into_iter().map(|document| upsert(document.into())).collect();
    IngestRequest { operations, ..Default::default() }
}

/// An open stream and the results received so far.
pub struct Upload {
    requests: Option<mpsc::Sender<IngestRequest>>,
    responses: Streaming<IngestResponse>,
    pub received: ReceivedResults,
}

/// All responses of a stream.
#[derive(Debug, Default)]
pub struct ReceivedResults {
    /// The `opened` field of the first response.
    pub opened: Option<IngestOpened>,
    pub results: Vec<OperationResult>,
    pub durable_through: u64,
    pub position: String,
    pub draining: Option<IngestDraining>,
    /// Sequence number of the first operation.
    first_sequence: u64,
    /// Whether the stream reports only operations with problems.
    problems_only: bool,
    /// Operations with a final result after one without, with their positions.
    ahead: BTreeMap<u64, String>,
}

impl Upload {
    /// Opens a stream without a deadline.
    pub async fn open(client: IndexServiceClient<Channel>, options: IngestOptions) -> Result<Self, Status> {
        Self::open_with(client, options, |_| ()).await
    }

    /// Opens a stream after a change to its request.
    pub async fn open_with(
        mut client: IndexServiceClient<Channel>,
        options: IngestOptions,
        change: impl FnOnce(&mut Request<ReceiverStream<IngestRequest>>),
    ) -> Result<Self, Status> {
        let problems_only = options.result_filter() == ResultFilter::Problems;
        let received = ReceivedResults { problems_only, ..ReceivedResults::from_sequence(options.first_sequence) };
        // Capacity of one message: all earlier ones are in the transport.
        let (requests, receiver) = mpsc::channel(1);
        let first = IngestRequest { options: Some(options), ..Default::default() };
        requests.send(first).await.expect("the receiver is open");
        let mut request = Request::new(ReceiverStream::new(receiver));
        change(&mut request);
        let responses = client.ingest(request).await?.into_inner();
        Ok(Self { requests: Some(requests), responses, received })
    }

    /// Sends a message of documents when the transport accepts it. Returns `false` if the stream has ended.
    pub async fn push(&self, documents: Vec<Vec<u8>>) -> bool {
        self.send(upsert_message(documents)).await
    }

    /// Sends a message of operations.
    pub async fn push_operations(&self, operations: Vec<Bytes>) -> bool {
        self.send(IngestRequest { operations, ..Default::default() }).await
    }

    /// Sends any message.
    pub async fn send(&self, message: IngestRequest) -> bool {
        let requests = self.requests.as_ref().expect("the stream is still open for operations");
        requests.send(message).await.is_ok()
    }

    /// Sends messages from a separate task, as fast as the transport accepts them, and then half-closes the stream.
    pub fn push_all(&mut self, messages: impl IntoIterator<Item = Vec<Vec<u8>>, IntoIter: Send> + Send + 'static) {
        let requests = self.requests.take().expect("the stream is still open for operations");
        let messages = messages.into_iter();
        tokio::spawn(async move {
            for documents in messages {
                if requests.send(upsert_message(documents)).await.is_err() {
                    break;
                }
            }
        });
    }

    /// Half-closes the stream: there are no more operations.
    pub fn finish(&mut self) {
        self.requests = None;
    }

    /// Waits until the stream is open, and returns the `opened` field of the first response.
    pub async fn wait_opened(&mut self) -> Result<IngestOpened, Status> {
        if self.received.opened.is_none() {
            self.read_message().await?;
        }
        Ok(self.received.opened.clone().expect("`opened` in the first response"))
    }

    /// Reads one response after the first one. Returns `false` if the stream has ended with OK.
    pub async fn read(&mut self) -> Result<bool, Status> {
        if self.received.opened.is_none() && !self.read_message().await? {
            return Ok(false);
        }
        self.read_message().await
    }

    async fn read_message(&mut self) -> Result<bool, Status> {
        let Some(response) = self.responses.message().await? else { return Ok(false) };
        self.received.record(response);
        Ok(true)
    }

    /// Reads responses until there are `count` results.
    pub async fn read_results(&mut self, count: usize) {
        while self.received.results.len() < count {
            assert!(self.read().await.unwrap(), "the stream ended after {} results", self.received.results.len());
        }
    }

    /// Reads responses until the stream ends, and returns them with the final status.
    pub async fn finish_and_drain(mut self) -> (ReceivedResults, Result<(), Status>) {
        self.finish();
        loop {
            match self.read().await {
                Ok(true) => {}
                Ok(false) => return (self.received, Ok(())),
                Err(status) => return (self.received, Err(status)),
            }
        }
    }
}

impl ReceivedResults {
    /// Returns an empty record of a stream whose options have this `first_sequence`.
    pub fn from_sequence(first_sequence: u64) -> Self {
        let first_sequence = first_sequence.max(1);
        Self { first_sequence, durable_through: first_sequence - 1, ..Self::default() }
    }

    /// Records a response.
    ///
    /// Asserts the invariants of every stream: only the first response has `opened`. Each operation has at most one
    /// result. `durable_through` never decreases, and is the last operation of the prefix in which all have a final
    /// result, so it never passes a FAILED one. `position` is the position of that operation.
    pub fn record(&mut self, response: IngestResponse) {
        let IngestResponse { opened, results, durable_through, position, draining } = response;
        assert_eq!(opened.is_some(), self.opened.is_none(), "only the first response has `opened`");
        if opened.is_some() {
            assert!(results.is_empty() && draining.is_none(), "the response with `opened` has other fields");
            self.opened = opened;
        }
        if draining.is_some() {
            assert_eq!(self.draining, None, "the drain was announced twice");
            self.draining = draining;
        }
        assert!(durable_through >= self.durable_through, "durable_through decreased to {durable_through}");
        for result in results {
            check_result(&result);
            let sequence = result.sequence;
            assert!(sequence >= self.first_sequence, "operation {sequence} was not sent");
            if result.status() != OperationStatus::Failed {
                assert!(sequence > self.durable_through, "operation {sequence} already had a final result");
                let before = self.ahead.insert(sequence, result.position.clone());
                assert_eq!(before, None, "operation {sequence} has two results");
            }
            self.results.push(result);
        }
        if self.problems_only {
            (self.durable_through, self.position) = (durable_through, position);
            self.ahead = self.ahead.split_off(&(durable_through + 1));
            return;
        }
        while let Some(position) = self.ahead.remove(&(self.durable_through + 1)) {
            self.durable_through += 1;
            self.position = position;
        }
        assert_eq!(durable_through, self.durable_through, "`durable_through` is not the end of the finished prefix");
        assert_eq!(position, self.position, "`position` is not that of operation {durable_through}");
    }

    /// Checks that each of the first `count` operations has exactly one result, and returns the results in order.
    pub fn expect_one_each(&self, count: usize) -> Vec<&OperationResult> {
        let by_number: BTreeMap<u64, &OperationResult> = self.results.iter().map(|it| (it.sequence, it)).collect();
        assert_eq!(self.results.len(), by_number.len(), "an operation has two results");
        let end = self.first_sequence + count as u64;
        let numbers: Vec<u64> = by_number.keys().copied().collect();
        assert_eq!(numbers, (self.first_sequence..end).collect::<Vec<_>>(), "not every operation has a result");
        let failed = self.failed();
        assert_eq!(self.durable_through, failed.keys().next().copied().unwrap_or(end) - 1);
        by_number.into_values().collect()
    }

    /// Returns the sequence numbers of the operations with status INDEXED.
    pub fn indexed(&self) -> Vec<u64> {
        self.with_status(OperationStatus::Indexed).map(|result| result.sequence).collect()
    }

    /// Returns the reason of each rejection, by sequence number.
    pub fn rejected(&self) -> BTreeMap<u64, &str> {
        self.reasons_by_sequence(OperationStatus::Rejected)
    }

    /// Returns the reason of each failure, by sequence number.
    pub fn failed(&self) -> BTreeMap<u64, &str> {
        self.reasons_by_sequence(OperationStatus::Failed)
    }

    fn reasons_by_sequence(&self, status: OperationStatus) -> BTreeMap<u64, &str> {
        let results = self.with_status(status);
        results.map(|result| (result.sequence, result.error.as_ref().unwrap().reason.as_str())).collect()
    }

    fn with_status(&self, status: OperationStatus) -> impl Iterator<Item = &OperationResult> {
        self.results.iter().filter(move |result| result.status() == status)
    }
}

/// Checks the invariants of a result: an error if and only if its status is a problem, a delay only if a retry can
/// succeed, and statistics if and only if the document was encoded.
pub fn check_result(result: &OperationResult) {
    let status = result.status();
    assert_ne!(status, OperationStatus::Unspecified, "{result:?}");
    let is_problem = matches!(status, OperationStatus::Rejected | OperationStatus::Failed);
    assert_eq!(result.error.is_some(), is_problem, "{result:?}");
    assert_eq!(result.stats.is_some(), status == OperationStatus::Indexed, "{result:?}");
    let delay = result.error.as_ref().and_then(|error| error.retry_delay);
    assert!(delay.is_none() || status == OperationStatus::Failed, "{result:?}");
}

/// Ingests documents through a new stream, in one message, and returns all responses.
pub async fn ingest(
    client: IndexServiceClient<Channel>,
    options: IngestOptions,
    documents: Vec<Vec<u8>>,
) -> ReceivedResults {
    let mut upload = Upload::open(client, options).await.unwrap();
    upload.push_all([documents]);
    let (received, end) = upload.finish_and_drain().await;
    end.unwrap();
    received
}
