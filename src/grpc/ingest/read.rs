//! The requests of a stream.

use std::pin::pin;

use metrics::counter;
use tokio::time::sleep;
use tonic::{Status, Streaming};
use tracing::debug_span;

use crate::grpc::convert::parse_operation;
use crate::grpc::faults::late_options;
use crate::grpc::gate::Pass;
use crate::grpc::stream::next_request;
use crate::metrics as names;
use crate::pipeline::Ingest;
use crate::proto::IngestRequest;

/// Reads a stream of operations to its end, beginning with its first message.
///
/// # Errors
/// If the server reads no more, or the client breaks the contract.
pub async fn read(
    shared: Pass,
    mut requests: Streaming<IngestRequest>,
    mut ingest: Ingest,
    mut request: IngestRequest,
) -> Result<(), Status> {
    // The clients that heed the notice end their streams before that.
    let mut stopped = pin!(async {
        shared.stopping.cancelled().await;
        sleep(shared.limits.drain_grace).await;
    });
    loop {
        let IngestRequest { options, operations, flush } = request;
        if options.is_some() {
            return Err(late_options().into());
        }
        counter!(names::RECEIVED, "call" => "ingest").increment(operations.len() as u64);
        // Not entered: what is admitted belongs to the call.
        let admit = debug_span!("admit", operations = operations.len());
        for bytes in operations {
            let ticket = ingest.tickets.take().await?;
            let submission = parse_operation(&bytes, &shared.limits);
            ingest.submit(ticket, submission).await?;
        }
        drop(admit);
        if flush {
            ingest.flush();
        }
        // Nothing more is read before there is room for it.
        drop(ingest.tickets.take().await?);
        let (settled, abandoned) = (ingest.tickets.settled(), ingest.tickets.abandoned());
        match next_request(&mut requests, &shared, settled, abandoned, &mut stopped).await? {
            None => return Ok(()),
            Some(next) => request = next,
        }
    }
}
