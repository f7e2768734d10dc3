//! gRPC framing of messages: 1 byte of flags, 4 bytes of length (big-endian), and the message.

use std::pin::Pin;

use axum::body::Body;
use axum::response::Response;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::Body as HttpBody;
use tonic::{Code, Status};

use super::internal_error::internal_error;

const HEADER_BYTES: usize = 5;

/// Returns a frame with the message that `write` appends.
///
/// # Errors
/// The errors of `write`; `OUT_OF_RANGE` if the message has more than `max_bytes` bytes.
pub fn encode_frame(max_bytes: usize, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Status>) -> Result<Bytes, Status> {
    // The flags stay 0 (not compressed); the length is filled in when it is known.
    let mut frame = vec![0; HEADER_BYTES];
    write(&mut frame)?;
    let length = frame.len() - HEADER_BYTES;
    let frame_length = u32::try_from(length).ok().filter(|_| length <= max_bytes);
    let frame_length = frame_length.ok_or_else(|| {
        Status::out_of_range(format!(
            "the message has {length} bytes, more than the maximum of {max_bytes}; send less, or raise --max-message-bytes"
        ))
    })?;
    if let Some(length_bytes) = frame.get_mut(1..HEADER_BYTES) {
        length_bytes.copy_from_slice(&frame_length.to_be_bytes());
    }
    Ok(frame.into())
}

/// Messages of a gRPC response, followed by its status.
#[derive(Debug)]
pub struct ResponseMessages {
    body: Body,
    buffer: BytesMut,
    /// Status in the headers of a response without a body.
    status: Option<Status>,
}

impl ResponseMessages {
    pub fn new(response: Response) -> Self {
        let status = Status::from_header_map(response.headers());
        Self { body: response.into_body(), buffer: BytesMut::new(), status }
    }

    /// Returns the next message; `None` if the call has ended with `OK`.
    ///
    /// # Errors
    /// The status of a call that has failed.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        if let Some(status) = self.status.take() {
            return finish(status);
        }
        loop {
            if let Some(message) = self.take_message() {
                return Ok(Some(message));
            }
            let frame = std::future::poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await;
            let Some(frame) = frame else { return Err(internal_error("the response of the service has no trailers")) };
            match frame.map_err(|error| internal_error(error.to_string()))?.into_data() {
                Ok(data) => self.buffer.put(data),
                Err(frame) => {
                    let status = frame.trailers_ref().and_then(Status::from_header_map);
                    return finish(
                        status.unwrap_or_else(|| internal_error("the response of the service has no status")),
                    );
                }
            }
        }
    }

    /// Removes and returns the first message of the buffer if it is complete.
    fn take_message(&mut self) -> Option<Bytes> {
        let mut header = self.buffer.get(1..HEADER_BYTES)?;
        let length = header.get_u32() as usize;
        if self.buffer.len() < HEADER_BYTES + length {
            return None;
        }
        self.buffer.advance(HEADER_BYTES);
        Some(self.buffer.split_to(length).freeze())
    }
}

fn finish(status: Status) -> Result<Option<Bytes>, Status> {
    if status.code() == Code::Ok { Ok(None) } else { Err(status) }
}
