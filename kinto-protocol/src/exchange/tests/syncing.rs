//! Plans, and what applying them makes: against a small model of the server.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{Dice, Model, map};
use super::*;
use crate::{EditKind, Permissions, Plan, Report, Status, Timestamp, Wanted, field};

fn lines(plan: &Plan) -> Vec<String> {
    plan.changes().map(ToString::to_string).collect()
}

#[test]
fn planned_shown_and_applied() {
    let there = [("same", json!({"n": 1})), ("other", json!({"n": 1, "x": "y", "z": [1]})), ("extra", json!({}))];
    let mut model = Model::of(&there);
    let wanted =
        [("new", json!({"n": 1})), ("same", json!({"n": 1.0})), ("other", json!({"n": 2, "w": null, "z": [1]}))];
    let plan = model.plan(wanted.clone());
    assert_eq!(plan.to_string(), "1 to create, 1 to update, 1 to delete, 1 unchanged");
    assert_eq!(lines(&plan), ["+ new\n    n: 1", "~ other\n    n: 1 → 2\n    w: null\n    x: \"y\" → gone", "- extra"]);
    assert!(model.asked.iter().all(|line| line.starts_with("GET")), "{:?}", model.asked);
    let before = model.clone();
    let report = model.send(plan.apply()).unwrap();
    assert_eq!(report.to_string(), "3 done");
    let is = [("new", json!({"n": 1})), ("same", json!({"n": 1})), wanted[2].clone()];
    assert_eq!(model.data(), is.map(|(id, data)| (id.to_owned(), data)).into());
    assert_eq!(model.records["same"], before.records["same"], "what is as it is wanted is not written");
    let again = model.plan(wanted);
    assert!(again.is_empty());
    assert_eq!(again.to_string(), "nothing to do, 3 unchanged");
    let asked = model.asked.len();
    assert!(model.send(again.apply()).unwrap().is_success());
    assert_eq!(model.asked.len(), asked, "nothing is sent");
}

#[test]
fn what_changed_since_is_not_overwritten() {
    let mut model = Model::of(&[("a", json!({"n": 1})), ("b", json!({"n": 1})), ("c", json!({"n": 1}))]);
    let plan = model.plan([("a", json!({"n": 2})), ("d", json!({"n": 2})), ("e", json!({"n": 2}))]);
    model.put("a", &json!({"n": 3}));
    model.put("b", &json!({"n": 3}));
    model.put("d", &json!({"n": 3}));
    model.put("e", &json!({"n": 2}));
    model.records.remove("c");
    let report = model.send(plan.apply()).unwrap();
    assert_eq!(report.to_string(), "2 already so, 3 in conflict");
    let ended: BTreeMap<&str, Status> = report.items().map(|item| (item.id(), item.status())).collect();
    use Status::{AlreadySo, Conflict};
    assert_eq!(
        ended,
        BTreeMap::from([("a", Conflict), ("b", Conflict), ("c", AlreadySo), ("d", Conflict), ("e", AlreadySo)])
    );
    let stands = report.of(Conflict).find(|item| item.id() == "a").unwrap();
    assert_eq!((stands.existing().unwrap()["n"].clone(), stands.kind()), (json!(3), EditKind::Update));
    assert_eq!(model.data()["b"], json!({"n": 3}));
    assert!(report.into_result().unwrap_err().is_precondition_failed());
}

#[test]
fn a_plan_can_be_saved() {
    let mut model = Model::of(&[("a", json!({"n": 1})), ("b", json!({}))]);
    let plan = model.plan([("a", json!({"n": [1.5, null]})), ("c", json!({"é": "\u{0}"}))]);
    let saved = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&saved).unwrap();
    assert_eq!((lines(&read), read.to_string()), (lines(&plan), plan.to_string()));
    assert_eq!(serde_json::to_string(&read).unwrap(), saved);
    // Not at another server, and not at a path that is none.
    let elsewhere: Plan = serde_json::from_str(&saved.replace("localhost:1", "localhost:2")).unwrap();
    let error = model.send(elsewhere.clone().apply()).unwrap_err();
    assert!(error.kind() == ErrorKind::Input && error.to_string().contains("at()"), "{error}");
    for path in ["/", "/buckets/b/collections/c", "/buckets/../collections/c/records", "/buckets/b%2Fx/groups"] {
        let odd = saved.replace("/buckets/b/collections/c/records", path);
        let odd: Plan = serde_json::from_str(&odd).unwrap();
        assert_eq!(model.send(odd.apply()).map(drop).unwrap_err().kind(), ErrorKind::Input, "{path}");
    }
    assert_eq!(model.data().len(), 2);
    assert!(model.send(elsewhere.at("http://localhost:1/v1").apply()).unwrap().is_success());
    assert_eq!(
        model.data(),
        BTreeMap::from([("a".to_owned(), json!({"n": [1.5, null]})), ("c".to_owned(), json!({"é": "\u{0}"}))])
    );
}

#[cfg(not(feature = "attachments"))]
#[test]
fn a_plan_that_brings_files_is_refused_by_builds_without() {
    let saved = r#"{"server":"http://localhost:1/v1","path":"/buckets/b/collections/c/records","unchanged":0,"left":0,
        "edits":[{"kind":"create","id":"a","data":{},"file":{"new":{"filename":"a.txt","hash":"0","size":1}}}]}"#;
    let plan: Plan = serde_json::from_str(saved).unwrap();
    assert_eq!(plan.to_string(), "1 to create, 1 file to attach");
    assert_eq!(serde_json::to_string(&plan).unwrap(), saved.replace("\n        ", ""), "nothing of it is lost");
    let mut model = Model::of(&[]);
    let error = model.send(plan.apply()).unwrap_err();
    assert!(error.kind() == ErrorKind::Input && error.to_string().contains("\"attachments\""), "{error}");
    assert!(model.asked.is_empty());
}

#[test]
fn what_cannot_be_wanted() {
    for (wanted, why) in [
        (Wanted::new("a b", &json!({})), "the id \"a b\" cannot be used"),
        (Wanted::new("", &json!({})), "it is empty"),
        (Wanted::new("a", &json!([1])), "must be a JSON object"),
        (Wanted::new("a", &json!({"id": "b"})), "another id"),
        (Wanted::new("b", &f64::NAN), "cannot be written as JSON"),
    ] {
        let error = Model::default().send(records().sync([wanted])).unwrap_err();
        assert!(error.kind() == ErrorKind::Input && error.to_string().contains(why), "{error}");
    }
    for there in [&[][..], &[("a", json!({}))]] {
        let error = Model::of(there).send(records().sync([("a", json!({})), ("a", json!({}))])).unwrap_err();
        assert!(error.to_string().contains("it is wanted twice"), "{error}");
    }
}

#[test]
fn what_is_the_servers_is_neither_compared_nor_lost() {
    let file = json!({"filename": "a.txt", "location": "x", "hash": "0", "size": 1});
    let mut model = Model::of(&[("a", json!({"n": 1, "attachment": file, "schema": 7})), ("b", json!({"n": 1}))]);
    let copies = |n: u64| [json!({"id": "a", "last_modified": 5, "n": n, "schema": 9}), json!({"id": "b", "n": n})];
    assert!(model.plan(copies(1).map(|copy| map(&copy))).is_empty());
    let other = Wanted::new("a", &json!({"n": 1, "attachment": {"filename": "other"}}));
    assert!(model.plan([other, Wanted::new("b", &json!({"n": 1}))]).is_empty());
    let plan = model.plan(copies(2).map(|copy| map(&copy)));
    assert_eq!(plan.count(EditKind::Update), 2);
    model.send(plan.apply()).unwrap().into_result().unwrap();
    assert_eq!(model.data()["a"], json!({"n": 2, "attachment": file}), "a record does not lose its file");
    assert_eq!(model.data()["b"], json!({"n": 2}));
}

#[test]
fn where_nothing_differs_there_is_nothing_to_do() {
    let mut nothing = Model::of(&[]);
    assert!(nothing.plan::<Wanted>([]).is_empty());
    let mut model = Model::of(&[("a", json!({"n": 1, "schema": 7})), ("empty", json!({}))]);
    let without = [json!({"id": "a", "n": 1}), json!({"id": "empty"})];
    assert!(model.plan(without.map(|copy| map(&copy))).is_empty(), "without a timestamp");
    let only_servers = [
        json!({"id": "a", "last_modified": 1, "schema": 8, "n": 1}),
        json!({"id": "empty", "last_modified": 2, "schema": 9}),
    ];
    assert!(model.plan(only_servers.map(|copy| map(&copy))).is_empty(), "with nothing but what the server makes");
    assert_eq!(model.plan([("a", json!({"n": 1})), ("empty", json!({"more": 1}))]).count(EditKind::Update), 1);
    assert_eq!(model.plan::<Wanted>([]).count(EditKind::Delete), 2);
}

#[test]
fn only_some_fields() {
    let mut model =
        Model::of(&[("a", json!({"x": 1, "y": 1})), ("b", json!({"x": 1})), ("c", json!({"x": 1, "y": 1}))]);
    let wanted = [
        ("a", json!({"x": 2, "y": 2})),
        ("b", json!({"x": 1, "y": 2})),
        ("c", json!({})),
        ("d", json!({"x": 1, "y": 1})),
    ];
    let plan = model.send(records().sync(wanted).only_fields(["x"]).keep_extra()).unwrap();
    assert_eq!(lines(&plan), ["~ a\n    x: 1 → 2", "+ d\n    x: 1\n    y: 1"]);
    model.send(plan.apply()).unwrap().into_result().unwrap();
    assert_eq!(model.data()["a"], json!({"x": 2, "y": 1}));
    assert_eq!(model.data()["c"], json!({"x": 1, "y": 1}));
}

#[test]
fn what_is_not_wanted_may_stay() {
    let mut model = Model::of(&[("a", json!({})), ("b", json!({}))]);
    let plan = model.send(records().sync([("a", json!({}))]).keep_extra()).unwrap();
    assert_eq!((plan.to_string(), plan.left()), ("nothing to do, 1 unchanged, 1 left alone".to_owned(), 1));
    let all = model.plan([("c", json!({}))]);
    let fewer = all.only(|edit| edit.kind() != EditKind::Delete);
    assert_eq!(fewer.to_string(), "1 to create");
    let list = model.send(records().sync([("a", json!({}))]).filter(field("n").eq(1))).unwrap();
    assert_eq!(list.count(EditKind::Delete), 1, "the model knows no filters: they go out with the list");
}

#[test]
fn timestamps_are_kept_in_their_order() {
    let mut model = Model::of(&[("old", json!({"n": 1})), ("same", json!({"n": 1}))]);
    let at = Timestamp::from_millis;
    let wanted = [
        Wanted::new("z", &json!({})).last_modified(at(300)),
        Wanted::new("y", &json!({"last_modified": 200})),
        Wanted::new("old", &json!({"n": 1})).last_modified(at(250)),
        Wanted::new("same", &json!({"n": 1})).last_modified(at(1)),
        Wanted::new("x", &json!({})),
    ];
    let plan = model.send(records().sync(wanted).keep_timestamps()).unwrap();
    let order: Vec<&str> = plan.changes().map(crate::Edit::id).collect();
    assert_eq!(order, ["y", "old", "z", "x"]);
    model.send(plan.apply()).unwrap().into_result().unwrap();
    assert_eq!(["y", "old", "z"].map(|id| model.records[id].at), [200, 250, 300]);
    // Without being asked for, they are the server's.
    let wanted = Wanted::new("w", &json!({"last_modified": 5}));
    let plan = model.send(records().sync([wanted]).keep_extra()).unwrap();
    model.send(plan.apply()).unwrap().into_result().unwrap();
    assert!(model.records["w"].at > 300 && model.data()["w"] == json!({}));
}

#[test]
fn permissions_where_they_are_wanted() {
    let mut model = Model::of(&[("a", json!({})), ("b", json!({})), ("c", json!({})), ("d", json!({}))]);
    model.records.get_mut("b").unwrap().permissions.insert("read".into(), vec!["x".into()]);
    model.records.get_mut("c").unwrap().permissions.insert("read".into(), vec!["y".into(), "x".into()]);
    let read = |id: &str, whom: &[&str]| {
        Wanted::new(id, &json!({})).permissions(Permissions::new().read(whom.iter().copied()))
    };
    let wanted = || [read("a", &["x"]), read("b", &[]), read("c", &["x", "y"]), Wanted::new("d", &json!({}))];
    assert!(model.plan(wanted()).is_empty(), "nobody asked for them");
    let plan = model.send(records().sync(wanted()).permissions()).unwrap();
    assert_eq!(lines(&plan), ["~ a\n    read: x\n    write: ", "~ b\n    read: \n    write: "]);
    let before = model.clone();
    model.send(plan.apply()).unwrap().into_result().unwrap();
    assert_eq!(model.records["a"].permissions["read"], ["x"]);
    assert!(!model.records["b"].permissions.contains_key("read"));
    assert_eq!((&model.records["c"], &model.records["d"]), (&before.records["c"], &before.records["d"]));
    assert!(model.send(records().sync(wanted()).permissions()).unwrap().is_empty());
}

#[test]
fn what_is_too_much_is_not_kept_and_all_the_same_compared() {
    let mut model = Model::of(&[("a", json!({"n": 1})), ("b", json!({"n": 1}))]);
    let plan = model.send(records().sync([("a", json!({"n": 2})), ("b", json!({"n": 1}))]).keep_bytes(0)).unwrap();
    assert_eq!(lines(&plan), ["~ a\n    n: 2"]);
    model.send(plan.apply()).unwrap().into_result().unwrap();
    assert_eq!(model.data()["a"], json!({"n": 2}));
}

#[test]
fn what_stops_it_is_told_and_gone_on_from() {
    let wanted = || ["a", "b", "c", "d", "e", "f", "g"].map(|id| (id, json!({"n": 1})));
    for breaks in 0..4 {
        let mut model = Model::of(&[]);
        let plan = model.plan(wanted());
        let mut apply = plan.clone().apply();
        model.breaks = Some(breaks);
        let error = model.send(&mut apply).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{breaks}");
        model.breaks = None;
        let summary = model.send(&mut apply).unwrap();
        assert_eq!((summary.total(), summary.is_success()), (7, true), "{breaks}");
        assert_eq!(apply.into_report().items().count(), 7);
        assert_eq!(model.data().len(), 7);

        // Or it is given away, and a new plan goes on.
        let mut model = Model::of(&[]);
        model.breaks = Some(breaks);
        let report: Report = model.send(plan.apply()).unwrap();
        assert!(report.stopped().is_some() && !report.is_success());
        model.breaks = None;
        let done = model.data().len() as u64;
        let rest = model.plan(wanted());
        assert_eq!((rest.unchanged(), rest.count(EditKind::Create) as u64), (done, 7 - done));
        model.send(rest.apply()).unwrap().into_result().unwrap();
    }
}

#[test]
fn progress_is_told() {
    let mut model = Model::of(&[]);
    let plan = model.plan(["a", "b", "c", "d"].map(|id| (id, json!({}))));
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    model
        .send(plan.apply().progress(move |over, all| tells.lock().unwrap().push((over, all))))
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(*told.lock().unwrap(), [(0, 4), (0, 4), (3, 4), (4, 4)]);
}

#[test]
fn whatever_is_there_and_whatever_is_wanted() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let (there, wanted) = (dice.collection(), dice.collection());
        let mut model = Model::of(&[]);
        there.iter().for_each(|(id, data)| model.put(id, data));
        let before = model.clone();
        let plan = model.plan(wanted.clone());
        assert_eq!(model.data(), there, "{seed}: a plan changes nothing");

        // Others are faster with some of them.
        let mut changed = BTreeMap::new();
        if seed % 2 == 1 {
            for id in there.keys().chain(wanted.keys()) {
                if dice.roll(4) > 0 {
                    continue;
                }
                let data = Value::Object(dice.fields(1));
                model.put(id, &data);
                changed.insert(id.clone(), data);
            }
        }
        model.asked.clear();
        let edits: BTreeMap<String, EditKind> =
            plan.changes().map(|edit| (edit.id().to_owned(), edit.kind())).collect();
        let report = model.send(plan.apply()).unwrap();
        assert_eq!(model.asked.len(), edits.len(), "{seed}: what is as it is wanted is not written");
        for (id, data) in &changed {
            assert_eq!(model.data().get(id), Some(data), "{seed}: {id} is overwritten");
        }
        let same = |a: Option<&Value>, b: Option<&Value>| match (a, b) {
            (Some(a), Some(b)) => crate::json::same(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        for id in there.keys().chain(wanted.keys()).filter(|id| !changed.contains_key(*id)) {
            assert!(same(model.data().get(id), wanted.get(id)), "{seed}: {id}");
            if !edits.contains_key(id) {
                assert_eq!(model.records[id], before.records[id], "{seed}: {id}");
            }
        }
        let conflicts = report.of(Status::Conflict).all(|item| changed.contains_key(item.id()));
        assert!(
            conflicts
                && report.summary().count(Status::Done) == edits.keys().filter(|id| !changed.contains_key(*id)).count()
        );
        if changed.is_empty() {
            assert!(report.is_success() && model.plan(wanted).is_empty(), "{seed}: a second plan is empty");
        }
    }
}
