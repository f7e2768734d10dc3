//! HTTP responses: a JSON body for a unary call, and lines of JSON for a stream.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::error::{HttpError, encode_status};
use super::frames::ResponseMessages;
use super::internal_error::internal_error;
use super::json_encode::{encode_message, has_message_field};
use super::offload::offload;
use super::upload::RejectedLines;
use crate::proto::ItemError;

/// Media type of newline-delimited JSON.
pub const NDJSON: &str = "application/x-ndjson";

/// Returns the response of a unary call.
///
/// # Errors
/// The status of a call that failed.
pub async fn build_unary_response(
    mut messages: ResponseMessages,
    descriptor: MessageDescriptor,
) -> Result<Response, HttpError> {
    let message = messages.next().await?.ok_or_else(|| internal_error("the call returned no message"))?;
    let json = offload(message.len(), move || encode_message(&descriptor, &message)).await??;
    // Reads up to the status: dropping the response earlier would cancel the call.
    while messages.next().await?.is_some() {}
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

/// Builder of the response lines of a stream.
pub struct LineResponder {
    pub descriptor: MessageDescriptor,
    /// Errors of the lines that were not passed to the service.
    pub rejected_lines: RejectedLines,
}

/// Message of a stream, encoded as a line.
struct ResponseLine {
    json: Vec<u8>,
    /// The line only reports the progress of the stream, so a later line makes it obsolete.
    is_progress: bool,
}

impl LineResponder {
    /// Returns a response that streams the lines. It begins when the first line is available, so a call that is refused before
    /// that has an HTTP error status; a call that fails later ends with a line that contains the error.
    ///
    /// The response doesn't begin before `continue_receiver` completes, because a client that waits for `100 Continue` must
    /// receive that first.
    ///
    /// # Errors
    /// The status of a call that fails before the first line.
    pub async fn respond(
        self,
        mut messages: ResponseMessages,
        continue_receiver: oneshot::Receiver<()>,
    ) -> Result<Response, HttpError> {
        let first = messages.next().await?;
        // An error means that the client doesn't wait for `100 Continue`: the sender was dropped.
        let _continue_sent = continue_receiver.await;
        let (sender, lines) = channel(1);
        // The task is aborted when the body is dropped, which cancels the call.
        let forward_task = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Some(first) = first {
                self.forward(first, messages, sender).await;
            }
        }));
        let body = stream::unfold(Some((lines, forward_task)), async |state| {
            let (mut lines, forward) = state?;
            match lines.recv().await {
                Some(line) => Some((Ok(line), Some((lines, forward)))),
                None => forward.await.err().map(|error| (Err(internal_error(error.to_string())), None)),
            }
        });
        Ok(([(CONTENT_TYPE, NDJSON)], Body::from_stream(body)).into_response())
    }

    /// Sends a line for each message, and for the error of the call. Progress is not queued: while the client reads nothing, a
    /// newer progress line replaces the older one. A client that requests only problems can therefore send all lines before it
    /// reads.
    async fn forward(&self, first: Bytes, mut messages: ResponseMessages, sender: Sender<Vec<u8>>) {
        let mut progress = None;
        let mut next = self.encode_line(&first).map(Some);
        loop {
            match next {
                Ok(Some(line)) if line.is_progress => progress = Some(line.json),
                // The line contains newer progress, so the pending progress is obsolete.
                Ok(Some(line)) => {
                    progress = None;
                    if sender.send(line.json).await.is_err() {
                        return;
                    }
                }
                ended @ (Ok(None) | Err(_)) => {
                    let error = ended.err().map(|status| encode_error_line(&status));
                    for line in [progress, error].into_iter().flatten() {
                        if sender.send(line).await.is_err() {
                            return;
                        }
                    }
                    return;
                }
            }
            next = loop {
                tokio::select! {
                    biased;
                    permit = sender.reserve(), if progress.is_some() => match (permit, progress.take()) {
                        (Ok(permit), Some(line)) => permit.send(line),
                        _ => return,
                    },
                    message = messages.next() => {
                        break message.and_then(|message| message.map(|message| self.encode_line(&message)).transpose());
                    }
                }
            };
        }
    }

    fn encode_line(&self, message: &Bytes) -> Result<ResponseLine, Status> {
        let is_progress = !has_message_field(&self.descriptor, message)?;
        let mut json = match self.rejected_lines.is_empty() {
            true => encode_message(&self.descriptor, message)?,
            false => encode_message(&self.descriptor, &self.insert_errors(message)?)?,
        };
        json.push(b'\n');
        Ok(ResponseLine { json, is_progress })
    }

    /// Replaces the errors of placeholders in the results of a message with the errors of their lines.
    fn insert_errors(&self, message: &Bytes) -> Result<Bytes, Status> {
        let mut message = decode(self.descriptor.clone(), message.clone())?;
        if let Some(Value::List(results)) = message.get_field_by_name_mut("results") {
            results.iter_mut().filter_map(Value::as_message_mut).try_for_each(|result| self.insert_error(result))?;
        }
        Ok(message.encode_to_vec().into())
    }

    /// Replaces the error of a placeholder with the error of its line.
    fn insert_error(&self, result: &mut DynamicMessage) -> Result<(), Status> {
        let sequence = result.get_field_by_name("sequence").and_then(|sequence| sequence.as_u64());
        let Some(line_error) = sequence.and_then(|sequence| self.rejected_lines.remove(sequence)) else {
            return Ok(());
        };
        // Only errors of placeholders are replaced. The service may have failed the item for another reason, such as shutdown.
        if !result.has_field_by_name("error") {
            return Ok(());
        }
        let error = result.get_field_by_name_mut("error").and_then(Value::as_message_mut);
        let error = error.ok_or_else(|| internal_error("the field `error` of a result is not a message"))?;
        let is_placeholder_error =
            error.get_field_by_name("reason").is_some_and(|reason| reason.as_str() == Some(line_error.reason.as_str()));
        if is_placeholder_error {
            error.transcode_from(&ItemError::from(line_error)).map_err(|error| internal_error(error.to_string()))?;
        }
        Ok(())
    }
}

/// Returns the line with the error that ends a stream.
fn encode_error_line(status: &Status) -> Vec<u8> {
    [b"{\"error\":".as_slice(), &encode_status(status), b"}\n"].concat()
}

fn decode(descriptor: MessageDescriptor, message: Bytes) -> Result<DynamicMessage, Status> {
    DynamicMessage::decode(descriptor, message).map_err(|error| internal_error(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use http_body::{Body as HttpBody, Frame};
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::contract::message;
    use super::super::frames::encode_frame;
    use super::super::testing::{BytesMessage, bytes_message};
    use super::*;
    use crate::proto::{
        EncodeStreamResponse, EncodeStreamResult, IngestDraining, IngestOpened, IngestResponse, ItemError,
        OperationResult, OperationStatus, encode_stream_result::Outcome,
    };
    use crate::types::{ApiError, ErrorReason};

    fn messages(responses: Vec<IngestResponse>) -> ResponseMessages {
        let frames = responses.into_iter().map(|response| {
            encode_frame(usize::MAX, |wire| {
                wire.extend(response.encode_to_vec());
                Ok(())
            })
        });
        let frames: Vec<_> = frames.map(|frame| Ok::<_, Infallible>(frame.unwrap())).collect();
        ResponseMessages::new(Response::new(Body::from_stream(stream::iter(frames))))
    }

    /// Returns the receiver for a client that doesn't wait for `100 Continue`.
    fn not_waiting() -> oneshot::Receiver<()> {
        oneshot::channel().1
    }

    async fn respond(responses: Vec<IngestResponse>) -> Vec<serde_json::Value> {
        let lines = LineResponder { descriptor: message("IngestResponse"), rejected_lines: RejectedLines::default() };
        let response = lines.respond(messages(responses), not_waiting()).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        body.split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    fn progress(durable_through: u64) -> IngestResponse {
        IngestResponse { durable_through, ..IngestResponse::default() }
    }

    #[tokio::test]
    async fn every_kind_of_message_is_a_line() {
        let opened = IngestResponse { opened: Some(IngestOpened::default()), ..progress(4) };
        let draining = IngestResponse { draining: Some(IngestDraining::default()), ..progress(5) };
        let result = OperationResult { sequence: 5, ..OperationResult::default() };
        let results = IngestResponse { results: vec![result], ..progress(5) };
        let lines = respond(vec![opened, results, draining, progress(6)]).await;
        assert_eq!(lines[0]["opened"]["model"], "");
        assert_eq!(lines[1]["results"][0]["sequence"], 5);
        assert_eq!(lines[2]["draining"]["read_through"], 0);
        assert_eq!(lines[3], json!({ "results": [], "durable_through": 6, "position": "" }));
        // The frames have no trailers.
        assert_eq!((lines.len(), &lines[4]["error"]["code"]), (5, &json!(13)));
    }

    /// A client that requests only problems may send all lines before it reads.
    #[tokio::test]
    async fn unread_progress_is_not_queued() {
        const COUNT: u64 = 100_000;
        let mut lines = respond((1..=COUNT).map(progress).collect()).await;
        assert!(lines.pop().unwrap().get("error").is_some());
        assert!(lines.len() < 10, "{} lines", lines.len());
        assert_eq!(lines.last().unwrap()["durable_through"], COUNT);
    }

    fn of_placeholder(reason: ErrorReason) -> Option<ItemError> {
        Some(ItemError::from(ApiError::new(reason, "", "it can't be decoded")))
    }

    fn refused(sequence: u64, reason: ErrorReason) -> RejectedLines {
        let refused = RejectedLines::default();
        refused.insert(sequence, ApiError::new(reason, "txt", "unrecognized field name 'txt'"));
        refused
    }

    fn written(lines: &LineResponder, message: &impl Message) -> serde_json::Value {
        serde_json::from_slice(&lines.encode_line(&message.encode_to_vec().into()).unwrap().json).unwrap()
    }

    #[test]
    fn the_error_of_a_line_replaces_that_of_its_placeholder() {
        let result = |sequence, status: OperationStatus, error| OperationResult {
            sequence,
            status: status.into(),
            error,
            position: "7".to_owned(),
            ..OperationResult::default()
        };
        let rejected = OperationStatus::Rejected;
        let results = vec![
            result(1, rejected, of_placeholder(ErrorReason::MalformedDocument)),
            result(2, rejected, of_placeholder(ErrorReason::MalformedDocument)),
        ];
        let lines = LineResponder {
            descriptor: message("IngestResponse"),
            rejected_lines: refused(2, ErrorReason::MalformedDocument),
        };
        let line = written(&lines, &IngestResponse { results, ..progress(2) });
        let errors: Vec<_> =
            line["results"].as_array().unwrap().iter().map(|result| &result["error"]["field"]).collect();
        assert_eq!(errors, ["", "txt"]);
        assert_eq!((&line["results"][1]["position"], &line["durable_through"]), (&json!("7"), &json!(2)));
        assert!(lines.rejected_lines.is_empty());

        // An error of the service with another reason is kept.
        let lines = LineResponder { rejected_lines: refused(1, ErrorReason::MalformedDocument), ..lines };
        let failed = result(1, OperationStatus::Failed, of_placeholder(ErrorReason::ShuttingDown));
        let line = written(&lines, &IngestResponse { results: vec![failed], ..progress(0) });
        assert_eq!(line["results"][0]["error"]["reason"], "SHUTTING_DOWN");
        assert_eq!(line["results"][0]["error"]["retry_delay"], "1s");
        assert!(lines.rejected_lines.is_empty());
    }

    #[test]
    fn texts_have_errors_too() {
        let lines = LineResponder {
            descriptor: message("EncodeStreamResponse"),
            rejected_lines: refused(3, ErrorReason::InvalidArgument),
        };
        let outcome = of_placeholder(ErrorReason::InvalidArgument).map(Outcome::Error);
        let results = vec![EncodeStreamResult { sequence: 3, outcome }];
        let line = written(&lines, &EncodeStreamResponse { results });
        assert_eq!(line["results"][0]["error"]["field"], "txt");
    }

    #[tokio::test]
    async fn a_refused_call_has_an_error_status() {
        let response: Response =
            Status::from(ApiError::new(ErrorReason::CollectionNotFound, "collection", "there is none")).into_http();
        let lines = LineResponder { descriptor: message("IngestResponse"), rejected_lines: RejectedLines::default() };
        let refusal = lines.respond(ResponseMessages::new(response), not_waiting()).await.unwrap_err();
        assert_eq!(refusal.into_response().status(), 404);
    }

    /// Response body with the given frames.
    struct Frames(VecDeque<Frame<Bytes>>);

    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    /// Returns the response body of a unary call that ends with `OK`.
    async fn respond_unary(descriptor: MessageDescriptor, message: &Bytes) -> Bytes {
        let frame = encode_frame(usize::MAX, |wire| {
            wire.extend_from_slice(message);
            Ok(())
        });
        let trailers = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
        let frames = Frames([Frame::data(frame.unwrap()), Frame::trailers(trailers)].into());
        let response =
            build_unary_response(ResponseMessages::new(Response::new(Body::new(frames))), descriptor).await.unwrap();
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()
    }

    /// Checks that a message has the same encoding as the response of a unary call, as a line of a stream, and as a line of a
    /// stream with refused lines.
    fn check_agreement(descriptor: &MessageDescriptor, message: Bytes) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let unary = runtime.block_on(respond_unary(descriptor.clone(), &message));
        for refused in [RejectedLines::default(), refused(u64::MAX, ErrorReason::InvalidArgument)] {
            let lines = LineResponder { descriptor: descriptor.clone(), rejected_lines: refused };
            let line = lines.encode_line(&message).unwrap().json;
            assert_eq!(line, [unary.as_ref(), b"\n"].concat());
        }
    }

    proptest! {
        /// Law: unary calls and streams encode messages equally.
        #[test]
        fn unary_calls_and_streams_encode_alike(one: Vec<u8>, many: Vec<Vec<u8>>, sequences: Vec<u32>, text: String) {
            check_agreement(&bytes_message(), BytesMessage { one, many }.encode_to_vec().into());
            let results = sequences.iter().map(|&sequence| EncodeStreamResult {
                sequence: sequence.into(),
                outcome: Some(Outcome::Error(ItemError::from(ApiError::new(ErrorReason::Overloaded, "text", &text)))),
            });
            let response = EncodeStreamResponse { results: results.collect() };
            check_agreement(&message("EncodeStreamResponse"), response.encode_to_vec().into());
        }
    }
}
