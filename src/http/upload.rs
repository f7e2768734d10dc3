//! A body of lines as the messages of a stream.
//!
//! A line that is no item must not end the stream, and must have its number in it. In its place goes an item that the
//! service can't read either, and refuses with the same reason; what was wrong with the line is put into that refusal on
//! its way back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use prost::Message;
use tonic::Status;

use super::frames::framed;
use super::json::{internal, read, read_string, turn_over};
use super::lines::{Line, Lines};
use super::method::Item;
use crate::types::{Fault, Reason};

/// What is no message, and no UTF-8.
const UNREADABLE: Bytes = Bytes::from_static(&[0xff]);
/// What an item has beside its bytes in a message, at most.
const ITEM_HEAD: usize = 8;

/// A message of a stream, as all streams of the contract have it.
#[derive(Clone, PartialEq, Message)]
struct Part {
    #[prost(bytes = "bytes", optional, tag = "1")]
    options: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
}

/// What was wrong with lines of a stream, by their numbers, until their results come by. It is bounded as they are.
#[derive(Debug, Clone, Default)]
pub struct Refused(Arc<Mutex<BTreeMap<u64, Fault>>>);

impl Refused {
    fn put(&self, sequence: u64, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sequence, fault);
    }

    /// What was wrong with a line, once.
    pub fn take(&self, sequence: u64) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&sequence)
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Lines on their way to a stream.
pub struct Upload {
    pub lines: Lines,
    pub item: Item,
    pub refused: Refused,
    /// The most bytes of one message.
    pub max_message_bytes: usize,
    /// The number of the last line.
    pub sequence: u64,
}

impl Upload {
    /// The body of the stream's call. It begins with the options, or ends at once with what is wrong with them.
    pub fn body(self, options: Result<Bytes, Status>) -> Body {
        let max = self.max_message_bytes;
        let first = options.and_then(|options| frames([Part { options: Some(options), items: Vec::new() }], max));
        let parts =
            stream::try_unfold(self, async |mut upload: Self| Ok(upload.next().await?.map(|part| (part, upload))));
        Body::from_stream(stream::iter([first]).chain(parts))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(lines) = self.lines.next().await? else { return Ok(None) };
        let bytes = lines.iter().map(|line| if let Line::Whole(line) = line { line.len() } else { 0 }).sum();
        let (item, max) = (self.item.clone(), self.max_message_bytes);
        let items =
            turn_over(bytes, move || lines.into_iter().map(|line| item.read(line, max)).collect::<Vec<_>>()).await?;
        let items = items.into_iter().map(|item| {
            self.sequence += 1;
            item.unwrap_or_else(|fault| {
                self.refused.put(self.sequence, fault);
                UNREADABLE
            })
        });
        frames(packed(items, max), max).map(Some)
    }
}

impl Item {
    /// What a line holds, as it is in a message.
    fn read(&self, line: Line, max: usize) -> Result<Bytes, Fault> {
        let read = match (self, line) {
            (_, Line::TooLong) => Err(too_long("the line", max)),
            (Self::Message(message), Line::Whole(json)) => {
                let mut wire = Vec::new();
                read(message, &json, &mut wire).map(|()| Bytes::from(wire))
            }
            (Self::Text, Line::Whole(json)) => read_string(&json).map(Bytes::from),
        };
        let read = read.and_then(|item| match item.len().saturating_add(ITEM_HEAD) > max {
            true => Err(too_long("what the line holds", max)),
            false => Ok(item),
        });
        // The service has the same reason for what goes in its place.
        read.map_err(|fault| match self {
            Self::Message(_) => Fault { reason: Reason::MalformedDocument, ..fault },
            Self::Text => fault,
        })
    }
}

fn too_long(what: &str, max: usize) -> Fault {
    let message =
        format!("{what} has more bytes than the {max} that are taken; split it, or raise --max-message-bytes");
    Fault::new(Reason::InvalidArgument, "", message)
}

/// As few messages as there must be, each with so many bytes at most.
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

    use super::super::contract::pool;
    use super::*;
    use crate::proto::{Document, IngestRequest};

    #[test]
    fn a_part_is_a_message_of_the_contract() {
        let item = Item::Message(pool().get_message_by_name("splade.v1.Document").unwrap());
        let line = Line::Whole(Bytes::from_static(br#"{"id": {"num": 7}, "text": "a"}"#));
        let part = Part { options: Some(Bytes::new()), items: vec![item.read(line, 1_000).unwrap()] };
        let request = IngestRequest::decode(part.encode_to_vec().as_slice()).unwrap();
        assert!(request.options.is_some());
        let document = Document::decode(request.documents[0].clone()).unwrap();
        assert_eq!(
            (document.text.as_str(), document.id.unwrap().kind),
            ("a", Some(crate::proto::document_id::Kind::Num(7)))
        );
    }

    #[test]
    fn the_place_of_a_bad_line_can_not_be_read() {
        Document::decode(UNREADABLE).unwrap_err();
        str::from_utf8(&UNREADABLE).unwrap_err();
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
