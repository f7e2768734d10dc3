//! Authentication of calls by bearer token or API key.
//!
//! One layer in front of all services authenticates the calls, so a new service can't be left unprotected. Only the health
//! service is public, because probes have no secrets.
//!
//! See docs/adr/0049-layers-around-services.md.

use std::fmt;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn};
use metrics::counter;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::watch;
use tonic::Status;
use tonic::service::Routes;

use crate::metrics as names;
use crate::types::{ApiError, ErrorReason};

/// Path prefix of the calls that need no token.
const HEALTH_PREFIX: &str = "/grpc.health.v1.Health/";
const BEARER_SCHEME: &str = "bearer";
const API_KEY_HEADER: &str = "x-api-key";

/// Minimum length of a token, in characters. Shorter tokens can be guessed.
const MIN_TOKEN_LENGTH: usize = 16;

/// Valid tokens, kept as SHA-256 digests: digests have equal lengths, as the constant-time comparison requires. `Debug` prints
/// only their number.
#[derive(PartialEq, Eq)]
pub struct AuthTokens(Vec<[u8; 32]>);

/// Error of [`AuthTokens::parse`]. Never contains a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthTokens {
    #[error("no tokens found; write one token per line")]
    Empty,
    #[error("the token on line {line} has {length} characters; use at least {MIN_TOKEN_LENGTH} random characters")]
    TooShort { line: usize, length: usize },
    #[error("the token on line {line} contains a character that is not visible ASCII; use letters and digits")]
    InvalidCharacter { line: usize },
}

impl AuthTokens {
    /// Parses tokens, one per line. Blank lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// If there are no tokens, or a token is too short or contains characters that a header can't carry.
    pub fn parse(text: &str) -> Result<Self, InvalidAuthTokens> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let tokens = lines.filter(|(_, token)| !token.is_empty() && !token.starts_with('#'));
        let digests = tokens.map(|(line, token)| {
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(InvalidAuthTokens::InvalidCharacter { line });
            }
            match token.len() {
                length @ ..MIN_TOKEN_LENGTH => Err(InvalidAuthTokens::TooShort { line, length }),
                _ => Ok(Sha256::digest(token).into()),
            }
        });
        let digests = digests.collect::<Result<Vec<_>, _>>()?;
        if digests.is_empty() { Err(InvalidAuthTokens::Empty) } else { Ok(Self(digests)) }
    }

    /// Returns whether a token is valid, in constant time: without revealing which token matches or where a token differs.
    fn contains(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        // Compares with all tokens, without an early return: the time must not depend on the matching token.
        let found = self.0.iter().map(|known| known[..].ct_eq(&digest[..]));
        found.fold(Choice::from(0), |any, this| any | this).into()
    }

    /// Checks the headers of a call for a valid token.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if there is no token, or no valid one.
    fn authorize(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let bearer_tokens = headers.get_all(AUTHORIZATION).iter().filter_map(|value| parse_bearer(value.as_bytes()));
        let api_keys = headers.get_all(API_KEY_HEADER).iter().map(|value| value.as_bytes());
        let mut presented = bearer_tokens.chain(api_keys).peekable();
        let problem = if presented.peek().is_none() { "the call has no token" } else { "the token is invalid" };
        if presented.any(|token| self.contains(token)) {
            return Ok(());
        }
        let message =
            format!("{problem}; send a valid token in the header `authorization: Bearer TOKEN` or `x-api-key: TOKEN`");
        Err(ApiError::new(ErrorReason::Unauthenticated, "", message))
    }
}

impl fmt::Debug for AuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

/// Returns the token of an `authorization` header with the scheme `Bearer`.
fn parse_bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(BEARER_SCHEME.len())?;
    let token = token.strip_prefix(b" ").filter(|_| scheme.eq_ignore_ascii_case(BEARER_SCHEME.as_bytes()))?;
    Some(token.trim_ascii())
}

/// Adds a layer that refuses calls without a valid token. The current value of `tokens` applies to each call, and the layer
/// removes the token from the request before a service sees it.
pub fn require_token(routes: Routes, tokens: watch::Receiver<Arc<AuthTokens>>) -> Routes {
    let middleware = move |mut request: Request, next: Next| {
        let is_public = request.uri().path().starts_with(HEALTH_PREFIX);
        let result = if is_public { Ok(()) } else { authorize_request(&tokens.borrow(), request.headers()) };
        // Removed so that no service or log can leak the token.
        request.headers_mut().remove(AUTHORIZATION);
        request.headers_mut().remove(API_KEY_HEADER);
        async move {
            match result {
                Ok(()) => next.run(request).await,
                Err(status) => status.into_http(),
            }
        }
    };
    routes.into_axum_router().layer(from_fn(middleware)).into()
}

/// Checks that a request carries a valid token, and counts the requests that don't.
///
/// # Errors
/// `UNAUTHENTICATED` if there is no token, or no valid one.
pub fn authorize_request(tokens: &AuthTokens, headers: &HeaderMap) -> Result<(), Status> {
    tokens.authorize(headers).map_err(|error| {
        counter!(names::UNAUTHENTICATED).increment(1);
        error.into()
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const OLD: &str = "old-0123456789abcdef";
    const NEW: &str = "new-0123456789abcdef";

    fn admits(tokens: &AuthTokens, sent: &[(&'static str, &str)]) -> Result<(), ApiError> {
        let headers =
            sent.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        tokens.authorize(&headers.collect())
    }

    #[test]
    fn each_token_is_accepted_in_either_header() {
        let tokens = AuthTokens::parse(&format!("# ours\n\n{OLD}\r\n  {NEW}  \n")).unwrap();
        for token in [OLD, NEW] {
            admits(&tokens, &[("authorization", &format!("Bearer {token}"))]).unwrap();
            admits(&tokens, &[("authorization", &format!("bearer  {token}"))]).unwrap();
            admits(&tokens, &[("x-api-key", token)]).unwrap();
            // A proxy may use the other header for its own credentials.
            admits(&tokens, &[("authorization", "Basic YTpi"), ("x-api-key", token)]).unwrap();
        }
    }

    #[test]
    fn other_tokens_are_refused() {
        let tokens = AuthTokens::parse(&format!("{OLD}\n{NEW}")).unwrap();
        let problem = |sent: &[(&'static str, &str)]| {
            let error = admits(&tokens, sent).unwrap_err();
            assert_eq!(error.reason, ErrorReason::Unauthenticated);
            assert!(error.message.contains("authorization: Bearer TOKEN"), "{error}");
            assert!(!error.message.contains("0123456789abcdef"), "{error}");
            error.message.split("; ").next().unwrap().to_owned()
        };
        for nothing in [&[] as &[_], &[("authorization", OLD)], &[("authorization", "Bearer")], &[("cookie", OLD)]] {
            assert_eq!(problem(nothing), "the call has no token");
        }
        for wrong in [&OLD[1..], &format!("{OLD}x"), &format!("{OLD}\t{NEW}"), "# ours", ""] {
            assert_eq!(problem(&[("x-api-key", wrong)]), "the token is invalid");
        }
    }

    #[test]
    fn errors_name_the_line_and_never_the_token() {
        assert_eq!(AuthTokens::parse("# none\n\n"), Err(InvalidAuthTokens::Empty));
        assert_eq!(
            AuthTokens::parse(&format!("{OLD}\nhunter2")),
            Err(InvalidAuthTokens::TooShort { line: 2, length: 7 })
        );
        for strange in ["two words 0123456789", "schlüssel-0123456789"] {
            assert_eq!(AuthTokens::parse(strange), Err(InvalidAuthTokens::InvalidCharacter { line: 1 }));
        }
        assert_eq!(format!("{:?}", AuthTokens::parse(OLD)), "Ok(Tokens(1))");
    }
}
