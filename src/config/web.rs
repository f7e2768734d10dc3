//! Doors for those who can't speak gRPC over HTTP/2: JSON over HTTP, and gRPC-Web.

use std::net::SocketAddr;

use axum::http::HeaderValue;
use clap::Args;
use tonic::codegen::http::Uri;

use super::Check;

#[derive(Debug, Clone, Args)]
pub struct WebArgs {
    /// Also serve the API as JSON over HTTP there, with the same TLS, tokens and limits; or `none`.
    #[arg(long, env = "SPLADE_HTTP_LISTEN", value_name = "HOST:PORT", default_value = "none")]
    http_listen: String,
    /// Also speak gRPC-Web where gRPC is served over TCP, for browsers.
    #[arg(long, env = "SPLADE_GRPC_WEB")]
    grpc_web: bool,
    /// The origins whose pages may call by gRPC-Web, such as https://app.example, or `*` for all. Pages of the server's own
    /// origin may always.
    #[arg(long, env = "SPLADE_GRPC_WEB_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    grpc_web_origins: Vec<String>,
}

/// Which of them there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// `None`: no JSON over HTTP.
    pub http_listen: Option<SocketAddr>,
    /// `None`: no gRPC-Web.
    pub grpc_web: Option<Origins>,
}

/// Whose pages may call from another origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    All,
    /// None, if there are none.
    These(Vec<HeaderValue>),
}

impl Check {
    pub fn web(&mut self, args: &WebArgs) -> WebConfig {
        let http_listen = self.listen_or_none("--http-listen", &args.http_listen, "127.0.0.1:8080");
        let origins = self.origins(&args.grpc_web_origins);
        if http_listen.is_some() {
            self.require(cfg!(feature = "http"), "--http-listen", "http");
        }
        if args.grpc_web {
            self.require(cfg!(feature = "http"), "--grpc-web", "http");
        }
        if !args.grpc_web && !args.grpc_web_origins.is_empty() {
            self.mistakes.push("--grpc-web-origins needs --grpc-web; give it too".to_owned());
        }
        WebConfig { http_listen, grpc_web: args.grpc_web.then_some(origins) }
    }

    fn origins(&mut self, origins: &[String]) -> Origins {
        if let [only] = origins
            && only.trim() == "*"
        {
            return Origins::All;
        }
        let origins = origins.iter().filter_map(|text| {
            let origin = origin(text.trim());
            if origin.is_none() {
                self.mistake("--grpc-web-origins", text, "an origin such as https://app.example:8443, or * alone");
            }
            origin
        });
        Origins::These(origins.collect())
    }
}

/// A scheme, a host and perhaps a port, as a browser sends them.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    // A browser writes no slash after it, and a slash would never match.
    let is_origin = text == format!("{scheme}://{authority}") && !authority.as_str().contains('@');
    HeaderValue::from_str(text).ok().filter(|_| is_origin)
}
