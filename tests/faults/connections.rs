//! Connections that break, or that are no longer what they were.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinto_protocol::{Class, ErrorKind};
use kinto_tests::{Answer, Stub};
use serde_json::json;
use socket2::SockRef;

use crate::answers::{RECORD, record};
use crate::classes;
use crate::driver::Driver;
use crate::place::{Place, facts, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        C04 { gone_before_a_byte_is_answered, gone_at_once; wire }
        C05 { another_protocol; wire another_protocol_that_speaks_first }
        C06 { twice_gone_before_an_answer, gone_whenever_it_is_tried; wire }
        C09 {; wire only_one_half_is_closed }
        C12 {; wire closed_while_nobody_used_it, gone_just_as_the_request_goes_out }
        C13 { more_than_the_answer; wire more_than_the_answer_later }
    }
}

const CLASSES: [Class; 4] = [Class::Safe, Class::Repeatable, Class::Conditional, Class::Once];

/// What becomes of each class where nobody can tell whether the request came.
fn perhaps_sent(class: Class, kind: ErrorKind) -> (ErrorKind, u32, bool) {
    match class {
        Class::Safe => (kind, 3, false),
        Class::Once => (kind, 1, true),
        _ => (kind, 3, true),
    }
}

/// Goes without saying goodbye, and without having read everything.
fn reset(connection: &TcpStream) {
    SockRef::from(connection).set_linger(Some(Duration::ZERO)).unwrap();
}

/// The first byte has come, and nothing else is known.
fn gone_before_a_byte_is_answered<D: Driver>() {
    for resets in [true, false] {
        let stub = Stub::raw(move |_, mut connection| {
            let _ = connection.read(&mut [0]);
            if resets {
                reset(&connection);
            }
        });
        for asked in classes::of_all::<D>() {
            let it = Place::<D>::at(stub.url());
            let before = stub.connections();
            let error = (asked.send)(&it.client).unwrap_err();
            let what = asked.what;
            assert_eq!(facts(&error), perhaps_sent(asked.class, ErrorKind::Interrupted), "{what}: {error}");
            assert_eq!((stub.connections() - before) as u32, error.attempts(), "{what}");
            assert_eq!(error.request().unwrap().path.split('/').nth(1), Some("buckets"), "{error}");
        }
    }
}

/// Whether a byte went out before the end was seen is up to the system. One who says that nothing was sent tries again,
/// one who does not know says so.
fn gone_at_once<D: Driver>() {
    for resets in [true, false] {
        let stub = Stub::raw(move |_, connection| {
            if resets {
                reset(&connection)
            }
        });
        let it = Place::<D>::at(stub.url());
        for class in CLASSES {
            let asked = classes::of::<D>(class).remove(0);
            let error = (asked.send)(&it.client).unwrap_err();
            // Some systems tell of it while the connection is being made.
            assert!(matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Connect), "{}: {error}", asked.what);
            assert!(error.attempts() == 3 || class == Class::Once && error.maybe_applied(), "{error:?}");
        }
    }
}

const BANNERS: [&str; 4] = [
    "SSH-2.0-OpenSSH_9.2\r\n",
    "220 mail.example ESMTP\r\n",
    "\u{15}\u{3}\u{1}",
    "* OK [CAPABILITY IMAP4rev1] ready\r\n",
];

fn another_protocol<D: Driver>() {
    for banner in BANNERS {
        let stub = Stub::start(|_, _| Answer::Close(banner.into()));
        for class in CLASSES {
            let it = Place::<D>::at(stub.url());
            let asked = classes::of::<D>(class).remove(0);
            let error = (asked.send)(&it.client).unwrap_err();
            assert_eq!(facts(&error), (ErrorKind::Protocol, 1, class != Class::Safe), "{}: {error}", asked.what);
            assert!(it.waits().is_empty() && error.to_string().contains("does not speak HTTP"), "{error}");
        }
        assert_eq!(stub.requests().len(), CLASSES.len());
    }
}

/// It need not wait for a request to say what it is. Where it was so quick that nothing was sent, it gets another chance.
fn another_protocol_that_speaks_first<D: Driver>() {
    for banner in BANNERS {
        let stub = Stub::raw(move |_, mut connection| {
            let _ = connection.write_all(banner.as_bytes());
            while connection.read(&mut [0; 512]).is_ok_and(|count| count > 0) {}
        });
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
        let never_sent = facts(&error) == (ErrorKind::Interrupted, 3, false);
        assert!(error.kind() == ErrorKind::Protocol || never_sent, "{banner}: {error}");
        assert!(stub.connections() <= 3, "{}", stub.connections());
    }
}

fn twice_gone_before_an_answer<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        0 => Answer::Reset(Vec::new()),
        1 => Answer::Close(Vec::new()),
        _ => Answer::json(200, RECORD),
    });
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    let requests = stub.requests();
    assert_eq!((requests.len(), it.waits().len()), (3, 2));
    assert!(requests.iter().all(|request| *request == requests[0]), "{requests:?}");
}

/// The gaps grow, and are not all the same.
fn gone_whenever_it_is_tried<D: Driver>() {
    for answer in [Answer::Reset(Vec::new()), Answer::Close(Vec::new())] {
        let stub = Stub::start(move |_, _| answer.clone());
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.attempts = 7);
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Interrupted, 7, false), "{error}");
        assert!(error.to_string().contains("after 7 attempts"), "{error}");
        assert_eq!(stub.requests().len(), 7);
        let waits = it.waits();
        assert_eq!(waits.len(), 6);
        for (n, wait) in waits.iter().enumerate() {
            let bound = Duration::from_millis(1 << n);
            assert!(*wait >= bound / 16 && *wait <= bound, "{n}: {wait:?}");
        }
        let shares: Vec<u128> = waits.iter().enumerate().map(|(n, wait)| wait.as_nanos() >> n).collect();
        assert!(shares.iter().any(|share| *share != shares[0]), "{waits:?}");
    }
}

/// The client's end of a channel, for one server thread after the other.
fn next(at: &Arc<Mutex<Receiver<()>>>) {
    at.lock().unwrap().recv_timeout(Duration::from_secs(3)).unwrap();
}

fn answer(body: &str) -> Vec<u8> {
    let Answer::Keep(bytes) = Answer::json(200, body) else { unreachable!("it keeps the connection") };
    bytes
}

/// Reads a small request.
fn read(connection: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        match connection.read(&mut chunk) {
            Ok(count) if count > 0 => request.extend_from_slice(&chunk[..count]),
            _ => return false,
        }
    }
    true
}

/// Time to see what happened on connections that are not in use: a runtime knows when another server has answered.
fn notice<D: Driver>() {
    let other = Stub::start(|_, _| Answer::json(200, RECORD));
    assert!(Place::<D>::at(other.url()).client.send(records().get("a")).is_ok());
}

/// The server will send nothing more, and goes on reading: whoever sends something there waits for nothing.
fn only_one_half_is_closed<D: Driver>() {
    let (closed, seen) = channel();
    let seen = Arc::new(Mutex::new(seen));
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let stub = Stub::raw(move |_, mut connection| {
        while read(&mut connection) {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = connection.write_all(&answer(RECORD));
            let _ = connection.shutdown(Shutdown::Write);
            closed.send(()).unwrap();
        }
    });
    let it = Place::<D>::at(stub.url());
    for count in 1..4 {
        // One that is sent once at most: it would be lost on a connection that is of no use.
        it.client.send(classes::post()).unwrap();
        next(&seen);
        notice::<D>();
        assert_eq!((requests.load(Ordering::SeqCst), stub.connections()), (count, count));
    }
}

fn closed_while_nobody_used_it<D: Driver>() {
    for resets in [false, true] {
        let (answered, idle) = channel();
        let (closed, seen) = channel();
        let (idle, seen) = (Arc::new(Mutex::new(idle)), Arc::new(Mutex::new(seen)));
        let stub = Stub::raw(move |_, mut connection| {
            if read(&mut connection) {
                let _ = connection.write_all(&answer(RECORD));
                // A reset would take away what was not read yet.
                next(&idle);
                if resets {
                    reset(&connection);
                }
                drop(connection);
                closed.send(()).unwrap();
            }
        });
        let it = Place::<D>::at(stub.url());
        for count in 1..4 {
            it.client.send(classes::post()).unwrap_or_else(|error| panic!("{resets} {count}: {error}"));
            answered.send(()).unwrap();
            next(&seen);
            notice::<D>();
            assert_eq!((stub.connections(), it.waits().len()), (count, 0));
        }
    }
}

/// The second request on a connection meets its end.
fn gone_just_as_the_request_goes_out<D: Driver>() {
    for resets in [false, true] {
        for class in CLASSES {
            let stub = Stub::start(move |_, request| match request.starts_with("HEAD") {
                true => Answer::Keep(b"HTTP/1.1 200 OK\r\nETag: \"7\"\r\n\r\n".to_vec()),
                false if resets => Answer::Reset(Vec::new()),
                false => Answer::Close(Vec::new()),
            });
            let it = Place::<D>::at(stub.url());
            it.client.send(records().head("a")).unwrap();
            let asked = classes::of::<D>(class).remove(0);
            let error = (asked.send)(&it.client).unwrap_err();
            assert_eq!(facts(&error), perhaps_sent(class, ErrorKind::Interrupted), "{}: {error}", asked.what);
            assert_eq!(stub.requests().len() as u32, 1 + error.attempts(), "{}", asked.what);
            assert_eq!(it.client.send(records().head("a")).unwrap().as_millis(), 7);
        }
    }
}

/// Whoever takes it for the answer to the next request gives one caller what is another's.
fn more_than_the_answer<D: Driver>() {
    for more in [answer(&record(666)), b"junk".to_vec(), b"\r\n\r\n".to_vec(), vec![0; 20_000]] {
        let shown = String::from_utf8_lossy(&more[..4]).into_owned();
        let stub = Stub::start(move |number, _| match number {
            0 => Answer::Keep([answer(&record(1)), more.clone()].concat()),
            _ => Answer::Keep(answer(&record(2))),
        });
        let it = Place::<D>::at(stub.url());
        let read = |n: u64| {
            let object = it.client.send(records().get("a")).unwrap_or_else(|error| panic!("{shown:?} {n}: {error}"));
            assert_eq!(object.data["n"], n, "{shown:?}");
        };
        read(1);
        read(2);
        read(2);
        assert!((3..5).contains(&stub.requests().len()), "{:?}", stub.requests());
    }
}

/// It comes when nobody asked for anything.
fn more_than_the_answer_later<D: Driver>() {
    for more in [answer(&record(666)), b"junk".to_vec()] {
        let (ask, asked) = channel();
        let (sent, seen) = channel();
        let (asked, seen) = (Arc::new(Mutex::new(asked)), Arc::new(Mutex::new(seen)));
        let stub = Stub::raw(move |number, mut connection| {
            while read(&mut connection) {
                let _ = connection.write_all(&answer(&record(if number == 0 { 1 } else { 2 })));
                if number == 0 {
                    next(&asked);
                    let _ = connection.write_all(&more);
                    sent.send(()).unwrap();
                }
            }
        });
        let it = Place::<D>::at(stub.url());
        assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 1);
        ask.send(()).unwrap();
        next(&seen);
        // What comes while a request goes out looks like its answer, to anybody.
        notice::<D>();
        for _ in 0..2 {
            assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 2);
        }
        // There may be one more, begun while the last answer was still being read.
        assert!((2..4).contains(&stub.connections()), "{}", stub.connections());
    }
}
