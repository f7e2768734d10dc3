//! Conversion of a body of lines to the request messages of a stream.
//!
//! An invalid line must not end the stream, and still consumes a sequence number. It is replaced by a placeholder, an item that
//! the service can't decode: the service numbers and rejects it, so the progress that it reports is correct for the lines. In
//! the response, the error of the line replaces the error of the placeholder.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use prost::Message;
use serde::Deserialize;
use tokio::sync::oneshot;
use tonic::Status;

use super::frames::encode_frame;
use super::internal_error::internal_error;
use super::json_decode::{decode_operation, decode_string};
use super::lines::{BodyLineReader, InputLine};
use super::method::StreamItem;
use super::offload::offload;
use super::parameters::StreamParameters;
use crate::grpc::bounds::MAX_POSITION_BYTES;
use crate::proto::Operation;
use crate::proto::operation::Kind;
use crate::types::{ApiError, ErrorReason};

/// Placeholder of an item: neither a valid message nor UTF-8.
const UNREADABLE_ITEM: Bytes = Bytes::from_static(&[0xff]);
/// Maximum size of the field key and the length of an item in a message.
const MAX_ITEM_HEADER_BYTES: usize = 8;

/// Request message of a stream: the common fields of all streams of the API.
#[derive(Clone, PartialEq, Message)]
struct StreamMessage {
    #[prost(bytes = "bytes", optional, tag = "1")]
    options: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
}

/// Errors of invalid lines by sequence number, kept until the service returns their results. The size is bounded, because the
/// service bounds the items in flight.
#[derive(Debug, Clone, Default)]
pub struct RejectedLines(Arc<Mutex<BTreeMap<u64, ApiError>>>);

impl RejectedLines {
    /// Stores the error of a line.
    pub fn insert(&self, sequence: u64, error: ApiError) {
        self.0.lock().insert(sequence, error);
    }

    /// Removes and returns the error of a line.
    pub fn remove(&self, sequence: u64) -> Option<ApiError> {
        self.0.lock().remove(&sequence)
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// Invalid line.
#[derive(Debug)]
struct UnreadableLine {
    error: Box<ApiError>,
    /// Item that is passed to the service instead of the line.
    placeholder: Bytes,
}

/// Converter of lines to the body of a streaming call.
pub struct Upload {
    pub lines: BodyLineReader,
    pub item: StreamItem,
    pub rejected_lines: RejectedLines,
    /// Maximum size of a request message.
    pub max_message_bytes: usize,
    /// Sequence number of the next line.
    pub next_sequence: u64,
    /// Notified at the first line of the body, if the client waits for `100 Continue`.
    pub continue_sender: Option<oneshot::Sender<()>>,
}

impl Upload {
    /// Returns the body of the call, which begins with the options. If they are invalid, it ends with their error.
    pub fn body(mut self, parameters: Result<StreamParameters, Status>) -> Body {
        let max_bytes = self.max_message_bytes;
        let first = parameters.and_then(|StreamParameters { options, first_sequence }| {
            self.next_sequence = first_sequence;
            encode_frames([StreamMessage { options: Some(options), items: Vec::new() }], max_bytes)
        });
        let body_frames = stream::try_unfold(self, async |mut upload: Self| {
            Ok(upload.next_frames().await?.map(|frames| (frames, upload)))
        });
        Body::from_stream(stream::iter([first]).chain(body_frames))
    }

    async fn next_frames(&mut self) -> Result<Option<Bytes>, Status> {
        let lines = self.lines.next_batch().await?;
        if let Some(continue_sender) = self.continue_sender.take() {
            // An error means that the receiver is gone because the call has ended.
            let _sent = continue_sender.send(());
        }
        let Some(lines) = lines else { return Ok(None) };
        let bytes = lines.iter().map(|line| if let InputLine::Complete(line) = line { line.len() } else { 0 }).sum();
        let (item, max_bytes) = (self.item.clone(), self.max_message_bytes);
        let items = offload(bytes, move || {
            lines.into_iter().map(|line| item.decode_line(&line, max_bytes)).collect::<Vec<_>>()
        })
        .await?;
        let items = items.into_iter().map(|item| {
            let sequence = self.next_sequence;
            // Never saturates: the service refuses a `first_sequence` large enough for an overflow.
            self.next_sequence = sequence.saturating_add(1);
            item.unwrap_or_else(|UnreadableLine { error, placeholder }| {
                self.rejected_lines.insert(sequence, *error);
                placeholder
            })
        });
        encode_frames(pack_items(items, max_bytes), max_bytes).map(Some)
    }
}

impl StreamItem {
    /// Decodes a line as an item of a request message.
    fn decode_line(&self, line: &InputLine, max_bytes: usize) -> Result<Bytes, UnreadableLine> {
        let decoded = match (self, line) {
            (_, InputLine::TooLong) => Err(too_long_error("the line", max_bytes)),
            (Self::Operation(operation), InputLine::Complete(json)) => {
                let mut wire = Vec::new();
                decode_operation(operation, json, &mut wire).map(|()| Bytes::from(wire))
            }
            (Self::Text, InputLine::Complete(json)) => decode_string(json).map(Bytes::from),
        };
        let decoded = decoded.and_then(|item| match item.len().saturating_add(MAX_ITEM_HEADER_BYTES) > max_bytes {
            true => Err(too_long_error("the item of the line", max_bytes)),
            false => Ok(item),
        });
        decoded.map_err(|error| UnreadableLine {
            // Must equal the reason with which the service rejects the placeholder, see `LineResponder::insert_error`.
            error: Box::new(match self {
                Self::Operation(_) => ApiError { reason: ErrorReason::MalformedDocument, ..error },
                Self::Text => error,
            }),
            placeholder: match self {
                Self::Operation(_) => build_unreadable_operation(line).into(),
                Self::Text => UNREADABLE_ITEM,
            },
        })
    }
}

/// Returns an operation whose document can't be decoded. It keeps the position of the line, if this can be decoded, because
/// clients resume from the position of the last final operation.
fn build_unreadable_operation(line: &InputLine) -> Vec<u8> {
    #[derive(Default, Deserialize)]
    struct LinePosition {
        #[serde(default)]
        position: Option<String>,
    }
    let line_position: Option<LinePosition> = match line {
        InputLine::Complete(json) if json.trim_ascii_start().starts_with(b"{") => serde_json::from_slice(json).ok(),
        InputLine::Complete(_) | InputLine::TooLong => None,
    };
    let position = line_position.unwrap_or_default().position.filter(|position| position.len() <= MAX_POSITION_BYTES);
    Operation { kind: Some(Kind::Upsert(UNREADABLE_ITEM)), position: position.unwrap_or_default() }.encode_to_vec()
}

fn too_long_error(subject: &str, max_bytes: usize) -> ApiError {
    let message =
        format!("{subject} has more than the maximum of {max_bytes} bytes; split it, or raise --max-message-bytes");
    ApiError::new(ErrorReason::InvalidArgument, "", message)
}

/// Packs items into messages of at most `max_bytes` bytes each.
fn pack_items(items: impl Iterator<Item = Bytes>, max_bytes: usize) -> Vec<StreamMessage> {
    let mut messages: Vec<StreamMessage> = Vec::new();
    let mut remaining_bytes = 0;
    for item in items {
        let bytes = item.len() + MAX_ITEM_HEADER_BYTES;
        match messages.last_mut().filter(|_| bytes <= remaining_bytes) {
            Some(message) => {
                message.items.push(item);
                remaining_bytes -= bytes;
            }
            None => {
                messages.push(StreamMessage { options: None, items: vec![item] });
                remaining_bytes = max_bytes.saturating_sub(bytes);
            }
        }
    }
    messages
}

fn encode_frames(messages: impl IntoIterator<Item = StreamMessage>, max_bytes: usize) -> Result<Bytes, Status> {
    let mut frames = BytesMut::new();
    for message in messages {
        let encode = |wire: &mut Vec<u8>| message.encode(wire).map_err(|error| internal_error(error.to_string()));
        frames.extend_from_slice(&encode_frame(max_bytes, encode)?);
    }
    Ok(frames.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::contract::message;
    use super::super::json_decode;
    use super::*;
    use crate::proto::{Document, IngestRequest};

    fn operations() -> StreamItem {
        StreamItem::Operation(json_decode::OperationDescriptors::new(message("Operation")).unwrap())
    }

    fn line(json: &str) -> InputLine {
        InputLine::Complete(Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn stream_messages_are_messages_of_the_api() {
        let item = operations().decode_line(&line(r#"{"id": 7, "text": "a"}"#), 1_000).unwrap();
        let part = StreamMessage { options: Some(Bytes::new()), items: vec![item] };
        let request = IngestRequest::decode(part.encode_to_vec().as_slice()).unwrap();
        assert!(request.options.is_some());
        let Some(Kind::Upsert(document)) = Operation::decode(request.operations[0].clone()).unwrap().kind else {
            panic!("{request:?}")
        };
        let document = Document::decode(document).unwrap();
        assert_eq!(
            (document.text.as_str(), document.id.unwrap().kind),
            ("a", Some(crate::proto::document_id::Kind::Num(7)))
        );
    }

    #[test]
    fn placeholders_are_invalid_and_keep_the_position() {
        Document::decode(UNREADABLE_ITEM).unwrap_err();
        str::from_utf8(&UNREADABLE_ITEM).unwrap_err();
        let long = format!("{{\"position\": \"{}\", \"upsert\": 7}}", "7".repeat(MAX_POSITION_BYTES + 1));
        for (json, position) in [
            (r#"{"upsert": {"txt": "a"}, "position": "0/16B3748"}"#, "0/16B3748"),
            (r#"{"position": "7", "text": "a"}"#, "7"),
            (r#"{"position": 7, "upsert": {}}"#, ""),
            (r#"{"position": "7", "upsert": }"#, ""),
            (r#"["7"]"#, ""),
            ("nonsense", ""),
            (&long, ""),
        ] {
            let UnreadableLine { error, placeholder } = operations().decode_line(&line(json), 1_000).unwrap_err();
            assert_eq!(error.reason, ErrorReason::MalformedDocument, "{json}");
            let operation = Operation::decode(placeholder).unwrap();
            assert_eq!(
                (&*operation.position, operation.kind),
                (position, Some(Kind::Upsert(UNREADABLE_ITEM))),
                "{json}"
            );
        }
        let UnreadableLine { error, placeholder } = StreamItem::Text.decode_line(&line("7"), 1_000).unwrap_err();
        assert_eq!((error.reason, placeholder), (ErrorReason::InvalidArgument, UNREADABLE_ITEM));
    }

    proptest! {
        #[test]
        fn messages_are_full_and_none_is_too_long(sizes in prop::collection::vec(0_usize..40, 0..40)) {
            const MAX: usize = 50;
            let items: Vec<_> = sizes.iter().map(|&size| Bytes::from(vec![7; size])).collect();
            let parts = pack_items(items.clone().into_iter(), MAX);
            prop_assert!(parts.iter().all(|part| part.encoded_len() <= MAX));
            prop_assert_eq!(parts.into_iter().flat_map(|part| part.items).collect::<Vec<_>>(), items);
        }
    }
}
