//! Deleting a list: whatever is dropped, no token is sent twice and no more than one page is in doubt.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use kinto_async::{DeleteAll, Request, Response, Timestamp, Tombstone, bucket};
use serde_json::{Value, json};

use crate::fake::{Dropped, Fake, Stage, answer, busy, everywhere, paused, polled, token};

const RECORDS: usize = 7;
const PAGE: usize = 3;

/// A list that can be deleted, as Kinto does it: every token is good for one request.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    records: BTreeSet<usize>,
    tokens: BTreeSet<String>,
    made: usize,
    changes: u64,
}

impl Store {
    fn server(&self) -> Fake {
        self.0.lock().unwrap().records = (0..RECORDS).collect();
        let (store, was_busy) = (self.clone(), AtomicBool::new(false));
        Fake::new(move |request| match was_busy.swap(true, Ordering::SeqCst) {
            false => busy(429),
            true => store.delete(request),
        })
    }

    fn delete(&self, request: &Request) -> Response {
        let mut content = self.0.lock().unwrap();
        if let Some(at) = request.headers().get("if-match")
            && at.to_str().unwrap() != format!("\"{}\"", content.changes)
        {
            return answer(412, &[], &json!({"errno": 114, "message": "changed meanwhile"}));
        }
        if token(request).is_some_and(|token| !content.tokens.remove(token)) {
            return answer(400, &[], &json!({"errno": 107, "message": "_token was already used or has expired."}));
        }
        let page: Vec<usize> = content.records.iter().copied().take(PAGE).collect();
        content.records.retain(|id| !page.contains(id));
        content.changes += 1;
        let data: Vec<Value> =
            page.iter().map(|id| json!({"id": id.to_string(), "last_modified": 7, "deleted": true})).collect();
        let mut headers = vec![("backoff", "5".to_owned())];
        if !content.records.is_empty() {
            content.made += 1;
            let token = format!("once-{}", content.made);
            headers.push(("next-page", format!("https://kinto.example/v1/x?_token={token}")));
            content.tokens.insert(token);
        }
        answer(200, &headers, &json!({"data": data}))
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().records.len()
    }
}

fn all() -> DeleteAll {
    bucket("b").collection("c").records().delete_all()
}

/// The tokens that were sent, of which the client must send each only once, heard or not.
fn assert_tokens_differ(fake: &Fake) {
    let mut seen = BTreeSet::new();
    for sent in fake.log() {
        if sent.line.contains("_token=") {
            assert!(seen.insert(sent.line.clone()), "sent twice: {}", sent.line);
        }
    }
}

/// What was told to be deleted, none of it twice.
fn told(tombstones: Vec<Tombstone>) -> usize {
    let count = tombstones.len();
    let ids: BTreeSet<String> = tombstones.into_iter().map(|tombstone| tombstone.id).collect();
    assert_eq!(ids.len(), count);
    count
}

#[test]
fn deleting_goes_on_wherever_it_was_dropped() {
    paused(async {
        let mut dropped = BTreeSet::new();
        for polls in 0.. {
            let store = Store::default();
            let fake = store.server();
            let client = fake.client();
            let mut deletion = all();
            let tombstones = polled(client.send(&mut deletion), polls).await;
            let completed = tombstones.is_some();
            let tombstones = match tombstones {
                Some(tombstones) => tombstones.unwrap(),
                None => {
                    dropped.insert(fake.dropped(polls, 0));
                    fake.stays_silent().await;
                    let before = deletion.deleted().len();
                    let tombstones = client.send(&mut deletion).await.unwrap();
                    assert!(tombstones.len() >= before);
                    tombstones
                }
            };
            assert_eq!(store.left(), 0);
            assert_tokens_differ(&fake);
            // Of what the one request in doubt deleted nobody was told.
            let in_doubt = fake.in_doubt();
            let lost = RECORDS - told(tombstones);
            let may_be_lost = in_doubt.iter().any(|sent| sent.stage == Stage::Applied);
            assert!(in_doubt.len() <= 1 && lost <= if may_be_lost { PAGE } else { 0 }, "{polls} polls: {lost} lost");
            if completed {
                break;
            }
        }
        // The gate is closed only between the pages.
        let mut expected = everywhere();
        expected.remove(&Dropped::AtTheGate);
        assert_eq!(dropped, expected);
    });
}

#[test]
fn deleting_without_patience_comes_to_its_end() {
    paused(async {
        let store = Store::default();
        let fake = store.server();
        let client = fake.client();
        let mut deletion = all();
        let mut drops = 0;
        // Sometimes before a page is there, sometimes in the midst of the next.
        let tombstones = loop {
            match polled(client.send(&mut deletion), [12, 3, 5][drops % 3]).await {
                None => drops += 1,
                Some(tombstones) => break tombstones.unwrap(),
            }
        };
        assert_eq!(store.left(), 0);
        assert_tokens_differ(&fake);
        assert!(told(tombstones) < RECORDS && fake.in_doubt().len() <= drops);
    });
}

#[test]
fn a_precondition_holds_until_a_page_is_known_to_be_deleted() {
    paused(async {
        let mut outcomes = BTreeSet::new();
        for polls in 0.. {
            let store = Store::default();
            let fake = store.server();
            let client = fake.client();
            let mut deletion = all().if_match(Timestamp::from_millis(0));
            if polled(client.send(&mut deletion), polls).await.is_some() {
                break;
            }
            let (deleted, known) = (RECORDS - store.left(), deletion.deleted().len());
            let rest = client.send(&mut deletion).await;
            // What the lost request changed is a change like anybody's.
            let refused = deleted > 0 && known == 0;
            assert_eq!(rest.as_ref().is_err_and(|error| error.is_precondition_failed()), refused, "{polls} polls");
            assert_eq!(store.left(), if refused { RECORDS - deleted } else { 0 });
            assert_tokens_differ(&fake);
            outcomes.insert((refused, known));
        }
        assert_eq!(outcomes, BTreeSet::from([(false, 0), (true, 0), (false, PAGE), (false, 2 * PAGE)]));
    });
}
