//! Responses: a message as a JSON body, messages of a stream as lines of JSON.

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

/// Media type of lines of JSON.
pub const NDJSON: &str = "application/x-ndjson";

/// Returns the response of a unary call.
///
/// # Errors
/// The status that the call ended with.
pub async fn build_unary_response(
    mut messages: ResponseMessages,
    descriptor: MessageDescriptor,
) -> Result<Response, HttpError> {
    let message = messages.next().await?.ok_or_else(|| internal_error("the call has no answer"))?;
    let json = offload(message.len(), move || encode_message(&descriptor, &message)).await??;
    // Read up to the status, so that the call has ended and is not cancelled.
    while messages.next().await?.is_some() {}
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

/// Lines of a stream's response.
pub struct LineResponder {
    pub descriptor: MessageDescriptor,
    /// Errors of the lines that the service did not get.
    pub rejected_lines: RejectedLines,
}

/// A message of a stream as a line.
struct ResponseLine {
    json: Vec<u8>,
    /// It only says how far the stream has come, which later lines say too.
    is_progress: bool,
}

impl LineResponder {
    /// Returns the lines as they come. The response begins with the first of them, so a call that is refused before
    /// that is an error like any other; one that fails later ends with a line that has the error.
    ///
    /// It doesn't begin before `is_continued`: a client that waits for `100 Continue` must get that first.
    ///
    /// # Errors
    /// The status that the call ended with before the first line.
    pub async fn respond(
        self,
        mut messages: ResponseMessages,
        continue_receiver: oneshot::Receiver<()>,
    ) -> Result<Response, HttpError> {
        let first = messages.next().await?;
        // The sender is dropped if the client doesn't wait.
        let _continue_sent = continue_receiver.await;
        let (sender, lines) = channel(1);
        // Aborted with the body, which cancels the call.
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

    /// Sends a line for each message, and for the error that the call ends with. Progress is not queued: while the
    /// client reads nothing, the latest line replaces the one before. So a client that asks for problems only can send
    /// everything before it reads.
    async fn forward(&self, first: Bytes, mut messages: ResponseMessages, sender: Sender<Vec<u8>>) {
        let mut progress = None;
        let mut next = self.encode_line(&first).map(Some);
        loop {
            match next {
                Ok(Some(line)) if line.is_progress => progress = Some(line.json),
                // It says at least as much as the progress before it.
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

    /// Puts the errors of lines into their results.
    fn insert_errors(&self, message: &Bytes) -> Result<Bytes, Status> {
        let mut message = decode(self.descriptor.clone(), message.clone())?;
        if let Some(Value::List(results)) = message.get_field_by_name_mut("results") {
            results.iter_mut().filter_map(Value::as_message_mut).try_for_each(|result| self.insert_error(result))?;
        }
        Ok(message.encode_to_vec().into())
    }

    /// Puts the error of a line into its result, which has the error of the line's placeholder.
    fn insert_error(&self, result: &mut DynamicMessage) -> Result<(), Status> {
        let sequence = result.get_field_by_name("sequence").and_then(|sequence| sequence.as_u64());
        let Some(line_error) = sequence.and_then(|sequence| self.rejected_lines.remove(sequence)) else {
            return Ok(());
        };
        // The service may have another reason, such as that it stops.
        if !result.has_field_by_name("error") {
            return Ok(());
        }
        let error = result.get_field_by_name_mut("error").and_then(Value::as_message_mut);
        let error = error.ok_or_else(|| internal_error("the error of a result is not a message"))?;
        let is_placeholder_error =
            error.get_field_by_name("reason").is_some_and(|reason| reason.as_str() == Some(line_error.reason.as_str()));
        if is_placeholder_error {
            error.transcode_from(&ItemError::from(line_error)).map_err(|error| internal_error(error.to_string()))?;
        }
        Ok(())
    }
}

/// Returns the line of the error that a stream ends with.
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
    use super::super::testing::{OfBytes, message_of_bytes};
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

    /// Of a client that doesn't wait for `100 Continue`.
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

    /// A client that asks for problems only may read nothing before it has sent everything.
    #[tokio::test]
    async fn progress_that_nobody_reads_is_not_queued() {
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

        // What the service says for another reason stays.
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
    async fn a_call_that_is_refused_is_no_line() {
        let response: Response =
            Status::from(ApiError::new(ErrorReason::CollectionNotFound, "collection", "there is none")).into_http();
        let lines = LineResponder { descriptor: message("IngestResponse"), rejected_lines: RejectedLines::default() };
        let refusal = lines.respond(ResponseMessages::new(response), not_waiting()).await.unwrap_err();
        assert_eq!(refusal.into_response().status(), 404);
    }

    /// The body of a response: frames, as a transport has them.
    struct Frames(VecDeque<Frame<Bytes>>);

    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    /// The response of a unary call that ends OK.
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

    /// Checks that a message is encoded alike as the response of a unary call, as a line of a stream, and as a line of a
    /// stream that has refused lines.
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
        /// Law: unary calls and streams encode a message alike.
        #[test]
        fn unary_calls_and_streams_encode_alike(one: Vec<u8>, many: Vec<Vec<u8>>, sequences: Vec<u32>, text: String) {
            check_agreement(&message_of_bytes(), OfBytes { one, many }.encode_to_vec().into());
            let results = sequences.iter().map(|&sequence| EncodeStreamResult {
                sequence: sequence.into(),
                outcome: Some(Outcome::Error(ItemError::from(ApiError::new(ErrorReason::Overloaded, "text", &text)))),
            });
            let response = EncodeStreamResponse { results: results.collect() };
            check_agreement(&message("EncodeStreamResponse"), response.encode_to_vec().into());
        }
    }
}
