//! Parses PEM files into the TLS configuration of handshakes.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use super::reload::{FlagFile, LoadedFile};
use crate::config::TlsFiles;

/// Protocol names of ALPN.
const ALPN_HTTP_2: &[u8] = b"h2";
const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

/// Returns the files that [`server_config`] takes.
pub fn list_files(files: &TlsFiles) -> Vec<FlagFile> {
    let file = |flag, path: &std::path::Path| FlagFile { flag, path: path.to_owned() };
    let mut all = vec![file("--tls-cert", &files.certificate), file("--tls-key", &files.key)];
    all.extend(files.client_ca.as_deref().map(|path| file("--tls-client-ca", path)));
    all
}

/// Parses the files as [`server_config`] does, for clients that may speak HTTP/1.1 too.
///
/// # Errors
/// As [`server_config`].
pub fn parse_any_http_config(files: &[LoadedFile]) -> anyhow::Result<ServerConfig> {
    let mut config = parse_server_config(files)?;
    config.alpn_protocols.push(ALPN_HTTP_1_1.to_vec());
    Ok(config)
}

/// Parses a certificate chain, its key and optionally the client authorities, for TLS 1.2 and 1.3. With authorities, only
/// clients with a certificate that one of them signed may connect.
///
/// # Errors
/// If a file holds something else, or the key is another certificate's.
pub fn parse_server_config(files: &[LoadedFile]) -> anyhow::Result<ServerConfig> {
    let [certificate, key, authorities @ ..] = files else { bail!("--tls-cert and --tls-key need each other") };
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match authorities.first() {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(parse_roots(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.with_context(|| format!("{} can't be used", file.file))?)
        }
    };
    let mut config =
        builder.with_single_cert(parse_certificates(certificate)?, parse_private_key(key)?).with_context(|| {
            format!("{} can't be used with {}; give the key of that certificate", key.file, certificate.file)
        })?;
    config.alpn_protocols = vec![ALPN_HTTP_2.to_vec()];
    Ok(config)
}

fn parse_roots(file: &LoadedFile) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in parse_certificates(file)? {
        roots.add(certificate).with_context(|| format!("{} holds what is no authority", file.file))?;
    }
    Ok(roots)
}

fn parse_certificates(file: &LoadedFile) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    // What the parser says is not repeated, here and below: it quotes lines of the file.
    let found = CertificateDer::pem_slice_iter(&file.bytes).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    ensure!(!found.is_empty(), "{} holds no certificates in PEM form; give such a file", file.file);
    Ok(found)
}

fn parse_private_key(file: &LoadedFile) -> anyhow::Result<PrivateKeyDer<'static>> {
    let found = PrivateKeyDer::from_pem_slice(&file.bytes).ok();
    found.with_context(|| {
        format!("{} holds no private key in PEM form that is not encrypted; give such a file", file.file)
    })
}
