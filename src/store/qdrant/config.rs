//! Address, credentials and timeouts of a Qdrant server.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Uri;

/// Default port of Qdrant's gRPC API.
const GRPC_PORT: u16 = 6334;

/// Maximum time that a request stays in transit after its connection broke or its call was abandoned: in the socket buffers
/// of the server or a gateway, or in a handler that has not yet queued it for the write-ahead log. These are memory copies
/// and task switches, which take milliseconds on a server that answers other calls; therefore
/// [`PointWriter::wait_until_settled`](crate::store::PointWriter::wait_until_settled) first checks that it does. Requests
/// that are queued for the log or in it stay ahead of later writes, because Qdrant's queues are FIFO.
///
/// The order of writes relies on this bound. A gateway or a connection between two nodes violates it if it delays a request
/// for longer while it lets others through.
///
/// See docs/adr/0035-qdrant-definite-and-unknown-outcomes.md.
const DEFAULT_SETTLE_TIME: Duration = Duration::from_secs(5);

/// Address, credentials and timeouts of a Qdrant server.
#[derive(Debug, Clone)]
pub struct QdrantConfig {
    pub url: QdrantUrl,
    pub api_key: Option<ApiKey>,
    /// Timeout of a call, including the connection setup. Default: 60 s.
    pub timeout: Duration,
    /// Timeout of the connection setup. Default: 5 s.
    pub connect_timeout: Duration,
    /// Shard key sent with every request. Collections must have been created with it. Default: none.
    pub shard_key: Option<String>,
    /// Delay before earlier writes with an unknown outcome are considered settled, once the server answers other calls.
    /// Default: 5 s.
    pub settle_time: Duration,
}

impl QdrantConfig {
    /// Creates the default configuration for a server at `url`.
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

    /// Replaces the API key in a text by `***`, in case a server repeats it in a message.
    pub(super) fn redact(&self, text: String) -> String {
        match &self.api_key {
            Some(key) => text.replace(&key.0, "***"),
            None => text,
        }
    }
}

/// URL of a server's gRPC port. `https://` enables TLS. Default port: 6334.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QdrantUrl(Uri);

/// Error of an invalid URL of a Qdrant server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; expected the server's gRPC address, such as http://localhost:6334")]
pub struct InvalidQdrantUrl(String);

impl QdrantUrl {
    /// Returns the URL, which never contains credentials.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Returns a hint for the error of a failed connection if the port suggests the cause.
    pub(super) fn port_hint(&self) -> Option<&'static str> {
        (self.0.port_u16() == Some(6333)).then_some("6333 is usually Qdrant's REST port, and 6334 its gRPC port")
    }
}

impl FromStr for QdrantUrl {
    type Err = InvalidQdrantUrl;

    fn from_str(text: &str) -> Result<Self, InvalidQdrantUrl> {
        if text.contains('@') {
            // The message omits the URL, which may contain a password.
            return Err(InvalidQdrantUrl("the URL contains credentials; use the API key instead".to_owned()));
        }
        let uri: Uri =
            text.parse().map_err(|error| InvalidQdrantUrl(format!("`{text}` is not a valid URL ({error})")))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(InvalidQdrantUrl(format!("`{text}` does not begin with http:// or https://")));
        };
        if !matches!(scheme, "http" | "https") {
            return Err(InvalidQdrantUrl(format!("`{text}` begins with {scheme}://, not with http:// or https://")));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(InvalidQdrantUrl(format!("`{text}` has a path or a query, which gRPC does not support")));
        }
        let port = uri.port_u16().unwrap_or(GRPC_PORT);
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        // `Uri` treats an invalid port as a missing one.
        if authority != host && authority != format!("{host}:{port}") {
            return Err(InvalidQdrantUrl(format!("`{text}` has a port that is not between 1 and 65535")));
        }
        let uri = format!("{scheme}://{host}:{port}").parse();
        uri.map(Self).map_err(|error| InvalidQdrantUrl(format!("`{text}` is not a valid URL ({error})")))
    }
}

impl fmt::Display for QdrantUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.0.scheme_str(), self.0.authority());
        write!(f, "{}://{}", scheme.unwrap_or_default(), authority.map_or("", |authority| authority.as_str()))
    }
}

/// API key of a Qdrant server. Its `Debug` output omits the key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// Error of an invalid API key. Its messages omit the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    #[error("the API key is empty; omit it if the server requires none")]
    Empty,
    #[error("the API key contains a character that is not printable ASCII; check it for a trailing line break")]
    Unprintable,
}

impl ApiKey {
    /// Returns the key as a header value that is marked as sensitive, so that logs of headers omit it.
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
            ("", "`` is not a valid URL"),
            ("localhost:6334", "does not begin with http://"),
            ("localhost", "does not begin with http://"),
            ("ftp://localhost", "begins with ftp://"),
            ("http://local host", "is not a valid URL"),
            ("http://localhost:99999", "a port that is not between"),
            ("http://localhost:", "a port that is not between"),
            ("http://localhost:6334/api", "has a path or a query"),
            ("http://localhost:6334?x=1", "has a path or a query"),
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
