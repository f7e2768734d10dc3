//! A body of lines as the messages of a stream.
//!
//! A line that can't be read must not end the stream, and must keep its number in it. In its place goes an item that
//! the service can't read either. The service numbers it and rejects it, so what it says of the stream's progress is
//! right for the lines; the error of the line replaces the service's on its way back.

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

use super::frames::framed;
use super::internal_error::internal;
use super::json_decode::{read_operation, read_string};
use super::lines::{Line, Lines};
use super::method::Item;
use super::offload::offload;
use super::parameters::Parameters;
use crate::grpc::bounds::MAX_POSITION_BYTES;
use crate::proto::Operation;
use crate::proto::operation::Kind;
use crate::types::{Fault, Reason};

/// Neither a message nor UTF-8.
const UNREADABLE: Bytes = Bytes::from_static(&[0xff]);
/// Maximum size of an item's key and length in a message.
const ITEM_HEAD: usize = 8;

/// Message of a stream: every stream of the contract has these two fields.
#[derive(Clone, PartialEq, Message)]
struct Part {
    #[prost(bytes = "bytes", optional, tag = "1")]
    options: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
}

/// Errors of lines that can't be read, by their numbers, until their results come back. Bounded by the service, which
/// bounds the items in flight.
#[derive(Debug, Clone, Default)]
pub struct Refused(Arc<Mutex<BTreeMap<u64, Fault>>>);

impl Refused {
    /// Keeps the error of a line.
    pub fn put(&self, sequence: u64, fault: Fault) {
        self.0.lock().insert(sequence, fault);
    }

    /// Removes the error of a line and returns it.
    pub fn take(&self, sequence: u64) -> Option<Fault> {
        self.0.lock().remove(&sequence)
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// A line that can't be read.
#[derive(Debug)]
struct Unreadable {
    fault: Box<Fault>,
    /// What the service gets in its place.
    placeholder: Bytes,
}

/// Lines on their way to a stream.
pub struct Upload {
    pub lines: Lines,
    pub item: Item,
    pub refused: Refused,
    /// Maximum size of a message.
    pub max_message_bytes: usize,
    /// Number of the next line.
    pub next_sequence: u64,
    /// Told when the body has begun, if the client waits for `100 Continue` before it sends any.
    pub continued: Option<oneshot::Sender<()>>,
}

impl Upload {
    /// Returns the body of the stream's call. It begins with the options; if they are invalid, it ends with their
    /// error.
    pub fn body(mut self, parameters: Result<Parameters, Status>) -> Body {
        let max = self.max_message_bytes;
        let first = parameters.and_then(|Parameters { options, first_sequence }| {
            self.next_sequence = first_sequence;
            frames([Part { options: Some(options), items: Vec::new() }], max)
        });
        let parts =
            stream::try_unfold(self, async |mut upload: Self| Ok(upload.next().await?.map(|part| (part, upload))));
        Body::from_stream(stream::iter([first]).chain(parts))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let lines = self.lines.next().await?;
        if let Some(continued) = self.continued.take() {
            // Nobody may wait for it.
            let _told = continued.send(());
        }
        let Some(lines) = lines else { return Ok(None) };
        let bytes = lines.iter().map(|line| if let Line::Whole(line) = line { line.len() } else { 0 }).sum();
        let (item, max) = (self.item.clone(), self.max_message_bytes);
        let items =
            offload(bytes, move || lines.into_iter().map(|line| item.read(&line, max)).collect::<Vec<_>>()).await?;
        let items = items.into_iter().map(|item| {
            let sequence = self.next_sequence;
            // The service refuses a first number that is so large.
            self.next_sequence = sequence.saturating_add(1);
            item.unwrap_or_else(|Unreadable { fault, placeholder }| {
                self.refused.put(sequence, *fault);
                placeholder
            })
        });
        frames(packed(items, max), max).map(Some)
    }
}

impl Item {
    /// Reads a line as an item of a message.
    fn read(&self, line: &Line, max: usize) -> Result<Bytes, Unreadable> {
        let read = match (self, line) {
            (_, Line::TooLong) => Err(too_long("the line", max)),
            (Self::Operation(operation), Line::Whole(json)) => {
                let mut wire = Vec::new();
                read_operation(operation, json, &mut wire).map(|()| Bytes::from(wire))
            }
            (Self::Text, Line::Whole(json)) => read_string(json).map(Bytes::from),
        };
        let read = read.and_then(|item| match item.len().saturating_add(ITEM_HEAD) > max {
            true => Err(too_long("what the line holds", max)),
            false => Ok(item),
        });
        read.map_err(|fault| Unreadable {
            // The reason with which the service refuses the placeholder.
            fault: Box::new(match self {
                Self::Operation(_) => Fault { reason: Reason::MalformedDocument, ..fault },
                Self::Text => fault,
            }),
            placeholder: match self {
                Self::Operation(_) => unreadable_operation(line).into(),
                Self::Text => UNREADABLE,
            },
        })
    }
}

/// Returns an operation whose document can't be decoded. It has the line's position, if that can be read, because the
/// position of the last final operation is what a client may resume from.
fn unreadable_operation(line: &Line) -> Vec<u8> {
    #[derive(Default, Deserialize)]
    struct Positioned {
        #[serde(default)]
        position: Option<String>,
    }
    let positioned: Option<Positioned> = match line {
        Line::Whole(json) if json.trim_ascii_start().starts_with(b"{") => serde_json::from_slice(json).ok(),
        Line::Whole(_) | Line::TooLong => None,
    };
    let position = positioned.unwrap_or_default().position.filter(|position| position.len() <= MAX_POSITION_BYTES);
    Operation { kind: Some(Kind::Upsert(UNREADABLE)), position: position.unwrap_or_default() }.encode_to_vec()
}

fn too_long(what: &str, max: usize) -> Fault {
    let message =
        format!("{what} has more bytes than the {max} that are taken; split it, or raise --max-message-bytes");
    Fault::new(Reason::InvalidArgument, "", message)
}

/// Packs items into as few messages as possible, of at most `max` bytes each.
fn packed(items: impl Iterator<Item = Bytes>, max: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut room = 0;
    for item in items {
        let bytes = item.len() + ITEM_HEAD;
        match parts.last_mut().filter(|_| bytes <= room) {
            Some(part) => {
                part.items.push(item);
                room -= bytes;
            }
            None => {
                parts.push(Part { options: None, items: vec![item] });
                room = max.saturating_sub(bytes);
            }
        }
    }
    parts
}

fn frames(parts: impl IntoIterator<Item = Part>, max: usize) -> Result<Bytes, Status> {
    let mut frames = BytesMut::new();
    for part in parts {
        let encode = |wire: &mut Vec<u8>| part.encode(wire).map_err(|error| internal(error.to_string()));
        frames.extend_from_slice(&framed(max, encode)?);
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

    fn operations() -> Item {
        Item::Operation(json_decode::Operation::new(message("Operation")).unwrap())
    }

    fn line(json: &str) -> Line {
        Line::Whole(Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn a_part_is_a_message_of_the_contract() {
        let item = operations().read(&line(r#"{"id": 7, "text": "a"}"#), 1_000).unwrap();
        let part = Part { options: Some(Bytes::new()), items: vec![item] };
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
    fn placeholders_can_not_be_read_and_keep_the_position() {
        Document::decode(UNREADABLE).unwrap_err();
        str::from_utf8(&UNREADABLE).unwrap_err();
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
            let Unreadable { fault, placeholder } = operations().read(&line(json), 1_000).unwrap_err();
            assert_eq!(fault.reason, Reason::MalformedDocument, "{json}");
            let operation = Operation::decode(placeholder).unwrap();
            assert_eq!((&*operation.position, operation.kind), (position, Some(Kind::Upsert(UNREADABLE))), "{json}");
        }
        let Unreadable { fault, placeholder } = Item::Text.read(&line("7"), 1_000).unwrap_err();
        assert_eq!((fault.reason, placeholder), (Reason::InvalidArgument, UNREADABLE));
    }

    proptest! {
        #[test]
        fn messages_are_full_and_none_is_too_long(sizes in prop::collection::vec(0_usize..40, 0..40)) {
            const MAX: usize = 50;
            let items: Vec<_> = sizes.iter().map(|&size| Bytes::from(vec![7; size])).collect();
            let parts = packed(items.clone().into_iter(), MAX);
            prop_assert!(parts.iter().all(|part| part.encoded_len() <= MAX));
            prop_assert_eq!(parts.into_iter().flat_map(|part| part.items).collect::<Vec<_>>(), items);
        }
    }
}
