//! Ids: each stands in the path as one segment that says exactly what was given, or nothing is sent.

use kinto_protocol::{
    Attributes, Call, Flow, IdRule, Method, Operation, Path, Timestamp, accounts, bucket, buckets, endpoints,
};
use proptest::prelude::*;
use serde_json::json;

use crate::caller::{first, request, session};
use crate::hostile::{id, text};
use crate::property::{Fate, Verdict, holds};
use crate::strict::{Read, decoded, encoded};

/// Kinto's own rule, written down once more.
pub(crate) fn server_takes(id: &str) -> bool {
    let bytes = id.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        && bytes.len() <= 512
}

fn wide_takes(id: &str) -> bool {
    let safe = |c: char| c.is_alphanumeric() || "-_.+@~:,=!$&'()*".contains(c);
    !id.is_empty() && id.len() <= 512 && id.chars().all(safe) && id.chars().any(|c| c != '.')
}

fn account_takes(name: &str) -> bool {
    server_takes(&name.replace(['+', '.', '@'], "_")) && !name.starts_with(['+', '.', '@'])
}

/// What can stand in a path without leading elsewhere.
fn free_takes(text: &str) -> bool {
    let steps = text.split(['/', '\\']).any(|part| part == "." || part == "..");
    !text.is_empty() && text.len() <= 512 && !steps && text.chars().any(|c| c != '.')
}

fn rules() -> impl Strategy<Value = IdRule> {
    prop_oneof![Just(IdRule::Server), Just(IdRule::Wide)]
}

/// That exactly this was sent, or refused where it is not to be taken.
fn exactly(sent: Result<Read, kinto_protocol::Error>, taken: bool, segments: &[&str]) -> Verdict {
    match sent {
        Ok(read) => {
            prop_assert!(taken, "it was to be refused: {}", read.target);
            let expected: String = segments.iter().map(|segment| format!("/{}", encoded(segment))).collect();
            prop_assert_eq!(&read.target, &format!("/v1{expected}"));
            let back: Vec<String> = read.target.split('/').skip(2).map(decoded).collect();
            prop_assert_eq!(&back, segments);
            Ok(Fate::Sent)
        }
        Err(error) => {
            prop_assert!(!taken, "{}", error);
            Ok(Fate::Refused)
        }
    }
}

#[test]
fn of_objects() {
    holds("ids of objects", &(rules(), id(), id(), id(), 0..19), |(rule, b, c, r, verb)| {
        let session = session(rule);
        let send = |operation: &dyn Fn(&_) -> _| operation(&session);
        fn of<O: Operation>(
            operation: O,
        ) -> impl Fn(&kinto_protocol::Session) -> Result<Result<Read, kinto_protocol::Error>, TestCaseError> {
            move |session| request(session, &operation)
        }
        let (groups, collections, records) =
            (bucket(&b).groups(), bucket(&b).collections(), bucket(&b).collection(&c).records());
        let data = json!({"members": []});
        let at = Timestamp::from_millis(7);
        let plain = |path: Path| Call::new(Method::GET, path);
        let in_records = ["buckets", &b, "collections", &c, "records"];
        let record = ["buckets", &b, "collections", &c, "records", &r];
        let (sent, segments): (_, &[&str]) = match verb {
            0 => (send(&of(buckets().get(&b)))?, &["buckets", &b]),
            1 => (send(&of(buckets().delete(&b)))?, &["buckets", &b]),
            2 => (send(&of(collections.create(c.as_str(), &data)))?, &["buckets", &b, "collections", &c]),
            3 => (send(&of(collections.delete(&c)))?, &["buckets", &b, "collections", &c]),
            4 => (send(&of(groups.replace(&c, &data)))?, &["buckets", &b, "groups", &c]),
            5 => (send(&of(groups.delete(&c)))?, &["buckets", &b, "groups", &c]),
            6 => (send(&of(records.count()))?, &in_records),
            7 => (send(&of(records.get(&r)))?, &record),
            8 => (send(&of(records.head(&r)))?, &record),
            9 => (send(&of(records.exists(&r)))?, &record),
            10 => (send(&of(records.create(r.as_str(), &data)))?, &record),
            11 => (send(&of(records.replace(&r, &data)))?, &record),
            12 => (send(&of(records.patch(&r, Attributes::new(&data))))?, &record),
            13 => (send(&of(records.delete(&r)))?, &record),
            14 => (send(&of(plain(endpoints::record(&b, &c, &r))))?, &record),
            15 => (
                send(&of(plain(endpoints::attachment(&b, &c, &r))))?,
                &["buckets", &b, "collections", &c, "records", &r, "attachment"],
            ),
            16 => (send(&of(plain(endpoints::history(&b))))?, &["buckets", &b, "history"]),
            17 => (send(&of(plain(endpoints::changeset(&b, &c))))?, &["buckets", &b, "collections", &c, "changeset"]),
            _ => {
                let sent = send(&of(plain(endpoints::snapshot(&b, &c, at))))?;
                let sent = sent.map(|read| Read { target: read.target.replacen("@7", "", 1), ..read });
                (sent, &["buckets", &b, "snapshot", "collections", &c])
            }
        };
        let taken = |id: &&str| match rule {
            IdRule::Server => server_takes(id),
            _ => wide_takes(id),
        };
        // Every other segment is an id, and names of lists would be ids as well.
        exactly(sent, segments.iter().all(taken), segments)
    });
}

#[test]
fn of_accounts() {
    let names = prop_oneof![
        id(),
        id().prop_map(|id| id.replace(['/', ' '], "@")),
        (id(), id()).prop_map(|(a, b)| a + "@" + &b)
    ];
    holds("names of accounts", &(rules(), names, 0..5), |(rule, name, verb)| {
        let session = session(rule);
        let sent = match verb {
            0 => request(&session, &accounts().create(&name, "password"))?,
            1 => request(&session, &accounts().change_password(&name, "password"))?,
            2 => request(&session, &accounts().get(&name))?,
            3 => request(&session, &accounts().delete(&name))?,
            _ => request(&session, &Call::new(Method::GET, endpoints::account(&name)))?,
        };
        let taken = if rule == IdRule::Server { account_takes(&name) } else { wide_takes(&name) };
        exactly(sent, taken, &["accounts", &name])
    });
}

#[test]
fn of_principals_and_providers() {
    let principals = prop_oneof![text(), (id(), id()).prop_map(|(b, g)| format!("/buckets/{b}/groups/{g}"))];
    holds("principals in paths", &(rules(), principals), |(rule, principal)| {
        let sent = request(&session(rule), &kinto_protocol::delete_user_data(&principal))?;
        exactly(sent, free_takes(&principal), &["__user_data__", &principal])
    });
    holds("providers in paths", &(rules(), id()), |(rule, provider)| {
        let sent = request(&session(rule), &Call::new(Method::GET, endpoints::openid_login(&provider)))?;
        let taken = if rule == IdRule::Server { server_takes(&provider) } else { wide_takes(&provider) };
        exactly(sent, taken, &["openid", &provider, "login"])
    });
}

/// Also those that only look alike, or are alike to a file system or a database.
#[test]
fn two_are_never_one() {
    let alike = (id(), id(), any::<bool>()).prop_map(|(a, b, turned)| {
        if turned {
            (a.clone(), if a.to_lowercase() == a { a.to_uppercase() } else { a.to_lowercase() })
        } else {
            (a, b)
        }
    });
    let pairs = ((id(), id()), alike);
    holds("pairs of ids", &pairs, |((b, c), (first, second))| {
        let session = session(IdRule::Wide);
        let target = |b: &str, c: &str, r: &str| request(&session, &bucket(b).collection(c).records().get(r));
        let mut sent = Vec::new();
        for ids in
            [(b.as_str(), c.as_str(), first.as_str()), (&b, &c, &second), (&b, &first, &second), (&first, &c, &second)]
        {
            if let Ok(read) = target(ids.0, ids.1, ids.2)? {
                sent.push((ids, read.target));
            }
        }
        for (one, one_target) in &sent {
            for (other, other_target) in &sent {
                prop_assert_eq!(one == other, one_target == other_target);
            }
        }
        Ok(if sent.is_empty() { Fate::Refused } else { Fate::Sent })
    });
}

/// An id that is refused ends the conversation before it begins.
#[test]
fn no_conversation_begins_with_what_is_refused() {
    fn begin<F: Flow>(flow: F) -> Verdict {
        Ok(first(&session(IdRule::Server), flow)?.map_or(Fate::Refused, |_| Fate::Sent))
    }
    holds("flows", &(id(), id(), id(), 0..9), |(b, c, r, flow)| {
        let (home, records) = (bucket(&b), bucket(&b).collection(&c).records());
        let (fate, ids): (_, &[&str]) = match flow {
            0 => (begin(records.list())?, &[&b, &c]),
            1 => (begin(records.delete_all())?, &[&b, &c]),
            2 => (begin(records.get_or_create(r.as_str(), &json!({})))?, &[&b, &c, &r]),
            3 => (begin(records.modify(r.as_str(), |_| ()))?, &[&b, &c, &r]),
            4 => (begin(records.delete_if_present(&r))?, &[&b, &c, &r]),
            5 => (begin(home.history().list())?, &[&b]),
            6 => (begin(home.groups().list())?, &[&b]),
            7 => (begin(records.changes(&r.as_str().into()))?, &[&b, &c]),
            _ => (begin(home.copy_to(&bucket(&c)))?, &[&b, &c]),
        };
        // Nothing is copied to where it is; the personal bucket of another caller is another one.
        let taken = ids.iter().all(|id| server_takes(id)) && (flow != 8 || b != c || b == "default");
        prop_assert_eq!(fate, if taken { Fate::Sent } else { Fate::Refused });
        Ok(fate)
    });
}
