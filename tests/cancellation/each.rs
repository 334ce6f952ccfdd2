//! Many operations as a stream: whatever is dropped, each is sent once, and only while somebody wants it.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use kinto_async::{Flow, Object, bucket};
use serde_json::json;
use tokio::time::sleep;

use crate::fake::{Fake, answer, paused, polled};

const COUNT: usize = 8;
const AT_ONCE: usize = 3;

fn server() -> Fake {
    Fake::new(|request| {
        let id = request.uri().path().rsplit('/').next().unwrap();
        answer(200, &[], &json!({"data": {"id": id, "last_modified": 7}}))
    })
}

fn gets() -> impl Iterator<Item = impl Flow<Output = Object>> + Send {
    (0..COUNT).map(|n| bucket("b").collection("c").records().get(n.to_string()))
}

#[test]
fn a_stream_keeps_the_requests_that_are_under_way() {
    paused(async {
        for polls in 1..12 {
            let fake = server();
            let mut stream = fake.client().send_each(gets(), AT_ONCE);
            let mut seen: Vec<usize> = Vec::new();
            // Only the wait for the next is dropped, again and again.
            loop {
                let next = poll_fn(|context| Pin::new(&mut stream).poll_next(context));
                match polled(next, polls).await {
                    None => sleep(Duration::from_secs(1)).await,
                    Some(Some(record)) => seen.push(record.unwrap().id.parse().unwrap()),
                    Some(None) => break,
                }
                assert!(fake.log().len() <= seen.len() + AT_ONCE, "{:#?}", fake.log());
            }
            assert!(seen.iter().copied().eq(0..COUNT), "{polls} polls: {seen:?}");
            assert_eq!((fake.log().len(), fake.in_doubt().len()), (COUNT, 0));
        }
    });
}

#[test]
fn a_dropped_stream_sends_nothing_more() {
    paused(async {
        let mut most = 0;
        for polls in 0.. {
            let fake = server();
            let mut stream = fake.client().send_each(gets(), AT_ONCE);
            let all = async {
                while let Some(record) = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
                    record.unwrap();
                }
            };
            let completed = polled(all, polls).await.is_some();
            drop(stream);
            if completed {
                break;
            }
            most = most.max(fake.in_doubt().len());
            fake.stays_silent().await;
        }
        assert_eq!(most, AT_ONCE);
    });
}
