//! Reading of the requests of a stream.

use std::future::Future;
use std::time::Duration;

use tokio::time::sleep;
use tonic::{Status, Streaming};

use crate::grpc::context::ServiceContext;
use crate::grpc::readiness::stopping_status;
use crate::types::{ApiError, ErrorReason};

/// Reads the first request of a stream; `None` if the client ended the stream without a request.
///
/// # Errors
/// The errors of [`read_next_request`].
pub async fn read_first_request<T>(requests: &mut Streaming<T>, context: &ServiceContext) -> Result<Option<T>, Status> {
    let (settled, abandoned) = (std::future::ready(()), std::future::pending());
    read_next_request(requests, context, settled, abandoned, context.stopping.cancelled()).await
}

/// Reads the next request; `None` if the client ended or abandoned the stream.
///
/// `settled` completes when the stream has nothing in flight, `abandoned` when its results are not wanted any more, and `stopped`
/// when the server stops reading.
///
/// # Errors
/// `SHUTTING_DOWN` if the server stops reading, `STREAM_IDLE` if the stream is idle for too long, or the status of a request
/// that can't be received or decoded.
pub async fn read_next_request<T>(
    requests: &mut Streaming<T>,
    context: &ServiceContext,
    settled: impl Future<Output = ()>,
    abandoned: impl Future<Output = ()>,
    stopped: impl Future<Output = ()>,
) -> Result<Option<T>, Status> {
    let idle = async {
        settled.await;
        sleep(context.limits.stream_idle_timeout).await;
    };
    tokio::select! {
        // Biased: shutdown takes precedence over requests that have arrived already.
        biased;
        () = stopped => Err(stopping_status()),
        () = abandoned => Ok(None),
        request = requests.message() => request,
        () = idle => Err(idle_status(context.limits.stream_idle_timeout)),
    }
}

/// Returns the status of a stream that was idle for too long.
fn idle_status(idle: Duration) -> Status {
    let message = format!(
        "the stream was idle for {idle:?} with nothing in flight; open another stream, send an empty message as a \
         heartbeat, or raise --stream-idle-timeout"
    );
    ApiError::new(ErrorReason::StreamIdle, "", message).into()
}
