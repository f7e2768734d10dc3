//! Who may connect and call: TLS, tokens, the socket's mode, connections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::{Check, ServeArgs};
use crate::store::ApiKey;

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
    unix_socket_mode: String,
    /// The most open connections of each address, the Unix socket included. Further ones wait.
    #[arg(long, env = "SPLADE_MAX_CONNECTIONS", value_name = "N", default_value = "1024")]
    max_connections: String,
}

/// Who may connect and call.
#[derive(Debug, Clone)]
pub struct SecurityConfig {
    /// `None`: plain TCP.
    pub tls: Option<TlsFiles>,
    /// `None`: calls need no token.
    pub auth_tokens: Option<PathBuf>,
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

impl Check {
    pub fn security(&mut self, args: &SecurityArgs) -> SecurityConfig {
        SecurityConfig {
            tls: self.tls(args),
            auth_tokens: args.auth_tokens.clone(),
            unix_socket_mode: self.mode(&args.unix_socket_mode),
            max_connections: self.count("--max-connections", &args.max_connections),
            reload_interval: RELOAD_INTERVAL,
        }
    }

    fn tls(&mut self, args: &SecurityArgs) -> Option<TlsFiles> {
        let SecurityArgs { tls_cert, tls_key, tls_client_ca, .. } = args;
        let missing = match (tls_cert, tls_key, tls_client_ca) {
            (Some(certificate), Some(key), client_ca) => {
                return Some(TlsFiles {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    client_ca: client_ca.clone(),
                });
            }
            (None, None, None) => return None,
            (Some(_), None, _) => "--tls-key is missing; give the key of --tls-cert",
            (None, Some(_), _) => "--tls-cert is missing; give the certificate of --tls-key",
            (None, None, Some(_)) => "--tls-client-ca needs --tls-cert and --tls-key; give them too",
        };
        self.mistakes.push(missing.to_owned());
        None
    }

    fn mode(&mut self, text: &str) -> u32 {
        let digits = text.trim();
        match u32::from_str_radix(digits.strip_prefix("0o").unwrap_or(digits), 8) {
            Ok(mode @ 0o1..=0o777) => mode,
            _ => {
                self.mistake("--unix-socket-mode", text, "an octal mode such as 0660");
                0o600
            }
        }
    }

    /// The Qdrant server's key, given as it is or in a file. Mistakes never repeat it.
    pub fn api_key(&mut self, args: &ServeArgs) -> Option<ApiKey> {
        let (flag, key) = match (&args.qdrant_api_key, &args.qdrant_api_key_file) {
            (None, None) => return None,
            (Some(key), None) => ("--qdrant-api-key", Ok(key.clone())),
            (None, Some(file)) => ("--qdrant-api-key-file", read_key(file)),
            (Some(_), Some(_)) => ("--qdrant-api-key", Err("--qdrant-api-key-file is there too; give one".to_owned())),
        };
        match key.and_then(|key| key.parse().map_err(|error: crate::store::InvalidApiKey| error.to_string())) {
            Ok(key) => Some(key),
            Err(problem) => {
                self.mistakes.push(format!("{flag}: {problem}"));
                None
            }
        }
    }
}

fn read_key(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    Ok(text.trim().to_owned())
}
