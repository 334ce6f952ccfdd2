//! Reading lists: whatever is dropped, every page is given out once.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_core::Stream;
use kinto_async::{Listing, Object, Resource, bucket};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fake::{Dropped, Fake, answer, busy, everywhere, paused, polled, token};

const RECORDS: Range<usize> = 0..7;
const PAGE: usize = 3;
const PAGES: usize = 3;
/// What reading all of it takes: the pages, and the one that the server is too busy for at first.
const REQUESTS: usize = PAGES + 1;

/// A list of three pages. With the first the server asks for silence, and for the second it is too busy at first.
fn server() -> Fake {
    of_records_with("")
}

/// The same, each record with this text.
fn of_records_with(text: &str) -> Fake {
    let text = text.to_owned();
    let was_busy = AtomicBool::new(false);
    Fake::new(move |request| {
        let from: usize = token(request).map_or(0, |token| token.parse().unwrap());
        if from == PAGE && !was_busy.swap(true, Ordering::SeqCst) {
            return busy(503);
        }
        let to = (from + PAGE).min(RECORDS.end);
        let mut headers = vec![("etag", "\"7\"".to_owned())];
        if from == 0 {
            headers.push(("backoff", "5".into()));
        }
        if to < RECORDS.end {
            headers.push(("next-page", format!("https://kinto.example/v1/x?_token={to}")));
        }
        let data: Vec<Value> =
            (from..to).map(|id| json!({"id": id.to_string(), "last_modified": 7, "text": text})).collect();
        answer(200, &headers, &json!({"data": data}))
    })
}

fn records() -> Resource {
    bucket("b").collection("c").records()
}

fn ids(page: Listing<Object>) -> impl Iterator<Item = usize> {
    page.into_iter().map(|record| record.id.parse().unwrap())
}

/// One request at most is in doubt, and nothing else was asked for again.
fn assert_little_was_sent(fake: &Fake) {
    let in_doubt = fake.in_doubt().len();
    assert!(in_doubt <= 1 && fake.log().len() <= REQUESTS + in_doubt, "{:#?}", fake.log());
}

#[test]
fn a_cursor_goes_on_wherever_it_was_dropped() {
    paused(async {
        let mut dropped = BTreeSet::new();
        for pages_before in 0..=PAGES {
            for polls in 0.. {
                let fake = server();
                let client = fake.client();
                let mut pages = records().list().pages();
                let mut seen = Vec::new();
                for _ in 0..pages_before {
                    seen.extend(ids(client.send(&mut pages).await.unwrap().unwrap()));
                }
                let sent = fake.log().len();
                let page = polled(client.send(&mut pages), polls).await;
                let completed = page.is_some();
                match page {
                    Some(page) => seen.extend(page.unwrap().into_iter().flat_map(ids)),
                    None => {
                        dropped.insert(fake.dropped(polls, sent));
                        assert_eq!(pages.is_at_end(), pages_before == PAGES);
                        fake.stays_silent().await;
                    }
                }
                while let Some(page) = client.send(&mut pages).await.unwrap() {
                    seen.extend(ids(page));
                }
                assert!(pages.is_at_end());
                assert!(seen.iter().copied().eq(RECORDS), "{pages_before} pages, {polls} polls: {seen:?}");
                assert_little_was_sent(&fake);
                if completed {
                    break;
                }
            }
        }
        assert_eq!(dropped, everywhere());
    });
}

#[test]
fn a_list_goes_on_wherever_it_was_dropped() {
    a_list_of_records_goes_on("");
}

#[test]
fn a_list_whose_pages_are_decoded_meanwhile_goes_on_wherever_it_was_dropped() {
    a_list_of_records_goes_on(&"x".repeat(30_000));
}

fn a_list_of_records_goes_on(text: &str) {
    paused(async {
        let mut dropped = BTreeSet::new();
        for polls in 0.. {
            let fake = of_records_with(text);
            let client = fake.client();
            let mut list = records().list();
            let all = polled(client.send(&mut list), polls).await;
            let completed = all.is_some();
            let all = match all {
                Some(all) => all.unwrap(),
                None => {
                    dropped.insert(fake.dropped(polls, 0));
                    fake.stays_silent().await;
                    client.send(&mut list).await.unwrap()
                }
            };
            assert_eq!(all.timestamp.map(|at| at.as_millis()), Some(7));
            assert!(ids(all).eq(RECORDS), "{polls} polls");
            assert_little_was_sent(&fake);
            if completed {
                break;
            }
        }
        // The gate is not closed before the first page.
        let mut expected = everywhere();
        expected.remove(&Dropped::AtTheGate);
        assert_eq!(dropped, expected);
    });
}

#[test]
fn a_list_that_nobody_has_patience_for_comes_to_its_end() {
    paused(async {
        let fake = server();
        let client = fake.client();
        let (mut pages, mut seen, mut polls, mut drops) = (records().list().pages(), Vec::new(), 0, 0);
        // A little longer each time, and from the beginning after each page.
        loop {
            match polled(client.send(&mut pages), polls).await {
                None => (polls, drops) = (polls + 1, drops + 1),
                Some(page) => match page.unwrap() {
                    Some(page) => {
                        seen.extend(ids(page));
                        polls = 0;
                    }
                    None => break,
                },
            }
        }
        assert!(seen.iter().copied().eq(RECORDS), "{seen:?}");
        assert!(drops > 12 && fake.in_doubt().len() < drops);
    });
}

#[test]
fn a_stream_keeps_the_request_that_is_under_way() {
    paused(async {
        for polls in 1..12 {
            let fake = server();
            let mut stream = fake.client().items(records().list());
            let mut seen: Vec<usize> = Vec::new();
            // Only the wait for the next is dropped, again and again, as `select!` in a loop does.
            loop {
                let next = poll_fn(|context| Pin::new(&mut stream).poll_next(context));
                match polled(next, polls).await {
                    None => sleep(Duration::from_secs(1)).await,
                    Some(Some(record)) => seen.push(record.unwrap().id.parse().unwrap()),
                    Some(None) => break,
                }
            }
            assert!(seen.iter().copied().eq(RECORDS), "{polls} polls: {seen:?}");
            assert_eq!((fake.log().len(), fake.in_doubt().len()), (REQUESTS, 0));
        }
    });
}

#[test]
fn a_dropped_stream_sends_nothing_more() {
    paused(async {
        let mut dropped = BTreeSet::new();
        for polls in 0.. {
            let fake = server();
            let mut stream = fake.client().pages(records().list());
            let all = async {
                while let Some(page) = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
                    page.unwrap();
                }
            };
            let completed = polled(all, polls).await.is_some();
            drop(stream);
            if completed {
                break;
            }
            dropped.insert(fake.dropped(polls, 0));
            fake.stays_silent().await;
            assert!(fake.in_doubt().len() <= 1);
        }
        assert_eq!(dropped.len(), 4, "{dropped:?}");
    });
}
