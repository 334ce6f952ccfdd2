//! Signatures and certificates, good ones and others.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use p384::ecdsa::SigningKey;
use p384::ecdsa::signature::Signer as _;

use super::*;
use crate::error::ErrorKind;

/// The key that signs here.
pub(crate) const KEY: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEsBv8Si1/4gleZifMXK+avRU9W1Uf5/ba
YV2p0b/RAejRkehZAsCjTqo6FuZmiAtzBZ9ljE1qblfAlZ3oAQmw+mtWvWPR1XAa
k9FTIvImehVSZkHGDNB8kSpt9Yqpk9ib
-----END PUBLIC KEY-----
";
const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEUH7HxugWvVwzw46wFV3B71ea3ft
00mWnSTg1p1weR+5UesENm/98Wb24am0Q5VHMHOtKQ2oqaVhQT+5/bIKyg==
-----END PUBLIC KEY-----";
pub(crate) const ROOT: &str = "b494a6c9f24217e8ea4195689e3991d0a800090048e994fec6ad09f5e5295796";
pub(crate) const CHAIN: &str = include_str!("tests/long_chain.pem");
pub(crate) const SHORT_CHAIN: &str = include_str!("tests/short_chain.pem");
const TEXT: &[u8] = br#"{"data":[],"last_modified":"5"}"#;

/// The signature of that key of a text.
pub(crate) fn sign(text: &[u8]) -> String {
    let key = SigningKey::from_slice(&[7; 48]).unwrap();
    let signature: p384::ecdsa::Signature = key.sign(&[b"Content-Signature:\0", text].concat());
    URL_SAFE.encode(signature.to_bytes())
}

/// In the year 2026.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_415_204)
}

fn signed(text: &[u8]) -> ContentSignature {
    let (signature, x5u) = (sign(text), "https://example.org/chain".to_owned());
    ContentSignature { signature, x5u, mode: "p384ecdsa".into() }
}

fn rooted() -> Verifier {
    Verifier::with_root(ROOT).unwrap()
}

fn refusal(result: crate::Result<()>) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Signature, false), "{error}");
    error.to_string()
}

#[test]
fn a_key_verifies_what_it_signed_and_nothing_else() {
    let verifier = Verifier::with_key(KEY).unwrap();
    let signature = signed(TEXT);
    verifier.verify(TEXT, &signature, None, now()).unwrap();
    // Certificates are not asked for, not even bad ones.
    verifier.verify(TEXT, &signature, Some(b"x"), now()).unwrap();
    for index in 0..TEXT.len() {
        let mut other = TEXT.to_vec();
        other[index] ^= 1;
        let why = refusal(verifier.verify(&other, &signature, None, now()));
        assert!(why.starts_with("the signature is not one of these records"), "{why}");
    }
    let bytes = URL_SAFE.decode(&signature.signature).unwrap();
    for index in 0..bytes.len() {
        let mut other = bytes.clone();
        other[index] ^= 1;
        let other = ContentSignature { signature: URL_SAFE.encode(other), ..signature.clone() };
        refusal(verifier.verify(TEXT, &other, None, now()));
    }
    // What the same key signed for another purpose.
    let bare: p384::ecdsa::Signature = SigningKey::from_slice(&[7; 48]).unwrap().sign(TEXT);
    let bare = ContentSignature { signature: URL_SAFE.encode(bare.to_bytes()), ..signature.clone() };
    refusal(verifier.verify(TEXT, &bare, None, now()));
    for zero_or_too_large in [[0; 96], [0xff; 96]] {
        let other = ContentSignature { signature: URL_SAFE.encode(zero_or_too_large), ..signature.clone() };
        refusal(verifier.verify(TEXT, &other, None, now()));
    }
}

#[test]
fn what_is_no_key() {
    let off_the_curve = KEY.replace("k9FTIvImehVSZkHGDNB8kSpt9Yqpk9ib", "k9FTIvImehVSZkHGDNB8kSpt9Yqpk9ia");
    let private = KEY.replace("PUBLIC", "PRIVATE");
    for pem in ["", "x", P256, &off_the_curve, &private, &KEY[..120], &KEY[30..]] {
        let error = Verifier::with_key(pem).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{pem}");
        assert!(error.to_string().starts_with("the key to verify with cannot be read"), "{error}");
    }
    assert_eq!(Verifier::with_key(&KEY.replace('\n', "\r\n")).unwrap(), Verifier::with_key(KEY).unwrap());
    let named = Verifier::with_key(KEY).unwrap().signer_name("signer.example").unwrap_err();
    assert_eq!(named.kind(), ErrorKind::Input);
}

#[test]
fn what_is_no_root_and_no_name() {
    let mut colons = String::new();
    for (index, digit) in ROOT.to_uppercase().chars().enumerate() {
        colons.push_str(if index > 0 && index % 2 == 0 { ":" } else { "" });
        colons.push(digit);
    }
    assert_eq!(Verifier::with_root(&colons).unwrap(), rooted());
    assert!(format!("{:?}", rooted()).contains(&colons));
    let longer = format!("{ROOT}00");
    for wrong in [
        "",
        ":",
        &ROOT[1..],
        &ROOT[2..],
        &longer,
        &colons[1..],
        &ROOT.replace('4', "g"),
        &"é".repeat(32),
        &"+1".repeat(32),
    ] {
        assert_eq!(Verifier::with_root(wrong).unwrap_err().kind(), ErrorKind::Input, "{wrong}");
    }
    for wrong in ["", " ", "127.0.0.1", "::1", "a b", "*.example", "-", "signer.example\n", "é.example"] {
        assert_eq!(rooted().signer_name(wrong).unwrap_err().kind(), ErrorKind::Input, "{wrong}");
    }
    assert_ne!(rooted().signer_name("a.example").unwrap(), rooted());
}

#[test]
fn certificates_that_lead_to_the_root() {
    let (signature, named) = (signed(TEXT), rooted().signer_name("Signer.Example").unwrap());
    for chain in [CHAIN, SHORT_CHAIN] {
        for verifier in [&rooted(), &named] {
            verifier.verify(TEXT, &signature, Some(chain.as_bytes()), now()).unwrap();
            let why = refusal(verifier.verify(b"{}", &signature, Some(chain.as_bytes()), now()));
            assert!(why.starts_with("the signature is not one of these records"), "{why}");
        }
        let other = rooted().signer_name("other.example").unwrap();
        let why = refusal(other.verify(TEXT, &signature, Some(chain.as_bytes()), now()));
        assert_eq!(why, "the certificate of the signer is not for other.example, but for signer.example");
        // From the first day of 2000 to that of 2200.
        for (seconds, why) in [
            (946_684_799, Some("a certificate of the signer is not valid before Sat, 01 Jan 2000 00:00:00 GMT")),
            (946_684_800, None),
            (7_258_118_400, None),
            (7_258_118_401, Some("a certificate of the signer expired on Wed, 01 Jan 2200 00:00:00 GMT")),
        ] {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let verified = rooted().verify(TEXT, &signature, Some(chain.as_bytes()), at);
            assert_eq!(verified.map_err(|error| error.to_string()).err().as_deref(), why, "{seconds}");
        }
        let before_all = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        refusal(rooted().verify(TEXT, &signature, Some(chain.as_bytes()), before_all));
    }
}

#[test]
fn certificates_that_lead_nowhere() {
    let signature = signed(TEXT);
    let certificates: Vec<&str> = CHAIN.split_inclusive("-----END CERTIFICATE-----\n").collect();
    let [leaf, intermediate, root] = certificates[..] else { panic!("{certificates:?}") };
    let other_leaf = SHORT_CHAIN.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    let out_of_order = "the certificates of the signer are not in order, from the signer's to the root";
    let cut = CHAIN[..CHAIN.len() - 40].to_owned();
    let nonsense = CHAIN.replace("MII", "M!!");
    for (chain, why) in [
        (String::new(), "the certificates of the signer cannot be read (nothing"),
        ("<html>".to_owned(), "the certificates of the signer cannot be read (nothing"),
        (KEY.to_owned(), "the certificates of the signer cannot be read (nothing"),
        (cut, "the certificates of the signer cannot be read: missing section end marker"),
        (nonsense, "the certificates of the signer cannot be read: base64 decode error"),
        (root.to_owned(), "the certificate of the signer comes without that of who has issued it"),
        (leaf.to_owned(), "the certificate of the signer comes without that of who has issued it"),
        ([leaf, intermediate].concat(), "the certificates of the signer lead to another root, whose SHA-256 is "),
        ([root, intermediate, leaf].concat(), out_of_order),
        ([leaf, root, intermediate].concat(), out_of_order),
        ([intermediate, leaf, root].concat(), out_of_order),
        ([root, root].concat(), out_of_order),
        ([leaf, root].concat(), "a certificate of the signer was not issued by the next one"),
        (
            [leaf, intermediate, intermediate, root].concat(),
            "a certificate of the signer was not issued by the next one",
        ),
        ([other_leaf, intermediate, root].concat(), "a certificate of the signer was not issued by the next one"),
    ] {
        let error = refusal(rooted().verify(TEXT, &signature, Some(chain.as_bytes()), now()));
        assert!(error.starts_with(why), "{error}, not: {why}");
    }
    let why = refusal(rooted().verify(TEXT, &signature, None, now()));
    assert_eq!(why, "the certificates of the signer are not at hand");
    let none = ContentSignature { x5u: String::new(), ..signature };
    let why = refusal(rooted().verify(TEXT, &none, None, now()));
    assert!(why.starts_with("the signature names no certificates"), "{why}");
}

/// Numbers that look random, the same each time.
fn dice() -> impl FnMut(usize) -> usize {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % sides as u64).unwrap()
    }
}

#[test]
fn nothing_from_outside_panics_or_passes() {
    let mut roll = dice();
    let signature = signed(TEXT);
    let pem =
        |der: &[u8]| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
    let chain: Vec<Vec<u8>> = CHAIN
        .split("-----BEGIN CERTIFICATE-----\n")
        .skip(1)
        .map(|it| STANDARD.decode(it.split("-----END").next().unwrap().replace('\n', "")).unwrap())
        .collect();
    let [leaf, intermediate, root] = &chain[..] else { panic!("{}", chain.len()) };
    let whole = [pem(leaf), pem(intermediate), pem(root)].concat();
    rooted().verify(TEXT, &signature, Some(whole.as_bytes()), now()).unwrap();
    for round in 0..400 {
        let [mut leaf, mut intermediate] = [leaf.clone(), intermediate.clone()];
        let spoilt = if round % 2 == 0 { &mut leaf } else { &mut intermediate };
        let at = roll(spoilt.len());
        match roll(4) {
            0 => spoilt.truncate(at),
            1 => drop(spoilt.remove(at)),
            2 => spoilt.insert(at, u8::try_from(roll(256)).unwrap()),
            _ => spoilt[at] ^= 1 << roll(8),
        }
        let spoilt = [pem(&leaf), pem(&intermediate), pem(root)].concat();
        refusal(rooted().verify(TEXT, &signature, Some(spoilt.as_bytes()), now()));
    }
    for _ in 0..2000 {
        let mut bytes = CHAIN.as_bytes()[..roll(CHAIN.len())].to_vec();
        for _ in 0..roll(20) {
            if !bytes.is_empty() {
                let at = roll(bytes.len());
                bytes[at] = u8::try_from(roll(256)).unwrap();
            }
        }
        // What is between certificates is nobody's business, so that some of these may still be good.
        let _ = rooted().verify(TEXT, &signature, Some(&bytes), now());
        let text: String = (0..roll(200)).filter_map(|_| char::from_u32(u32::try_from(roll(0x250)).unwrap())).collect();
        let other = ContentSignature { signature: text.clone(), ..signature.clone() };
        refusal(rooted().verify(TEXT, &other, Some(&bytes), now()));
        assert!(Verifier::with_key(&text).is_err() && Verifier::with_root(&text).is_err());
    }
}

#[test]
fn certificates_are_kept_by_clones_too() {
    let verifier = rooted();
    let clone = verifier.clone();
    for n in 0..6 {
        clone.keep(&n.to_string(), vec![n].into());
    }
    clone.keep("4", vec![9].into());
    let known: Vec<_> = (0..6).map(|n| verifier.recall(&n.to_string()).map(|pem| pem[0])).collect();
    assert_eq!(known, [None, None, Some(2), Some(3), Some(9), Some(5)]);
}
