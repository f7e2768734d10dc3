//! Doors for those who can't speak gRPC over HTTP/2: JSON over HTTP, and gRPC-Web.

use std::net::SocketAddr;

use axum::http::HeaderValue;
use clap::{ArgAction, Args};
use tonic::codegen::http::Uri;

use super::mistakes::Mistakes;
use super::setting::{FlagType, Problem, Setting, expected};
use super::values::{AddressOrNone, Switch};

/// The name of the flag.
const ORIGINS: &str = "grpc-web-origins";

const ONE_ORIGIN: &str = "an origin such as https://app.example:8443, or * alone";

#[derive(Debug, Clone, Args)]
pub struct WebArgs {
    /// Also serve the API as JSON over HTTP there, with the same TLS, tokens and limits; or `none`.
    #[arg(long, env = "SPLADE_HTTP_LISTEN", value_name = "HOST:PORT", default_value = "none")]
    http_listen: Setting<AddressOrNone<8080>>,
    /// Also speak gRPC-Web where gRPC is served over TCP, for browsers.
    #[arg(long, env = "SPLADE_GRPC_WEB", action = ArgAction::SetTrue)]
    grpc_web: Setting<Switch>,
    /// The origins whose pages may call by gRPC-Web, such as https://app.example, or `*` for all. Pages of the server's own
    /// origin may always.
    #[arg(long, env = "SPLADE_GRPC_WEB_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    grpc_web_origins: Vec<Setting<Origin>>,
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

impl WebArgs {
    pub fn resolve(self, mistakes: &mut Mistakes) -> WebConfig {
        let grpc_web = mistakes.value(self.grpc_web);
        if !grpc_web && !self.grpc_web_origins.is_empty() {
            mistakes.add(ORIGINS, " needs --grpc-web; give it too");
        }
        let origins = resolve_origins(self.grpc_web_origins, mistakes);
        let http_listen = mistakes.value(self.http_listen);
        mistakes.require(cfg!(feature = "http") || http_listen.is_none(), "http-listen", "http");
        mistakes.require(cfg!(feature = "http") || !grpc_web, "grpc-web", "http");
        WebConfig { http_listen, grpc_web: grpc_web.then_some(origins) }
    }
}

fn resolve_origins(origins: Vec<Setting<Origin>>, mistakes: &mut Mistakes) -> Origins {
    let patterns: Vec<OriginPattern> = origins.into_iter().map(|origin| mistakes.value(origin)).collect();
    if let [OriginPattern::Any] = patterns.as_slice() {
        return Origins::All;
    }
    let origins = patterns.into_iter().filter_map(|pattern| match pattern {
        OriginPattern::One(origin) => Some(origin),
        OriginPattern::Wrong => None,
        OriginPattern::Any => {
            mistakes.add(ORIGINS, &expected(ONE_ORIGIN).describe("*"));
            None
        }
    });
    Origins::These(origins.collect())
}

#[derive(Debug, Clone)]
enum OriginPattern {
    /// `*`.
    Any,
    One(HeaderValue),
    /// The stand-in.
    Wrong,
}

#[derive(Debug, Clone)]
struct Origin;

impl FlagType for Origin {
    type Value = OriginPattern;

    fn parse(text: &str) -> Result<OriginPattern, Problem> {
        match text.trim() {
            "*" => Ok(OriginPattern::Any),
            origin => parse_origin(origin).map(OriginPattern::One).ok_or_else(|| expected(ONE_ORIGIN)),
        }
    }

    fn stand_in() -> OriginPattern {
        OriginPattern::Wrong
    }
}

/// A scheme, a host and perhaps a port, as a browser sends them.
fn parse_origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    // A browser writes no slash after it, and a slash would never match.
    let is_origin = text == format!("{scheme}://{authority}") && !authority.as_str().contains('@');
    HeaderValue::from_str(text).ok().filter(|_| is_origin)
}
