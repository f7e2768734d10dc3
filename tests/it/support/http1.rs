//! A raw HTTP/1.1 client that sends and reads chunk by chunk, and can send malformed requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, Result, WriteHalf, split,
};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection, split into its sending and its receiving half.
pub struct Http1Client<S = TcpStream> {
    pub sender: RequestSender<S>,
    pub responses: ResponseReader<S>,
}

/// The sending half of a connection.
pub struct RequestSender<S>(WriteHalf<S>);

/// The receiving half of a connection.
pub struct ResponseReader<S> {
    reader: BufReader<ReadHalf<S>>,
    remaining: RemainingBody,
}

/// The part of a body that has not been read yet.
enum RemainingBody {
    Bytes(usize),
    Chunks,
}

/// Status and headers of a response.
#[derive(Debug)]
pub struct ResponseHead {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
}

/// A complete response.
#[derive(Debug)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Http1Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::from_stream(TcpStream::connect(address).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite> Http1Client<S> {
    pub fn from_stream(stream: S) -> Self {
        let (reader, writer) = split(stream);
        Self {
            sender: RequestSender(writer),
            responses: ResponseReader { reader: BufReader::new(reader), remaining: RemainingBody::Bytes(0) },
        }
    }

    /// Sends a request with a body of this content type, and returns the response.
    pub async fn send(&mut self, method: &str, path: &str, content_type: &str, body: &[u8]) -> HttpResponse {
        let length = body.len().to_string();
        self.sender
            .send_head(method, path, &[("content-type", content_type), ("content-length", &length)])
            .await
            .unwrap();
        self.sender.send_raw(body).await.unwrap();
        self.responses.read_response().await
    }

    pub async fn post(&mut self, path: &str, json: &Value) -> HttpResponse {
        self.send("POST", path, "application/json", json.to_string().as_bytes()).await
    }
}

impl<S: AsyncWrite> RequestSender<S> {
    /// Sends the head of a request, without a body.
    pub async fn send_head(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<()> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send_raw(format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{headers}\r\n").as_bytes()).await
    }

    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// Sends one chunk of a body with `transfer-encoding: chunked`. An empty chunk ends the body.
    pub async fn send_chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.send_raw(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()).await
    }
}

impl<S: AsyncRead> ResponseReader<S> {
    /// Reads the status and headers of the next response.
    pub async fn read_head(&mut self) -> ResponseHead {
        let status = self.read_line().await.expect("the connection is open");
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        while let Some((name, value)) = self.read_line().await.unwrap().split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        self.remaining = match headers.get("transfer-encoding") {
            Some(_) => RemainingBody::Chunks,
            None => RemainingBody::Bytes(headers.get("content-length").map_or(0, |length| length.parse().unwrap())),
        };
        ResponseHead { status, headers }
    }

    /// Reads the next chunk of the body. It is empty at the end of the body, and `None` if the connection broke before.
    pub async fn read_chunk(&mut self) -> Option<Vec<u8>> {
        let length = match self.remaining {
            RemainingBody::Bytes(length) => length,
            RemainingBody::Chunks => usize::from_str_radix(&self.read_line().await?, 16).unwrap(),
        };
        let mut chunk = vec![0; length];
        timeout(TEST_TIMEOUT, self.reader.read_exact(&mut chunk)).await.expect("data before the timeout").ok()?;
        match self.remaining {
            RemainingBody::Bytes(_) => self.remaining = RemainingBody::Bytes(0),
            RemainingBody::Chunks => assert_eq!(self.read_line().await?, ""),
        }
        Some(chunk)
    }

    /// Reads the rest of the body.
    pub async fn read_remaining(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match self.read_chunk().await? {
                piece if piece.is_empty() => return Some(body),
                piece => body.extend(piece),
            }
        }
    }

    pub async fn read_response(&mut self) -> HttpResponse {
        let ResponseHead { status, headers } = self.read_head().await;
        HttpResponse { status, headers, body: self.read_remaining().await.expect("a complete body") }
    }

    /// Returns whether the server closed or reset the connection without sending more data.
    pub async fn is_closed(&mut self) -> bool {
        self.read_line().await.is_none()
    }

    async fn read_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(TEST_TIMEOUT, self.reader.read_line(&mut line)).await.expect("a line before the timeout");
        read.ok().filter(|&read| read > 0).map(|_| line.trim_end().to_owned())
    }
}

impl HttpResponse {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn lines(&self) -> Vec<Value> {
        parse_lines(&self.body)
    }

    /// Returns the JSON of a successful response.
    pub fn expect_ok(&self) -> Value {
        assert_eq!((self.status, self.headers["content-type"].as_str()), (200, "application/json"), "{}", self.json());
        self.json()
    }
}

/// Parses newline-delimited JSON.
pub fn parse_lines(body: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(body).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?} is truncated");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
