//! Who may call: whoever knows one of the tokens.
//!
//! One guard stands before all services, so that none can be forgotten. Only health is open, for probes have no secrets.
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

/// What needs no token.
const HEALTH_PREFIX: &str = "/grpc.health.v1.Health/";
const BEARER_SCHEME: &str = "bearer";
const API_KEY_HEADER: &str = "x-api-key";

/// The shortest token, in characters. Shorter ones can be guessed.
const MIN_TOKEN_LENGTH: usize = 16;

/// The tokens that are taken. Digests are kept, which all have one length, and never shown.
#[derive(PartialEq, Eq)]
pub struct AuthTokens(Vec<[u8; 32]>);

/// What is wrong with a list of tokens. It never repeats one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthTokens {
    #[error("it holds no token; write one a line")]
    Empty,
    #[error("the token in line {line} has {length} characters; take {MIN_TOKEN_LENGTH} or more, at random")]
    TooShort { line: usize, length: usize },
    #[error("the token in line {line} holds a character that is not visible ASCII; take letters and digits")]
    InvalidCharacter { line: usize },
}

impl AuthTokens {
    /// Reads tokens, one a line. Blank lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// If there is none, or one that is short or can't be sent.
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

    /// Whether it is one of them. Takes the same time wherever it differs and whichever it is.
    fn contains(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let found = self.0.iter().map(|known| known[..].ct_eq(&digest[..]));
        found.fold(Choice::from(0), |any, this| any | this).into()
    }

    /// # Errors
    /// If the call carries no token, or none of these.
    fn authorize(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let bearer_tokens = headers.get_all(AUTHORIZATION).iter().filter_map(|value| parse_bearer(value.as_bytes()));
        let api_keys = headers.get_all(API_KEY_HEADER).iter().map(|value| value.as_bytes());
        let mut presented = bearer_tokens.chain(api_keys).peekable();
        let problem =
            if presented.peek().is_none() { "the call carries no token" } else { "the token is not a valid one" };
        if presented.any(|token| self.contains(token)) {
            return Ok(());
        }
        let message = format!("{problem}; send `authorization: Bearer TOKEN` or `x-api-key: TOKEN` with the call");
        Err(ApiError::new(ErrorReason::Unauthenticated, "", message))
    }
}

impl fmt::Debug for AuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

/// The token of an `authorization` header.
fn parse_bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(BEARER_SCHEME.len())?;
    let token = token.strip_prefix(b" ").filter(|_| scheme.eq_ignore_ascii_case(BEARER_SCHEME.as_bytes()))?;
    Some(token.trim_ascii())
}

/// Lets through to the services only calls that carry one of the tokens, as they are at that moment. Services don't see
/// the token.
pub fn require_token(routes: Routes, tokens: watch::Receiver<Arc<AuthTokens>>) -> Routes {
    let middleware = move |mut request: Request, next: Next| {
        let is_public = request.uri().path().starts_with(HEALTH_PREFIX);
        let result = if is_public { Ok(()) } else { authorize_request(&tokens.borrow(), request.headers()) };
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

/// Lets a request pass that carries one of the tokens, and counts those that do not.
///
/// # Errors
/// What the request is refused with.
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
    fn any_of_the_tokens_is_taken_in_either_header() {
        let tokens = AuthTokens::parse(&format!("# ours\n\n{OLD}\r\n  {NEW}  \n")).unwrap();
        for token in [OLD, NEW] {
            admits(&tokens, &[("authorization", &format!("Bearer {token}"))]).unwrap();
            admits(&tokens, &[("authorization", &format!("bearer  {token}"))]).unwrap();
            admits(&tokens, &[("x-api-key", token)]).unwrap();
            // A proxy may use the other header for something of its own.
            admits(&tokens, &[("authorization", "Basic YTpi"), ("x-api-key", token)]).unwrap();
        }
    }

    #[test]
    fn nothing_else_is() {
        let tokens = AuthTokens::parse(&format!("{OLD}\n{NEW}")).unwrap();
        let problem = |sent: &[(&'static str, &str)]| {
            let fault = admits(&tokens, sent).unwrap_err();
            assert_eq!(fault.reason, ErrorReason::Unauthenticated);
            assert!(fault.message.contains("authorization: Bearer TOKEN"), "{fault}");
            assert!(!fault.message.contains("0123456789abcdef"), "{fault}");
            fault.message.split("; ").next().unwrap().to_owned()
        };
        for nothing in [&[] as &[_], &[("authorization", OLD)], &[("authorization", "Bearer")], &[("cookie", OLD)]] {
            assert_eq!(problem(nothing), "the call carries no token");
        }
        for wrong in [&OLD[1..], &format!("{OLD}x"), &format!("{OLD}\t{NEW}"), "# ours", ""] {
            assert_eq!(problem(&[("x-api-key", wrong)]), "the token is not a valid one");
        }
    }

    #[test]
    fn wrong_lists_are_explained_and_not_repeated() {
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
