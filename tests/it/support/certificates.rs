//! Certificates generated for one test.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// A certificate authority that signs the certificates of a test.
pub struct CertificateAuthority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct SignedCertificate {
    pub certificate: String,
    pub key: String,
}

impl CertificateAuthority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Returns the certificate of the authority as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate that is valid for a server on localhost, and for a client (its name is not checked).
    pub fn issue(&self) -> SignedCertificate {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        SignedCertificate { certificate, key: key.serialize_pem() }
    }
}
