//! Whom to trust.

use hyper_rustls::HttpsConnectorBuilder;
use kinto_protocol::{FailureKind, TransportError};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::connect::Secured;
use crate::proxy::Routed;

/// The connector for TLS: named in all its parts, so that nothing depends on what else the process has set up.
pub(crate) fn connector(routed: Routed, only: Option<&[u8]>, https: bool) -> Result<Secured, TransportError> {
    let builder = HttpsConnectorBuilder::new();
    let builder = match only {
        Some(pem) => builder.with_tls_config(trusting(pem)?),
        // Reading all that the system trusts takes its time, and is for nothing where nobody is to be trusted.
        None if !https => builder.with_tls_config(config(RootCertStore::empty())?),
        #[cfg(feature = "webpki-roots")]
        None => builder.with_provider_and_webpki_roots(provider()).map_err(refused)?,
        #[cfg(not(feature = "webpki-roots"))]
        None => builder.with_provider_and_platform_verifier(provider()).map_err(refused)?,
    };
    let builder = builder.https_or_http();
    #[cfg(feature = "http2")]
    let builder = builder.enable_all_versions();
    #[cfg(not(feature = "http2"))]
    let builder = builder.enable_http1();
    Ok(builder.wrap_connector(routed))
}

fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    rustls::crypto::ring::default_provider()
}

fn trusting(pem: &[u8]) -> Result<ClientConfig, TransportError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(refused)?).map_err(refused)?;
    }
    if roots.is_empty() {
        return Err(TransportError::new(FailureKind::Tls, "there is no certificate among those to be trusted"));
    }
    config(roots)
}

fn config(roots: RootCertStore) -> Result<ClientConfig, TransportError> {
    let config = ClientConfig::builder_with_provider(provider().into()).with_safe_default_protocol_versions();
    Ok(config.map_err(refused)?.with_root_certificates(roots).with_no_client_auth())
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    TransportError::new(FailureKind::Tls, error)
}
