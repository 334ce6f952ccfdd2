//! Who is trusted to sign.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use p384::ecdsa::VerifyingKey;
use p384::pkcs8::DecodePublicKey as _;
use pki_types::pem::PemObject as _;
use pki_types::{ServerName, SubjectPublicKeyInfoDer};

use crate::error::{Error, Result};

use super::algorithms;
use super::chain::{self, Fingerprint};
use super::content_signature::{ContentSignature, refused};

/// What is signed begins with this, so that a signature of something else, by the same key, is none of it.
const PREFIX: &[u8] = b"Content-Signature:\x00";

/// As many chains of certificates are kept: the collections of a server have one or two in common.
const KEPT: usize = 4;

/// Verifies signatures of collections: with a key, or with the certificates of those who sign, down from a root that is
/// known beforehand.
///
/// Cheap to clone, and clones share the certificates that were fetched.
///
/// ```
/// use kinto_protocol::Verifier;
///
/// // Who signs has a certificate, which another certificate vouches for, and so on down to this one:
/// let root = "C8:A8:0E:9A:FA:EF:4E:21:9B:6F:B5:D7:A7:1D:0F:10:12:23:BA:C5:00:1A:C2:8F:9B:0D:43:DC:59:A1:06:DB";
/// let verifier = Verifier::with_root(root)?.signer_name("remote-settings.content-signature.mozilla.org")?;
/// # let _ = verifier; // client.send(collection.verified_changeset(&verifier, SystemTime::now()))
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    trust: Trust,
    /// Certificates by their URL, the latest first.
    chains: Arc<Mutex<Vec<(String, Bytes)>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Trust {
    Key(VerifyingKey),
    Root { root: Fingerprint, name: Option<ServerName<'static>> },
}

impl Verifier {
    /// Trusts this key, whatever certificates a signature names: for a server that signs with a key of its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what is not a public key of the curve P-384 in PEM
    /// (`-----BEGIN PUBLIC KEY-----`).
    pub fn with_key(pem: &str) -> Result<Self> {
        let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::input("the key to verify with cannot be read")
                .caused_by(error)
                .hint("it should be a public key of the curve P-384 in PEM, from \"-----BEGIN PUBLIC KEY-----\" on")
        };
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|error| wrong(error.into()))?;
        let key = VerifyingKey::from_public_key_der(&der).map_err(|error| wrong(error.into()))?;
        Ok(Self::new(Trust::Key(key)))
    }

    /// Trusts the root certificate that has this SHA-256, as hexadecimal digits with or without colons between the bytes,
    /// and those whom it vouches for: at the `x5u` of a signature are its certificates, from that of the signer, which
    /// must be one for signing code, down to this root.
    ///
    /// Say [who signs](Self::signer_name), too: without that, everybody does who has a certificate of this root.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what is not a SHA-256.
    pub fn with_root(sha256: &str) -> Result<Self> {
        let wrong = || Error::input("the SHA-256 of the root certificate is not 32 bytes in hexadecimal digits");
        let root = Fingerprint::parse(sha256.trim()).ok_or_else(wrong)?;
        Ok(Self::new(Trust::Root { root, name: None }))
    }

    /// The name that the certificate of the signer must be for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what is not a DNS name, and where a key is trusted, which has
    /// none.
    pub fn signer_name(mut self, dns: &str) -> Result<Self> {
        let Trust::Root { name, .. } = &mut self.trust else {
            return Err(Error::input("a key has no name: the name of the signer goes with a root"));
        };
        match ServerName::try_from(dns.to_owned()) {
            Ok(dns @ ServerName::DnsName(_)) => *name = Some(dns),
            _ => return Err(Error::input(format!("\"{}\" is not a name that can sign", dns.escape_debug()))),
        }
        Ok(self)
    }

    fn new(trust: Trust) -> Self {
        Self { trust, chains: Arc::default() }
    }

    /// Verifies that this signature is that of the message, without IO: the text of
    /// [`LocalCopy::signed_text`](crate::LocalCopy::signed_text), or whatever else was signed in this way. `chain` is what
    /// is at the signature's `x5u`, which a key does not need; `now` is when the certificates must be valid.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Signature`](crate::ErrorKind::Signature), with a line for each reason.
    pub fn verify(
        &self,
        message: &[u8],
        signature: &ContentSignature,
        chain: Option<&[u8]>,
        now: SystemTime,
    ) -> Result<()> {
        let message = [PREFIX, message].concat();
        let bytes = signature.bytes()?;
        match (&self.trust, chain) {
            (Trust::Key(key), _) => algorithms::p384_sha384(key, &message, &bytes).ok_or_else(wrong_signature),
            (Trust::Root { root, name }, Some(pem)) => chain::verify(&message, &bytes, pem, *root, name.as_ref(), now),
            (Trust::Root { .. }, None) if signature.x5u.is_empty() => Err(no_certificates()),
            (Trust::Root { .. }, None) => Err(refused("the certificates of the signer are not at hand")),
        }
    }

    /// The URL of the certificates that a signature cannot be verified without.
    pub(super) fn needs<'a>(&self, signature: &'a ContentSignature) -> Result<Option<&'a str>> {
        match &self.trust {
            Trust::Key(_) => Ok(None),
            Trust::Root { .. } if signature.x5u.is_empty() => Err(no_certificates()),
            Trust::Root { .. } => Ok(Some(&signature.x5u)),
        }
    }

    fn chains(&self) -> MutexGuard<'_, Vec<(String, Bytes)>> {
        // What is in there is whole after every statement, whoever panicked elsewhere.
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificates that were at this URL, with which a signature was verified.
    pub(crate) fn recall(&self, url: &str) -> Option<Bytes> {
        self.chains().iter().find(|(known, _)| known == url).map(|(_, pem)| pem.clone())
    }

    pub(super) fn keep(&self, url: &str, pem: Bytes) {
        let mut chains = self.chains();
        chains.retain(|(known, _)| known != url);
        chains.insert(0, (url.to_owned(), pem));
        chains.truncate(KEPT);
    }
}

pub(super) fn wrong_signature() -> Error {
    refused("the signature is not one of these records").hint(
        "they were changed after they were signed, or are not all: a server gives no more than 10000 at a time, \
         unless configured otherwise",
    )
}

fn no_certificates() -> Error {
    refused("the signature names no certificates")
        .hint("the server signs with a key of its own: use Verifier::with_key")
}

/// By whom they trust.
impl PartialEq for Verifier {
    fn eq(&self, other: &Self) -> bool {
        self.trust == other.trust
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verifier").field(&self.trust).finish()
    }
}
