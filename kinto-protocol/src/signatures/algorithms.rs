//! The algorithms of signatures, as the validator of certificates takes them.
//!
//! It comes with none that is made without C. What is checked here is public, keys included, so that nothing depends on
//! how long it takes.

use p384::ecdsa::signature::Verifier as _;
use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs1v15;
use rsa::traits::PublicKeyParts as _;
use sha2::digest::const_oid::AssociatedOid;

/// What certificates may be signed with.
pub(super) const OF_CERTIFICATES: &[&dyn SignatureVerificationAlgorithm] = &[
    &Algorithm { key: alg_id::ECDSA_P384, signature: alg_id::ECDSA_SHA384, verify: p384_sha384_der },
    &Algorithm { key: alg_id::ECDSA_P256, signature: alg_id::ECDSA_SHA256, verify: p256_sha256_der },
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PKCS1_SHA256, verify: rsa_pkcs1::<sha2::Sha256> },
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PKCS1_SHA384, verify: rsa_pkcs1::<sha2::Sha384> },
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PKCS1_SHA512, verify: rsa_pkcs1::<sha2::Sha512> },
];

/// What content is signed with: the two numbers side by side, not as ASN.1.
pub(super) const OF_CONTENT: &dyn SignatureVerificationAlgorithm =
    &Algorithm { key: alg_id::ECDSA_P384, signature: alg_id::ECDSA_SHA384, verify: p384_sha384_fixed };

/// Public key, message, signature.
type Verify = fn(&[u8], &[u8], &[u8]) -> Option<()>;

#[derive(Debug)]
struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verify,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        (self.verify)(key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// Verifies the signature of content.
pub(super) fn p384_sha384(key: &p384::ecdsa::VerifyingKey, message: &[u8], signature: &[u8]) -> Option<()> {
    key.verify(message, &p384::ecdsa::Signature::from_slice(signature).ok()?).ok()
}

fn p384_sha384_fixed(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    p384_sha384(&p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?, message, signature)
}

fn p384_sha384_der(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    key.verify(message, &p384::ecdsa::Signature::from_der(signature).ok()?).ok()
}

fn p256_sha256_der(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    key.verify(message, &p256::ecdsa::Signature::from_der(signature).ok()?).ok()
}

fn rsa_pkcs1<D>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()>
where
    D: sha2::Digest + AssociatedOid,
{
    let key = rsa::PublicKey::from_pkcs1_der(key).ok()?;
    // Shorter ones have been broken.
    if key.size() < 2048 / 8 {
        return None;
    }
    pkcs1v15::VerifyingKey::<D>::new(key).verify(message, &pkcs1v15::Signature::try_from(signature).ok()?).ok()
}
