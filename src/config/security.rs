//! TLS, authentication tokens, mode of the Unix socket, and connection limit.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use super::values::Count;

/// Interval at which TLS and token files are checked for changes.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Args)]
pub struct SecurityArgs {
    /// PEM certificate chain (leaf first). Enables TLS for gRPC and HTTP; the Unix socket stays plaintext. TLS and token files
    /// are reloaded when they change.
    #[arg(long, env = "SPLADE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// PEM private key of the certificate in --tls-cert.
    #[arg(long, env = "SPLADE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// PEM certificates of the authorities that client certificates are verified against. Enables mutual TLS: clients without a
    /// valid certificate are refused.
    #[arg(long, env = "SPLADE_TLS_CLIENT_CA", value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// File of bearer tokens, one per line, at least 16 characters each. Calls without one of these tokens are refused, except
    /// health checks.
    #[arg(long, env = "SPLADE_AUTH_TOKENS", value_name = "FILE")]
    auth_tokens: Option<PathBuf>,
    /// File mode of the Unix socket, in octal: only users with write permission can connect.
    #[arg(long, env = "SPLADE_UNIX_SOCKET_MODE", value_name = "MODE", default_value = "0600")]
    unix_socket_mode: FlagValue<SocketMode>,
    /// Maximum number of open connections per listen address and Unix socket. Further connections wait.
    #[arg(long, env = "SPLADE_MAX_CONNECTIONS", value_name = "N", default_value = "1024")]
    max_connections: FlagValue<Count>,
}

/// Validated security settings.
#[derive(Debug, Clone)]
pub struct SecurityConfig {
    /// TLS files; `None` serves plaintext TCP.
    pub tls: Option<TlsFiles>,
    /// File of tokens; `None` accepts calls without a token.
    pub auth_tokens_file: Option<PathBuf>,
    pub unix_socket_mode: u32,
    pub max_connections: usize,
    /// Interval at which these files are checked for changes.
    pub reload_interval: Duration,
}

/// Paths of the PEM files for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Authorities of client certificates; `None` accepts clients without a certificate.
    pub client_ca: Option<PathBuf>,
}

impl SecurityArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> SecurityConfig {
        SecurityConfig {
            tls: resolve_tls(self.tls_cert, self.tls_key, self.tls_client_ca, errors),
            auth_tokens_file: self.auth_tokens,
            unix_socket_mode: errors.take_value(self.unix_socket_mode),
            max_connections: errors.take_value(self.max_connections),
            reload_interval: RELOAD_INTERVAL,
        }
    }
}

fn resolve_tls(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    errors: &mut ConfigErrors,
) -> Option<TlsFiles> {
    let (flag, problem) = match (certificate, key, client_ca) {
        (Some(certificate), Some(key), client_ca) => return Some(TlsFiles { certificate, key, client_ca }),
        (None, None, None) => return None,
        (Some(_), None, _) => ("tls-key", " is missing; set it to the private key of the certificate in --tls-cert"),
        (None, Some(_), _) => ("tls-cert", " is missing; set it to the certificate of the key in --tls-key"),
        (None, None, Some(_)) => ("tls-client-ca", " requires --tls-cert and --tls-key; set them too"),
    };
    errors.add(flag, problem);
    None
}

/// Flag type of a file's permission bits in octal, with or without `0o`.
#[derive(Debug, Clone)]
struct SocketMode;

impl FlagType for SocketMode {
    type Value = u32;

    fn parse(text: &str) -> Result<u32, FlagError> {
        let digits = text.trim();
        match u32::from_str_radix(digits.strip_prefix("0o").unwrap_or(digits), 8) {
            Ok(mode @ 0o1..=0o777) => Ok(mode),
            _ => Err(expected_error("an octal mode such as 0660")),
        }
    }

    fn placeholder() -> u32 {
        0o600
    }
}
