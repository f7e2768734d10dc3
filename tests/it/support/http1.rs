//! HTTP/1.1 by hand: requests and answers piece by piece, and what no library would do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, Result, WriteHalf, split,
};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection, one half each way.
pub struct Client<S = TcpStream> {
    pub sender: Sender<S>,
    pub answers: Answers<S>,
}

/// What is sent.
pub struct Sender<S>(WriteHalf<S>);

/// What comes back.
pub struct Answers<S> {
    reader: BufReader<ReadHalf<S>>,
    left: Left,
}

/// How much of a body is to come.
enum Left {
    Bytes(usize),
    Chunks,
}

/// An answer's status and headers.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite> Client<S> {
    pub fn over(stream: S) -> Self {
        let (reader, writer) = split(stream);
        Self { sender: Sender(writer), answers: Answers { reader: BufReader::new(reader), left: Left::Bytes(0) } }
    }

    /// Sends a request with a body of this type, and gives the answer.
    pub async fn send(&mut self, verb: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let length = body.len().to_string();
        self.sender.head(verb, path, &[("content-type", kind), ("content-length", &length)]).await.unwrap();
        self.sender.raw(body).await.unwrap();
        self.answers.whole().await
    }

    pub async fn post(&mut self, path: &str, json: &Value) -> Answer {
        self.send("POST", path, "application/json", json.to_string().as_bytes()).await
    }
}

impl<S: AsyncWrite> Sender<S> {
    /// Sends a request up to its body.
    pub async fn head(&mut self, verb: &str, path: &str, headers: &[(&str, &str)]) -> Result<()> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.raw(format!("{verb} {path} HTTP/1.1\r\nhost: test\r\n{headers}\r\n").as_bytes()).await
    }

    pub async fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// Sends a chunk of a body that has `transfer-encoding: chunked`; the empty one is its last.
    pub async fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.raw(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()).await
    }
}

impl<S: AsyncRead> Answers<S> {
    /// The status and headers of the next answer.
    pub async fn head(&mut self) -> Head {
        let status = self.line().await.expect("the connection was closed");
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        while let Some((name, value)) = self.line().await.unwrap().split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        self.left = match headers.get("transfer-encoding") {
            Some(_) => Left::Chunks,
            None => Left::Bytes(headers.get("content-length").map_or(0, |length| length.parse().unwrap())),
        };
        Head { status, headers }
    }

    /// A piece of the body; empty at its end, `None` if the connection broke before that.
    pub async fn piece(&mut self) -> Option<Vec<u8>> {
        let length = match self.left {
            Left::Bytes(length) => length,
            Left::Chunks => usize::from_str_radix(&self.line().await?, 16).unwrap(),
        };
        let mut piece = vec![0; length];
        timeout(PATIENCE, self.reader.read_exact(&mut piece)).await.expect("nothing came").ok()?;
        match self.left {
            Left::Bytes(_) => self.left = Left::Bytes(0),
            Left::Chunks => assert_eq!(self.line().await?, ""),
        }
        Some(piece)
    }

    /// The rest of the body.
    pub async fn rest(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match self.piece().await? {
                piece if piece.is_empty() => return Some(body),
                piece => body.extend(piece),
            }
        }
    }

    pub async fn whole(&mut self) -> Answer {
        let Head { status, headers } = self.head().await;
        Answer { status, headers, body: self.rest().await.expect("the answer broke off") }
    }

    /// Whether the server has closed the connection, or cut it, without another word.
    pub async fn is_closed(&mut self) -> bool {
        self.line().await.is_none()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.reader.read_line(&mut line)).await.expect("nothing came");
        read.ok().filter(|&read| read > 0).map(|_| line.trim_end().to_owned())
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn lines(&self) -> Vec<Value> {
        lines(&self.body)
    }

    /// The JSON of a call that went well.
    pub fn ok(&self) -> Value {
        assert_eq!((self.status, self.headers["content-type"].as_str()), (200, "application/json"), "{}", self.json());
        self.json()
    }
}

/// Lines of JSON.
pub fn lines(body: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(body).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?} breaks off");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
