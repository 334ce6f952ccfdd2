//! The three patches: each says what was given, in the words of its kind.

use kinto_protocol::{Attributes, IdRule, JsonPatch, Merge, Permissions, Timestamp, bucket};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::caller::{further, request, session};
use crate::hostile::{id, text};
use crate::json::{object, value};
use crate::permissions::{granted, grants};
use crate::property::{Fate, holds};

/// The type of the content, and the precondition if there is one.
fn headers(read: &crate::strict::Read) -> (Option<&str>, Option<&str>) {
    let known = ["content-length", "content-type", "if-match"];
    assert!(further(read).iter().all(|(name, _)| known.contains(name)), "{read:?}");
    (read.header("content-type"), read.header("if-match"))
}

#[test]
fn of_attributes_and_merges() {
    let ids = prop_oneof![3 => Just(None), 1 => Just(Some(Value::Null)), 1 => Just(Some(json!("r"))), 1 => Just(Some(json!(7))), 2 => id().prop_map(|id| Some(id.into()))];
    let at = prop_oneof![Just(None), any::<i64>().prop_map(Some)];
    let inputs = (any::<bool>(), any::<bool>(), object(3), ids, proptest::option::of(grants()), at);
    holds("attributes and merges", &inputs, |(merges, personal, data, id, grants, at)| {
        let records = bucket(if personal { "default" } else { "b" }).collection("c").records();
        let mut given = data.clone();
        given.extend(id.clone().map(|id| ("id".to_owned(), id)));
        let permissions = grants.as_ref().map(granted);
        let session = session(IdRule::Server);
        macro_rules! sent {
            ($patch:expr) => {{
                let patch = permissions.iter().fold($patch, |patch, it| patch.permissions(it.clone()));
                let patch = records.patch("r", patch);
                let patch = at.iter().fold(patch, |patch, at| patch.if_match(Timestamp::from_millis(*at)));
                request(&session, &patch)?
            }};
        }
        let sent = if merges { sent!(Merge::new(&given)) } else { sent!(Attributes::new(&given)) };
        let another = id.as_ref().is_some_and(|id| !id.is_null() && *id != "r");
        let Ok(read) = sent else {
            prop_assert!(another || at.is_some_and(|at| at < 0));
            return Ok(Fate::Refused);
        };
        prop_assert!(!another);
        prop_assert_eq!(read.method.as_str(), "PATCH");
        let kind = if merges { "application/merge-patch+json" } else { "application/json" };
        let etag = at.map(|at| format!("\"{at}\""));
        prop_assert_eq!(headers(&read), (Some(kind), etag.as_deref()));
        // What has no id says so with a null, and in the personal bucket it is misread.
        if !id.as_ref().is_some_and(Value::is_null) && !personal {
            prop_assert_eq!(read.json()["data"].clone(), Value::Object(given));
        } else {
            prop_assert_eq!(read.json()["data"].clone(), Value::Object(data));
        }
        prop_assert_eq!(
            read.json().get("permissions").cloned(),
            permissions.map(|it| serde_json::to_value(it).unwrap())
        );
        Ok(Fate::Sent)
    });
}

#[test]
fn of_changes_in_order() {
    let pointers = prop_oneof![
        3 => text().prop_map(|text| format!("/data/{text}")),
        1 => text().prop_map(|text| format!("/permissions/{text}")),
        1 => Just("/data".to_owned()),
        1 => text(),
    ];
    let change = (0..6_usize, pointers.clone(), pointers, value(2));
    holds("JSON patches", &vec(change, 0..4), |changes| {
        let (mut patch, mut expected) = (JsonPatch::new(), Vec::new());
        let mut inside = true;
        for (kind, path, from, value) in &changes {
            let within = |pointer: &str| {
                ["/data", "/permissions"]
                    .iter()
                    .any(|root| pointer.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            };
            inside &= within(path) && (*kind < 4 || within(from));
            let op = ["add", "replace", "test", "remove", "move", "copy"][*kind];
            let mut change = json!({"op": op, "path": path});
            patch = match kind {
                0 => patch.add(path, value),
                1 => patch.replace(path, value),
                2 => patch.test(path, value),
                3 => patch.remove(path),
                4 => patch.move_to(from, path),
                _ => patch.copy_to(from, path),
            };
            match kind {
                0..=2 => change["value"] = value.clone(),
                3 => {}
                _ => change["from"] = from.as_str().into(),
            }
            expected.push(change);
        }
        let Ok(read) = request(&session(IdRule::Server), &bucket("b").collection("c").records().patch("r", patch))?
        else {
            prop_assert!(!inside, "{:?}", changes);
            return Ok(Fate::Refused);
        };
        prop_assert!(inside);
        prop_assert_eq!(headers(&read), (Some("application/json-patch+json"), None));
        prop_assert_eq!(read.json(), Value::from(expected));
        Ok(Fate::Sent)
    });
}

/// A patch of permissions alone says nothing of the data.
#[test]
fn of_permissions_alone() {
    holds("patches of permissions", &grants(), |grants| {
        let permissions: Permissions = granted(&grants);
        let patch = bucket("b").collections().patch("c", Attributes::only_permissions(permissions.clone()));
        let read = request(&session(IdRule::Server), &patch)?.unwrap();
        let expected = Map::from_iter([("permissions".to_owned(), serde_json::to_value(&permissions).unwrap())]);
        prop_assert_eq!(read.json(), Value::Object(expected));
        Ok(Fate::Sent)
    });
}
