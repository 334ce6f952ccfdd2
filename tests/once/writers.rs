//! Several who write into one collection on PostgreSQL, where the server aborts one of two that meet (409).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http::StatusCode;
use kinto_protocol::{Batch, Event, JsonMap, Object, Policy, Resource, Status};
use serde_json::json;

use crate::driver::{Driver, Setup, Work};
use crate::kinds::map;
use crate::place::{Server, bare};

const WRITERS: usize = 8;
/// What each of them writes, one by one and in batches.
const SINGLY: usize = 10;
const BATCHES: usize = 2;
const IN_A_BATCH: usize = 20;
/// What is written by many at once with one call, and with one batch.
const AT_ONCE: usize = 24;
const SIDE_BY_SIDE: usize = 75;

fn data(id: &str) -> JsonMap {
    map(json!({"title": format!("é {id}"), "o": {"a": [1, null]}}))
}

/// The ids of something, all different.
fn ids(of: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{of}-{number}")).collect()
}

fn batch(records: &Resource, ids: &[String]) -> Batch {
    ids.iter().map(|id| records.create(id, &data(id))).collect()
}

pub(crate) fn eight_of_one_collection<D: Driver>() {
    let Some(server) = Server::postgresql() else { return };
    let records = server.records();
    // That they met shows that this tests something.
    let retries = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&retries);
    let observer = move |event: &Event<'_>| {
        if matches!(event, Event::Retry { .. } | Event::Answered { status: StatusCode::CONFLICT, .. }) {
            counter.fetch_add(1, Relaxed);
        }
    };
    let setup = Setup { url: server.url().to_owned(), policy: Policy::default(), observer: Some(Box::new(observer)) };
    let client = D::build(setup).unwrap();

    let mut expected = Vec::new();
    let works: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let singly = ids(&format!("s{writer}"), SINGLY);
            let together: Vec<_> = (0..BATCHES).map(|number| ids(&format!("b{writer}-{number}"), IN_A_BATCH)).collect();
            expected.extend(singly.iter().chain(together.iter().flatten()).cloned());
            Work {
                puts: singly.iter().map(|id| records.create(id, &data(id))).collect(),
                batches: together.iter().map(|ids| batch(&records, ids)).collect(),
            }
        })
        .collect();
    let is_right = |object: &Object| bare(object.data.clone()) == data(&object.id);
    let is_done = |outcome: &kinto_protocol::Outcome, count: usize| {
        let summary = outcome.summary();
        assert_eq!(
            (summary.count(Status::Done), summary.total()),
            (count, count),
            "{summary}: {:?}",
            outcome.stopped()
        );
    };
    for done in client.side_by_side(works) {
        assert_eq!((done.puts.len(), done.batches.len()), (SINGLY, BATCHES));
        assert!(done.puts.iter().all(|put| is_right(put.as_ref().unwrap())));
        done.batches.into_iter().for_each(|outcome| is_done(&outcome.unwrap(), IN_A_BATCH));
    }

    let at_once = ids("a", AT_ONCE);
    let puts = at_once.iter().map(|id| records.create(id, &data(id))).collect();
    let puts = client.send_all(puts, WRITERS);
    assert!(puts.len() == AT_ONCE && puts.iter().all(|put| is_right(put.as_ref().unwrap())));
    let side_by_side = ids("c", SIDE_BY_SIDE);
    is_done(&client.send(batch(&records, &side_by_side).concurrency(4)).unwrap(), SIDE_BY_SIDE);

    let there = server.list(records.path()).into_iter().map(map);
    let there: BTreeMap<_, _> = there.map(|object| (object["id"].as_str().unwrap().to_owned(), bare(object))).collect();
    let expected = expected.into_iter().chain(at_once).chain(side_by_side);
    let expected: BTreeMap<_, _> = expected.map(|id| (id.clone(), data(&id))).collect();
    assert!(there == expected, "{} of {} are there", there.len(), expected.len());
    assert!(retries.load(Relaxed) > 0, "nobody met anybody");
}
