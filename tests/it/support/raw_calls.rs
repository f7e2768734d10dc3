//! gRPC calls with raw bytes as messages, for requests that no generated client sends.

use bytes::{Buf, BufMut, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// Sends the messages in one call of any kind, and returns the received messages and the final status.
///
/// On the wire, a unary call is a stream of one message in each direction.
pub async fn call(channel: Channel, method: &str, messages: Vec<Bytes>) -> (Vec<Bytes>, Result<(), Status>) {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path: PathAndQuery = format!("/{method}").parse().unwrap();
    let mut received = Vec::new();
    let mut responses = match grpc.streaming(Request::new(tokio_stream::iter(messages)), path, RawCodec).await {
        Ok(response) => response.into_inner(),
        Err(status) => return (received, Err(status)),
    };
    loop {
        match responses.message().await {
            Ok(Some(message)) => received.push(message),
            Ok(None) => return (received, Ok(())),
            Err(status) => return (received, Err(status)),
        }
    }
}

/// A codec that passes bytes through.
#[derive(Debug, Clone, Copy)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}
