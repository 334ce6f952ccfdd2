//! What an answer says of an object or a list in its headers: timestamps and numbers.

use kinto_protocol::{ErrorKind, Result, Timestamp};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::{RECORD, json_with};
use crate::driver::Driver;
use crate::place::{Place, facts, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        H24 { no_etag; wire }
        H25 { etags_that_are_timestamps, etags_that_are_none; wire }
        H27 { headers_that_come_twice; wire }
        H31 { numbers_of_objects; wire }
    }
}

const LIST: &str = r#"{"data":[{"id":"a","last_modified":1}]}"#;

/// A server that has these headers on all that it says.
fn with(headers: &'static [(&'static str, &'static str)]) -> Stub {
    Stub::start(move |_, request| match request.split(' ').next().unwrap() {
        "HEAD" => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            Answer::Keep(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into())
        }
        _ if request.contains("/records ") => json_with(200, headers, LIST).answer,
        _ => json_with(200, headers, RECORD).answer,
    })
}

/// What is read succeeds, with this timestamp of the list or none; one that is asked for is there or an error.
fn is_read_as<D: Driver>(headers: &'static [(&'static str, &'static str)], at: Option<i64>) {
    let stub = with(headers);
    let it = Place::<D>::at(stub.url());
    let at = at.map(Timestamp::from_millis);
    let object = it.client.send(records().get("a")).unwrap();
    assert_eq!((object.last_modified.as_millis(), &object.data["n"]), (7, &json!(1)), "{headers:?}");
    let list = it.client.send(records().list()).unwrap();
    assert_eq!((list.items.len(), list.timestamp), (1, at), "{headers:?}");
    let asked: [fn(&D) -> Result<Timestamp>; 2] =
        [|client| client.send(records().head("a")), |client| client.send(records().timestamp())];
    for ask in asked {
        match ask(&it.client) {
            Ok(told) => assert_eq!(Some(told), at, "{headers:?}"),
            Err(error) => {
                assert_eq!((facts(&error), at), ((ErrorKind::Decode, 1, false), None), "{headers:?}: {error}");
            }
        }
    }
    // The condition of the next write is what the object says itself.
    it.client.send(records().update(&object)).unwrap();
    let _ = it.client.send(records().delete(&object));
    let requests = stub.requests();
    assert!(requests[4].to_lowercase().contains("if-match: \"7\"\r\n"), "{requests:?}");
    assert!(requests[5].to_lowercase().contains("if-match: \"7\"\r\n"), "{requests:?}");
    assert!(requests.iter().all(|request| !request.to_lowercase().contains("if-match: \"\"")), "{requests:?}");
}

fn no_etag<D: Driver>() {
    is_read_as::<D>(&[], None);
    // Without any timestamp there is no object, whose next write would have no condition.
    let stub = Stub::start(|_, _| Answer::json(200, r#"{"data":{"id":"a","n":1}}"#));
    let error = Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Decode, 1, false), "{error}");
}

fn etags_that_are_timestamps<D: Driver>() {
    is_read_as::<D>(&[("ETag", "\"9\"")], Some(9));
    is_read_as::<D>(&[("ETag", "W/\"9\"")], Some(9));
    is_read_as::<D>(&[("ETag", "9")], Some(9));
    is_read_as::<D>(&[("ETag", "\"9223372036854775807\"")], Some(i64::MAX));
}

fn etags_that_are_none<D: Driver>() {
    is_read_as::<D>(&[("ETag", "")], None);
    is_read_as::<D>(&[("ETag", "\"\"")], None);
    is_read_as::<D>(&[("ETag", "abc def")], None);
    is_read_as::<D>(&[("ETag", "\"abc\"")], None);
    is_read_as::<D>(&[("ETag", "\"-5\"")], None);
    is_read_as::<D>(&[("ETag", "-5")], None);
    is_read_as::<D>(&[("ETag", "\"1.7e12\"")], None);
    is_read_as::<D>(&[("ETag", "\"1700000000000.5\"")], None);
    is_read_as::<D>(&[("ETag", "\"18446744073709551616\"")], None);
    is_read_as::<D>(&[("ETag", "\"9")], None);
    is_read_as::<D>(&[("ETag", "W/9")], None);
    is_read_as::<D>(&[("ETag", "*")], None);
}

fn headers_that_come_twice<D: Driver>() {
    is_read_as::<D>(&[("ETag", "\"9\""), ("ETag", "\"9\"")], Some(9));
    is_read_as::<D>(&[("ETag", "\"9\""), ("ETag", "\"8\"")], None);
    is_read_as::<D>(&[("ETag", "\"9\", \"8\"")], None);
    is_read_as::<D>(&[("Date", "yesterday"), ("Date", "tomorrow"), ("ETag", "\"9\""), ("Server", "a")], Some(9));
    let length = RECORD.len();
    let twice = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n\r\n{RECORD}");
    let stub = Stub::start(move |_, _| Answer::Keep(twice.clone().into()));
    let it = Place::<D>::at(stub.url());
    for _ in 0..2 {
        assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 1);
    }
}

/// It is known, or an error: never 0 that nobody has said.
fn numbers_of_objects<D: Driver>() {
    let known: [&'static [(&str, &str)]; 3] =
        [&[("Total-Objects", "3")], &[("Total-Records", "3")], &[("Total-Objects", " 3 ")]];
    for headers in known {
        assert_eq!(Place::<D>::at(with(headers).url()).client.send(records().count()).unwrap(), 3, "{headers:?}");
    }
    let unknown: [&'static [(&str, &str)]; 8] = [
        &[],
        &[("Total-Objects", "")],
        &[("Total-Objects", "many")],
        &[("Total-Objects", "-3")],
        &[("Total-Objects", "3.5")],
        &[("Total-Objects", "0x3")],
        &[("Total-Objects", "99999999999999999999999")],
        &[("Total-Objects", "3, 4")],
    ];
    for headers in unknown {
        let error = Place::<D>::at(with(headers).url()).client.send(records().count()).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Decode, 1, false), "{headers:?}: {error}");
    }
}
