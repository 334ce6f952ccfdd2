//! Attached files: name, type, content and what else is sent with them arrive as they are.

use kinto_protocol::{IdRule, Permissions, bucket};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::caller::{first, session};
use crate::hostile::{id, text, word};
use crate::json::object;
use crate::permissions::{granted, grants};
use crate::property::{Fate, holds};
use crate::strict::on_the_wire;

/// A part of a form.
#[derive(Debug, PartialEq)]
struct Part {
    disposition: String,
    media_type: Option<String>,
    content: Vec<u8>,
}

/// The parts of a form, read as strictly as they come.
fn parts(content_type: &str, body: &[u8]) -> Vec<Part> {
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    assert!(!boundary.is_empty() && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{boundary}");
    let mark = format!("\r\n--{boundary}");
    let find = |in_: &[u8], what: &str| in_.windows(what.len()).position(|it| it == what.as_bytes());
    let mut rest = body.strip_prefix(&mark.as_bytes()[2..]).unwrap();
    let mut parts = Vec::new();
    while rest != b"--\r\n" {
        rest = rest.strip_prefix(b"\r\n").unwrap();
        let end = find(rest, &mark).unwrap();
        let (part, after) = rest.split_at(end);
        let head_end = find(part, "\r\n\r\n").unwrap();
        let (mut disposition, mut media_type) = (None, None);
        for line in std::str::from_utf8(&part[..head_end]).unwrap().split("\r\n") {
            assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
            match line.split_once(": ").unwrap() {
                ("Content-Disposition", value) => assert_eq!(disposition.replace(value.to_owned()), None),
                ("Content-Type", value) => assert_eq!(media_type.replace(value.to_owned()), None),
                other => panic!("{other:?}"),
            }
        }
        parts.push(Part { disposition: disposition.unwrap(), media_type, content: part[head_end + 4..].to_vec() });
        rest = &after[mark.len()..];
    }
    parts
}

/// The name in a quoted text.
fn unquoted(disposition: &str) -> String {
    let quoted = disposition.strip_prefix("form-data; name=\"attachment\"; filename=\"").unwrap();
    let (mut name, mut rest) = (String::new(), quoted.chars());
    loop {
        match rest.next().unwrap() {
            '\\' => name.push(rest.next().unwrap()),
            '"' => break,
            c => name.push(c),
        }
    }
    assert_eq!(rest.as_str(), "", "{disposition}");
    name
}

fn can_be_named(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains(|c: char| c == '/' || c == '\\' || c.is_control())
}

fn can_be_a_type(media_type: &str) -> bool {
    !media_type.is_empty() && media_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

#[test]
fn as_they_are() {
    let names = prop_oneof![2 => word().prop_map(|name| name + ".txt"), 3 => text(), 2 => text().prop_map(|name| name.replace(['/', '\\'], "\"") + ".png")];
    let types = prop_oneof![3 => Just(None), 2 => Just(Some("text/plain; charset=utf-8".to_owned())), 1 => text().prop_map(Some)];
    let contents =
        prop_oneof![vec(any::<u8>(), 0..300), text().prop_map(String::into_bytes), Just(b"\r\n--\r\n\r\n".to_vec())];
    let inputs = (names, types, contents, proptest::option::of(object(2)), proptest::option::of(grants()));
    holds("files", &inputs, |(name, media_type, content, data, grants)| {
        let permissions: Option<Permissions> = grants.as_ref().map(granted);
        let mut upload = bucket("b").collection("c").attachment("r").upload(name.as_str()).any_extension().always();
        if let Some(media_type) = &media_type {
            upload = upload.media_type(media_type.as_str());
        }
        if let Some(data) = &data {
            upload = upload.data(data);
        }
        if let Some(permissions) = &permissions {
            upload = upload.permissions(permissions.clone());
        }
        let fine = can_be_named(&name) && media_type.as_deref().is_none_or(can_be_a_type);
        let Ok(request) = first(&session(IdRule::Server), upload.content(content.clone()))? else {
            prop_assert!(!fine);
            return Ok(Fate::Refused);
        };
        prop_assert!(fine);
        let read = on_the_wire(&request).map_err(TestCaseError::fail)?;
        prop_assert_eq!(
            (read.method.as_str(), read.target.as_str()),
            ("POST", "/v1/buckets/b/collections/c/records/r/attachment")
        );
        let mut parts = parts(read.header("content-type").unwrap(), &read.body);
        let file = parts.pop().unwrap();
        prop_assert_eq!(unquoted(&file.disposition), name);
        prop_assert_eq!(file.content, content);
        if let Some(media_type) = media_type {
            prop_assert_eq!(file.media_type, Some(media_type));
        }
        let mut expected: Vec<(&str, Value)> = Vec::new();
        expected.extend(data.map(|data: Map<_, _>| ("form-data; name=\"data\"", Value::Object(data))));
        expected.extend(permissions.map(|it| ("form-data; name=\"permissions\"", serde_json::to_value(it).unwrap())));
        let found: Vec<(&str, Value)> = parts
            .iter()
            .map(|part| (part.disposition.as_str(), serde_json::from_slice(&part.content).unwrap()))
            .collect();
        prop_assert_eq!(found, expected);
        Ok(Fate::Sent)
    });
}

/// An id that is refused is refused for files as well.
#[test]
fn of_records() {
    holds("files of records", &(id(), id(), id()), |(b, c, r)| {
        let upload = bucket(&b).collection(&c).attachment(&r).upload("a.txt").always().content(&b"x"[..]);
        let taken = [&b, &c, &r].iter().all(|id| crate::ids::server_takes(id));
        let sent = first(&session(IdRule::Server), upload)?;
        prop_assert_eq!(sent.is_ok(), taken);
        if let Ok(request) = sent {
            prop_assert_eq!(request.uri().path(), format!("/v1/buckets/{b}/collections/{c}/records/{r}/attachment"));
            return Ok(Fate::Sent);
        }
        Ok(Fate::Refused)
    });
}
