//! Permissions, principals, members of groups and accounts: all come out as they were given.

use std::collections::{BTreeMap, BTreeSet};

use kinto_protocol::{GroupData, IdRule, Permissions, accounts, bucket, buckets};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::caller::{SECRET, hides, is_clear, request, session};
use crate::hostile::{text, word};
use crate::json::object;
use crate::property::{Fate, holds};

/// Who is given what, in any order and also twice.
type Grants = Vec<(String, Vec<String>)>;

pub(crate) fn grants() -> impl Strategy<Value = Grants> {
    let names = prop_oneof![
        4 => proptest::sample::select(&["read", "write", "record:create", "collection:create", "group:create"][..])
            .prop_map(str::to_owned),
        1 => text(),
    ];
    vec((names, vec(principal(), 0..4)), 0..4)
}

pub(crate) fn principal() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        word().prop_map(|name| format!("account:{name}")),
        (word(), word()).prop_map(|(b, g)| format!("/buckets/{b}/groups/{g}")),
        Just("system.Everyone".to_owned()),
    ]
}

pub(crate) fn granted(grants: &Grants) -> Permissions {
    grants.iter().fold(Permissions::new(), |all, (name, who)| all.grant(name.as_str(), who.clone()))
}

#[test]
fn as_they_were_granted() {
    holds("permissions", &(grants(), any::<bool>()), |(grants, replaces)| {
        let put = match replaces {
            true => buckets().replace_permissions("b", granted(&grants)),
            false => buckets().create("b", &json!({})).permissions(granted(&grants)),
        };
        let read = request(&session(IdRule::Server), &put)?.unwrap();
        let mut expected: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, who) in &grants {
            expected.entry(name).or_default().extend(who.iter().map(String::as_str));
        }
        let mut body = json!({"permissions": expected});
        if !replaces {
            body["data"] = json!({});
        }
        prop_assert_eq!(read.json(), body);
        Ok(Fate::Sent)
    });
}

#[test]
fn members_of_groups() {
    holds("members of groups", &(vec(principal(), 0..6), object(2)), |(members, other)| {
        let mut group = GroupData::of(members.clone());
        group.other = other.clone();
        group.other.remove("members");
        let create = bucket("b").groups().create("g", &group);
        let read = request(&session(IdRule::Server), &create)?.unwrap();
        let mut expected = group.other;
        expected.insert("members".to_owned(), members.into());
        prop_assert_eq!(read.json()["data"].clone(), Value::Object(expected));
        Ok(Fate::Sent)
    });
}

/// Passwords go out as they were given, and are shown nowhere.
#[test]
fn passwords_of_accounts() {
    let passwords = (text(), text()).prop_map(|(before, after)| format!("{before}{SECRET}{after}"));
    holds("passwords", &(passwords, word(), object(2), any::<bool>()), |(password, name, data, creates)| {
        let session = session(IdRule::Server);
        let (create, change) =
            (accounts().create(&name, &password).data(&data), accounts().change_password(&name, &password));
        hides(&format!("{create:?} {change:?}"))?;
        let (read, mut expected) = match creates {
            true => (request(&session, &create)?.unwrap(), data.clone()),
            false => (request(&session, &change)?.unwrap(), serde_json::Map::new()),
        };
        expected.insert("password".to_owned(), password.as_str().into());
        prop_assert_eq!(read.json()["data"].clone(), Value::Object(expected));
        // Also where the rest is wrong.
        is_clear(&session.request(&accounts().create("a/b", &password)).unwrap_err())?;
        is_clear(&session.request(&accounts().create(&name, &password).data(&[&password])).unwrap_err())?;
        Ok(Fate::Sent)
    });
}
