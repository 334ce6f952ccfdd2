//! Published collections under scripted answers: what is not signed is given to nobody.

use super::*;
use crate::reply::Attempts;
use crate::signatures::tests::{CHAIN, KEY, ROOT, SHORT_CHAIN, now, sign};
use crate::{Changeset, Entry, LocalCopy, Timestamp, Verification, Verifier};

const X5U: &str = "http://certificates.example/chain.pem?v=1";

fn plugins() -> Outcome {
    answer(200, &[], r#"{"capabilities":{"changes":{}}}"#)
}

fn of_key() -> Verifier {
    Verifier::with_key(KEY).unwrap()
}

fn of_root() -> Verifier {
    Verifier::with_root(ROOT).unwrap().signer_name("signer.example").unwrap()
}

/// A signature of these records at that time.
fn signature(records: &[&str], at: i64, x5u: &str) -> serde_json::Value {
    let text = format!(r#"{{"data":[{}],"last_modified":"{at}"}}"#, records.join(","));
    json!({"signature": sign(text.as_bytes()), "x5u": x5u, "mode": "p384ecdsa"})
}

fn changeset(records: &[&str], at: i64, signatures: &[serde_json::Value]) -> Outcome {
    let metadata = json!({"id": "c", "bucket": "main", "signatures": signatures});
    let body = format!(r#"{{"metadata":{metadata},"timestamp":{at},"changes":[{}]}}"#, records.join(","));
    answer(200, &[], &body)
}

const A: &str = r#"{"id":"a","last_modified":3,"n":1}"#;
const B: &str = r#"{"id":"b","last_modified":5,"n":2}"#;

fn collection() -> crate::Collection {
    bucket("main").collection("c")
}

fn ids<T>(changeset: &Changeset<T>) -> Vec<&str> {
    changeset.changes.iter().map(Entry::id).collect()
}

/// Drives a flow in a session that tells what could not be verified.
fn told<F: Flow>(flow: F, answers: Vec<Outcome>) -> (Run<F::Output>, Vec<String>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&heard);
    let builder = Session::builder("http://localhost:1/v1").seed(7).observer(move |event| {
        if let Event::Unverified { request, why } = event {
            telling.lock().unwrap().push(format!("{request}: {why}"));
        }
    });
    let run = Bench { session: builder.build().unwrap(), now: Moment::default() }.run(flow, answers);
    let heard = heard.lock().unwrap().clone();
    (run, heard)
}

#[test]
fn what_is_signed_is_given() {
    let get = collection().verified_changeset::<JsonMap>(&of_key(), now()).expected(Timestamp::from_millis(5));
    let run = run(get, vec![plugins(), changeset(&[B, A], 5, &[signature(&[A, B], 5, "")])]);
    assert_eq!(run.lines()[1..], ["GET /v1/buckets/main/collections/c/changeset?_expected=5"]);
    let changeset = run.result.unwrap();
    assert_eq!((ids(&changeset), changeset.timestamp.as_millis()), (vec!["b", "a"], 5));
    let Entry::Live(b) = &changeset.changes[0] else { panic!("{changeset:?}") };
    assert_eq!((&b.data["n"], b.data.len(), b.last_modified.as_millis()), (&json!(2), 1, 5));
}

#[test]
fn what_is_not_is_an_error_or_told() {
    let signed = || signature(&[A, B], 5, "");
    let other = json!({"signature": sign(b"other"), "mode": "p384ecdsa"});
    let wrong = "the signature is not one of these records";
    for (answered, why) in [
        (changeset(&[A], 5, &[signed()]), wrong),
        (changeset(&[A, B], 6, &[signed()]), wrong),
        (changeset(&[A, B, r#"{"id":"c","last_modified":1}"#], 5, &[signed()]), wrong),
        (changeset(&[A, B, A], 5, &[signed()]), wrong),
        (changeset(&[A, B], 5, &[]), "the collection is not signed"),
        (changeset(&[A, B], 5, &[json!({"signature": "x", "mode": "rsa"})]), "the signature is of the mode \"rsa\""),
        (
            changeset(&[A, B], 5, &[other.clone(), json!({"signature": ""})]),
            "none of its 2 signatures can be verified: ",
        ),
    ] {
        let answers = || vec![plugins(), Ok(answered.as_ref().unwrap().clone())];
        let get = |mode| collection().verified_changeset::<JsonMap>(&of_key(), now()).verification(mode);
        let (refused, heard) = told(get(Verification::Enforce), answers());
        let error = refused.error();
        assert_eq!((error.kind(), error.attempts(), heard.len()), (ErrorKind::Signature, 1, 0), "{error}");
        let line = format!("GET /buckets/main/collections/c/changeset: {why}");
        assert!(error.to_string().starts_with(&line), "{error}");

        let (given, heard) = told(get(Verification::Warn), answers());
        let given = given.result.unwrap();
        assert!(heard.len() == 1 && heard[0].starts_with(&line), "{heard:?}");
        let (unseen, heard) = told(get(Verification::Off), answers());
        assert_eq!((unseen.result.unwrap(), heard.len()), (given, 0));
    }
    let (good, heard) = told(
        collection().verified_changeset::<JsonMap>(&of_key(), now()).verification(Verification::Warn),
        vec![plugins(), changeset(&[A, B], 5, &[other, signed()])],
    );
    assert_eq!((ids(&good.result.unwrap()), heard.len()), (vec!["a", "b"], 0), "any of them will do");
}

#[test]
fn what_a_signature_does_not_cover_is_not_given() {
    // The signer leaves it out, although it is a record like others.
    let hidden = r#"{"id":"x","last_modified":4,"deleted":1,"n":666}"#;
    for mode in [Verification::Enforce, Verification::Off] {
        let get = collection().verified_changeset::<JsonMap>(&of_key(), now()).verification(mode);
        let run = run(get, vec![plugins(), changeset(&[A, hidden, B], 5, &[signature(&[A, B], 5, "")])]);
        assert_eq!(ids(&run.result.unwrap()), ["a", "b"]);
    }
}

#[test]
fn what_is_given_is_what_was_verified() {
    #[derive(Debug, serde::Deserialize)]
    struct Numbered {
        n: u32,
    }
    // A reader might take the first of two members, a verifier the last.
    let twice = r#"{"id":"a","last_modified":3,"n":666,"n":1}"#;
    let get = collection().verified_changeset::<Numbered>(&of_key(), now());
    let run1 = run(get, vec![plugins(), changeset(&[twice, B], 5, &[signature(&[A, B], 5, "")])]);
    let numbers: Vec<u32> = run1
        .result
        .unwrap()
        .changes
        .into_iter()
        .map(|entry| match entry {
            Entry::Live(object) => object.data.n,
            Entry::Deleted(it) => panic!("{it:?}"),
        })
        .collect();
    assert_eq!(numbers, [1, 2]);
    // Not of the type is no matter of signatures.
    let word = r#"{"id":"a","last_modified":3,"n":"one"}"#;
    let get = collection().verified_changeset::<Numbered>(&of_key(), now());
    let run = run(get, vec![plugins(), changeset(&[word], 5, &[signature(&[word], 5, "")])]);
    assert_eq!(run.error().kind(), ErrorKind::Decode);
}

#[test]
fn certificates_are_asked_for_without_credentials_and_once() {
    let verifier = of_root();
    let get = || collection().verified_changeset::<JsonMap>(&verifier, now());
    let signed = || changeset(&[A, B], 5, &[signature(&[A, B], 5, X5U)]);
    let mut bench = Bench::new(|_| {});
    let first = bench.run(get(), vec![plugins(), signed(), answer(200, &[], CHAIN)]);
    assert_eq!(ids(&first.result.unwrap()), ["a", "b"]);
    let [_, asked, fetched] = &first.requests[..] else { panic!("{:?}", first.requests) };
    assert!(asked.headers().contains_key("authorization"));
    assert_eq!(fetched.uri(), X5U);
    assert!(!fetched.headers().contains_key("authorization"), "{fetched:?}");
    let again = bench.run(get(), vec![signed()]);
    assert_eq!((ids(&again.result.unwrap()), again.requests.len()), (vec!["a", "b"], 1));
    // What does not prove good is not kept: neither in place of what does, nor for the next time.
    let tampered = || changeset(&[A], 5, &[signature(&[A, B], 5, X5U)]);
    let error = bench.run(get(), vec![tampered(), answer(200, &[], SHORT_CHAIN)]).error();
    assert!(
        error.to_string().starts_with("GET /buckets/main/collections/c/changeset: the signature is not"),
        "{error}"
    );
    assert_eq!(verifier.recall(X5U).unwrap(), CHAIN);
}

#[test]
fn certificates_that_cannot_be_had() {
    let get = |mode| collection().verified_changeset::<JsonMap>(&of_root(), now()).verification(mode);
    let signed = |x5u: &str| changeset(&[A, B], 5, &[signature(&[A, B], 5, x5u)]);
    let missing = || vec![plugins(), signed(X5U), answer(404, &[], "gone")];
    let error = run(get(Verification::Enforce), missing()).error();
    assert_eq!((error.kind(), error.is_not_found(), error.is_retryable()), (ErrorKind::Signature, false, false));
    let expected = "GET /buckets/main/collections/c/changeset: the certificates of the signer cannot be had: GET \
                    http://certificates.example/chain.pem: ";
    assert!(error.to_string().starts_with(expected), "{error}");
    let (given, heard) = told(get(Verification::Warn), missing());
    assert_eq!((ids(&given.result.unwrap()), heard.len()), (vec!["a", "b"], 1));

    // What may be otherwise the next time is no matter of signatures.
    let lost = || fails(FailureKind::Interrupted);
    let broken = || vec![plugins(), signed(X5U), lost(), lost(), lost()];
    let error = Bench::new(|policy| policy.attempts = 3).run(get(Verification::Enforce), broken()).error();
    assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Interrupted, 3, true));
    assert!(error.to_string().starts_with("GET http://certificates.example/chain.pem: "), "{error}");

    for x5u in ["", "chrome://x/y", "file:///etc/passwd", "//host/x", "http://user@host/"] {
        let error = run(get(Verification::Enforce), vec![plugins(), signed(x5u)]).error();
        assert_eq!(error.kind(), ErrorKind::Signature, "{error}");
    }
    // One of two will do.
    let two = [signature(&[A, B], 5, "http://gone.example/"), signature(&[A, B], 5, X5U)];
    let answers = vec![plugins(), changeset(&[A, B], 5, &two), answer(404, &[], ""), answer(200, &[], CHAIN)];
    assert_eq!(ids(&run(get(Verification::Enforce), answers).result.unwrap()), ["a", "b"]);
}

fn copy(records: &[&str], at: i64) -> LocalCopy {
    let stored = format!(r#"{{"metadata":{{}},"timestamp":{at},"changes":[{}]}}"#, records.join(","));
    serde_json::from_str(&stored).unwrap()
}

#[test]
fn a_copy_is_brought_up_to_date() {
    const NEWER: &str = r#"{"id":"a","last_modified":6}"#;
    const GONE: &str = r#"{"id":"b","last_modified":7,"deleted":true}"#;
    let old = copy(&[A, B], 5);
    let update = || collection().update_copy(&old, &of_root(), now()).expected(Timestamp::from_millis(7));
    let answers =
        vec![plugins(), changeset(&[GONE, NEWER], 7, &[signature(&[NEWER], 7, X5U)]), answer(200, &[], CHAIN)];
    let run1 = run(update(), answers);
    assert_eq!(run1.lines()[1], "GET /v1/buckets/main/collections/c/changeset?_expected=7&_since=%225%22");
    let new = run1.result.unwrap();
    assert_eq!((new.len(), new.timestamp().as_millis(), new.get("a").unwrap().len()), (1, 7, 2));
    assert_eq!(new.signatures().len(), 1);

    // What was here before is not what was signed: all is read anew, past the caches.
    let wrong = copy(&[A, B, r#"{"id":"x","last_modified":1}"#], 5);
    let update = |mode| collection().update_copy(&wrong, &of_key(), now()).verification(mode);
    let changed = || changeset(&[GONE, NEWER], 7, &[signature(&[NEWER], 7, "")]);
    let whole = || changeset(&[NEWER], 7, &[signature(&[NEWER], 7, "")]);
    for mode in [Verification::Enforce, Verification::Warn] {
        let (run2, heard) = told(update(mode), vec![plugins(), changed(), whole()]);
        assert!(run2.lines()[2].starts_with("GET /v1/buckets/main/collections/c/changeset?_expected=9999"));
        assert!(!run2.lines()[2].contains("_since") && heard.is_empty());
        assert_eq!(run2.result.unwrap().signed_text(), new.signed_text());
    }
    // Once.
    let tampered = || changeset(&[NEWER], 8, &[signature(&[NEWER], 7, "")]);
    let error = run(update(Verification::Enforce), vec![plugins(), changed(), tampered()]).error();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Signature, 1));
    let (given, heard) = told(update(Verification::Warn), vec![plugins(), changed(), tampered()]);
    assert_eq!((given.result.unwrap().timestamp().as_millis(), heard.len()), (8, 1));
    let (given, heard) = told(update(Verification::Off), vec![plugins(), changed()]);
    assert_eq!((given.result.unwrap().len(), heard.len()), (2, 0));
    // Errors of the server are what they are.
    let error = run(update(Verification::Warn), vec![plugins(), answer(404, &[], r#"{"errno":111}"#)]).error();
    assert!(error.is_not_found());
}

#[test]
fn a_flow_begins_anew_when_it_is_sent_again() {
    let signed = || changeset(&[A], 5, &[signature(&[A], 5, X5U)]);
    let mut get = collection().verified_changeset::<JsonMap>(&of_root(), now());
    let session = Bench::new(|_| {}).session;
    for _ in 0..2 {
        let Turn::Ask(ask) = get.start(&session).unwrap() else { panic!() };
        let reply = Reply::new(ask.call, signed().unwrap(), Attempts::default());
        let Turn::Ask(ask) = get.resume(&session, reply).unwrap() else { panic!() };
        assert_eq!(ask.call.uri_elsewhere().unwrap(), X5U);
    }
}
