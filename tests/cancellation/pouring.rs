//! Streams of records: wherever the future is dropped, nothing that was taken is lost, and each is written once.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use kinto_async::{Bulk, BulkMode, Status, bucket};
use serde_json::{Value, json};
use tokio::time::{Instant, Sleep, sleep};

use crate::batches::Store;
use crate::fake::{Dropped, everywhere, paused, polled};

const RECORDS: usize = 10;

/// Numbered records, each after a pause.
struct Source {
    next: usize,
    count: usize,
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Source {
    fn of(count: usize, pause: Duration) -> Self {
        Self { next: 0, count, pause, sleep: None }
    }

    fn at_hand() -> Self {
        Self::of(RECORDS, Duration::ZERO)
    }
}

impl Stream for Source {
    type Item = (String, Value);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.next == self.count {
            return Poll::Ready(None);
        }
        if !self.pause.is_zero() {
            let pause = self.pause;
            ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(context));
            self.sleep = None;
        }
        self.next += 1;
        let n = self.next - 1;
        Poll::Ready(Some((format!("r{n}"), json!({"n": n}))))
    }
}

fn bulk(concurrency: usize) -> Bulk {
    bucket("b").collection("c").records().bulk(BulkMode::Create).concurrency(concurrency)
}

/// Drops the pouring after so many polls, for all numbers of them, and pours on.
async fn dropped_everywhere(concurrency: usize) -> BTreeSet<Dropped> {
    let mut dropped = BTreeSet::new();
    for polls in 0.. {
        let store = Store::default();
        let fake = store.server();
        let client = fake.client();
        let (mut bulk, mut source) = (bulk(concurrency), Source::at_hand());
        let summary = polled(client.pour(&mut bulk, &mut source), polls).await;
        let completed = summary.is_some();
        let summary = match summary {
            Some(summary) => summary.unwrap(),
            None => {
                dropped.insert(fake.dropped(polls, 0));
                fake.stays_silent().await;
                client.pour(&mut bulk, &mut source).await.unwrap()
            }
        };
        assert_eq!(summary.to_string(), format!("{RECORDS} done"), "{polls} polls");
        assert_eq!(store.created(), (RECORDS, RECORDS), "{polls} polls");
        assert_eq!(bulk.into_report().taken(), RECORDS as u64);
        if completed {
            return dropped;
        }
    }
    dropped
}

#[test]
fn a_stream_goes_on_wherever_it_was_dropped() {
    paused(async {
        for concurrency in [1, 3] {
            let mut expected = everywhere();
            expected.remove(&Dropped::AtTheGate);
            assert_eq!(dropped_everywhere(concurrency).await, expected);
        }
    });
}

#[test]
fn a_stream_without_patience_comes_to_its_end() {
    paused(async {
        let store = Store::default();
        let fake = store.server();
        let client = fake.client();
        let (mut bulk, mut source, mut drops) = (bulk(1), Source::at_hand(), 0);
        let summary = loop {
            match polled(client.pour(&mut bulk, &mut source), [7, 5, 6][drops % 3]).await {
                None => drops += 1,
                Some(summary) => break summary.unwrap(),
            }
        };
        assert!(drops > 2 && summary.is_success(), "{drops} drops: {summary}");
        assert_eq!(store.created(), (RECORDS, RECORDS));
    });
}

/// What is told of a stream that was dropped is true.
#[test]
fn what_is_known_after_a_drop() {
    paused(async {
        for polls in 0.. {
            let store = Store::default();
            let client = store.server().client();
            let (mut bulk, mut source) = (bulk(2), Source::at_hand());
            let completed = polled(client.pour(&mut bulk, &mut source), polls).await.is_some();
            let report = bulk.into_report();
            let count = |status| report.summary().count(status);
            let (done, doubt) = (count(Status::Done), count(Status::Unknown));
            assert_eq!(done + doubt + count(Status::NotSent), source.next, "{polls} polls: {report}");
            assert_eq!(report.taken(), source.next as u64);
            let (there, _) = store.created();
            assert!(done <= there && there <= done + doubt, "{polls} polls: {there} are there, {report}");
            let open: u64 = report.unfinished().iter().map(|(range, _)| range.end - range.start).sum();
            assert_eq!(open as usize, source.next - done);
            if completed {
                break;
            }
        }
    });
}

/// A record need not wait for a full chunk when nothing else comes for a while.
#[test]
fn what_comes_now_and_then_goes_at_once() {
    paused(async {
        let store = Store::default();
        let fake = store.server();
        let client = fake.client();
        let (mut bulk, mut source) = (bulk(2), Source::of(4, Duration::from_secs(3_600)));
        let begun = Instant::now();
        for hours in 1..=4 {
            let pour = client.pour(&mut bulk, &mut source);
            let until = begun + Duration::from_secs(3_600 * hours) + Duration::from_secs(60);
            let over = tokio::time::timeout_at(until, pour).await;
            assert_eq!(store.created().1, usize::try_from(hours).unwrap());
            assert_eq!(over.is_ok(), hours == 4);
        }
        assert_eq!(bulk.into_report().to_string(), "4 done");
    });
}

#[test]
fn the_future_goes_to_other_threads() {
    fn is_send(_: &impl Send) {}
    let client = Store::default().server().client();
    let mut bulk = bulk(2);
    is_send(&client.pour(&mut bulk, Source::at_hand()));
}
