//! Collections whose signatures are verified. The signatures were made once.

use std::time::{Duration, SystemTime};

use kinto_protocol::{Collection, JsonMap, LocalCopy, Timestamp, Verification, Verifier, bucket};

use crate::answers::{Scripted, answer, cut, has, json, lost};
use crate::scenario::{Scenario, scenario};

const KEY: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEsBv8Si1/4gleZifMXK+avRU9W1Uf5/ba
YV2p0b/RAejRkehZAsCjTqo6FuZmiAtzBZ9ljE1qblfAlZ3oAQmw+mtWvWPR1XAa
k9FTIvImehVSZkHGDNB8kSpt9Yqpk9ib
-----END PUBLIC KEY-----";
/// The certificates that this key has in the tests of the core.
const CHAIN: &str = include_str!("../../kinto-protocol/src/signatures/tests/long_chain.pem");
const ROOT: &str = "b494a6c9f24217e8ea4195689e3991d0a800090048e994fec6ad09f5e5295796";

const A: &str = r#"{"id":"a","last_modified":9,"n":1}"#;
const B: &str = r#"{"id":"b","last_modified":10}"#;
/// Of the first record, at 9.
const OF_A: &str = "LVdQ972zgm4Cu8RjJniBou7TvH2ev5ZVd5t8dR5zYDOzzM13ZVN8BGifKdK99J2m_T1bwcRn9EjTk9WmgazJCz6WbhIUpcJTdpgkOB0-pSnAGtJ8OO-9S7lkBWJb6Ge_";
/// Of both, at 10.
const OF_BOTH: &str = "xMK1nVTx6yZ6DMswOwlcwO7GPXmNeyA6EYgLSI9EsF3dLOsvciK_n2bIDe5zJfinpREH3k89tm7Dc1gON7HYVhGIMF62SLmboCpmBdGJvcihUak4fTmnHE9unxU0G6rT";

fn collection() -> Collection {
    bucket("main").collection("c")
}

/// In the year 2026.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_415_204)
}

fn by_key() -> Verifier {
    Verifier::with_key(KEY).unwrap()
}

fn by_root() -> Verifier {
    Verifier::with_root(ROOT).unwrap().signer_name("signer.example").unwrap()
}

fn body(records: &str, at: i64, signature: &str, x5u: &str) -> String {
    format!(
        r#"{{"metadata":{{"signatures":[{{"signature":"{signature}","x5u":"{x5u}","mode":"p384ecdsa"}}]}},"timestamp":{at},"changes":[{records}]}}"#
    )
}

fn signed(records: &str, at: i64, signature: &str) -> Scripted {
    json(200, &body(records, at, signature, ""))
}

/// With certificates at this server, whose place makes the length of the body.
fn certified(records: &str, at: i64, signature: &str) -> Scripted {
    cut(&format!("HTTP/1.1 200 OK\r\n\r\n{}", body(records, at, signature, "{origin}/chain.pem")))
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = changesets();
    all.extend(copies());
    all
}

fn changesets() -> Vec<Scenario> {
    vec![
        scenario!(
            "a changeset that is what was signed, and one that is not",
            [verified_changeset, GetVerifiedChangeset],
            [has(&["changes"]), signed(A, 9, OF_A), signed(A, 10, OF_A), signed(A, 10, OF_A), signed(A, 10, OF_A)],
            |client, told| {
                let get = || collection().verified_changeset::<JsonMap>(&by_key(), now());
                told.of(client.send(get().expected(Timestamp::from_millis(9))));
                told.of(client.send(get()));
                told.of(client.send(get().verification(Verification::Warn)));
                told.of(client.send(get().verification(Verification::Off)));
            }
        )
        .shows("GET /v1/buckets/main/collections/c/changeset?_expected=9 HTTP/1.1")
        .shows("unverified: GET /buckets/main/collections/c/changeset: the signature is not")
        .shows("Ok Changeset")
        .shows("Err Signature"),
        scenario!(
            "certificates, asked for once and without credentials",
            [verified_changeset],
            [
                has(&["changes"]),
                certified(A, 9, OF_A),
                lost(),
                answer(200, &[], CHAIN),
                certified(B, 9, OF_A),
                answer(404, &[], "")
            ],
            |client, told| {
                let verifier = by_root();
                told.of(client.send(collection().verified_changeset::<JsonMap>(&verifier, now())));
                told.of(client.send(collection().verified_changeset::<JsonMap>(&verifier, now())));
            }
        )
        .shows("soon: GET /chain.pem HTTP/1.1 | accept: */* | host: 127.0.0.1 | user-agent")
        .shows("Ok Changeset")
        .shows("Err Signature"),
        scenario!(
            "certificates that cannot be had",
            [GetVerifiedChangeset],
            [has(&["changes"]), certified(A, 9, OF_A), lost(), lost(), lost()],
            |client, told| told.of(client.send(collection().verified_changeset::<JsonMap>(&by_root(), now())))
        )
        .shows("Err Interrupted"),
    ]
}

fn copies() -> Vec<Scenario> {
    vec![
        scenario!(
            "a copy that is brought up to date",
            [update_copy, UpdateCopy],
            [has(&["changes"]), signed(A, 9, OF_A), signed(B, 10, OF_BOTH), signed("", 10, OF_BOTH)],
            |client, told| {
                let whole = client.send(collection().verified_changeset(&by_key(), now()));
                let copy = LocalCopy::from(whole.unwrap());
                let copy = client.send(collection().update_copy(&copy, &by_key(), now())).unwrap();
                told.that(copy.signed_text());
                told.of(client.send(collection().update_copy(&copy, &by_key(), now())));
            }
        )
        .shows("GET /v1/buckets/main/collections/c/changeset?_expected=0&_since=%229%22 HTTP/1.1")
        .shows("GET /v1/buckets/main/collections/c/changeset?_expected=0&_since=%2210%22 HTTP/1.1")
        .shows("Ok LocalCopy"),
        scenario!(
            "a copy that is wrong is read anew",
            [update_copy],
            [has(&["changes"]), signed("", 9, OF_A), signed(A, 9, OF_A), signed("", 9, OF_A), signed("", 9, OF_A)],
            |client, told| {
                let stored = r#"{"metadata":{},"timestamp":9,"changes":[{"id":"x","last_modified":9}]}"#;
                let wrong: LocalCopy = serde_json::from_str(stored).unwrap();
                told.of(client.send(collection().update_copy(&wrong, &by_key(), now())));
                told.of(client.send(collection().update_copy(&wrong, &by_key(), now())));
            }
        )
        .shows("soon: GET /v1/buckets/main/collections/c/changeset?_expected=9999<dice> HTTP/1.1")
        .shows("Ok LocalCopy")
        .shows("Err Signature"),
    ]
}
