//! Answers that say success, with a body that is of no use.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use kinto_protocol::{Batch, Class, Error, ErrorKind, Result};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::{RECORD, TOMBSTONE, answer, entries, info};
use crate::classes::of;
use crate::driver::Driver;
use crate::place::{Place, facts, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        H18 { pages_of_html, a_page_of_html_is_not_remembered; wire }
        H19 { any_content_type; wire }
        H20 { nothing_at_all; wire }
        H21 { another_shape; wire }
        H22 { cut_json_and_more_than_json; wire }
        H23 { not_utf8; wire }
        H26 { encodings; wire }
    }
}

/// A word that stands in no message.
const WORD: &str = "zebra";

/// It is no success, is not asked for again, and a write may have been done. Nothing of the body is repeated.
fn is_of_no_use<D: Driver>(what: &str, given: &Answer) -> Vec<Error> {
    let each = [Class::Safe, Class::Repeatable, Class::Conditional].map(|class| (class, of::<D>(class).remove(0).send));
    let list: fn(&D) -> Result<()> = |client| client.send(records().list()).map(drop);
    let delete: fn(&D) -> Result<()> = |client| client.send(records().delete("a")).map(drop);
    let all = each.into_iter().chain([(Class::Safe, list), (Class::Repeatable, delete)]);
    all.map(|(class, send)| {
        let given = given.clone();
        let stub = Stub::start(move |_, _| given.clone());
        let it = Place::<D>::at(stub.url());
        let error = send(&it.client).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Decode, 1, class != Class::Safe), "{what}: {error}");
        assert_eq!((stub.requests().len(), it.waits().len()), (1, 0), "{what}");
        assert!(!format!("{error} {error:?}").contains(WORD), "{what}: {error}");
        error
    })
    .collect()
}

const PAGE: &str = "<!doctype html><title>zebra: please log in</title>";

fn html() -> Answer {
    answer(200, &[("Content-Type", "text/html; charset=utf-8")], PAGE).answer
}

fn pages_of_html<D: Driver>() {
    for error in is_of_no_use::<D>("a page", &html()) {
        let said = error.to_string();
        assert!(said.contains("200") && said.contains("text/html; charset=utf-8"), "{said}");
        assert!(said.contains("login page"), "{said}");
    }
    is_of_no_use::<D>("a page that claims to be JSON", &Answer::json(200, PAGE));
}

/// What a server says of itself is asked for again when what came was not that.
fn a_page_of_html_is_not_remembered<D: Driver>() {
    let stub = Stub::start(|number, request| match request.split(' ').nth(1).unwrap() {
        "/v1/" if number == 0 => html(),
        "/v1/" => info("2").answer,
        _ => entries(&[(201, RECORD), (201, RECORD)]).answer,
    });
    let it = Place::<D>::at(stub.url());
    let send = || {
        let mut batch = Batch::new();
        for id in ["a", "b"] {
            batch.push(records().create(id, &json!({})));
        }
        it.client.send(batch).and_then(|outcome| outcome.into_result().map(drop))
    };
    let first = send();
    let second = send();
    assert!(second.is_ok(), "{first:?} {second:?}");
    let hellos = stub.requests().iter().filter(|request| request.starts_with("GET /v1/ ")).count();
    assert_eq!(hellos, 2, "{first:?}");
}

fn any_content_type<D: Driver>() {
    for kind in
        ["text/plain", "application/octet-stream", "text/html", "nonsense", "application/json; charset=utf-16", ""]
    {
        let headers: &[_] = if kind.is_empty() { &[] } else { &[("Content-Type", kind)] };
        let given = answer(200, headers, RECORD).answer;
        let stub = Stub::start(move |_, _| given.clone());
        let it = Place::<D>::at(stub.url());
        assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 1, "{kind}");
        assert_eq!(it.client.send(records().create("a", &json!({}))).unwrap().id, "a", "{kind}");
    }
}

fn nothing_at_all<D: Driver>() {
    is_of_no_use::<D>("an empty body", &Answer::json(200, ""));
    is_of_no_use::<D>("no content", &Answer::Keep(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()));
    is_of_no_use::<D>("spaces", &Answer::json(200, "  \r\n"));
}

fn another_shape<D: Driver>() {
    let shapes = [
        "null",
        "[]",
        "{}",
        "\"x\"",
        "1",
        "true",
        r#"{"data":null}"#,
        r#"{"data":"x"}"#,
        r#"{"data":1}"#,
        r#"{"data":{}}"#,
        r#"{"data":[null]}"#,
        r#"{"data":[{}]}"#,
        r#"{"data":[["x"]]}"#,
        r#"{"data":{"id":"a"}}"#,
        r#"{"data":{"last_modified":1}}"#,
        r#"{"data":{"id":1,"last_modified":1}}"#,
        r#"{"data":{"id":"a","last_modified":"1"}}"#,
        r#"{"Data":{"id":"a","last_modified":1}}"#,
    ];
    for shape in shapes {
        for error in is_of_no_use::<D>(shape, &Answer::json(200, shape)) {
            assert!(error.to_string().contains("not of the expected shape"), "{shape}: {error}");
        }
    }
    // A list is no object, and an object is no list.
    let stub = Stub::start(|_, request| match request.contains("records/") {
        true => Answer::json(200, r#"{"data":[{"id":"a","last_modified":1}]}"#),
        false => Answer::json(200, RECORD),
    });
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.send(records().get("a")).unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(it.client.send(records().list()).unwrap_err().kind(), ErrorKind::Decode);
}

fn cut_json_and_more_than_json<D: Driver>() {
    let record = RECORD.replace("me", WORD);
    let cut = &record[..record.len() - 12];
    for (what, body) in [
        ("cut", cut.to_owned()),
        ("cut in a word", record[..record.len() - 6].to_owned()),
        ("more", format!("{record}{record}")),
        ("junk", format!("{record} zebra")),
        ("NUL", format!("{record}\0")),
        ("another bracket", format!("{record}}}")),
    ] {
        for error in is_of_no_use::<D>(what, &Answer::json(200, &body)) {
            let said = error.to_string();
            assert!(said.contains("not JSON") || said.contains("shape"), "{what}: {said}");
            assert!(said.contains("line 1 column"), "{what}: {said}");
        }
    }
}

fn sized(headers: &str, body: &[u8]) -> Answer {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    Answer::Keep([head.as_bytes(), body].concat())
}

fn not_utf8<D: Driver>() {
    let with = |bytes: &[u8]| {
        let (left, right) = RECORD.split_once("me").unwrap();
        [left.as_bytes(), bytes, right.as_bytes()].concat()
    };
    let utf16 = |order: fn(u16) -> [u8; 2]| RECORD.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    for (what, body) in [
        ("a byte that is none", with(b"\xff")),
        ("Latin-1", with(b"caf\xe9")),
        ("half a character", with(b"\xe2\x82")),
        ("a surrogate", with(b"\xed\xa0\x80")),
        ("a byte order mark", [b"\xef\xbb\xbf", RECORD.as_bytes()].concat()),
        ("UTF-16", utf16(u16::to_le_bytes)),
        ("UTF-16 the other way", utf16(u16::to_be_bytes)),
    ] {
        is_of_no_use::<D>(what, &sized("Content-Type: application/json\r\n", &body));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One layer of gzip, which was asked for, and all of it.
fn encodings<D: Driver>() {
    let whole = gzip(RECORD.as_bytes());
    let mut corrupt = whole.clone();
    corrupt[12] ^= 0x55;
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    for (what, coding, body) in [
        ("cut", "gzip", whole[..whole.len() - 9].to_vec()),
        ("cut in its last word", "gzip", whole[..whole.len() - 1].to_vec()),
        ("corrupt", "gzip", corrupt),
        ("a wrong sum", "gzip", wrong_sum),
        ("junk behind it", "gzip", [&whole[..], b"zebra"].concat()),
        ("not gzip", "gzip", RECORD.as_bytes().to_vec()),
        ("twice", "gzip", gzip(&whole)),
        ("twice, as it says", "gzip, gzip", gzip(&whole)),
        ("unknown", "br", whole.clone()),
        ("not asked for", "deflate", RECORD.as_bytes().to_vec()),
        ("nonsense", "zebra-coding", RECORD.as_bytes().to_vec()),
        ("not said", "identity", whole.clone()),
    ] {
        is_of_no_use::<D>(what, &sized(&format!("Content-Encoding: {coding}\r\n"), &body));
    }
    for (coding, body) in [("gzip", whole), ("identity", RECORD.as_bytes().to_vec())] {
        let given = sized(&format!("Content-Encoding: {coding}\r\n"), &body);
        let stub = Stub::start(move |_, _| given.clone());
        assert_eq!(Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap().data["n"], 1);
        assert!(stub.requests()[0].to_lowercase().contains("accept-encoding: gzip\r\n"));
    }
    let stub = Stub::start(|_, _| sized("Content-Encoding: gzip\r\n", &gzip(TOMBSTONE.as_bytes())));
    assert_eq!(Place::<D>::at(stub.url()).client.send(records().delete("a")).unwrap().last_modified.as_millis(), 8);
}
