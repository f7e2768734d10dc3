//! TLS configuration of handshakes, parsed from PEM files.

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

// ALPN protocol names.
const ALPN_HTTP_2: &[u8] = b"h2";
const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

/// Returns the files that [`parse_server_config`] expects, in its order.
pub fn list_files(files: &TlsFiles) -> Vec<FlagFile> {
    let file = |flag, path: &std::path::Path| FlagFile { flag, path: path.to_owned() };
    let mut all = vec![file("--tls-cert", &files.certificate), file("--tls-key", &files.key)];
    all.extend(files.client_ca.as_deref().map(|path| file("--tls-client-ca", path)));
    all
}

/// Parses the files like [`parse_server_config`], for a listener that also accepts HTTP/1.1.
///
/// # Errors
/// Same conditions as [`parse_server_config`].
pub fn parse_any_http_config(files: &[LoadedFile]) -> anyhow::Result<ServerConfig> {
    let mut config = parse_server_config(files)?;
    config.alpn_protocols.push(ALPN_HTTP_1_1.to_vec());
    Ok(config)
}

/// Parses a certificate chain, its private key and optionally the client CAs, for TLS 1.2 and 1.3. With client CAs, clients
/// must present a certificate that one of them has signed.
///
/// # Errors
/// If a file has the wrong contents, or the key does not belong to the certificate.
pub fn parse_server_config(files: &[LoadedFile]) -> anyhow::Result<ServerConfig> {
    let [certificate, key, authorities @ ..] = files else { bail!("--tls-cert and --tls-key must be set together") };
    // Passed explicitly, because rustls has no default provider if several are compiled in.
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match authorities.first() {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(parse_roots(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.with_context(|| format!("{} has no usable CA", file.file))?)
        }
    };
    let mut config =
        builder.with_single_cert(parse_certificates(certificate)?, parse_private_key(key)?).with_context(|| {
            format!("{} does not match {}; use the private key of that certificate", key.file, certificate.file)
        })?;
    config.alpn_protocols = vec![ALPN_HTTP_2.to_vec()];
    Ok(config)
}

fn parse_roots(file: &LoadedFile) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in parse_certificates(file)? {
        roots.add(certificate).with_context(|| format!("{} contains an invalid CA certificate", file.file))?;
    }
    Ok(roots)
}

fn parse_certificates(file: &LoadedFile) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    // The parser's error is discarded, here and below, because it quotes lines of the file, which may be secret.
    let found = CertificateDer::pem_slice_iter(&file.bytes).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    ensure!(!found.is_empty(), "{} contains no PEM certificate; expected a PEM file with certificates", file.file);
    Ok(found)
}

fn parse_private_key(file: &LoadedFile) -> anyhow::Result<PrivateKeyDer<'static>> {
    let found = PrivateKeyDer::from_pem_slice(&file.bytes).ok();
    found.with_context(|| {
        format!("{} contains no unencrypted PEM private key; expected a PEM file with an unencrypted key", file.file)
    })
}
