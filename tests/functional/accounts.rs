//! Accounts: who makes them, who sees them, and that nobody sees a password.

use std::fmt::Debug;
use std::sync::mpsc;

use http::Method;
use kinto_protocol::{
    Attributes, Auth, Batch, Deletion, JsonMap, Permissions, Result, accounts, endpoints, server_info,
};
use kinto_tests::Answer;
use serde_json::json;

use crate::canned::{between, losing};
use crate::context::{Kinto, body, map, raw, raw_json, refused, status};
use crate::driver::{Driver, Setup};

const OLD: &str = "0ld s3cr3t";
const NEW: &str = "n3w s3cr3t:ü";
/// How a bcrypt hash begins.
const HASH: &str = "$2b$";

/// A client with these credentials, right or wrong.
fn client<D: Driver>(kinto: &Kinto<D>, name: &str, password: &str) -> D {
    kinto.anonymous.with_auth(Some(Auth::basic(name, password))).unwrap()
}

/// Who the server takes one for.
fn user<D: Driver>(client: &D) -> Option<String> {
    client.send(server_info()).unwrap().user.map(|user| user.id)
}

fn owned_by(name: &str) -> Option<Permissions> {
    Some(Permissions::new().write([format!("account:{name}")]))
}

pub(crate) fn from_signing_up_to_the_end<D: Driver>(kinto: &Kinto<D>) {
    let name = kinto.other("ann+1@example.com");
    let made = kinto.anonymous.send(accounts().create(&name, OLD).data(&json!({"mail": "a@example.com"}))).unwrap();
    assert_eq!((&made.id, &made.data.other), (&name, &map(json!({"mail": "a@example.com"}))));
    assert_eq!((&made.permissions, made.repeated), (&owned_by(&name), false));
    let ann = client(kinto, &name, OLD);
    assert_eq!(user(&ann), Some(format!("account:{name}")));
    assert_eq!(ann.send(accounts().get(&name)).unwrap(), made);
    let listed = ann.send(accounts().list()).unwrap().items;
    // One sees oneself alone; in the memory backend a plus in the name stands for a repetition, and one sees nobody.
    let seen: Vec<(&str, &JsonMap)> = listed.iter().map(|it| (it.id.as_str(), &it.data.other)).collect();
    assert_eq!(seen, if kinto.is_memory() { vec![] } else { vec![(name.as_str(), &made.data.other)] });
    let other = kinto.alice.send(accounts().list()).unwrap().items;
    assert!(other.len() == 1 && other[0].id == "alice" && other[0].permissions.is_none());

    let titled = ann.send(accounts().patch(&name, Attributes::new(&json!({"title": "Dr"})))).unwrap();
    let kept = map(json!({"mail": "a@example.com", "title": "Dr"}));
    assert_eq!(titled.data.other, kept);
    assert_eq!(user(&client(kinto, &name, OLD)), Some(format!("account:{name}")), "the password stays");

    let changed = ann.send(accounts().change_password(&name, NEW)).unwrap();
    assert_eq!((&changed.data.other, &changed.permissions), (&kept, &owned_by(&name)), "the data stays");
    assert!(changed.last_modified > titled.last_modified);
    assert_eq!(user(&ann), None, "the old password is none");
    assert_eq!(status(ann.send(accounts().get(&name))), (401, Some(104)));
    let ann = client(kinto, &name, NEW);
    assert_eq!(ann.send(accounts().get(&name)).unwrap(), changed);

    let tombstone = ann.send(accounts().delete(&name)).unwrap();
    assert_eq!(tombstone.id, name);
    assert_eq!(user(&ann), None);
    // Whoever is gone is nobody, and nobody is told whether anything is there.
    assert_eq!(status(ann.send(accounts().delete(&name))), (401, Some(104)));
    assert_eq!(status(ann.send(accounts().delete_if_present(&name))), (401, Some(104)));
    assert_eq!(kinto.admin.send(accounts().delete_if_present(&name)).unwrap(), Deletion::Absent);

    // The name is free again.
    let again = kinto.anonymous.send(accounts().create(&name, OLD)).unwrap();
    assert!(again.last_modified > tombstone.last_modified);
    match client(kinto, &name, OLD).send(accounts().delete_if_present(&name)).unwrap() {
        Deletion::Deleted(tombstone) => assert_eq!(tombstone.id, name),
        other => panic!("it was there: {other:?}"),
    }
}

/// A name that is taken is a 412 to anybody, without credentials too; where nothing is said of what may be there, a 401.
pub(crate) fn a_name_that_is_taken<D: Driver>(kinto: &Kinto<D>) {
    let name = kinto.other("ann");
    kinto.anonymous.send(accounts().create(&name, OLD).data(&json!({"mail": "m"}))).unwrap();
    let ann = client(kinto, &name, OLD);
    for (who, taker) in [("nobody", &kinto.anonymous), ("the owner", &ann), ("the administrator", &kinto.admin)] {
        let error = refused(taker.send(accounts().create(&name, NEW)));
        assert_eq!((error.status().map(|it| it.as_u16()), error.errno()), (Some(412), Some(114)), "{who}");
        assert!(error.is_precondition_failed() && !error.maybe_applied() && error.attempts() == 1, "{who}");
        let existing = error.server().and_then(|server| server.existing()).unwrap();
        assert!(existing["id"] == *name && existing["mail"] == "m" && !existing.contains_key("password"), "{who}");
    }
    let put = raw_json(Method::PUT, &endpoints::account(&name), json!({"data": {"password": NEW}}));
    assert_eq!(status(kinto.anonymous.send(put)), (401, Some(104)), "nothing is said of what may be there");

    // To others it is neither theirs nor to be known whether it is there.
    let missing = kinto.other("missing");
    for of in [&name, &missing] {
        assert_eq!(status(kinto.bob.send(accounts().create(of, NEW))), (400, Some(107)), "{of}");
        assert_eq!(status(kinto.bob.send(accounts().get(of))), (403, Some(121)), "{of}");
        assert_eq!(status(kinto.bob.send(accounts().change_password(of, NEW))), (403, Some(121)), "{of}");
        assert_eq!(status(kinto.bob.send(accounts().delete(of))), (403, Some(121)), "{of}");
        assert_eq!(status(kinto.bob.send(accounts().delete_if_present(of))), (403, Some(121)), "{of}");
        assert_eq!(status(kinto.anonymous.send(accounts().get(of))), (401, Some(104)), "{of}");
        assert_eq!(status(kinto.anonymous.send(accounts().change_password(of, NEW))), (401, Some(104)), "{of}");
    }
    assert_eq!(status(kinto.anonymous.send(accounts().list())), (401, Some(999)));
    assert_eq!(user(&ann), Some(format!("account:{name}")), "all that changed nothing");

    // The administrator may write them all.
    kinto.admin.send(accounts().change_password(&name, NEW)).unwrap();
    assert_eq!(user(&client(kinto, &name, NEW)), Some(format!("account:{name}")));
    let made = kinto.admin.send(accounts().create(&missing, NEW)).unwrap();
    assert_eq!(made.permissions, owned_by(&missing));
    assert_eq!(kinto.admin.send(accounts().delete(&missing)).unwrap().id, missing);
}

pub(crate) fn what_cannot_be_an_account<D: Driver>(kinto: &Kinto<D>) {
    let name = kinto.other("x");
    let error = refused(kinto.anonymous.send(accounts().create(&name, "")));
    assert_eq!((error.status().map(|it| it.as_u16()), error.errno()), (Some(400), Some(107)));
    assert!(error.to_string().contains("data.password in body: Required"), "{error}");
    for id in ["", "a b", "a/b", "é", ".a", ".."] {
        let error = refused(kinto.anonymous.send(accounts().create(id, OLD)));
        assert_eq!((error.kind(), error.attempts()), (kinto_protocol::ErrorKind::Input, 0), "{id}");
    }
    let error = refused(kinto.anonymous.send(accounts().create(&name, OLD).data(&json!([1]))));
    assert_eq!(error.kind(), kinto_protocol::ErrorKind::Input);
}

/// The server tells the hash to whoever asks for the name. This is why errors are without it.
pub(crate) fn the_server_tells_the_hash_to_anybody<D: Driver>(kinto: &Kinto<D>) {
    let name = kinto.other("ann");
    kinto.anonymous.send(accounts().create(&name, OLD)).unwrap();
    let (told, tells) = mpsc::channel();
    let server = between(&kinto.url, move |_, _, carry_out| {
        let answer = carry_out();
        let _ = told.send(String::from_utf8_lossy(&answer).into_owned());
        Answer::Close(answer)
    });
    let stranger = D::build(Setup::of(server.url())).unwrap();
    let error = refused(stranger.send(accounts().create(&name, NEW)));
    assert!(tells.iter().take(2).any(|answer| answer.starts_with("HTTP/1.1 412") && answer.contains(HASH)));
    assert!(!format!("{error:?}").contains(HASH));
}

/// In nothing that is given back, alone or in a batch.
pub(crate) fn passwords_are_shown_nowhere<D: Driver>(kinto: &Kinto<D>) {
    fn shown<T: Debug>(what: &str, result: Result<T>) {
        let shown = match &result {
            Ok(output) => format!("{output:?}"),
            Err(error) => format!("{error} {error:?} {:?}", error.server()),
        };
        assert!(![HASH, OLD, NEW, "password\""].iter().any(|secret| shown.contains(secret)), "{what}: {shown}");
    }
    let name = kinto.other("ann");
    shown("create", kinto.anonymous.send(accounts().create(&name, OLD).data(&json!({"n": 1}))));
    let ann = client(kinto, &name, OLD);
    shown("a client", Ok((ann.session(), accounts().create(&name, OLD), accounts().change_password(&name, NEW))));
    shown("get", ann.send(accounts().get(&name)));
    shown("some fields", ann.send(accounts().get(&name).fields(["password", "n"])));
    shown("list", ann.send(accounts().list()));
    shown("a list of some fields", ann.send(accounts().list().fields(["password", "n"])));
    shown("patch", ann.send(accounts().patch(&name, Attributes::new(&json!({"n": 2})))));
    shown("taken", ann.send(accounts().create(&name, NEW)));
    shown("taken, to nobody", kinto.anonymous.send(accounts().create(&name, NEW)));
    let old = kinto_protocol::Timestamp::from_millis(1);
    shown("changed", ann.send(accounts().patch(&name, Attributes::new(&json!({"n": 3}))).if_match(old)));
    shown("forbidden", kinto.bob.send(accounts().change_password(&name, NEW)));

    let mut batch = Batch::new();
    batch.push(accounts().get(&name));
    batch.push(accounts().create(&name, NEW));
    batch.push(accounts().patch(&name, Attributes::new(&json!({"n": 4}))));
    let taken = batch.push(accounts().create(&name, NEW));
    let outcome = ann.send(batch).unwrap();
    let items: Vec<_> =
        outcome.items().map(|item| format!("{item:?} {:?} {:?}", item.error(), item.existing())).collect();
    shown("a batch", Ok((&outcome, items, outcome.get(taken))));
    assert_eq!(outcome.summary().to_string(), "2 done, 2 in conflict");

    shown("change", ann.send(accounts().change_password(&name, NEW)));
    shown("a list of nobody's", ann.send(accounts().list()));
    // Data that is read as it comes would show it.
    let ann = client(kinto, &name, NEW);
    assert!(body(&ann.send(raw(Method::GET, &endpoints::account(&name), "")).unwrap()).to_string().contains(HASH));
}

/// The repeat cannot tell, and says so; credentials that work are the proof.
pub(crate) fn the_answer_is_lost<D: Driver>(kinto: &Kinto<D>) {
    let server = losing(&kinto.url, &["PUT /v1/accounts", "PATCH /v1/accounts", "DELETE /v1/accounts"]);
    let name = kinto.other("ann");
    let through = D::build(Setup::of(server.url())).unwrap();
    let error = refused(through.send(accounts().create(&name, OLD)));
    assert!(error.status().is_some_and(|it| it == 412) && error.maybe_applied() && error.attempts() == 2, "{error:?}");
    assert_eq!(user(&client(kinto, &name, OLD)), Some(format!("account:{name}")));

    let through = through.with_auth(Some(Auth::basic(&name, OLD))).unwrap();
    let error = refused(through.send(accounts().change_password(&name, NEW)));
    assert!(error.status().is_some_and(|it| it == 401) && error.maybe_applied() && error.attempts() == 2, "{error:?}");
    assert_eq!(user(&client(kinto, &name, NEW)), Some(format!("account:{name}")));

    let through = through.with_auth(Some(Auth::basic(&name, NEW))).unwrap();
    let error = refused(through.send(accounts().delete(&name)));
    assert!(error.status().is_some_and(|it| it == 401) && error.maybe_applied(), "{error:?}");
    assert_eq!(user(&client(kinto, &name, NEW)), None);
}
