//! Whom to trust.

use std::sync::Arc;

use kinto_protocol::{FailureKind, TransportError};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// The configuration of TLS: named in all its parts, so that nothing depends on what else the process has set up.
pub(crate) fn config(only: Option<&[u8]>) -> Result<TlsConfig, TransportError> {
    let config = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(provider()));
    Ok(config.root_certs(roots(only)?).build())
}

fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    rustls::crypto::ring::default_provider()
}

fn roots(only: Option<&[u8]>) -> Result<RootCerts, TransportError> {
    let Some(pem) = only else {
        return Ok(if cfg!(feature = "webpki-roots") { RootCerts::WebPki } else { RootCerts::PlatformVerifier });
    };
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| TransportError::new(FailureKind::Tls, error))? {
            // ureq would leave out one that is none.
            let checked = RootCertStore::empty().add(certificate.der().into());
            checked.map_err(|error| TransportError::new(FailureKind::Tls, error))?;
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(TransportError::new(FailureKind::Tls, "there is no certificate among those to be trusted"));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}
