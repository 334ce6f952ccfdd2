//! Too much of everything.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use kinto_protocol::{Batch, ErrorKind, Object};
use kinto_tests::{Answer, Stub};
use serde_json::{Value, json};

use crate::answers::{RECORD, answer, gzip, json as scripted, page};
use crate::batches::{model, there};
use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        L01 { a_length_that_is_too_much, bodies_without_end; wire }
        L02 { heads_that_are_too_large; wire }
        L03 { what_swells, one_layer_and_no_more; wire }
        L04 {; wire thirty_at_once }
        L05 { a_huge_list; wire }
        L06 { chunks_are_cut_by_bytes; wire }
        L07 { errors_of_megabytes; wire }
        L08 {; wire idle_connections_are_few }
        L09 { nonsense_of_megabytes; wire }
    }
}

const MIB: usize = 1 << 20;

/// A client to which a MiB is the most.
fn small<D: Driver>(url: &str) -> Place<D> {
    Place::with_policy(url, |policy| policy.limits.response_bytes = MIB as u64)
}

/// This once, and all is well after that.
fn once(first: Answer) -> Stub {
    Stub::start(move |number, _| if number == 0 { first.clone() } else { Answer::json(200, RECORD) })
}

fn still_works<D: Driver>(it: &Place<D>) {
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    assert!(it.waits().is_empty());
}

/// It is known before anything of it has come, and nothing more comes.
fn a_length_that_is_too_much<D: Driver>() {
    for length in ["67108865", "1099511627776", "9223372036854775807", "9223372036854775808"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{{");
        let stub = once(Answer::Stall(head.clone().into_bytes()));
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::TooLarge, 1, false), "{error}");
        still_works(&it);
        assert_eq!(stub.connections(), 2, "the other one is gone");

        let stub = once(Answer::Stall(head.into_bytes()));
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
        assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::TooLarge, 1, true), "{error}");
        still_works(&it);
    }
}

/// Sends the head and then the same again and again, until the client goes. Tells how much that was.
fn endless(head: &'static str, block: Vec<u8>) -> (Stub, Receiver<usize>) {
    let (gone, goes) = channel();
    let gone = Mutex::new(gone);
    let stub = Stub::raw(move |number, mut connection: TcpStream| {
        let mut read = [0; 4096];
        while connection.read(&mut read).is_ok_and(|count| count > 0) {
            if number > 0 {
                let Answer::Keep(bytes) = Answer::json(200, RECORD) else { return };
                let _ = connection.write_all(&bytes);
                continue;
            }
            let _ = connection.write_all(head.as_bytes());
            let mut sent = 0;
            while connection.write_all(&block).is_ok() {
                sent += block.len();
            }
            let _ = gone.lock().unwrap().send(sent);
            return;
        }
    });
    (stub, goes)
}

fn bodies_without_end<D: Driver>() {
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for (head, block) in [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk.clone()),
        ("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b' '; 0x10000]),
    ] {
        let (stub, goes) = endless(head, block);
        let it = small::<D>(stub.url());
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::TooLarge, 1), "{error}");
        // The connection is dropped: no more comes than the limit and what buffers on the way hold.
        let sent = goes.recv_timeout(Duration::from_secs(3)).unwrap();
        assert!(sent < 20 * MIB, "{sent}");
        still_works(&it);
    }
}

fn heads_that_are_too_large<D: Driver>() {
    let rest = format!("Content-Length: {}\r\n\r\n{RECORD}", RECORD.len());
    for (what, text) in [
        ("a line of 200 KiB", format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n{rest}", "x".repeat(200 << 10))),
        ("a line of 1 MiB", format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n{rest}", "x".repeat(MIB))),
        ("2000 lines", format!("HTTP/1.1 200 OK\r\n{}{rest}", "X-A: x\r\n".repeat(2000))),
        ("1 MiB of lines", format!("HTTP/1.1 200 OK\r\n{}{rest}", "X-A: xxxxxxxx\r\n".repeat(MIB / 15))),
        ("a name of 200 KiB", format!("HTTP/1.1 200 OK\r\n{}: x\r\n{rest}", "x".repeat(200 << 10))),
        ("words of 1 MiB", format!("HTTP/1.1 200 {}\r\n{rest}", "x".repeat(MIB))),
    ] {
        let stub = once(Answer::Keep(text.into_bytes()));
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Protocol), "{what}: {error}");
        assert_eq!((error.attempts(), error.maybe_applied(), stub.requests().len()), (1, true, 1), "{what}: {error}");
        assert!(error.to_string().len() < 2_000, "{what}");
        still_works(&it);
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn what_swells<D: Driver>() {
    let bomb = compressed(&vec![b' '; 8 * MIB]);
    assert!(bomb.len() < MIB / 4);
    let stub = once(gzip(200, &bomb).answer);
    let it = small::<D>(stub.url());
    let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::TooLarge, 1, true), "{error}");
    still_works(&it);
    // What the status says counts all the same.
    let stub = once(gzip(403, &bomb).answer);
    let it = small::<D>(stub.url());
    assert!(it.client.send(records().get("a")).unwrap_err().is_forbidden());
    still_works(&it);
    // As much as there may be is fine.
    let text = json!({"data": {"id": "a", "last_modified": 7, "s": " ".repeat(MIB - 1000)}}).to_string();
    let stub = once(gzip(200, &compressed(text.as_bytes())).answer);
    let it = small::<D>(stub.url());
    assert_eq!(it.client.send(records().get("a")).unwrap().data["s"].as_str().unwrap().len(), MIB - 1000);
}

fn one_layer_and_no_more<D: Driver>() {
    let (one, two) = (compressed(RECORD.as_bytes()), compressed(&compressed(RECORD.as_bytes())));
    let named = |coding: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
        Answer::Keep([head.as_bytes(), body].concat())
    };
    let stub = once(named("gzip", &one));
    still_works(&Place::<D>::at(stub.url()));
    for (what, odd) in [
        ("twice, and once is said", named("gzip", &two)),
        ("twice, and it is said", named("gzip, gzip", &two)),
        ("once, and twice is said", named("gzip, gzip", &one)),
        ("not at all, and it is said", named("gzip", RECORD.as_bytes())),
    ] {
        let stub = once(odd);
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1), "{what}: {error}");
        still_works(&it);
    }
}

/// Each is answered when as many are there.
fn together(count: usize) -> Stub {
    let barrier = Barrier::new(count);
    Stub::start(move |_, _| {
        barrier.wait();
        Answer::json(200, RECORD)
    })
}

fn thirty_at_once<D: Driver>() {
    let stub = together(30);
    let it = Place::<D>::at(stub.url());
    for round in 1..=2 {
        let outcomes = it.client.send_all((0..30).map(|_| records().get("a")), 30);
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|object| object.id == "a")), "{outcomes:?}");
        assert_eq!(stub.requests().len(), 30 * round);
    }
    assert!(stub.connections() < 60, "{} connections", stub.connections());
}

fn a_huge_list<D: Driver>() {
    let stub = Stub::start(|number, _| page(&["a", "b"], Some(&format!("?_token={number}"))).answer);
    let it = Place::<D>::with_policy(stub.url(), |policy| policy.pages = 3);
    let error = it.client.send(records().list()).unwrap_err();
    assert_eq!((error.kind(), stub.requests().len()), (ErrorKind::Pagination, 3), "{error}");
    assert!(error.to_string().contains("read it page by page, or raise policy.pages"), "{error}");
    assert_eq!(it.client.send(records().list().limit(5)).unwrap().items.len(), 5);
    assert_eq!(stub.requests().len(), 6, "no page more than is needed");
    // Page by page, no more is there than what one looks at.
    for (number, page) in it.client.pages(records().list()).take(200).enumerate() {
        assert_eq!((page.unwrap().items.len(), stub.requests().len()), (2, 6 + number + 1));
    }
}

fn chunks_are_cut_by_bytes<D: Driver>() {
    let server = model();
    let stub = Stub::serving(server.clone());
    let it = Place::<D>::at(stub.url());
    let sizes = [30_000, 30_000, 30_000, 30_000, 120_000, 100, 100];
    let text = |size: usize| json!({"text": "x".repeat(size)});
    let batch: Batch = sizes.iter().zip('a'..).map(|(size, id)| records().create(id, &text(*size))).collect();
    assert!(it.client.send(batch.bytes(100_000)).unwrap().summary().is_success());
    let bodies: Vec<usize> = stub
        .requests()
        .iter()
        .filter(|request| request.starts_with("POST /v1/batch "))
        .map(|request| request.split_once("\r\n\r\n").unwrap().1.len())
        .collect();
    assert!(bodies.iter().all(|length| *length <= 100_000), "{bodies:?}");
    let lines: Vec<usize> = stub.requests().iter().map(|request| request.matches("\"text\"").count()).collect();
    assert_eq!(lines, [0, 3, 1, 1, 2], "the largest alone, in its place");
    assert_eq!(there(&server), ["a", "b", "c", "d", "e", "f", "g"]);
    // A megabyte, where nothing is said.
    let batch: Batch = ["x", "y"].map(|id| records().create(id, &text(500_000))).into_iter().collect();
    assert!(it.client.send(batch).unwrap().summary().is_success());
    assert_eq!(stub.requests().iter().skip(5).filter(|request| request.starts_with("PUT ")).count(), 2);
}

fn errors_of_megabytes<D: Driver>() {
    let html = format!("<html>{}</html>", "ä".repeat(MIB / 2));
    let stub = once(answer(403, &[("Content-Type", "text/html")], &html).answer);
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().get("a")).unwrap_err();
    assert!(error.is_forbidden() && error.attempts() == 1, "{error}");
    let excerpt = error.server().unwrap().excerpt();
    assert!(excerpt.chars().count() == 512 && excerpt.starts_with("<html>ä"), "{excerpt}");
    assert!(error.to_string().chars().count() < 1_000 && format!("{error:?}").len() < 10_000);
    still_works(&it);

    let message = "ä".repeat(MIB / 2);
    let stub = once(scripted(400, &json!({"errno": 107, "message": message}).to_string()).answer);
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().get("a")).unwrap_err();
    let kept = error.server().unwrap().message().unwrap();
    assert!(message.starts_with(kept) && kept.len() <= 64 * 1024 && kept.len() > 10_000, "{}", kept.len());
    assert!(error.to_string().chars().count() < 1_000);
    assert_eq!(error.errno(), Some(107));
    still_works(&it);
}

/// As many as there were at once are not kept: 32 of them are.
fn idle_connections_are_few<D: Driver>() {
    let stub = together(40);
    let it = Place::<D>::at(stub.url());
    for _ in 0..2 {
        assert!(it.client.send_all((0..40).map(|_| records().get("a")), 40).iter().all(Result::is_ok));
    }
    let opened = stub.connections();
    assert!((80 - 32..80).contains(&opened), "{opened} connections");
}

fn nonsense_of_megabytes<D: Driver>() {
    let data = |inner: &str| format!(r#"{{"data":{{"id":"a","last_modified":7,"n":{inner}}}}}"#);
    for body in [
        "[".repeat(16 * MIB),
        r#"{"a":"#.repeat(MIB / 4),
        data(&"[".repeat(MIB)),
        data(&"1".repeat(MIB / 2)),
        data(&format!("0.{}", "1".repeat(MIB / 2))).replace("}}", ""),
        data(&format!("\"{}", "\\".repeat(MIB / 2))),
        format!("{{{}", r#""a":1,"#.repeat(MIB / 8)),
        " ".repeat(MIB),
    ] {
        let stub = once(Answer::json(200, &body));
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1), "{}: {error}", &body[..20]);
        assert!(error.to_string().len() < 2_000);
        still_works(&it);
    }
    // Much, and nonsense it is not.
    for (inner, first) in [
        (format!("{{{}\"b\":2}}", r#""a":1,"#.repeat(MIB / 16)), Some(1)),
        (format!("[{}0]", "0,".repeat(MIB / 8)), None),
    ] {
        let stub = once(Answer::json(200, &data(&inner)));
        let object: Object = Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap();
        assert_eq!(object.data["n"].get("a").and_then(Value::as_u64), first);
    }
}
