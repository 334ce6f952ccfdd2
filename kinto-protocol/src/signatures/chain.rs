//! The certificates of who signs: from the one that signs, the leaf, to a root that is known beforehand.

use std::time::{Duration, SystemTime};

use pki_types::pem::PemObject as _;
use pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, Error as Refusal, KeyUsage, VerifiedPath, anchor_from_trusted_cert};

use crate::error::{Error, Result};

use super::algorithms;
use super::content_signature::refused;

/// What the leaf must be for, by its extended key usage, as must all above it that have one: signing code. The object
/// identifier 1.3.6.1.5.5.7.3.3.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// The SHA-256 of a root certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Reads two hexadecimal digits a byte, with or without colons between them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let pairs = match text.contains(':') {
            true => text.split(':').map(str::as_bytes).collect::<Vec<_>>(),
            false => text.as_bytes().chunks(2).collect(),
        };
        let byte = |pair: &[u8]| match pair {
            [high, low] => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                Some(digit(*high)? << 4 | digit(*low)?)
            }
            _ => None,
        };
        let bytes: Vec<u8> = pairs.into_iter().map(byte).collect::<Option<_>>()?;
        bytes.try_into().ok().map(Self)
    }

    fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index > 0 { ":" } else { "" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Verifies that `signature` is that of the message by the leaf of these certificates, and that they lead from it, each
/// issued by the next one and valid at that time, to the root.
pub(super) fn verify(
    message: &[u8],
    signature: &[u8],
    pem: &[u8],
    root: Fingerprint,
    name: Option<&ServerName<'static>>,
    now: SystemTime,
) -> Result<()> {
    let unreadable = || refused("the certificates of the signer cannot be read");
    let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable().caused_by(error.into()))?;
    let (leaf, issuers) = match &chain[..] {
        [] => return Err(unreadable().hint("nothing at the URL of its certificates is one")),
        [_] => return Err(refused("the certificate of the signer comes without that of who has issued it")),
        [leaf, issuers @ ..] => (leaf, issuers),
    };
    let last = &chain[chain.len() - 1];
    if Fingerprint::of(last) != root {
        return Err(match chain.iter().any(|certificate| Fingerprint::of(certificate) == root) {
            true => out_of_order(),
            false => refused(format!(
                "the certificates of the signer lead to another root, whose SHA-256 is {}",
                Fingerprint::of(last)
            )),
        });
    }
    let anchor = [anchor_from_trusted_cert(last).map_err(explained)?];
    let leaf = EndEntityCert::try_from(leaf).map_err(explained)?;
    // The root is an issuer like the others, whose name and key are known: so it is looked at as they are, its validity
    // above all, which the validator does not ask of what is trusted.
    let as_it_came = |path: &VerifiedPath<'_>| {
        let path: Vec<_> = path.intermediate_certificates().map(|certificate| certificate.der()).collect();
        if path == issuers { Ok(()) } else { Err(Refusal::UnknownIssuer) }
    };
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    leaf.verify_for_usage(
        algorithms::OF_CERTIFICATES,
        &anchor,
        issuers,
        UnixTime::since_unix_epoch(since),
        KeyUsage::required(CODE_SIGNING),
        None,
        Some(&as_it_came),
    )
    .map_err(explained)?;
    if let Some(name) = name
        && leaf.verify_is_valid_for_subject_name(name).is_err()
    {
        let names: Vec<&str> = leaf.valid_dns_names().collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        return Err(refused(format!("the certificate of the signer is not for {}, but for {names}", name.to_str())));
    }
    leaf.verify_signature(algorithms::OF_CONTENT, message, signature).map_err(|error| match error {
        Refusal::InvalidSignatureForPublicKey => super::verifier::wrong_signature(),
        error => {
            refused("the key in the certificate of the signer is not one of the curve P-384").caused_by(error.into())
        }
    })
}

fn out_of_order() -> Error {
    refused("the certificates of the signer are not in order, from the signer's to the root")
}

/// Why the validator refuses certificates, in one sentence for each reason.
fn explained(refusal: Refusal) -> Error {
    match &refusal {
        Refusal::CertExpired { not_after, .. } => {
            refused(format!("a certificate of the signer expired on {}", date(*not_after)))
        }
        Refusal::CertNotValidYet { not_before, .. } => {
            refused(format!("a certificate of the signer is not valid before {}", date(*not_before)))
        }
        Refusal::RequiredEkuNotFoundContext(_) | Refusal::EmptyEkuExtension => {
            refused("a certificate of the signer is not one for signing code")
        }
        Refusal::CaUsedAsEndEntity => out_of_order(),
        Refusal::EndEntityUsedAsCa => {
            refused("a certificate of the signer was issued by one that is not an authority's")
        }
        Refusal::UnknownIssuer => refused("a certificate of the signer was not issued by the next one"),
        Refusal::InvalidSignatureForPublicKey => {
            refused("a certificate of the signer does not have the signature of the next one")
        }
        Refusal::NameConstraintViolation => {
            refused("a certificate of the signer has a name that its issuer may give to nobody")
        }
        _ => refused("the certificates of the signer cannot be used").caused_by(refusal.into()),
    }
}

fn date(time: UnixTime) -> String {
    /// The end of the year 9999, beyond which there are no dates of HTTP.
    const END: u64 = 253_402_300_800;
    let time = Duration::from_secs(time.as_secs().min(END - 1));
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + time)
}
