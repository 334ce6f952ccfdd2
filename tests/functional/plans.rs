//! Plans, shown and applied.

use std::collections::BTreeMap;

use kinto_protocol::{
    Edit, EditKind, ErrorKind, Object, Permissions, Plan, Resource, Status, Timestamp, Wanted, bucket, field,
};
use serde_json::{Value, json};

use crate::context::{Kinto, refused, written_by};
use crate::driver::Driver;
use crate::reviews;

/// What is in a list: the data by id, and when each was changed.
fn there<D: Driver>(client: &D, records: &Resource) -> BTreeMap<String, (Timestamp, Value)> {
    let all = client.items(records.list()).map(Result::unwrap);
    all.map(|record| (record.id, (record.last_modified, Value::Object(record.data)))).collect()
}

fn data<D: Driver>(client: &D, records: &Resource) -> BTreeMap<String, Value> {
    there(client, records).into_iter().map(|(id, (_, data))| (id, data)).collect()
}

fn planned<D: Driver, W: Into<Wanted>>(
    client: &D,
    records: &Resource,
    wanted: impl IntoIterator<Item = W, IntoIter: Send>,
) -> Plan {
    client.send(records.sync(wanted)).unwrap()
}

pub(crate) fn planned_shown_applied<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for (id, n) in [("same", 1), ("other", 1), ("extra", 1)] {
        kinto.record(&records, id, json!({"n": n, "é": [1.5, null]}));
    }
    let before = there(&kinto.alice, &records);
    let at_first = kinto.alice.send(records.timestamp()).unwrap();
    let wanted =
        [("new", json!({"n": 1})), ("same", json!({"é": [1.5, null], "n": 1})), ("other", json!({"n": 2, "x": null}))];
    let plan = planned(&kinto.alice, &records, wanted.clone());
    assert_eq!(plan.to_string(), "1 to create, 1 to update, 1 to delete, 1 unchanged");
    let shown: Vec<String> = plan.changes().map(Edit::to_string).collect();
    assert_eq!(shown[1], "~ other\n    n: 1 → 2\n    x: null\n    é: [1.5,null] → gone");
    assert_eq!(kinto.alice.send(records.timestamp()).unwrap(), at_first, "a plan changes nothing");

    let report = kinto.alice.send(plan.apply()).unwrap();
    assert!(report.is_success() && report.to_string() == "3 done", "{report}");
    let after = there(&kinto.alice, &records);
    assert_eq!(after["same"], before["same"], "what is as it is wanted is not written");
    let wanted: BTreeMap<String, Value> = wanted.into_iter().map(|(id, data)| (id.to_owned(), data)).collect();
    assert_eq!(data(&kinto.alice, &records), wanted);
    assert!(planned(&kinto.alice, &records, wanted).is_empty());
}

pub(crate) fn what_changed_since_is_not_overwritten<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for id in ["a", "b", "c", "d"] {
        kinto.record(&records, id, json!({"n": 1}));
    }
    let plan =
        planned(&kinto.alice, &records, [("a", json!({"n": 2})), ("d", json!({"n": 2})), ("e", json!({"n": 2}))]);
    // Saved, and read by somebody else.
    let plan: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    kinto.alice.send(records.replace("a", &json!({"n": 3}))).unwrap();
    kinto.alice.send(records.replace("b", &json!({"n": 3}))).unwrap();
    kinto.alice.send(records.delete("c")).unwrap();
    kinto.record(&records, "e", json!({"n": 3}));
    let report = kinto.alice.send(plan.apply()).unwrap();
    let ended: Vec<(&str, Status)> = report.items().map(|item| (item.id(), item.status())).collect();
    use Status::{AlreadySo, Conflict, Done};
    assert_eq!(ended, [("a", Conflict), ("d", Done), ("e", Conflict), ("b", Conflict), ("c", AlreadySo)]);
    for item in report.of(Conflict) {
        assert_eq!(item.existing().unwrap()["n"], 3, "{}", item.id());
    }
    let is = data(&kinto.alice, &records);
    assert_eq!(is.into_values().map(|data| data["n"].clone()).collect::<Vec<_>>(), [3, 3, 2, 3]);
    assert!(refused(report.into_result()).is_precondition_failed());
}

pub(crate) fn from_another_collection<D: Driver>(kinto: &Kinto<D>) {
    let source = kinto.records();
    kinto.alice.send(kinto.bucket().collections().create("copy", &json!({}))).unwrap();
    let copy = kinto.bucket().collection("copy").records();
    for n in 0..30 {
        kinto.record(&source, &format!("r{n}"), json!({"n": n}));
    }
    // One by one, in constant memory.
    let mut planner = kinto.alice.send(copy.survey().keep_timestamps()).unwrap();
    for record in kinto.alice.items(source.list().filter(field("n").min(5))) {
        planner.want(record.unwrap()).unwrap();
    }
    let plan = planner.finish();
    assert_eq!(plan.count(EditKind::Create), 25);
    kinto.alice.send(plan.apply()).unwrap().into_result().unwrap();
    let (from, to) = (there(&kinto.alice, &source), there(&kinto.alice, &copy));
    assert_eq!(to.len(), 25);
    for (id, record) in to {
        assert_eq!(record, from[&id], "{id}, with its timestamp");
    }
}

pub(crate) fn permissions_too<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let read = |whom: &[&str]| Permissions::new().read(whom.iter().copied());
    kinto.alice.send(records.create("a", &json!({})).permissions(read(&["account:bob"]))).unwrap();
    kinto.record(&records, "b", json!({}));
    let wanted = |a: &[&str]| {
        let a = Wanted::new("a", &json!({})).permissions(read(a));
        [a, Wanted::new("b", &json!({})), Wanted::new("c", &json!({})).permissions(read(&["system.Everyone"]))]
    };
    let survey = || records.sync(wanted(&["account:bob"])).permissions();
    let plan = kinto.alice.send(survey()).unwrap();
    assert_eq!(plan.to_string(), "1 to create, 2 unchanged");
    kinto.alice.send(plan.apply()).unwrap().into_result().unwrap();
    let public = kinto.alice.send(records.get("c")).unwrap();
    assert_eq!(public.permissions, written_by("alice").map(|it| it.read(["system.Everyone"])));
    assert!(kinto.alice.send(survey()).unwrap().is_empty());
    let plan = kinto.alice.send(records.sync(wanted(&[])).permissions()).unwrap();
    kinto.alice.send(plan.apply()).unwrap().into_result().unwrap();
    assert_eq!(kinto.alice.send(records.get("a")).unwrap().permissions, written_by("alice"));
    // What is not visible is not compared.
    kinto.alice.send(buckets_shared(kinto)).unwrap();
    let error = refused(kinto.bob.send(survey()));
    assert!(error.kind() == ErrorKind::Input && error.to_string().contains("not visible"), "{error}");
}

fn buckets_shared<D: Driver>(kinto: &Kinto<D>) -> kinto_protocol::Share {
    kinto_protocol::buckets().share(&kinto.id, Permissions::new().write(["account:bob"]))
}

pub(crate) fn groups_and_collections<D: Driver>(kinto: &Kinto<D>) {
    let bucket = kinto.make_bucket();
    let groups = bucket.groups();
    let wanted = || [("staff", json!({"members": ["account:bob"]})), ("none", json!({"members": []}))];
    let plan = kinto.alice.send(groups.sync(wanted())).unwrap();
    kinto.alice.send(plan.apply()).unwrap().into_result().unwrap();
    assert!(kinto.alice.send(groups.sync(wanted())).unwrap().is_empty());
    let collections = bucket.collections();
    let wanted = || [("c", json!({"schema": {"type": "object"}})), ("d", json!({"displayFields": ["x"]}))];
    let plan = kinto.alice.send(collections.sync(wanted())).unwrap();
    kinto.alice.send(plan.apply()).unwrap().into_result().unwrap();
    assert!(kinto.alice.send(collections.sync(wanted())).unwrap().is_empty());
    let plan = kinto.alice.send(collections.sync([("c", json!({"schema": {"type": "object"}, "x": 1}))])).unwrap();
    assert_eq!(plan.to_string(), "1 to update, 1 to delete");
}

pub(crate) fn what_the_server_refuses<D: Driver>(kinto: &Kinto<D>) {
    let bucket = kinto.make_bucket();
    let schema = json!({"type": "object", "properties": {"n": {"type": "number"}}});
    kinto.alice.send(bucket.collections().create("c", &json!({"schema": schema}))).unwrap();
    let records = bucket.collection("c").records();
    let wanted = [("a", json!({"n": 1})), ("b", json!({"n": "x"})), ("c", json!({"n": 3}))];
    let plan = planned(&kinto.alice, &records, wanted);
    let report = kinto.alice.send(plan.clone().apply()).unwrap();
    assert_eq!(report.to_string(), "2 done, 1 invalid");
    let invalid = report.of(Status::Invalid).next().unwrap();
    assert_eq!((invalid.id(), invalid.error().unwrap().status().unwrap().as_u16()), ("b", 400));
    // The schema's mark is the server's.
    let again = planned(&kinto.alice, &records, [("a", json!({"n": 1})), ("c", json!({"n": 3}))]);
    assert!(again.is_empty(), "{again}");
    // Another server is not the one that was looked at.
    let elsewhere = plan.at("https://kinto.example/v1");
    assert_eq!(refused(kinto.alice.send(elsewhere.apply())).kind(), ErrorKind::Input);
    // Who may not write is told of each.
    let everyone = Permissions::new().read(["account:bob"]);
    kinto.alice.send(kinto_protocol::buckets().share(&kinto.id, everyone)).unwrap();
    let plan = kinto.bob.send(records.sync([("x", json!({}))])).unwrap();
    let report = kinto.bob.send(plan.apply()).unwrap();
    assert_eq!(report.summary().count(Status::Forbidden), 3, "{report}");
}

/// What is changed is asked to be reviewed; where nothing is, nothing is asked.
pub(crate) fn then_a_review<D: Driver>(kinto: &Kinto<D>) {
    let reviewed = reviews::reviewed(kinto);
    let records = bucket("main-workspace").collection(&reviewed.id).records();
    let wanted = || [("a", json!({"n": 1}))];
    let apply = planned(&kinto.alice, &records, wanted()).apply();
    let report = kinto.alice.send(apply.then_request_review(&reviewed.review, "one more")).unwrap();
    assert_eq!(report.to_string(), "1 done, under review");
    let collection = report.reviewed().unwrap().unwrap();
    assert_eq!(collection.data.last_editor_comment.as_deref(), Some("one more"));
    let again = planned(&kinto.alice, &records, wanted()).apply();
    let report = kinto.alice.send(again.then_request_review(&reviewed.review, "no more")).unwrap();
    assert!(report.reviewed().is_none() && report.is_success());
    // Who may write and not ask for a review has written all the same.
    let apply = planned(&reviewed.carol, &records, [("a", json!({"n": 2}))]).apply();
    let report = reviewed.carol.send(apply.then_request_review(&reviewed.review, "me too")).unwrap();
    assert!(report.reviewed().unwrap().is_err() && report.summary().is_success() && !report.is_success(), "{report}");
    assert!(report.to_string().starts_with("1 done, not under review: PATCH "), "{report}");
    assert!(refused(report.into_result()).maybe_applied());
}

/// Random numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn collection(&mut self) -> BTreeMap<String, Value> {
        let all = (0..25).filter_map(|n| {
            let text = ["", "é", "\n"][self.roll(3) as usize];
            let data = json!({"n": self.roll(2), "x": text, "y": [self.roll(2), null]});
            (self.roll(2) == 0).then(|| (format!("r{n}"), data))
        });
        all.collect()
    }
}

pub(crate) fn whatever_is_there_and_whatever_is_wanted<D: Driver>(kinto: &Kinto<D>) {
    let bucket = kinto.make_bucket();
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let id = format!("c{seed}");
        kinto.alice.send(bucket.collections().create(&id, &json!({}))).unwrap();
        let records = bucket.collection(&id).records();
        let (there, wanted) = (dice.collection(), dice.collection());
        let first = planned(&kinto.alice, &records, there.clone());
        kinto.alice.send(first.apply().concurrency(2)).unwrap().into_result().unwrap();
        assert_eq!(data(&kinto.alice, &records), there);
        let second = planned(&kinto.alice, &records, wanted.clone());
        // Somebody else is faster with one of them.
        let hurried = wanted.keys().chain(there.keys()).nth(dice.roll(10) as usize).unwrap().clone();
        let theirs: Object = kinto.alice.send(records.create(&hurried, &json!({"theirs": 1})).overwrite()).unwrap();
        drop(kinto.alice.send(second.apply()).unwrap());
        let mut expected = wanted.clone();
        expected.insert(hurried.clone(), Value::Object(theirs.data));
        assert_eq!(data(&kinto.alice, &records), expected, "{seed}: theirs stays, whatever was planned");
        let third = planned(&kinto.alice, &records, wanted.clone());
        kinto.alice.send(third.apply()).unwrap().into_result().unwrap();
        assert_eq!(data(&kinto.alice, &records), wanted);
        assert!(planned(&kinto.alice, &records, wanted).is_empty());
    }
}
