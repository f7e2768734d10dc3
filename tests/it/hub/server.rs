//! Fake hub with one model. It serves small files itself and, like the real one, redirects requests for weights to
//! another host.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio_stream::StreamExt;

/// Commit of the revision `main`.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const TAGGED: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Paths and contents of the files in a repository.
pub type Files = &'static [(&'static str, &'static str)];

/// Configuration of a supported transformer.
pub const CONFIG: &str = include_str!("../../data/models/bert-random-tied/config.json");
/// Tokenizer of that transformer.
pub const TOKENIZER: &str = include_str!("../../data/models/bert-random-tied/tokenizer.json");
pub const MODULES: &str = r#"[
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.MLMTransformer"},
    {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": "sentence_transformers.models.SpladePooling"}]"#;

/// Files of the default repository.
pub const MODEL: [(&str, &str); 9] = [
    ("1_SpladePooling/config.json", "{\"pooling_strategy\": \"max\"}"),
    ("config.json", CONFIG),
    ("README.md", "not needed"),
    ("model.safetensors", "the weights of the model"),
    ("tokenizer.json", TOKENIZER),
    ("onnx/model.onnx", "not needed"),
    ("modules.json", MODULES),
    ("checkpoint-500/model.safetensors", "not needed"),
    ("config_sentence_transformers.json", r#"{"model_type": "SparseEncoder"}"#),
];

/// SHA-256 of the weights; the hub names large files by their hash.
const WEIGHTS_SHA256: &str = "e6202dea401e05dbe6203d4d5603b7e7d06620002137a7f7d5b456a50cbffd6c";

/// Fault injected into the host of large files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    None,
    /// Breaks the connection after 10 bytes.
    Cut,
    /// Ends the response cleanly after 10 bytes.
    Short,
    /// Sends wrong bytes of the right length.
    Garbled,
}

#[derive(Clone)]
pub struct Hub {
    files: Files,
    token: Option<&'static str>,
    fault: Fault,
    sizes: bool,
    state: Arc<Mutex<Seen>>,
    large_files: String,
}

/// Requests that the hub has received.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub paths: Vec<String>,
    pub ranges: Vec<String>,
    /// Number of requests with the correct token.
    pub authorized: usize,
    mended: bool,
    broken: bool,
}

impl Hub {
    pub fn new() -> Self {
        let (state, large_files) = (Arc::default(), String::new());
        Self { files: &MODEL, token: None, fault: Fault::None, sizes: true, state, large_files }
    }

    /// Replaces the files of the repository.
    pub fn of(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// Omits sizes from the list of files, as some mirrors do.
    pub fn without_sizes(self) -> Self {
        Self { sizes: false, ..self }
    }

    /// Requires the token for every request.
    pub fn gated(self, token: &'static str) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Injects a fault into the host of large files until [`Self::repair`] is called.
    pub fn failing(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    /// Serves on free ports and returns the hub's address.
    pub async fn serve(mut self) -> (Self, String) {
        let large_files = Router::new().route("/weights", get(weights)).with_state(self.clone());
        self.large_files = spawn(large_files).await;
        let hub = Router::new()
            .route("/api/models/{org}/{name}/revision/{revision}", get(info))
            .route("/{org}/{name}/resolve/{revision}/{*file}", get(resolve))
            .layer(from_fn_with_state(self.clone(), admit))
            .with_state(self.clone());
        let endpoint = spawn(hub).await;
        (self, endpoint)
    }

    /// Removes the fault: large files arrive complete.
    pub fn repair(&self) {
        self.with_seen(|seen| seen.mended = true);
    }

    /// Makes the hub respond with status 503.
    pub fn break_down(&self) {
        self.with_seen(|seen| seen.broken = true);
    }

    pub fn seen(&self) -> Seen {
        self.with_seen(|seen| seen.clone())
    }

    fn with_seen<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn spawn(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn admit(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorized = hub.token.is_none_or(|wanted| token == Some(&format!("Bearer {wanted}")));
    let broken = hub.with_seen(|seen| {
        seen.paths.push(request.uri().path().to_owned());
        seen.authorized += usize::from(token.is_some() && authorized);
        seen.broken
    });
    match (broken, authorized) {
        (true, _) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        (_, false) => StatusCode::UNAUTHORIZED.into_response(),
        (_, true) => next.run(request).await,
    }
}

fn commit(revision: &str) -> Option<&'static str> {
    match revision {
        "main" | COMMIT => Some(COMMIT),
        "v1" | TAGGED => Some(TAGGED),
        _ => None,
    }
}

async fn info(
    State(hub): State<Hub>,
    Path((_, name, revision)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(sha) = commit(&revision).filter(|_| name == "tiny") else { return StatusCode::NOT_FOUND.into_response() };
    let sizes = hub.sizes && query.is_some_and(|query| query == "blobs=true");
    let sibling = |(name, content): &(&str, &str)| match sizes {
        true => json!({"rfilename": name, "size": content.len()}),
        false => json!({"rfilename": name}),
    };
    let siblings: Vec<_> = hub.files.iter().map(sibling).collect();
    Json(json!({"sha": sha, "siblings": siblings})).into_response()
}

async fn resolve(
    State(hub): State<Hub>,
    Path((_, _, revision, file)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let content = hub.files.iter().find(|(name, _)| *name == file).map(|(_, content)| *content);
    let (Some(commit), Some(content)) = (commit(&revision), content) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let commit = [("x-repo-commit", commit)];
    if file == "model.safetensors" {
        let etag = format!("\"{WEIGHTS_SHA256}\"");
        let location = format!("{}/weights", hub.large_files);
        let headers = [("x-linked-etag", etag), ("location", location)];
        return (StatusCode::FOUND, commit, headers).into_response();
    }
    let etag = [("etag", format!("\"{}\"", file.replace('/', "-")))];
    (commit, etag, part(content, content, &headers)).into_response()
}

/// Serves the weights as the host of large files.
async fn weights(State(hub): State<Hub>, headers: HeaderMap) -> Response {
    let range = range(&headers);
    let mended = hub.with_seen(|seen| {
        seen.ranges.push(range.clone());
        seen.mended
    });
    let content = MODEL[3].1;
    let is_probe = range == "bytes=0-0";
    match hub.fault {
        _ if mended || is_probe => part(content, content, &headers),
        Fault::None => part(content, content, &headers),
        Fault::Short => part(&content[..10], content, &headers),
        Fault::Garbled => part(&content.to_uppercase(), content, &headers),
        Fault::Cut => {
            let pieces = [Ok(Bytes::from(&content[..10])), Err(io::Error::other("the connection breaks"))];
            // A pause before each chunk lets the previous one be written to the socket.
            let pieces = tokio_stream::iter(pieces).then(|piece| async {
                yield_now().await;
                piece
            });
            let body = Body::from_stream(pieces);
            ([(header::CONTENT_LENGTH, content.len())], body).into_response()
        }
    }
}

fn range(headers: &HeaderMap) -> String {
    headers.get(header::RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default().to_owned()
}

/// Returns the requested range of `content`, with the total length of `whole`.
fn part(content: &str, whole: &str, headers: &HeaderMap) -> Response {
    let range = range(headers);
    let (start, end) = range.trim_start_matches("bytes=").split_once('-').unwrap_or_default();
    let start: usize = start.parse().unwrap_or(0);
    let end = end.parse().map_or(content.len(), |end: usize| end + 1);
    let content_range = format!("bytes {start}-{}/{}", end - 1, whole.len());
    (StatusCode::PARTIAL_CONTENT, [("content-range", content_range)], content[start..end].to_owned()).into_response()
}
