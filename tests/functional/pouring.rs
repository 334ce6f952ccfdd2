//! Streams of records, poured into lists.

use std::collections::BTreeMap;
use std::thread;

use kinto_protocol::{BulkMode, JsonMap, Object, Resource, Status, Timestamp, bucket};
use serde_json::{Value, json};

use crate::batches::{so_far, watched};
use crate::context::{Kinto, map};
use crate::driver::Driver;

fn numbered(count: usize) -> impl Iterator<Item = (String, Value)> {
    (0..count).map(|n| (format!("r{n}"), json!({"number": n, "title": format!("é {n}"), "o": {"a": [n, null, 0.1]}})))
}

/// What is there: the data by the id, and when it was last changed.
fn there<D: Driver>(client: &D, records: &Resource) -> BTreeMap<String, (JsonMap, Timestamp)> {
    let all: kinto_protocol::Result<Vec<Object>> = client.items(records.list()).collect();
    all.unwrap().into_iter().map(|record| (record.id, (record.data, record.last_modified))).collect()
}

fn data<D: Driver>(client: &D, records: &Resource) -> BTreeMap<String, Value> {
    there(client, records).into_iter().map(|(id, (data, _))| (id, data.into())).collect()
}

pub(crate) fn thousands_in_few_requests<D: Driver>(kinto: &Kinto<D>) {
    // A server on PostgreSQL takes a while for each.
    let count = if kinto.is_memory() { 2_000 } else { 200 };
    let records = kinto.records();
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut bulk = records.bulk(BulkMode::Create).concurrency(3);
    let summary = client.pour(&mut bulk, numbered(count)).unwrap();
    assert_eq!(summary.to_string(), format!("{count} done"));
    assert_eq!(data(&client, &records), numbered(count).collect());
    let batches = so_far(kinto, &tells).iter().filter(|line| line.starts_with("POST /batch of ")).count();
    assert!((count / 25..count / 25 + 40).contains(&batches), "{batches} requests");

    // Nothing is written where nothing differs, not even in its time.
    let before = there(&client, &records);
    drop(so_far(kinto, &tells));
    let mut again = records.bulk(BulkMode::SkipUnchanged).concurrency(3);
    let summary = client.pour(&mut again, numbered(count)).unwrap();
    assert_eq!(summary.to_string(), format!("{count} already so"));
    assert_eq!(so_far(kinto, &tells).iter().filter(|line| !line.starts_with("GET ")).count(), 0);
    assert_eq!(there(&client, &records), before);
}

pub(crate) fn what_is_as_it_is_wanted_stays<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.alice.pour(&mut records.bulk(BulkMode::Create), numbered(60)).unwrap();
    let before = there(&kinto.alice, &records);
    let mut bulk = records.bulk(BulkMode::SkipUnchanged).concurrency(2);
    let changed = |n: usize| n % 20 == 7;
    let wanted = numbered(62).enumerate().map(|(n, (id, data))| (id, if changed(n) { json!({"n": n}) } else { data }));
    let mut wanted: Vec<_> = wanted.collect();
    // Once more, now that it is there.
    wanted.push(("r60".into(), json!({"another": true})));
    wanted.push(("r8".into(), wanted[8].1.clone()));
    let summary = kinto.alice.pour(&mut bulk, wanted.clone()).unwrap();
    assert_eq!(summary.to_string(), "6 done, 58 already so");
    let after = there(&kinto.alice, &records);
    assert_eq!(data(&kinto.alice, &records), wanted.into_iter().collect());
    for (n, (id, (_, at))) in before.iter().map(|it| (it.0[1..].parse::<usize>().unwrap(), it)) {
        assert_eq!(after[id].1 > *at, changed(n), "{id}");
    }

    // What somebody else has changed since it was read is left to them.
    let mut bulk = records.bulk(BulkMode::SkipUnchanged);
    let mut others = ["r1", "r2"].into_iter().map(|id| {
        let change = || kinto.alice.send(records.replace(id, &json!({"somebody": "else"}))).unwrap();
        thread::scope(|scope| drop(scope.spawn(change).join().unwrap()));
        (id, json!({"mine": true}))
    });
    let summary = kinto.alice.pour(&mut bulk, &mut others).unwrap();
    assert_eq!(summary.to_string(), "2 in conflict");
    let report = bulk.into_report();
    assert_eq!(report.failures()[1].existing().unwrap()["somebody"], "else");
}

pub(crate) fn each_failure_has_its_position<D: Driver>(kinto: &Kinto<D>) {
    kinto.make_bucket();
    let schema = json!({"type": "object", "properties": {"number": {"type": "number", "maximum": 90}}});
    kinto.alice.send(kinto.bucket().collections().create("c", &json!({"schema": schema}))).unwrap();
    let records = kinto.bucket().collection("c").records();
    kinto.record(&records, "r50", json!({"there": "before"}));
    let wanted = numbered(100).enumerate().map(|(n, (id, data))| match n {
        10 => Err("not to be read".to_owned()),
        20 => Ok(("no/id".to_owned(), data)),
        30 => Ok((id, json!([]))),
        _ => Ok((id, data)),
    });
    let mut bulk = records.bulk(BulkMode::Create).concurrency(2);
    let summary = kinto.alice.pour(&mut bulk, wanted).unwrap();
    assert_eq!(summary.to_string(), "87 done, 1 in conflict, 12 invalid");
    let report = bulk.into_report();
    let positions: Vec<_> = report.failures().iter().map(|failure| failure.position()).collect();
    assert_eq!(positions, [10, 20, 30, 50, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
    assert_eq!(report.failures()[3].existing().unwrap()["there"], "before");
    assert!(report.failures()[4].error().to_string().contains("number"), "{}", report.failures()[4].error());
    assert_eq!(there(&kinto.alice, &records).len(), 88);

    // Nobody may: all of it is told, and it goes on or stops, as is wanted.
    let mut bulk = records.bulk(BulkMode::Overwrite).keep_failures(5).stop_after(30);
    let error = kinto.bob.pour(&mut bulk, numbered(1_000)).unwrap_err();
    assert!(error.is_forbidden() && !error.maybe_applied(), "{error}");
    let report = bulk.into_report();
    assert!(report.summary().count(Status::Forbidden) >= 30 && report.taken() < 200, "{report}");
    assert_eq!(report.failures().len(), 5);
}

pub(crate) fn the_last_of_an_id_stays<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for mode in [BulkMode::Overwrite, BulkMode::SkipUnchanged] {
        let wanted = (0..120).map(|n| (format!("r{}", n * n % 41), json!({"n": n, "mode": format!("{mode:?}")})));
        let mut bulk = records.bulk(mode).concurrency(4).requests(10);
        let summary = kinto.alice.pour(&mut bulk, wanted.clone()).unwrap();
        assert_eq!(summary.to_string(), "120 done", "{:?}", bulk.into_report());
        assert_eq!(data(&kinto.alice, &records), wanted.collect());
    }
}

pub(crate) fn ways_to_write<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let wanted = [("a", json!({"n": 1})), ("b", json!({"n": 1}))];
    let poured = |mode| {
        kinto.record(&records, "a", json!({"n": 0, "keep": true}));
        let summary = kinto.alice.pour(&mut records.bulk(mode), wanted.clone()).unwrap().to_string();
        let after = Value::Object(data(&kinto.alice, &records).into_iter().collect());
        kinto.alice.send(records.delete_all()).unwrap();
        (summary, after)
    };
    let (old, new) = (json!({"n": 0, "keep": true}), json!({"n": 1}));
    assert_eq!(poured(BulkMode::Create), ("1 done, 1 in conflict".into(), json!({"a": old, "b": new})));
    assert_eq!(poured(BulkMode::Overwrite), ("2 done".into(), json!({"a": new, "b": new})));
    assert_eq!(poured(BulkMode::Patch), ("1 done, 1 missing".into(), json!({"a": {"n": 1, "keep": true}})));
    assert_eq!(poured(BulkMode::SkipUnchanged), ("2 done".into(), json!({"a": new, "b": new})));
}

pub(crate) fn groups_and_collections_too<D: Driver>(kinto: &Kinto<D>) {
    kinto.make_bucket();
    let here = bucket(&kinto.id);
    let schema = json!({"type": "object"});
    let collections = [("c", json!({"schema": schema})), ("d", json!({"sort": "-n"}))];
    for expected in ["2 done", "2 already so"] {
        let summary = kinto.alice.pour(&mut here.collections().bulk(BulkMode::SkipUnchanged), collections.clone());
        assert_eq!(summary.unwrap().to_string(), expected);
    }
    assert_eq!(kinto.alice.send(here.collections().get("c")).unwrap().data, map(json!({"schema": schema})));
    let groups = [("staff", json!({"members": ["account:bob"]}))];
    let summary = kinto.alice.pour(&mut here.groups().bulk(BulkMode::Create), groups).unwrap();
    assert_eq!(summary.to_string(), "1 done");
    assert_eq!(kinto.alice.send(here.groups().get("staff")).unwrap().data.members, ["account:bob"]);
}
