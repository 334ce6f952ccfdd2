//! Records, errors and numbers that are not what they should be.

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Cursor, Details, Entry, ErrorKind, Object, Timestamp, bucket, buckets};
use kinto_tests::{Answer, Stub};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answers::{RECORD, answer, json as scripted, json_with, page};
use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        K18 { ids_that_are_none, an_id_of_the_server_is_checked_as_any_other; wire }
        K19 { timestamps_that_are_none, a_timestamp_that_cannot_be_a_condition; wire }
        K20 { errors_in_odd_words, errors_are_not_kept_whole; wire }
        K21 { numbers_come_back_as_they_were, numbers_that_cannot; wire }
        K22 { strings_and_keys, nesting_without_end; wire }
        K23 { the_deleted_are_told_apart; wire }
        K24 { only_the_server_s_time_is_sent; wire }
        K26 { an_id_that_contradicts_itself; wire }
    }
}

/// Always this answer.
fn always(body: &str) -> Stub {
    let answer = Answer::json(200, body);
    Stub::start(move |_, _| answer.clone())
}

fn undecodable<D: Driver>(body: &str) {
    let stub = always(body);
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().get("a")).unwrap_err();
    let shown = &body[..body.len().min(80)];
    assert_eq!(
        (error.kind(), error.attempts(), error.maybe_applied()),
        (ErrorKind::Decode, 1, false),
        "{shown}: {error}"
    );
    let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
    assert_eq!(
        (error.kind(), error.attempts(), error.maybe_applied()),
        (ErrorKind::Decode, 1, true),
        "{shown}: {error}"
    );
    assert_eq!(stub.requests().len(), 2, "{shown}");
}

/// The same in a list, which is then none.
fn undecodable_in_a_list<D: Driver>(member: &str) {
    let stub = always(&format!(r#"{{"data":[{{"id":"x","last_modified":1}},{member}]}}"#));
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.send(records().list()).unwrap_err().kind(), ErrorKind::Decode, "{member}");
    let items: Vec<_> = it.client.items(records().list()).collect();
    assert!(matches!(&items[..], [Err(error)] if error.kind() == ErrorKind::Decode), "{member}: {items:?}");
}

fn ids_that_are_none<D: Driver>() {
    for id in [
        r#""last_modified":7"#,
        r#""id":5,"last_modified":7"#,
        r#""id":null,"last_modified":7"#,
        r#""id":["a"],"last_modified":7"#,
    ] {
        let object = format!("{{{id}}}");
        undecodable::<D>(&format!(r#"{{"data":{object}}}"#));
        undecodable_in_a_list::<D>(&object);
    }
}

fn an_id_of_the_server_is_checked_as_any_other<D: Driver>() {
    for id in ["../../x", "..", ".", "", "a/b", "a?b", "a#b", "a b", "%2e%2e", "a\\u0000", "\\u202e"] {
        let stub = always(&format!(r#"{{"data":[{{"id":"{id}","last_modified":7}}]}}"#));
        let it = Place::<D>::at(stub.url());
        let object = it.client.send(records().list()).unwrap().items.remove(0);
        let plain: String = serde_json::from_str(&format!("\"{id}\"")).unwrap();
        assert_eq!(object.id, plain, "it is data");
        for error in [
            it.client.send(records().delete(&object)).unwrap_err(),
            it.client.send(records().update(&object)).unwrap_err(),
            it.client.send(records().get(&object.id)).unwrap_err(),
            it.client.send(bucket(&object.id).collections().list()).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{id}: {error}");
        }
        assert_eq!(stub.requests().len(), 1, "{id}");
    }
}

fn timestamps_that_are_none<D: Driver>() {
    for at in
        ["1.5", "1.7e12", "18446744073709551616", "9223372036854775808", r#""1700000000000""#, "null", "{}", "true"]
    {
        let object = format!(r#"{{"id":"a","last_modified":{at}}}"#);
        undecodable::<D>(&format!(r#"{{"data":{object}}}"#));
        undecodable_in_a_list::<D>(&object);
    }
    undecodable::<D>(r#"{"data":{"id":"a"}}"#);
    undecodable_in_a_list::<D>(r#"{"id":"a"}"#);
}

/// The server can store a negative one, and takes none as a condition: then nothing is written without it.
fn a_timestamp_that_cannot_be_a_condition<D: Driver>() {
    let stub = always(r#"{"data":{"id":"a","last_modified":-5,"n":1}}"#);
    let it = Place::<D>::at(stub.url());
    let object: Object = it.client.send(records().get("a")).unwrap();
    assert_eq!(object.last_modified.as_millis(), -5);
    for error in [
        it.client.send(records().update(&object)).unwrap_err(),
        it.client.send(records().replace(&object, &json!({}))).unwrap_err(),
        it.client.send(records().delete(&object)).unwrap_err(),
        it.client.send(records().list().if_changed_since(object.last_modified)).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
    }
    assert_eq!(stub.requests().len(), 1);
}

fn errors_in_odd_words<D: Driver>() {
    for (body, errno) in [
        ("", None),
        ("[]", None),
        ("\"x\"", None),
        ("null", None),
        ("{}", None),
        ("<html>", None),
        ("{\"errno\":", None),
        (r#"{"errno":"110","error":5,"message":[],"details":7}"#, None),
        (r#"{"errno":1e99,"message":null,"details":"text"}"#, None),
        (r#"{"errno":-3,"details":[1,"x",{"location":5}]}"#, None),
        (r#"{"errno":70000,"details":{"existing":[]}}"#, None),
        (r#"{"errno":4242,"code":200,"error":"OK","details":{"deep":{"er":1}}}"#, Some(4242)),
        (r#"{"errno":110,"code":"404","details":{"id":5,"resource_name":null}}"#, Some(110)),
    ] {
        for status in [400, 403, 404, 412, 500] {
            let scripted = scripted(status, body).answer;
            let stub = Stub::start(move |_, _| scripted.clone());
            let it = Place::<D>::with_policy(stub.url(), |policy| policy.attempts = 1);
            let error = it.client.send(records().get("a")).unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 1), "{body}: {error}");
            assert_eq!((error.status().unwrap().as_u16(), error.errno()), (status, errno), "{body}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }
    let body = r#"{"errno":107,"details":{"deep":{"er":1}}}"#;
    let stub = Stub::start(move |_, _| scripted(400, body).answer);
    let error = Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap_err();
    let Details::Other(kept) = error.server().unwrap().details() else { panic!("{error:?}") };
    assert_eq!(kept, r#"{"deep":{"er":1}}"#);
}

fn errors_are_not_kept_whole<D: Driver>() {
    let long = "x".repeat(200 << 10);
    for body in [
        json!({"errno": 107, "message": "x".repeat(5 << 20)}),
        json!({"errno": 107, "error": long, "message": long, "info": long}),
        json!({"errno": 107, "details": [{"location": long, "name": long, "description": long}]}),
        json!({"errno": 107, "details": {"text": long}}),
        json!({"errno": 107, "details": (0..1_000).map(|n| json!({"name": n})).collect::<Vec<_>>()}),
    ] {
        let scripted = scripted(400, &body.to_string()).answer;
        let stub = Stub::start(move |_, _| scripted.clone());
        let error = Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap_err();
        let server = error.server().unwrap();
        assert_eq!((error.status().unwrap().as_u16(), error.errno()), (400, Some(107)));
        for text in [server.error(), server.message(), server.info()].into_iter().flatten() {
            assert!(text.len() <= 64 * 1024, "{}", text.len());
        }
        assert!(error.to_string().len() < 2_000, "{}", error.to_string().len());
        assert!(format!("{:?}", server.details()).len() < 4 * 64 * 1024);
    }
}

fn numbers_come_back_as_they_were<D: Driver>() {
    let numbers = r#"[0.30000000000000004,1.7976931348623157e308,5e-324,123456789.12345678,179.99999999999997,-0.0,9007199254740993,18446744073709551615,-9223372036854775808,2.2250738585072011e-308]"#;
    let stub = always(&format!(r#"{{"data":{{"id":"a","last_modified":7,"of":{numbers}}}}}"#));
    let it = Place::<D>::at(stub.url());
    let object: Object = it.client.send(records().get("a")).unwrap();
    it.client.send(records().update(&object)).unwrap();
    let requests = stub.requests();
    let body: Value = serde_json::from_str(requests[1].split_once("\r\n\r\n").unwrap().1).unwrap();
    let sent = body["data"]["of"].as_array().unwrap();
    let exact = |number: &str| number.parse::<f64>().unwrap().to_bits();
    for (was, is) in numbers.trim_matches(['[', ']']).split(',').zip(sent) {
        let is = is.to_string();
        let same = if was.contains(['.', 'e']) { exact(was) == exact(&is) } else { was == is };
        assert!(same, "{was} became {is}");
    }
    assert_eq!(sent.len(), 10);
}

fn numbers_that_cannot<D: Driver>() {
    for number in [
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "1e999",
        "-1e400",
        "NaN",
        "Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
    ] {
        let object = format!(r#"{{"id":"a","last_modified":7,"n":{number}}}"#);
        undecodable::<D>(&format!(r#"{{"data":{object}}}"#));
        undecodable_in_a_list::<D>(&object);
    }
}

fn strings_and_keys<D: Driver>() {
    for text in [r"\ud800", r"\udc00\ud800", r"\x41", "a\nb", r"\u12"] {
        undecodable::<D>(&format!(r#"{{"data":{{"id":"a","last_modified":7,"s":"{text}"}}}}"#));
    }
    let stub = always(r#"{"data":{"id":"a","last_modified":7,"s":"x\u0000\u001f\ud83d\ude00\u2028"}}"#);
    let it = Place::<D>::at(stub.url());
    let object: Object = it.client.send(records().get("a")).unwrap();
    assert_eq!(object.data["s"], "x\0\u{1f}\u{1f600}\u{2028}");
    it.client.send(records().update(&object)).unwrap();
    let sent: Value = serde_json::from_str(stub.requests()[1].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(sent["data"]["s"], object.data["s"]);
    // Of two, the last one; or none at all. Nothing in between.
    let stub = always(r#"{"data":{"id":"a","last_modified":7,"n":1,"n":2}}"#);
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 2);
    for twice in [r#""id":"a","id":"b","last_modified":7"#, r#""id":"a","last_modified":7,"last_modified":8"#] {
        let stub = always(&format!(r#"{{"data":{{{twice}}}}}"#));
        match Place::<D>::at(stub.url()).client.send(records().get("a")) {
            Ok(object) => assert!(
                (object.id.as_str(), object.last_modified.as_millis()) == ("b", 7)
                    || object.last_modified.as_millis() == 8
            ),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Decode, "{error}"),
        }
    }
    // What is asked for by its id is there, and what it holds is shown.
    let stub = always(r#"{"data":{"id":"a","last_modified":7,"deleted":true}}"#);
    let object: Object = Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap();
    assert_eq!(object.data["deleted"], true);
}

fn nesting_without_end<D: Driver>() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        undecodable::<D>(&format!(r#"{{"data":{{"id":"a","last_modified":7,"n":{deep}}}}}"#));
        undecodable::<D>(&deep);
        undecodable_in_a_list::<D>(&format!(r#"{{"id":"a","last_modified":7,"n":{deep}}}"#));
        let scripted = scripted(400, &format!(r#"{{"errno":107,"details":{deep}}}"#)).answer;
        let stub = Stub::start(move |_, _| scripted.clone());
        let error = Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap_err();
        assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Server, 400), "{error}");
    }
}

#[derive(Debug, Default, Deserialize)]
struct Todo {
    #[serde(default)]
    title: String,
}

fn the_deleted_are_told_apart<D: Driver>() {
    let server = MemoryServer::new();
    server.send(buckets().create("b", &json!({}))).unwrap();
    server.send(bucket("b").collections().create("c", &json!({}))).unwrap();
    for id in ["a", "b", "c"] {
        server.send(records().create(id, &json!({"title": id}))).unwrap();
    }
    let since = server.send(records().get("a")).unwrap().last_modified;
    server.send(records().delete("b")).unwrap();
    let stub = Stub::serving(server);
    let it = Place::<D>::at(stub.url());
    let todos = records().typed::<Todo>();
    let told = |entries: Vec<Entry<Todo>>| -> Vec<String> {
        let told = entries.into_iter().map(|entry| match entry {
            Entry::Live(todo) => format!("{}={}", todo.id, todo.data.title),
            Entry::Deleted(tombstone) => format!("-{}", tombstone.id),
        });
        told.collect()
    };
    assert_eq!(told(it.client.send(todos.list().since(since)).unwrap().items), ["-b", "c=c"]);
    assert_eq!(told(it.client.send(todos.list().with_deleted()).unwrap().items), ["-b", "c=c", "a=a"]);
    assert_eq!(told(it.client.send(todos.changes(&Cursor::default())).unwrap().items).len(), 2);
    // Nobody who has not asked for them is given one.
    let live = it.client.send(todos.list()).unwrap();
    assert!(live.items.iter().all(|todo| !todo.data.title.is_empty()) && live.items.len() == 2);
}

/// Its clock shows 1994, and the timestamps are of the time before.
fn only_the_server_s_time_is_sent<D: Driver>() {
    let date = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let stub = Stub::start(move |_, request| match request.split(' ').nth(1).unwrap().ends_with("records") {
        true => page(&["a"], None).answer,
        false => json_with(200, &[date], RECORD).answer,
    });
    let it = Place::<D>::at(stub.url());
    let object: Object = it.client.send(records().get("a")).unwrap();
    let list = it.client.send(records().list()).unwrap();
    let timestamp = list.timestamp.unwrap();
    it.client.send(records().update(&object)).unwrap();
    it.client.send(records().delete(&object)).unwrap_or_else(|error| panic!("{error}"));
    it.client.send(records().get("a").if_changed_since(object.last_modified)).unwrap();
    let _ = it.client.send(records().list().since(timestamp).before(Timestamp::from_millis(12)));
    let sent: Vec<String> = stub.requests()[2..]
        .iter()
        .map(|request| {
            let (line, rest) = request.split_once("\r\n").unwrap();
            let condition = rest.lines().find(|line| line.to_ascii_lowercase().starts_with("if-"));
            let query = line.split(['?', ' ']).nth(2).filter(|query| query.starts_with('_')).unwrap_or_default();
            format!("{}{query}", condition.unwrap_or_default().to_ascii_lowercase())
        })
        .collect();
    assert_eq!(sent, [r#"if-match: "7""#, r#"if-match: "7""#, r#"if-none-match: "7""#, "_since=9&_before=12"]);
}

fn an_id_that_contradicts_itself<D: Driver>() {
    let stub = Stub::start(|_, _| answer(400, &[], "").answer);
    let it = Place::<D>::at(stub.url());
    let other = json!({"id": "other", "n": 1});
    for error in [
        it.client.send(records().create("a", &other)).unwrap_err(),
        it.client.send(records().create("a", &other).overwrite()).unwrap_err(),
        it.client.send(records().replace("a", &other)).unwrap_err(),
        it.client.send(records().create("a", &json!({"id": 5}))).unwrap_err(),
        it.client.send(buckets().create("a", &other)).unwrap_err(),
        it.client.send(records().patch("a", kinto_protocol::Merge::new(&other))).unwrap_err(),
        it.client.send(records().patch("a", kinto_protocol::Attributes::new(&other))).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
    }
    assert_eq!(stub.connections(), 0);
}
