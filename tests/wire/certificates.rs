//! Authorities and the certificates they give, made anew each time, with dates that never come close.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Who gives certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// The years in which a certificate is valid, from the first day of one to the first day of the other.
pub(crate) type Years = (i32, i32);

/// Now, whenever that is.
pub(crate) const NOW: Years = (2000, 2200);
pub(crate) const PAST: Years = (2000, 2001);
pub(crate) const FUTURE: Years = (2199, 2200);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(&[], name, NOW);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate, for those who are to trust it.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A server with a certificate for that name (or address) and that time.
    pub(crate) fn server(&self, name: &str, years: Years) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params(&[name], "server", years).signed_by(&key, &self.issuer).unwrap();
        config(certificate.der().clone(), &key)
    }
}

/// A server whose certificate nobody has signed but itself.
pub(crate) fn self_signed(name: &str) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&[name], "server", NOW).self_signed(&key).unwrap();
    config(certificate.der().clone(), &key)
}

fn params(names: &[&str], common_name: &str, (from, until): Years) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params
}

fn config(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    builder.with_single_cert(vec![certificate], key).unwrap()
}

/// The authority that most tests trust.
pub(crate) static KNOWN: LazyLock<Authority> = LazyLock::new(|| Authority::new("known"));
/// Another one, that speaks for itself as well as the first.
pub(crate) static OTHER: LazyLock<Authority> = LazyLock::new(|| Authority::new("other"));
