//! Doors for those who can't speak gRPC over HTTP/2: JSON over HTTP, and gRPC-Web.

use std::net::SocketAddr;

use axum::http::HeaderValue;
use clap::{ArgAction, Args};
use tonic::codegen::http::Uri;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use super::values::{AddressOrNone, Switch};

/// The name of the flag.
const ORIGINS_FLAG: &str = "grpc-web-origins";

const EXPECTED_ORIGIN: &str = "an origin such as https://app.example:8443, or * alone";

#[derive(Debug, Clone, Args)]
pub struct WebArgs {
    /// Also serve the API as JSON over HTTP there, with the same TLS, tokens and limits; or `none`.
    #[arg(long, env = "SPLADE_HTTP_LISTEN", value_name = "HOST:PORT", default_value = "none")]
    http_listen: FlagValue<AddressOrNone<8080>>,
    /// Also speak gRPC-Web where gRPC is served over TCP, for browsers.
    #[arg(long, env = "SPLADE_GRPC_WEB", action = ArgAction::SetTrue)]
    grpc_web: FlagValue<Switch>,
    /// The origins whose pages may call by gRPC-Web, such as https://app.example, or `*` for all. Pages of the server's own
    /// origin may always.
    #[arg(long, env = "SPLADE_GRPC_WEB_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    grpc_web_origins: Vec<FlagValue<OriginFlag>>,
}

/// Which of them there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// `None`: no JSON over HTTP.
    pub http_listen: Option<SocketAddr>,
    /// `None`: no gRPC-Web.
    pub grpc_web: Option<AllowedOrigins>,
}

/// Whose pages may call from another origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    All,
    /// None, if there are none.
    Listed(Vec<HeaderValue>),
}

impl WebArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> WebConfig {
        let grpc_web = errors.take_value(self.grpc_web);
        if !grpc_web && !self.grpc_web_origins.is_empty() {
            errors.add(ORIGINS_FLAG, " needs --grpc-web; give it too");
        }
        let origins = resolve_origins(self.grpc_web_origins, errors);
        let http_listen = errors.take_value(self.http_listen);
        errors.require_feature(cfg!(feature = "http") || http_listen.is_none(), "http-listen", "http");
        errors.require_feature(cfg!(feature = "http") || !grpc_web, "grpc-web", "http");
        WebConfig { http_listen, grpc_web: grpc_web.then_some(origins) }
    }
}

fn resolve_origins(origins: Vec<FlagValue<OriginFlag>>, errors: &mut ConfigErrors) -> AllowedOrigins {
    let patterns: Vec<OriginPattern> = origins.into_iter().map(|origin| errors.take_value(origin)).collect();
    if let [OriginPattern::Any] = patterns.as_slice() {
        return AllowedOrigins::All;
    }
    let origins = patterns.into_iter().filter_map(|pattern| match pattern {
        OriginPattern::Exact(origin) => Some(origin),
        OriginPattern::Invalid => None,
        OriginPattern::Any => {
            errors.add(ORIGINS_FLAG, &expected_error(EXPECTED_ORIGIN).describe("*"));
            None
        }
    });
    AllowedOrigins::Listed(origins.collect())
}

#[derive(Debug, Clone)]
enum OriginPattern {
    /// `*`.
    Any,
    Exact(HeaderValue),
    /// The stand-in.
    Invalid,
}

#[derive(Debug, Clone)]
struct OriginFlag;

impl FlagType for OriginFlag {
    type Value = OriginPattern;

    fn parse(text: &str) -> Result<OriginPattern, FlagError> {
        match text.trim() {
            "*" => Ok(OriginPattern::Any),
            origin => parse_origin(origin).map(OriginPattern::Exact).ok_or_else(|| expected_error(EXPECTED_ORIGIN)),
        }
    }

    fn placeholder() -> OriginPattern {
        OriginPattern::Invalid
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
