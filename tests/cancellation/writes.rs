//! One operation: dropped anywhere, it sends nothing more, and whether it was carried out can be asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use kinto_async::{Client, Policy, Resource, Session, bucket};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::fake::{Dropped, Fake, answer, busy, everywhere, paused, polled};

fn records() -> Resource {
    bucket("b").collection("c").records()
}

/// A record that can be created once, at the second attempt, and how often it was.
fn server() -> (Fake, Arc<AtomicUsize>) {
    let (was_busy, created) = (AtomicBool::new(false), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&created);
    let fake = Fake::new(move |request| {
        let record = json!({"data": {"id": "a", "last_modified": 7}});
        if *request.method() == Method::GET {
            return answer(200, &[], &record);
        }
        if !was_busy.swap(true, Ordering::SeqCst) {
            return busy(503);
        }
        assert_eq!(request.headers()["if-none-match"], "*");
        if created.load(Ordering::SeqCst) > 0 {
            return answer(412, &[], &json!({"errno": 114, "message": "it is there"}));
        }
        created.fetch_add(1, Ordering::SeqCst);
        answer(201, &[], &record)
    });
    (fake, count)
}

#[test]
fn a_write_is_dropped_anywhere() {
    paused(async {
        let mut dropped = BTreeSet::new();
        for polls in 0.. {
            let (fake, created) = server();
            let client = fake.client();
            let create = records().create("a", &json!({}));
            if let Some(made) = polled(client.send(&create), polls).await {
                made.unwrap();
                break;
            }
            let sent = fake.log().len();
            assert!(sent <= 2 && fake.in_doubt().len() <= 1);
            dropped.insert(fake.dropped(polls, 0));
            fake.stays_silent().await;

            // Sent again it is a write of its own, which finds out whether the other was carried out.
            let was_created = created.load(Ordering::SeqCst) > 0;
            let again = client.send(&create).await;
            assert_eq!(again.is_err_and(|error| error.is_precondition_failed()), was_created, "{polls} polls");
            assert_eq!(created.load(Ordering::SeqCst), 1);
        }
        let mut expected = everywhere();
        expected.remove(&Dropped::AtTheGate);
        assert_eq!(dropped, expected);
    });
}

#[test]
fn two_requests_are_dropped_anywhere() {
    paused(async {
        for polls in 0.. {
            let (fake, _) = server();
            let client = fake.client();
            client.send(records().create("a", &json!({}))).await.unwrap();
            let sent = fake.log().len();
            if let Some(found) = polled(client.send(records().get_or_create("a", &json!({}))), polls).await {
                assert!(!found.unwrap().is_created());
                assert_eq!(fake.log().len(), sent + 2);
                break;
            }
            assert!(fake.in_doubt().len() <= 1);
            fake.stays_silent().await;
        }
    });
}

/// Drops a request while it waits, and lets much time pass.
async fn dropped_while_waiting(client: &Client, fake: &Fake, after: Duration) {
    let sent = fake.log().len();
    let begun = Instant::now();
    assert!(timeout(after, client.send(records().get("a"))).await.is_err());
    assert_eq!(begun.elapsed(), after);
    let now = fake.log().len();
    assert!(now <= sent + 1 && fake.in_doubt().is_empty());
    fake.stays_silent().await;
}

#[test]
fn a_wait_for_a_retry_ends_with_its_future() {
    paused(async {
        let fake = Fake::new(|_| busy(503));
        let client = fake.client();
        dropped_while_waiting(&client, &fake, Duration::from_secs(6)).await;
        // The wait that was dropped was that request's own, and the next one goes out at once.
        dropped_while_waiting(&client, &fake, Duration::from_millis(6999)).await;
        assert_eq!(fake.log().len(), 2);
    });
}

#[test]
fn the_silence_that_a_server_asked_for_outlives_a_dropped_future() {
    paused(async {
        let fake =
            Fake::new(|_| answer(200, &[("backoff", "100".into())], &json!({"data": {"id": "a", "last_modified": 7}})));
        let client = fake.client();
        client.send(records().get("a")).await.unwrap();
        let begun = Instant::now();
        for polls in 0..4 {
            let another = client.clone();
            sleep(Duration::from_secs(10)).await;
            // Whoever asks while there is silence waits, and waits for nothing once dropped.
            assert!(timeout(Duration::from_secs(polls), another.send(records().get("a"))).await.is_err());
            assert_eq!(fake.log().len(), 1);
        }
        client.send(records().get("a")).await.unwrap();
        // Timers count in milliseconds, and end rather late than early.
        let waited = begun.elapsed().as_millis();
        assert!((100_000..=100_001).contains(&waited), "{waited}");
        assert_eq!(fake.log().len(), 2);
    });
}

#[test]
fn dropped_attempts_are_within_a_deadline_of_their_own() {
    paused(async {
        let mut policy = Policy::default();
        policy.deadline = Duration::from_secs(10);
        let fake = Fake::new(|_| busy(503));
        let session = Session::builder("https://kinto.example/v1").policy(policy).build().unwrap();
        let client = Client::with_transport(session, fake.clone());
        // The second wait of seven seconds does not fit, however many futures were dropped before.
        for _ in 0..3 {
            assert!(timeout(Duration::from_secs(5), client.send(records().get("a"))).await.is_err());
        }
        let begun = Instant::now();
        let error = client.send(records().get("a")).await.unwrap_err();
        assert!(error.attempts() == 2 && begun.elapsed() < Duration::from_secs(8), "{error}");
        assert_eq!(fake.log().len(), 3 + 2);
    });
}
