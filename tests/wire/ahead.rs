//! Large pages of a list: the next one is asked for before the one that came is decoded.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use kinto_protocol::{ErrorKind, Policy};
use kinto_tests::{Answer, Stub};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::driver::{Driver, client, records};

const PAGES: usize = 4;

/// How long one of the two sides waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was asked for, and which of it is being decoded: the page of a list, by the name of that.
#[derive(Default)]
struct Seen {
    asked: BTreeSet<(String, usize)>,
    begun: BTreeSet<(String, usize)>,
}

static SEEN: Mutex<Seen> = Mutex::new(Seen { asked: BTreeSet::new(), begun: BTreeSet::new() });
static MORE: Condvar = Condvar::new();

/// Waits until it is seen.
fn sees(what: impl Fn(&Seen) -> bool) -> bool {
    let seen = SEEN.lock().unwrap();
    !MORE.wait_timeout_while(seen, PATIENCE, |seen| !what(seen)).unwrap().1.timed_out()
}

fn note(note: impl FnOnce(&mut Seen)) {
    note(&mut SEEN.lock().unwrap());
    MORE.notify_all();
}

/// Cannot be decoded before the next page is asked for.
#[derive(Debug)]
struct Patient {
    page: usize,
    /// Where it was decoded: types may have to do with their thread.
    on: ThreadId,
}

impl<'de> Deserialize<'de> for Patient {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            list: String,
            page: usize,
        }
        let Fields { list, page } = Fields::deserialize(from)?;
        note(|seen| _ = seen.begun.insert((list.clone(), page)));
        let next = (list, (page + 1).min(PAGES - 1));
        if sees(|seen| seen.asked.contains(&next)) {
            Ok(Self { page, on: thread::current().id() })
        } else {
            Err(D::Error::custom("the next page was not asked for"))
        }
    }
}

/// Large pages of three records each. If it is `patient`, none is given before the one before it is being decoded.
fn pages(list: String, patient: bool) -> Stub {
    Stub::start(move |_, request| {
        let token = request.split_once("?_token=").map(|(_, rest)| rest.split(' ').next().unwrap());
        let page: usize = token.map_or(0, |token| token.parse().unwrap());
        note(|seen| _ = seen.asked.insert((list.clone(), page)));
        let before = (list.clone(), page.saturating_sub(1));
        if patient && page > 0 && !sees(|seen| seen.begun.contains(&before)) {
            return Answer::json(400, "{}");
        }
        let record = |n: usize| {
            let text = "x".repeat(30_000);
            json!({"id": format!("r{}", 3 * page + n), "last_modified": 7, "list": list, "page": page, "text": text})
        };
        let body = json!({"data": [record(0), record(1), record(2)]}).to_string();
        let next = if page + 1 < PAGES { format!("Next-Page: /v1?_token={}\r\n", page + 1) } else { String::new() };
        Answer::Keep(format!("HTTP/1.1 200 OK\r\n{next}Content-Length: {}\r\n\r\n{body}", body.len()).into())
    })
}

pub(crate) fn the_next_page_is_under_way_when_one_is_decoded<D: Driver>() {
    let stub = pages(D::NAME.to_owned(), true);
    let longer = |policy: &mut Policy| {
        policy.limits.head = 2 * PATIENCE;
        policy.limits.total = 2 * PATIENCE;
    };
    let list = client::<D>(stub.url(), longer).send(records().typed::<Patient>().list()).unwrap();
    let seen: Vec<_> = list.items.iter().map(|record| (record.id.clone(), record.data.page)).collect();
    let expected: Vec<_> = (0..3 * PAGES).map(|n| (format!("r{n}"), n / 3)).collect();
    assert_eq!(seen, expected, "all of them, in order");
    assert!(list.items.iter().all(|record| record.data.on == thread::current().id()));
    assert_eq!((stub.requests().len(), stub.connections()), (PAGES, 1));
}

pub(crate) fn a_large_page_that_cannot_be_decoded_is_an_error<D: Driver>() {
    let stub = pages(format!("broken for {}", D::NAME), false);
    let mut list = records().typed::<u8>().list();
    for asked in [2, 4] {
        let error = client::<D>(stub.url(), |_| {}).send(&mut list).unwrap_err();
        assert_eq!((error.kind(), stub.requests().len()), (ErrorKind::Decode, asked));
    }
}

pub(crate) fn what_answers_at_once_is_heard<D: Driver>() {
    let wire = D::with_transport("http://localhost:1/v1", |request| {
        let (id, next) = if request.uri().query().is_none() { ("a", "?_token=1") } else { ("b", "") };
        let body = json!({"data": [{"id": id, "last_modified": 7}], "text": "x".repeat(64 * 1024)}).to_string();
        let mut response = http::Response::new(body.into());
        if !next.is_empty() {
            response.headers_mut().insert("next-page", next.parse().unwrap());
        }
        Ok(response)
    });
    let list = wire.send(records().list()).unwrap();
    assert_eq!(list.items.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

pub(crate) fn what_panics_meanwhile_is_no_outcome<D: Driver>() {
    let wire = D::with_transport("http://localhost:1/v1", |request| {
        assert!(request.uri().query().is_none(), "of the wire");
        let body = json!({"data": [], "text": "x".repeat(64 * 1024)}).to_string();
        Ok(http::Response::builder().header("next-page", "?_token=1").body(body.into()).unwrap())
    });
    let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wire.send(records().list())));
    let panic = sent.unwrap_err();
    assert!(panic.downcast_ref::<&str>().is_some_and(|said| said.contains("of the wire")), "{panic:?}");
}
