//! Calls that are refused as a whole: code, reason, field and remedy.

mod encoder;
mod index;
mod search;
mod store;

use splade_sidecar::proto::{
    CreateCollectionRequest, DeleteRequest, EncodeRequest, EncodeStreamRequest, ExplainRequest, GetCollectionRequest,
    GetDocumentsRequest, GetModelRequest, IngestRequest, SearchRequest, UpsertRequest,
};
use tonic::{Code, Response, Status, Streaming};

use crate::support::failure::Failure;
use crate::support::sidecar::Sidecar;

/// A call of any kind.
enum Call {
    Encode(EncodeRequest),
    EncodeStream(Vec<EncodeStreamRequest>),
    GetModel(GetModelRequest),
    Ingest(Vec<IngestRequest>),
    Upsert(UpsertRequest),
    Search(SearchRequest),
    Explain(ExplainRequest),
    Delete(DeleteRequest),
    GetDocuments(GetDocumentsRequest),
    CreateCollection(CreateCollectionRequest),
    GetCollection(GetCollectionRequest),
}

impl Call {
    /// Sends the call and returns its final status.
    async fn send(self, sidecar: &Sidecar) -> Result<(), Status> {
        let (mut encoder, mut index) = (sidecar.encoder_client().await, sidecar.index_client().await);
        match self {
            Self::Encode(request) => encoder.encode(request).await.map(drop),
            Self::EncodeStream(requests) => end(encoder.encode_stream(tokio_stream::iter(requests)).await).await,
            Self::GetModel(request) => encoder.get_model(request).await.map(drop),
            Self::Ingest(requests) => end(index.ingest(tokio_stream::iter(requests)).await).await,
            Self::Upsert(request) => index.upsert(request).await.map(drop),
            Self::Search(request) => index.search(request).await.map(drop),
            Self::Explain(request) => index.explain(request).await.map(drop),
            Self::Delete(request) => index.delete(request).await.map(drop),
            Self::GetDocuments(request) => index.get_documents(request).await.map(drop),
            Self::CreateCollection(request) => index.create_collection(request).await.map(drop),
            Self::GetCollection(request) => index.get_collection(request).await.map(drop),
        }
    }
}

/// Reads a stream to its end.
async fn end<T>(responses: Result<Response<Streaming<T>>, Status>) -> Result<(), Status> {
    let mut responses = responses?.into_inner();
    while responses.message().await?.is_some() {}
    Ok(())
}

/// A call, and the code, the reason and the field of its error.
type Case = (Call, Code, &'static str, &'static str);

fn invalid(call: Call, field: &'static str) -> Case {
    (call, Code::InvalidArgument, "INVALID_ARGUMENT", field)
}

/// Checks that each call is refused with its reason, its field and a remedy. A retry is only advised if it can help.
async fn check(sidecar: &Sidecar, cases: impl IntoIterator<Item = Case>) {
    for (call, code, reason, field) in cases {
        let outcome = call.send(sidecar).await;
        let failure = Failure::from(outcome.expect_err(&format!("{reason} {field} was not refused")));
        assert_eq!((failure.code, failure.reason.as_str()), (code, reason), "{field}: {failure:?}");
        assert_eq!(failure.fields, [field], "{failure:?}");
        let (problem, remedy) = failure.message.split_once("; ").unwrap_or_default();
        assert!(problem.starts_with(field) && !remedy.is_empty(), "{field}: {}", failure.message);
        assert_eq!(failure.retry_after, None, "{failure:?}");
    }
}
