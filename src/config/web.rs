//! HTTP gateway (JSON over HTTP) and gRPC-Web.

use std::net::SocketAddr;

use axum::http::HeaderValue;
use clap::{ArgAction, Args};
use tonic::codegen::http::Uri;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use super::values::{AddressOrNone, Switch};

/// Name of the flag in messages.
const ORIGINS_FLAG: &str = "grpc-web-origins";

/// Description of valid origins in messages.
const EXPECTED_ORIGIN: &str = "an origin such as https://app.example:8443, or * alone";

#[derive(Debug, Clone, Args)]
pub struct WebArgs {
    /// Listen address of the HTTP gateway, which serves the API as JSON with the same TLS, tokens and limits; `none` disables it.
    #[arg(long, env = "SPLADE_HTTP_LISTEN", value_name = "HOST:PORT", default_value = "none")]
    http_listen: FlagValue<AddressOrNone<8080>>,
    /// Also accept gRPC-Web on the gRPC listen address, for browsers.
    #[arg(long, env = "SPLADE_GRPC_WEB", action = ArgAction::SetTrue)]
    grpc_web: FlagValue<Switch>,
    /// Origins whose pages may call the server with gRPC-Web (CORS), such as https://app.example, or `*` for all. Repeat the
    /// flag or separate with commas. Pages of the server's own origin are always allowed. Requires --grpc-web.
    #[arg(long, env = "SPLADE_GRPC_WEB_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    grpc_web_origins: Vec<FlagValue<OriginFlag>>,
}

/// Validated settings of the HTTP gateway and gRPC-Web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// Listen address of the HTTP gateway; `None` disables it.
    pub http_listen: Option<SocketAddr>,
    /// Allowed origins of gRPC-Web; `None` disables gRPC-Web.
    pub grpc_web: Option<AllowedOrigins>,
}

/// Origins whose pages may make cross-origin calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    All,
    /// Only these origins; an empty list allows no cross-origin calls.
    Listed(Vec<HeaderValue>),
}

impl WebArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> WebConfig {
        let grpc_web = errors.take_value(self.grpc_web);
        if !grpc_web && !self.grpc_web_origins.is_empty() {
            errors.add(ORIGINS_FLAG, " requires --grpc-web; set it too");
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
    /// All origins: `*`.
    Any,
    Exact(HeaderValue),
    /// Placeholder for an invalid origin.
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

/// Parses an origin: a scheme, a host and an optional port, in the form that browsers send.
fn parse_origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    // Browsers send origins without a trailing slash, so an origin with one would never match.
    let is_origin = text == format!("{scheme}://{authority}") && !authority.as_str().contains('@');
    HeaderValue::from_str(text).ok().filter(|_| is_origin)
}
