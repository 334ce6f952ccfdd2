//! What is published and signed by a real server, verified with its key.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use kinto_protocol::{
    Call, Changeset, Collection, Entry, ErrorKind, Event, JsonMap, LocalCopy, Verification, Verifier, bucket,
    changed_collections,
};
use kinto_tests::Answer;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384};
use serde_json::{Value, json};

use crate::canned::between;
use crate::context::{Kinto, map, refused};
use crate::driver::{Driver, Setup};
use crate::reviews::{Reviewed, reviewed};

/// Of the key that the server of a scenario signs with.
pub(crate) fn verifier<D>(kinto: &Kinto<D>) -> Verifier {
    Verifier::with_key(&public_key(kinto)).unwrap()
}

pub(crate) fn public_key<D>(kinto: &Kinto<D>) -> String {
    kinto.server.as_ref().unwrap().public_key().unwrap()
}

pub(crate) fn published<D>(it: &Reviewed<D>) -> Collection {
    bucket("main").collection(&it.id)
}

/// Writes a record, by Alice.
fn write<D: Driver>(kinto: &Kinto<D>, it: &Reviewed<D>, id: &str, data: Value) {
    let records = bucket("main-workspace").collection(&it.id).records();
    kinto.alice.send(records.replace(id, &data).overwrite()).unwrap();
}

/// Data whose spelling is not the only one there is. The server refuses floats that are fields, and signs others.
fn spelled<D: Driver>(kinto: &Kinto<D>) -> [(&'static str, Value); 5] {
    // PostgreSQL cannot take the first of all characters, and makes an integer of a large float, which is too large for the
    // signer then.
    let (first, large) = if kinto.is_memory() { ("\u{0}", 1e300) } else { ("", 1e15) };
    let text = "\u{1}\u{8}\u{c}\n\r\t\u{1f}\"\\/ ~\u{7f}\u{80}é\u{2028}\u{ffff}\u{1f600}</script>";
    [
        (
            "text",
            json!({"t": text, "é": 1, "z": 2, "\u{1f600}": 3, "\u{ffff}": 4, "A": 5, "": 6, "a b": format!("{first}{text}")}),
        ),
        ("integers", json!({"a": [0, -1, 9_007_199_254_740_993_u64, i64::MIN, i64::MAX, u64::MAX]})),
        ("floats", json!({"a": [1.0, 1.5, -0.0, 100.0, 0.1, large, 5e-324, 1e-7, 123_456.789]})),
        ("nested", json!({"b": {"y": [{"d": {}, "c": []}, null, true], "x": ""}, "a": [[], [[]]]})),
        ("deleted", json!({"deleted": false, "title": "not at all"})),
    ]
}

pub(crate) fn whatever_the_server_signs<D: Driver>(kinto: &Kinto<D>) {
    let (it, verifier, now) = (reviewed(kinto), verifier(kinto), SystemTime::now());
    let get = || published(&it).verified_changeset::<JsonMap>(&verifier, now);
    let plain = || published(&it).changeset::<JsonMap>();
    it.publish(kinto);
    let empty = kinto.anonymous.send(get()).unwrap();
    assert_eq!((empty.changes.len(), &empty.metadata["id"]), (0, &json!(it.id)));

    for (id, data) in spelled(kinto) {
        write(kinto, &it, id, data);
        it.publish(kinto);
        assert_eq!(kinto.anonymous.send(get()).unwrap(), kinto.anonymous.send(plain()).unwrap(), "{id}");
    }
    let records = bucket("main-workspace").collection(&it.id).records();
    kinto.alice.send(records.delete("nested")).unwrap();
    it.publish(kinto);
    let five = kinto.anonymous.send(get().fresh()).unwrap();
    assert_eq!(five.changes.len(), 4);
    let data = spelled(kinto);
    for entry in five.changes {
        let Entry::Live(object) = entry else { panic!("{entry:?}") };
        let (_, written) = data.iter().find(|(id, _)| *id == object.id).unwrap();
        assert_eq!(object.data, map(written.clone()));
    }
    kinto.bob.send(it.review.resign()).unwrap();
    assert_eq!(kinto.anonymous.send(get().expected(five.timestamp)).unwrap().changes.len(), 4);
    let preview = bucket("main-preview").collection(&it.id).verified_changeset::<JsonMap>(&verifier, now);
    assert_eq!(kinto.anonymous.send(preview).unwrap().changes.len(), 4);

    let changed = kinto.anonymous.send(changed_collections().named(&it.id)).unwrap();
    let all = kinto.anonymous.send_all(changed.verified_changesets(&verifier, now), 2);
    assert_eq!(all.into_iter().map(|it| it.unwrap().changes.len()).collect::<Vec<_>>(), [4, 4]);
}

/// The text that is signed, compared with the one that the server's own code makes.
pub(crate) fn as_the_signer_writes_it<D: Driver>(kinto: &Kinto<D>) {
    const SIGNER: &str = "import json, sys\n\
        from kinto_signer.serializer import canonical_json\n\
        answer = json.load(sys.stdin)\n\
        sys.stdout.write(canonical_json(answer['changes'], answer['timestamp']))";
    let it = reviewed(kinto);
    for (id, data) in spelled(kinto) {
        write(kinto, &it, id, data);
    }
    // More of the same, of all planes and sizes.
    for n in 0..40_u32 {
        let at = |n: u32| char::from_u32(n).unwrap_or('?');
        let text: String = (0..64).map(|m| at(n * 0x6b17 + m * 7)).collect();
        let number = f64::from(n * 7 + 1) * 10_f64.powi(i32::try_from(n).unwrap() * 13 - 260);
        write(kinto, &it, &format!("n{n}"), json!({&text: [number], "i": u64::MAX / u64::from(n + 1), "t": text}));
    }
    it.publish(kinto);
    let changeset = published(&it).changeset::<JsonMap>();
    let raw = kinto.anonymous.send(raw_changeset(&kinto.anonymous, changeset.clone())).unwrap();
    let mut python = Command::new(kinto.backend.python().unwrap());
    let mut python = python
        .args(["-I", "-c", SIGNER])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), raw.body()).unwrap();
    let written = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    let copy = LocalCopy::from(kinto.anonymous.send(changeset).unwrap());
    assert_eq!(copy.signed_text(), written);
    assert_eq!(copy.len(), 45);
    verifier(kinto).verify(written.as_bytes(), &copy.signatures()[0], None, SystemTime::now()).unwrap();
    assert_eq!(serde_json::from_slice::<LocalCopy>(raw.body()).unwrap(), copy, "as it came or by the operation");
}

/// The same as a plain call, whose answer is not read.
fn raw_changeset<D: Driver>(client: &D, operation: impl kinto_protocol::Operation) -> Call {
    operation.call(client.session()).unwrap()
}

pub(crate) fn kept_up_to_date<D: Driver>(kinto: &Kinto<D>) {
    let (it, verifier, now) = (reviewed(kinto), verifier(kinto), SystemTime::now());
    let whole = || LocalCopy::from(kinto.anonymous.send(published(&it).verified_changeset(&verifier, now)).unwrap());
    let update = |copy: &LocalCopy| kinto.anonymous.send(published(&it).update_copy(copy, &verifier, now));
    it.write(kinto, "a", 1);
    it.write(kinto, "b", 2);
    it.publish(kinto);
    let first = whole();
    assert_eq!(update(&first).unwrap(), first);
    let records = bucket("main-workspace").collection(&it.id).records();
    it.write(kinto, "a", 3);
    it.write(kinto, "c", 4);
    kinto.alice.send(records.delete("b")).unwrap();
    it.publish(kinto);
    let second = update(&first).unwrap();
    assert_eq!((second.len(), second.timestamp() > first.timestamp()), (2, true));
    assert_eq!(second, whole());
    let numbers: Vec<_> = second.records::<JsonMap>().map(|it| it.map(|it| it.data["n"].clone()).unwrap()).collect();
    assert_eq!(numbers, [json!(3), json!(4)]);

    // Whatever has become of it on the disk.
    let stored = serde_json::to_string(&first).unwrap();
    let wrong = stored.replace(r#""n":1"#, r#""n":7"#).replace(r#""id":"b""#, r#""id":"x""#);
    let wrong: LocalCopy = serde_json::from_str(&wrong).unwrap();
    assert!(wrong != first && wrong.get("x").is_some());
    assert_eq!(update(&wrong).unwrap(), second);
}

pub(crate) fn who_has_not_signed<D: Driver>(kinto: &Kinto<D>) {
    let (it, now) = (reviewed(kinto), SystemTime::now());
    it.write(kinto, "a", 1);
    it.publish(kinto);
    let refusal = |collection: Collection, verifier: &Verifier| {
        let error = refused(kinto.alice.send(collection.verified_changeset::<JsonMap>(verifier, now)));
        assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Signature, 1, false));
        let line = error.to_string();
        line.strip_prefix(&format!("GET {}/changeset: ", collection.path())).unwrap().to_owned()
    };
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap().public_key_pem();
    let why = refusal(published(&it), &Verifier::with_key(&other).unwrap());
    assert!(why.starts_with("the signature is not one of these records"), "{why}");
    let why = refusal(bucket("main-workspace").collection(&it.id), &verifier(kinto));
    assert!(why.starts_with("the collection is not signed"), "{why}");
    let why = refusal(published(&it), &Verifier::with_root(&"00".repeat(32)).unwrap());
    assert!(why.starts_with("the signature names no certificates (the server signs with a key of its own"), "{why}");
}

/// A verified changeset through somebody who changes the answer, and what is told of it.
fn through<D: Driver>(
    kinto: &Kinto<D>,
    it: &Reviewed<D>,
    change: impl Fn(&str) -> String + Send + Sync + 'static,
    verification: Verification,
) -> (kinto_protocol::Result<Changeset>, Vec<String>) {
    let stub = between(&kinto.url, move |_, request, carry_out| {
        let answer = String::from_utf8(carry_out()).unwrap();
        if !request.contains("/changeset?") {
            return Answer::Close(answer.into_bytes());
        }
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let Answer::Keep(bytes) = Answer::json(200, &change(body)) else { panic!("{body}") };
        Answer::Close(bytes)
    });
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let mut setup = Setup::of(stub.url());
    setup.observer = Some(Box::new(move |event| {
        if let Event::Unverified { why, .. } = event {
            telling.lock().unwrap().push((*why).to_owned());
        }
    }));
    let get = published(it).verified_changeset(&verifier(kinto), SystemTime::now()).verification(verification);
    let given = D::build(setup).unwrap().send(get);
    let told = told.lock().unwrap().clone();
    (given, told)
}

pub(crate) fn what_was_changed_on_the_way<D: Driver>(kinto: &Kinto<D>) {
    type Change = fn(&str) -> String;
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.write(kinto, "b", 2);
    it.publish(kinto);
    let (given, told) = through(kinto, &it, str::to_owned, Verification::Enforce);
    assert_eq!((given.unwrap().changes.len(), told.len()), (2, 0));
    let changes: [Change; 5] = [
        |body| body.replace(r#""n":1"#, r#""n":3"#).replace(r#""n": 1"#, r#""n": 3"#),
        |body| body.replace("\"timestamp\":", "\"timestamp\":1").replace("\"timestamp\":1 ", "\"timestamp\":1"),
        |body| flipped(body, "\"signature\":", 20),
        |body| body.replace(r#""id":"a""#, r#""id":"c""#).replace(r#""id": "a""#, r#""id": "c""#),
        |body| body.replace("\"signature", "\"signatur"),
    ];
    for change in changes {
        let (refusal, told) = through(kinto, &it, change, Verification::Enforce);
        let error = refused(refusal);
        assert_eq!((error.kind(), told.len()), (ErrorKind::Signature, 0), "{error}");
        let (given, told) = through(kinto, &it, change, Verification::Warn);
        let given = given.unwrap();
        assert_eq!((given.changes.len(), told.len()), (2, 1));
        assert!(error.to_string().ends_with(&told[0]), "{error}, but {told:?}");
        let (unseen, told) = through(kinto, &it, change, Verification::Off);
        assert_eq!((unseen.unwrap(), told.len()), (given, 0));
    }

    // Any byte of what is signed, and of the signature.
    let changeset = published(&it).changeset::<JsonMap>();
    let copy = LocalCopy::from(kinto.anonymous.send(changeset).unwrap());
    let (verifier, text, signature) = (verifier(kinto), copy.signed_text(), copy.signatures().remove(0));
    for index in 0..text.len() {
        let mut other = text.clone().into_bytes();
        other[index] ^= 1;
        refused(verifier.verify(&other, &signature, None, SystemTime::now()));
    }
    for index in 0..signature.signature.len() {
        let mut other = signature.clone();
        other.signature = flipped(&signature.signature, "", index);
        refused(verifier.verify(text.as_bytes(), &other, None, SystemTime::now()));
    }
    verifier.verify(text.as_bytes(), &signature, None, SystemTime::now()).unwrap();
}

/// The text with another letter at this place after the mark.
fn flipped(text: &str, mark: &str, at: usize) -> String {
    let at = text.find(mark).unwrap() + mark.len() + at;
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    [&text[..at], other, &text[at + 1..]].concat()
}
