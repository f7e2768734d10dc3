//! Who may connect and call: TLS, tokens, the socket's mode, connections.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use super::values::Count;

/// How often files are looked at for changes.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Args)]
pub struct SecurityArgs {
    /// Serve over TLS, gRPC and JSON: the certificate, and those that it is signed with, as PEM. This and the next three files are
    /// read again when they change. The Unix socket stays plain.
    #[arg(long, env = "SPLADE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    #[arg(long, env = "SPLADE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Take only clients with a certificate that one of these authorities signed (mutual TLS), as PEM.
    #[arg(long, env = "SPLADE_TLS_CLIENT_CA", value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// Take only calls with one of the tokens in this file, one a line, of 16 characters or more. Health needs none.
    #[arg(long, env = "SPLADE_AUTH_TOKENS", value_name = "FILE")]
    auth_tokens: Option<PathBuf>,
    /// The mode of the Unix socket, octal: who may connect to it.
    #[arg(long, env = "SPLADE_UNIX_SOCKET_MODE", value_name = "MODE", default_value = "0600")]
    unix_socket_mode: FlagValue<SocketMode>,
    /// The most open connections of each address, the Unix socket included. Further ones wait.
    #[arg(long, env = "SPLADE_MAX_CONNECTIONS", value_name = "N", default_value = "1024")]
    max_connections: FlagValue<Count>,
}

/// Who may connect and call.
#[derive(Debug, Clone)]
pub struct SecurityConfig {
    /// `None`: plain TCP.
    pub tls: Option<TlsFiles>,
    /// `None`: calls need no token.
    pub auth_tokens_file: Option<PathBuf>,
    pub unix_socket_mode: u32,
    pub max_connections: usize,
    /// How often these files are looked at for changes.
    pub reload_interval: Duration,
}

/// Files in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// `None`: clients need no certificate.
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
        (Some(_), None, _) => ("tls-key", " is missing; give the key of --tls-cert"),
        (None, Some(_), _) => ("tls-cert", " is missing; give the certificate of --tls-key"),
        (None, None, Some(_)) => ("tls-client-ca", " needs --tls-cert and --tls-key; give them too"),
    };
    errors.add(flag, problem);
    None
}

/// The permission bits of a file, octal.
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
