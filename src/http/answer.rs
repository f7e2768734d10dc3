//! Answers on their way back: a message as a body of JSON, messages of a stream as lines of it.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use serde_json::json;
use tonic::Status;

use super::error::{Refusal, to_json};
use super::frames::Messages;
use super::json::{internal, turn_over, write, write_dynamic};
use super::upload::Refused;
use crate::grpc::status::rejection;

/// The media type of lines of JSON.
pub const NDJSON: &str = "application/x-ndjson";

/// The answer of a call that has one.
///
/// # Errors
/// The status that the call ended with.
pub async fn one(mut messages: Messages, descriptor: MessageDescriptor) -> Result<Response, Refusal> {
    let message = messages.next().await?.ok_or_else(|| internal("the call has no answer"))?;
    let json = turn_over(message.len(), move || write(&descriptor, &message)).await??;
    // Up to its status, so that the call has ended and is not given up.
    while messages.next().await?.is_some() {}
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

/// Lines of a stream's answer.
pub struct Lines {
    pub descriptor: MessageDescriptor,
    pub refused: Refused,
    pub only_rejected: bool,
}

impl Lines {
    /// The lines, as they come. The response begins with the first of them, so that a call that is refused before is an
    /// error as any other; one that fails later ends with a line that says so.
    ///
    /// # Errors
    /// The status that the call ended with before there was a line.
    pub async fn respond(self, mut messages: Messages) -> Result<Response, Refusal> {
        let first = messages.next().await?;
        let ended = first.is_none();
        let state = Writer { lines: self, messages, first, passed_over: None, ended };
        let body = stream::unfold(state, async |mut state| {
            let line = state.next().await?;
            Some((Ok::<_, Status>(line), state))
        });
        Ok(([(CONTENT_TYPE, NDJSON)], Body::from_stream(body)).into_response())
    }

    /// A message as a line, or nothing if nobody asked for it.
    fn line(&self, message: Bytes) -> Result<Line, Status> {
        let mut message = decode(self.descriptor.clone(), message)?;
        let mut results = match message.get_field_by_name_mut("results") {
            Some(Value::List(results)) => std::mem::take(results),
            _ => return Err(internal("a message of the stream has no results")),
        };
        if !self.refused.is_empty() {
            results.iter_mut().filter_map(Value::as_message_mut).try_for_each(|result| self.say_why(result))?;
        }
        if self.only_rejected {
            results.retain(|result| result.as_message().is_some_and(|result| result.has_field_by_name("rejection")));
        }
        let is_wanted = !self.only_rejected || !results.is_empty();
        message.set_field_by_name("results", Value::List(results));
        let mut line = write_dynamic(&message)?;
        line.push(b'\n');
        Ok(if is_wanted { Line::Wanted(line) } else { Line::PassedOver(line) })
    }

    /// Puts what was wrong with a line into its result.
    fn say_why(&self, result: &mut DynamicMessage) -> Result<(), Status> {
        let sequence = result.get_field_by_name("sequence").and_then(|sequence| sequence.as_u64());
        let Some(fault) = sequence.and_then(|sequence| self.refused.take(sequence)) else { return Ok(()) };
        let why = result.get_field_by_name_mut("rejection").and_then(Value::as_message_mut);
        let why = why.ok_or_else(|| internal("a result of the stream has no rejection"))?;
        why.transcode_from(&rejection(fault)).map_err(|error| internal(error.to_string()))
    }
}

enum Line {
    Wanted(Vec<u8>),
    PassedOver(Vec<u8>),
}

struct Writer {
    lines: Lines,
    messages: Messages,
    first: Option<Bytes>,
    /// The last line that was passed over, if none came after it: it says how far the stream came.
    passed_over: Option<Vec<u8>>,
    ended: bool,
}

impl Writer {
    async fn next(&mut self) -> Option<Vec<u8>> {
        while !self.ended {
            match self.read().await {
                Ok(Some(Line::Wanted(line))) => {
                    self.passed_over = None;
                    return Some(line);
                }
                Ok(Some(Line::PassedOver(line))) => self.passed_over = Some(line),
                Ok(None) => self.ended = true,
                Err(status) => {
                    self.ended = true;
                    let mut lines = self.passed_over.take().unwrap_or_default();
                    lines.extend_from_slice(format!("{}\n", json!({ "error": to_json(&status) })).as_bytes());
                    return Some(lines);
                }
            }
        }
        self.passed_over.take()
    }

    async fn read(&mut self) -> Result<Option<Line>, Status> {
        let message = match self.first.take() {
            Some(first) => Some(first),
            None => self.messages.next().await?,
        };
        message.map(|message| self.lines.line(message)).transpose()
    }
}

fn decode(descriptor: MessageDescriptor, message: Bytes) -> Result<DynamicMessage, Status> {
    DynamicMessage::decode(descriptor, message).map_err(|error| internal(error.to_string()))
}
