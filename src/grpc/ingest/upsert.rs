//! `Upsert`: indexes the documents of a unary call.

use bytes::Bytes;
use metrics::counter;

use super::open::IngestSession;
use super::result::to_operation_result;
use crate::grpc::context::ServiceContext;
use crate::grpc::convert::{parse_document, to_upsert};
use crate::metrics as names;
use crate::pipeline::{AdmissionTicket, OperationKey, OperationOutcome, StreamProgress, Submission};
use crate::proto::OperationResult;
use crate::types::ApiError;

/// Indexes documents and returns their results in order.
///
/// # Errors
/// If the server is shutting down (`SHUTTING_DOWN`) or at capacity (`OVERLOADED`). Errors of documents are in their results.
pub async fn upsert(
    context: &ServiceContext,
    session: IngestSession,
    documents: Vec<Bytes>,
) -> Result<Vec<OperationResult>, ApiError> {
    let IngestSession { mut ingest, mut results, .. } = session;
    let sizes: Vec<_> = documents.iter().map(Bytes::len).collect();
    let reservations = ingest.tickets.try_reserve_all(&sizes)?;
    counter!(names::RECEIVED, "call" => "upsert").increment(documents.len() as u64);
    // Moves `ingest` into the future: dropping it after the last document ends the results.
    let submit = async move {
        for (bytes, reservation) in documents.into_iter().zip(reservations) {
            let ticket: AdmissionTicket<OperationKey, OperationOutcome> =
                ingest.tickets.acquire_for(reservation).await?;
            let submission: Submission = to_upsert(bytes.len(), parse_document(&bytes, &context.limits));
            ingest.submit(ticket, submission).await?;
        }
        Ok(())
    };
    // Results are received while documents are submitted: otherwise their slots would be used up before the last one, a deadlock.
    let collect = async {
        let mut progress = StreamProgress::new(1);
        let mut collected = Vec::new();
        while let Some(finished) = results.recv().await {
            collected.push(to_operation_result(finished, &mut progress));
        }
        // Results arrive in order of completion.
        collected.sort_unstable_by_key(|result| result.sequence);
        collected
    };
    let (submitted, collected): (Result<(), ApiError>, _) = tokio::join!(submit, collect);
    submitted.map(|()| collected)
}
