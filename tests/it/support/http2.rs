//! A raw HTTP/2 client for misbehaving callers: it writes frames (RFC 9113) with literal headers (RFC 7541).

use std::net::SocketAddr;

use tokio::io::{AsyncWriteExt, Result};
use tokio::net::TcpStream;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_HEADERS: u8 = 4;
/// Id of the first stream that a client opens.
const STREAM: u32 = 1;

/// A gRPC call on a separate connection. Data from the server is never read.
pub struct RawCall {
    socket: TcpStream,
}

impl RawCall {
    pub async fn open(server: SocketAddr, path: &str) -> Result<Self> {
        let mut socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "test"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        let headers: Vec<u8> = headers.iter().flat_map(|(name, value)| encode_literal_header(name, value)).collect();
        socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        socket.write_all(&encode_frame(SETTINGS, 0, 0, &[])).await?;
        socket.write_all(&encode_frame(HEADERS, END_HEADERS, STREAM, &headers)).await?;
        Ok(Self { socket })
    }

    /// Sends bytes as one DATA frame.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(&encode_frame(DATA, 0, STREAM, bytes)).await
    }

    /// Sends the prefix of a gRPC message that announces `length` bytes.
    pub async fn begin_message(&mut self, length: u32) -> Result<()> {
        let [a, b, c, d] = length.to_be_bytes();
        self.send(&[0, a, b, c, d]).await
    }
}

fn encode_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    let head = [&[a, b, c, kind, flags], &stream.to_be_bytes()[..]].concat();
    [&head, payload].concat()
}

/// Encodes a literal header without indexing. Name and value must be shorter than 127 bytes.
fn encode_literal_header(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}
