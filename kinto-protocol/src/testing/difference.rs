//! How a request differs from the one that was expected.

use serde_json::Value;

use crate::testing::asked::{Asked, Content};

/// What stands for an id that is made when the request is sent, and is another each time.
pub(super) const NEW: &str = "<a new id>";

/// Each difference is a line. None is that they are the same.
pub(super) fn differences(expected: &Asked, came: &Asked) -> Vec<String> {
    let mut lines = Vec::new();
    let mut differ = |what: &str, expected: Option<&str>, came: Option<&str>| {
        if expected != came {
            let shown = |value: Option<&str>| value.map_or_else(|| "nothing".to_owned(), str::to_owned);
            lines.push(line(what, &shown(expected), &shown(came)));
        }
    };
    differ("the method", Some(expected.method.as_str()), Some(came.method.as_str()));
    if !same_path(&expected.path, &came.path) {
        differ("the path", Some(&expected.path), Some(&came.path));
    }
    let (own, others) = (expected.parameters(), came.parameters());
    let mut names: Vec<&String> = own.iter().chain(&others).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    for name in names {
        let all = |pairs: &[(String, String)]| {
            let values: Vec<_> = pairs.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone()).collect();
            (!values.is_empty()).then(|| values.join(" and "))
        };
        differ(&format!("the parameter {name}"), all(&own).as_deref(), all(&others).as_deref());
    }
    differ("If-Match", expected.if_match.as_deref(), came.if_match.as_deref());
    differ("If-None-Match", expected.if_none_match.as_deref(), came.if_none_match.as_deref());
    differ("Content-Type", expected.content_type.as_deref(), came.content_type.as_deref());
    match (&expected.body, &came.body) {
        (Content::Json(expected), Content::Json(came)) => values("", Some(expected), Some(came), &mut lines),
        (expected, came) if expected == came => {}
        (Content::Bytes(expected), Content::Bytes(came)) => {
            let at = expected.iter().zip(came).take_while(|(a, b)| a == b).count();
            lines.push(format!("the body: {} and {} bytes, which differ at {at}", expected.len(), came.len()));
        }
        (expected, came) => lines.push(line("the body", &expected.to_string(), &came.to_string())),
    }
    lines
}

fn line(what: &str, expected: &str, came: &str) -> String {
    format!("{what}: expected {expected}, came {came}")
}

/// Field by field, down to what is no object and no list.
fn values(at: &str, expected: Option<&Value>, came: Option<&Value>, lines: &mut Vec<String>) {
    let step = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match (expected, came) {
        (Some(Value::String(new)), Some(Value::String(_))) if new == NEW => {}
        (Some(Value::Object(expected)), Some(Value::Object(came))) => {
            for (name, value) in expected {
                values(&step(name), Some(value), came.get(name), lines);
            }
            for (name, value) in came.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                values(&step(name), None, Some(value), lines);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(came))) => {
            for number in 0..expected.len().max(came.len()) {
                values(&step(&number.to_string()), expected.get(number), came.get(number), lines);
            }
        }
        (expected, came) if expected == came => {}
        (expected, came) => {
            let shown = |value: Option<&Value>| match value {
                Some(value) => Content::Json(value.clone()).to_string(),
                None => "nothing".to_owned(),
            };
            lines.push(line(
                &format!("the body at {}", if at.is_empty() { "/" } else { at }),
                &shown(expected),
                &shown(came),
            ));
        }
    }
}

fn same_path(expected: &str, came: &str) -> bool {
    let (mut expected, mut came) = (expected.split('/'), came.split('/'));
    expected.by_ref().all(|one| came.next().is_some_and(|other| one == other || (one == NEW && !other.is_empty())))
        && came.next().is_none()
}

/// One request out of two that were made alike: what differs between them is new each time.
pub(super) fn generalised(one: Asked, other: &Asked) -> Asked {
    let segments = one.path.split('/').zip(other.path.split('/'));
    let path = segments.map(|(a, b)| if a == b { a } else { NEW }).collect::<Vec<_>>().join("/");
    let body = match (one.body, &other.body) {
        (Content::Json(one), Content::Json(other)) => Content::Json(general(one, other)),
        (body, _) => body,
    };
    Asked { path, body, ..one }
}

fn general(one: Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let pair = |(name, value): (String, Value)| match other.get(&name) {
                Some(other) => (name, general(value, other)),
                None => (name, value),
            };
            Value::Object(one.into_iter().map(pair).collect())
        }
        (Value::Array(one), Value::Array(other)) => {
            Value::Array(one.into_iter().zip(other).map(|(one, other)| general(one, other)).collect())
        }
        (Value::String(one), Value::String(other)) if one != *other => NEW.into(),
        (one, _) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(path: &str, query: &str, body: Value) -> Asked {
        let request = http::Request::put(format!("http://x/v1{path}?{query}")).body(body.to_string().into());
        Asked::of(&request.unwrap(), "http://x/v1")
    }

    #[test]
    fn each_difference_is_told_by_itself() {
        let expected = asked("/a", "n=1&n=2", json!({"data": {"a": [1, 2], "b/c": null, "same": {}}}));
        let mut came = asked("/b", "n=2&m=", json!({"data": {"a": [1], "d": 2.5, "same": {}}}));
        (came.if_match, came.if_none_match) = (Some("\"7\"".into()), Some("*".into()));
        let lines = [
            "the path: expected /a, came /b",
            "the parameter m: expected nothing, came ",
            "the parameter n: expected 1 and 2, came 2",
            "If-Match: expected nothing, came \"7\"",
            "If-None-Match: expected nothing, came *",
            "the body at /data/a/1: expected 2, came nothing",
            "the body at /data/b~1c: expected null, came nothing",
            "the body at /data/d: expected nothing, came 2.5",
        ];
        assert_eq!(differences(&expected, &came), lines);
        assert!(differences(&expected, &expected).is_empty());
        let text = Asked { body: Content::Text("x".into()), ..expected.clone() };
        assert_eq!(
            differences(&text, &Asked { body: Content::Nothing, ..expected }),
            ["the body: expected x, came no body"]
        );
    }

    #[test]
    fn what_is_new_each_time_is_anything() {
        let one = |id: &str| asked(&format!("/records/{id}"), "", json!({"data": {"id": id, "n": 1}}));
        let new = generalised(one("a"), &one("b"));
        assert_eq!(new.path, "/records/<a new id>");
        assert!(differences(&new, &one("c")).is_empty());
        assert_eq!(differences(&new, &asked("/records/", "", json!({"data": {"id": 1, "n": 1}}))).len(), 2);
    }
}
