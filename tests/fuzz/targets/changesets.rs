//! Published collections: what is verified is what somebody has signed who is trusted, whatever a server answers.

use std::time::{Duration, SystemTime};

use kinto_protocol::{Changeset, JsonMap, LocalCopy, Verification, Verifier, bucket, changed_collections};

use serde_json::json;

use super::bench::{self, Bench};

/// The key that signs here.
const KEY: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEsBv8Si1/4gleZifMXK+avRU9W1Uf5/ba
YV2p0b/RAejRkehZAsCjTqo6FuZmiAtzBZ9ljE1qblfAlZ3oAQmw+mtWvWPR1XAa
k9FTIvImehVSZkHGDNB8kSpt9Yqpk9ib
-----END PUBLIC KEY-----
";

/// The root certificate of those who have it.
const ROOT: &str = "b494a6c9f24217e8ea4195689e3991d0a800090048e994fec6ad09f5e5295796";

/// All that it ever signed, and the signatures.
const SIGNED: [(&str, &str); 2] = [
    (
        r#"{"data":[],"last_modified":"5"}"#,
        "PI9yUcpFUfCIMC_8WCk7tR0L3TbMTJumuN6DEKL_KCkVjO_2nf1n8Q0TzI_hlgWHUS2SFSNP30w5YkQL7lSn9zv9JqCtfJQhbFPwmyDu9X3Mg3CWVBIID1g8hj8r92cF",
    ),
    (
        r#"{"data":[{"id":"a","last_modified":3,"n":1},{"id":"b","last_modified":5,"n":2}],"last_modified":"5"}"#,
        "P5lqoC9BIWsXR-5AoUohwoc4tYAWO8xbypZnJeVJcehscuaQDLsC5Jzf8nsgNBaZdCujjiVy2_E7YPA1JltmNLQrgpXQnnTLF42Ry06ulpP6s7aM537KWBUANFqvBaBt",
    ),
];

pub(super) fn keyed() -> Verifier {
    Verifier::with_key(KEY).expect("a key")
}

pub(super) fn rooted() -> Verifier {
    Verifier::with_root(ROOT).and_then(|it| it.signer_name("signer.example")).expect("a root")
}

/// In the year 2026, when the certificates are valid.
pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_415_204)
}

/// The bytes are answers, see `answers.rs`; the first comes once more where something else is asked first.
pub(super) fn run(bytes: &[u8]) {
    let collection = bucket("b").collection("c");
    let hello = b"200\n\n{\"capabilities\":{\"changes\":{}}}\n%%\n";
    let text = [hello, bytes].concat();
    drop(Bench::new("once", &text).read(changed_collections()));
    let plain = Bench::new("once", &text).read(collection.changeset::<JsonMap>());
    if let Ok(plain) = plain {
        take_in(plain);
    }
    for verifier in [keyed(), rooted()] {
        let mut bench = Bench::new("once", &text);
        bench.elsewhere = true;
        match bench.read(collection.verified_changeset::<JsonMap>(&verifier, now())) {
            Ok(changeset) => assert_signed(&LocalCopy::from(changeset)),
            Err(error) => bench::look_into(&error),
        }
        let mut bench = Bench::new("once", &text);
        bench.elsewhere = true;
        if let Ok(copy) = bench.read(collection.update_copy(&nothing(), &verifier, now())) {
            assert_signed(&copy);
            // What came later.
            if let Ok(copy) = bench.read(collection.update_copy(&copy, &verifier, now())) {
                assert_signed(&copy);
            }
        }
        let told = collection.verified_changeset::<JsonMap>(&verifier, now()).verification(Verification::Warn);
        let mut bench = Bench::new("once", &text);
        bench.elsewhere = true;
        drop(bench.read(told));
    }
    // As certificates.
    for (text, signature) in SIGNED {
        let signature =
            serde_json::from_value(json!({"signature": signature, "x5u": "https://certificates.example/chain.pem"}));
        let signature = signature.expect("a signature");
        if let Err(error) = rooted().verify(text.as_bytes(), &signature, Some(bytes), now()) {
            bench::look_into(&error);
        }
        assert!(rooted().verify(b"another text", &signature, Some(bytes), now()).is_err(), "what nobody signed");
    }
}

/// A copy that has nothing yet.
fn nothing() -> LocalCopy {
    serde_json::from_str(r#"{"metadata": {}, "timestamp": 0, "changes": []}"#).expect("a copy")
}

fn assert_signed(copy: &LocalCopy) {
    let text = copy.signed_text();
    assert!(SIGNED.iter().any(|(signed, _)| *signed == text), "nobody signed {text}");
}

fn take_in(changeset: Changeset<JsonMap>) {
    let copy = LocalCopy::from(changeset);
    let text = copy.signed_text();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "JSON is signed: {text}");
    let stored = serde_json::to_string(&copy).expect("it can be stored");
    let read: LocalCopy = serde_json::from_str(&stored).expect("what was stored");
    assert_eq!((read.signed_text(), &read), (text, &copy));
    let _ = copy.records::<JsonMap>().count();
    drop(copy.signatures());
}
