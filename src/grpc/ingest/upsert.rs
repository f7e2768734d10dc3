//! `Upsert`: a few documents, without a stream.

use bytes::Bytes;
use metrics::counter;

use super::open::Opened;
use super::result::to_result;
use crate::grpc::context::ServiceContext;
use crate::grpc::convert::{parse_document, to_upsert};
use crate::metrics as names;
use crate::pipeline::{OperationKey, Progress, Stored, Submission, Ticket};
use crate::proto::OperationResult;
use crate::types::Fault;

/// Indexes a few documents and waits for all their results, which it returns in order.
///
/// # Errors
/// If the server is stopping, or at capacity.
pub async fn upsert(
    shared: &ServiceContext,
    opened: Opened,
    documents: Vec<Bytes>,
) -> Result<Vec<OperationResult>, Fault> {
    let Opened { mut ingest, mut results, .. } = opened;
    let sizes: Vec<_> = documents.iter().map(Bytes::len).collect();
    let places = ingest.tickets.places(&sizes)?;
    counter!(names::RECEIVED, "call" => "upsert").increment(documents.len() as u64);
    // `ingest` moves in and is dropped with the last document, which is how the results end.
    let submit = async move {
        for (bytes, place) in documents.into_iter().zip(places) {
            let ticket: Ticket<OperationKey, Stored> = ingest.tickets.at(place).await?;
            let submission: Submission = to_upsert(bytes.len(), parse_document(&bytes, &shared.limits));
            ingest.submit(ticket, submission).await?;
        }
        Ok(())
    };
    // Results are taken while documents are sent, so that the slots of the first come back for the last.
    let collect = async {
        let mut progress = Progress::new(1);
        let mut all = Vec::new();
        while let Some(finished) = results.recv().await {
            all.push(to_result(finished, &mut progress));
        }
        all.sort_unstable_by_key(|result| result.sequence);
        all
    };
    let (submitted, all): (Result<(), Fault>, _) = tokio::join!(submit, collect);
    submitted.map(|()| all)
}
