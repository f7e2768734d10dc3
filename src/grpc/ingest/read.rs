//! Reading of the requests of `Ingest`.

use std::pin::pin;

use metrics::counter;
use tokio::time::sleep;
use tonic::{Status, Streaming};
use tracing::debug_span;

use crate::grpc::convert::parse_operation;
use crate::grpc::errors::late_options_error;
use crate::grpc::readiness::CallGuard;
use crate::grpc::stream::read_next_request;
use crate::metrics as names;
use crate::pipeline::IngestHandle;
use crate::proto::IngestRequest;

/// Reads a stream of operations to its end and submits them to the pipeline. `request` is the first message.
///
/// # Errors
/// If the server shuts down, the stream is idle for too long, or a request is invalid.
pub async fn read_operations(
    context: CallGuard,
    mut requests: Streaming<IngestRequest>,
    mut ingest: IngestHandle,
    mut request: IngestRequest,
) -> Result<(), Status> {
    // Clients that handle the drain notice end their streams within the grace period.
    let mut grace_expired = pin!(async {
        context.stopping.cancelled().await;
        sleep(context.limits.drain_grace_period).await;
    });
    loop {
        let IngestRequest { options, operations, flush } = request;
        if options.is_some() {
            return Err(late_options_error().into());
        }
        counter!(names::RECEIVED, "call" => "ingest").increment(operations.len() as u64);
        // Not entered, so that the spans of admitted items are children of the call's span.
        let admit_span = debug_span!("admit", operations = operations.len());
        for bytes in operations {
            let ticket = ingest.tickets.acquire().await?;
            let submission = parse_operation(&bytes, &context.limits);
            ingest.submit(ticket, submission).await?;
        }
        drop(admit_span);
        if flush {
            ingest.flush();
        }
        // Backpressure: waits for capacity before reading the next message.
        drop(ingest.tickets.acquire().await?);
        let (settled, abandoned) = (ingest.tickets.wait_all_delivered(), ingest.tickets.wait_abandoned());
        match read_next_request(&mut requests, &context, settled, abandoned, &mut grace_expired).await? {
            None => return Ok(()),
            Some(next) => request = next,
        }
    }
}
