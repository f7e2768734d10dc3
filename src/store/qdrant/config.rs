//! Where the server is, and who we are to it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Uri;

/// The port of Qdrant's gRPC protocol.
const GRPC_PORT: u16 = 6334;

/// How long a request of ours may stay on its way after its connection broke or its call was given up: in the socket
/// buffers of the server or of a gateway, or in a handler that has not yet queued it for the log. All of that is memory
/// copies and task switches, milliseconds on a server that answers other calls, which is why
/// [`super::QdrantStore::settled`] asks for that first. What waits for the log, or is in it, stays ahead of later writes,
/// however long it takes: Qdrant's queues are first come, first served. This is the bound that the order of writes relies
/// on: a gateway, or a connection between two nodes, that keeps a request for longer while it lets others through breaks
/// it.
///
/// See docs/adr/0035-qdrant-definite-and-unknown-outcomes.md.
const DEFAULT_SETTLE_TIME: Duration = Duration::from_secs(5);

/// How to reach a Qdrant server.
#[derive(Debug, Clone)]
pub struct QdrantConfig {
    pub url: QdrantUrl,
    pub api_key: Option<ApiKey>,
    /// How long one call may take, connecting included. Default: 60 s.
    pub timeout: Duration,
    /// How long connecting may take. Default: 5 s.
    pub connect_timeout: Duration,
    /// The shard key that every request carries. Collections must have been created with it. Default: none.
    pub shard_key: Option<String>,
    /// How long after a call that ended without an answer the server may still act on it, once it answers other calls:
    /// how long [`super::QdrantStore`] waits before it takes earlier writes for settled. Default: 5 s.
    pub settle_time: Duration,
}

impl QdrantConfig {
    /// The defaults for a server at `url`.
    pub fn new(url: QdrantUrl) -> Self {
        Self {
            url,
            api_key: None,
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            shard_key: None,
            settle_time: DEFAULT_SETTLE_TIME,
        }
    }

    /// The text without the API key, should a server repeat it.
    pub(super) fn redact(&self, text: String) -> String {
        match &self.api_key {
            Some(key) => text.replace(&key.0, "***"),
            None => text,
        }
    }
}

/// The URL of a server's gRPC port. `https://` means TLS; without a port, it is 6334.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QdrantUrl(Uri);

/// Why a text is no URL of a Qdrant server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; give the server's gRPC address, such as http://localhost:6334")]
pub struct InvalidQdrantUrl(String);

impl QdrantUrl {
    /// The URL; it holds no credentials.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// What to say beside a failed connection, where the port suggests the reason.
    pub(super) fn port_hint(&self) -> Option<&'static str> {
        (self.0.port_u16() == Some(6333)).then_some("6333 is usually Qdrant's REST port, and 6334 its gRPC port")
    }
}

impl FromStr for QdrantUrl {
    type Err = InvalidQdrantUrl;

    fn from_str(text: &str) -> Result<Self, InvalidQdrantUrl> {
        if text.contains('@') {
            // Not repeated: it may hold a password.
            return Err(InvalidQdrantUrl("the URL holds credentials, which belong in the API key".to_owned()));
        }
        let uri: Uri = text.parse().map_err(|error| InvalidQdrantUrl(format!("`{text}` is no URL ({error})")))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(InvalidQdrantUrl(format!("`{text}` does not begin with http:// or https://")));
        };
        if !matches!(scheme, "http" | "https") {
            return Err(InvalidQdrantUrl(format!("`{text}` begins with {scheme}:// instead of http:// or https://")));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(InvalidQdrantUrl(format!("`{text}` has more than a host and a port, which gRPC can't use")));
        }
        let port = uri.port_u16().unwrap_or(GRPC_PORT);
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        // `http` reads a port that is none as no port.
        if authority != host && authority != format!("{host}:{port}") {
            return Err(InvalidQdrantUrl(format!("`{text}` has a port that is not between 1 and 65535")));
        }
        let uri = format!("{scheme}://{host}:{port}").parse();
        uri.map(Self).map_err(|error| InvalidQdrantUrl(format!("`{text}` is no URL ({error})")))
    }
}

impl fmt::Display for QdrantUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.0.scheme_str(), self.0.authority());
        write!(f, "{}://{}", scheme.unwrap_or_default(), authority.map_or("", |authority| authority.as_str()))
    }
}

/// A secret that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// Why a text is no API key. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    #[error("the API key is empty; leave it out if the server wants none")]
    Empty,
    #[error("the API key holds a character that is not printable ASCII; look for a line break at its end")]
    Unprintable,
}

impl ApiKey {
    /// The key as a header, marked so that nothing that prints headers prints it.
    pub(super) fn to_header(&self) -> Option<MetadataValue<Ascii>> {
        let mut header = MetadataValue::try_from(&self.0).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

impl FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, InvalidApiKey> {
        if text.is_empty() {
            return Err(InvalidApiKey::Empty);
        }
        let key = Self(text.to_owned());
        let is_printable = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if is_printable && key.to_header().is_some() { Ok(key) } else { Err(InvalidApiKey::Unprintable) }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_completed() {
        for (given, meant) in [
            ("http://localhost:6334", "http://localhost:6334"),
            ("http://localhost:6334/", "http://localhost:6334"),
            ("http://localhost", "http://localhost:6334"),
            ("https://cloud.example:443", "https://cloud.example:443"),
            ("http://[::1]:7000", "http://[::1]:7000"),
        ] {
            let url: QdrantUrl = given.parse().unwrap();
            assert_eq!(url.to_string(), meant);
            assert_eq!(url.is_tls(), given.starts_with("https"));
        }
    }

    #[test]
    fn wrong_urls_are_explained() {
        for (given, reason) in [
            ("", "`` is no URL"),
            ("localhost:6334", "does not begin with http://"),
            ("localhost", "does not begin with http://"),
            ("ftp://localhost", "begins with ftp://"),
            ("http://local host", "is no URL"),
            ("http://localhost:99999", "a port that is not between"),
            ("http://localhost:", "a port that is not between"),
            ("http://localhost:6334/api", "more than a host and a port"),
            ("http://localhost:6334?x=1", "more than a host and a port"),
        ] {
            let message = given.parse::<QdrantUrl>().unwrap_err().to_string();
            assert!(message.contains(reason), "{given}: {message}");
            assert!(message.ends_with("such as http://localhost:6334"), "{message}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_not_repeated() {
        let error = "http://me:hunter2@localhost:6334".parse::<QdrantUrl>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn only_the_rest_port_gets_a_hint() {
        let hint = |url: &str| url.parse::<QdrantUrl>().unwrap().port_hint();
        assert!(hint("http://localhost:6333").unwrap().contains("6334"));
        assert_eq!(hint("http://localhost:6334"), None);
    }

    #[test]
    fn api_keys_are_never_shown() {
        let key: ApiKey = "s3cret".parse().unwrap();
        let mut config = QdrantConfig::new("http://localhost:6334".parse().unwrap());
        config.api_key = Some(key.clone());
        let shown = format!("{config:?} {config:#?} {:?}", key.to_header());
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(config.redact("Invalid key s3cret".to_owned()), "Invalid key ***");
    }

    #[test]
    fn wrong_api_keys_are_explained() {
        assert_eq!("".parse::<ApiKey>().unwrap_err(), InvalidApiKey::Empty);
        for wrong in ["key\n", "ключ", "a\tb"] {
            assert_eq!(wrong.parse::<ApiKey>().unwrap_err(), InvalidApiKey::Unprintable);
        }
    }
}
