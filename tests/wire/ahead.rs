//! Large pages of a list: the next one is asked for before the one that came is decoded.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use kinto_protocol::ErrorKind;
use kinto_tests::{Answer, Stub};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::driver::{Driver, client, records};

const PAGES: usize = 4;

/// How many pages of which list were asked for.
static ASKED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
static ONE_MORE: Condvar = Condvar::new();

/// Cannot be decoded before the next page is asked for.
#[derive(Debug)]
struct Patient {
    page: usize,
}

impl<'de> Deserialize<'de> for Patient {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            list: String,
            page: usize,
        }
        let Fields { list, page } = Fields::deserialize(from)?;
        let wanted = (page + 2).min(PAGES);
        let is_early = |asked: &mut BTreeMap<String, usize>| asked.get(&list).is_none_or(|asked| *asked < wanted);
        let asked = ASKED.lock().unwrap();
        let late = ONE_MORE.wait_timeout_while(asked, Duration::from_secs(3), is_early).unwrap().1;
        if late.timed_out() { Err(D::Error::custom("the next page was not asked for")) } else { Ok(Self { page }) }
    }
}

/// Large pages of three records each.
fn pages(list: String) -> Stub {
    Stub::start(move |_, request| {
        let page =
            request.split_once("?_token=").map_or(0, |(_, rest)| rest.split(' ').next().unwrap().parse().unwrap());
        ASKED.lock().unwrap().insert(list.clone(), page + 1);
        ONE_MORE.notify_all();
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
    let stub = pages(D::NAME.to_owned());
    let list = client::<D>(stub.url(), |_| {}).send(records().typed::<Patient>().list()).unwrap();
    let seen: Vec<_> = list.items.iter().map(|record| (record.id.clone(), record.data.page)).collect();
    let expected: Vec<_> = (0..3 * PAGES).map(|n| (format!("r{n}"), n / 3)).collect();
    assert_eq!(seen, expected, "all of them, in order");
    assert_eq!((stub.requests().len(), stub.connections()), (PAGES, 1));
}

pub(crate) fn a_large_page_that_cannot_be_decoded_is_an_error<D: Driver>() {
    let stub = pages(format!("broken for {}", D::NAME));
    let mut list = records().typed::<u8>().list();
    for asked in [2, 4] {
        let error = client::<D>(stub.url(), |_| {}).send(&mut list).unwrap_err();
        assert_eq!((error.kind(), stub.requests().len()), (ErrorKind::Decode, asked));
    }
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
