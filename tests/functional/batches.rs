//! Many operations in few requests: each has the outcome that it has when it is sent by itself.

use std::fmt::Debug;
use std::sync::mpsc;

use http::Method;
use kinto_protocol::{
    Attributes, Auth, Batch, Call, Conditional, Deletion, EVERYONE, ErrorKind, Event, GroupData, JsonPatch, Merge,
    Operation, Outcome, Permissions, Reply, Result, Session, Status, Summary, Ticket, Timestamp, bucket, buckets,
    endpoints, field, heartbeat, server_info,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::{Kind, Kinto, PASSWORD, body, map, raw_json, refused, written_by};
use crate::driver::{Driver, Setup};

/// A client of this user's, and the requests that were answered to it; of batches, with the number of their entries.
pub(crate) fn watched<D: Driver>(url: &str, name: &str) -> (D, mpsc::Receiver<String>) {
    let (told, tells) = mpsc::channel();
    let mut setup = Setup::of(url);
    setup.auth = Some(Auth::basic(name, PASSWORD));
    setup.observer = Some(Box::new(move |event: &Event<'_>| {
        if let Event::Answered { request, status } = event {
            let _ = told.send(format!("{request}{}: {}", entries(request), status.as_u16()));
        }
    }));
    (D::build(setup).unwrap(), tells)
}

fn entries(request: &Call) -> String {
    let Some(body) = request.body_bytes().filter(|_| *request.path() == endpoints::batch()) else {
        return String::new();
    };
    let body: Value = serde_json::from_slice(body).unwrap();
    format!(" of {}", body["requests"].as_array().unwrap().len())
}

/// The requests so far, with short names for this scenario's paths.
pub(crate) fn so_far<D>(kinto: &Kinto<D>, tells: &mpsc::Receiver<String>) -> Vec<String> {
    let records = format!("/buckets/{}/collections/c/records", kinto.id);
    tells.try_iter().map(|line| line.replace(&records, "R").replace(&kinto.id, "ID")).collect()
}

/// How all of them ended, in their order.
pub(crate) fn statuses(outcome: &Outcome) -> Vec<Status> {
    outcome.items().map(|item| item.status()).collect()
}

/// A way to have operations carried out, which tells what came of each.
trait Way {
    fn go<O: Operation<Output: Debug + 'static> + 'static>(&mut self, operation: O);
}

struct OneByOne<'a, D>(&'a D, Vec<String>);

impl<D: Driver> Way for OneByOne<'_, D> {
    fn go<O: Operation<Output: Debug + 'static> + 'static>(&mut self, operation: O) {
        self.1.push(format!("{:?}", self.0.send(operation)));
    }
}

/// Tells what came of one of them.
type Teller = Box<dyn FnOnce(&mut Outcome) -> String>;

#[derive(Default)]
struct Together(Batch, Vec<Teller>);

impl Way for Together {
    fn go<O: Operation<Output: Debug + 'static> + 'static>(&mut self, operation: O) {
        let ticket = self.0.push(operation);
        self.1.push(Box::new(move |outcome| format!("{:?}", outcome.take(ticket))));
    }
}

/// An operation of one's own.
struct Raw(Call);

impl Operation for Raw {
    type Output = (u16, Option<Timestamp>, Value);

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(self.0.clone())
    }

    fn parse(&self, reply: &Reply) -> Result<Self::Output> {
        Ok((reply.status().as_u16(), reply.timestamp(), reply.json()?))
    }
}

/// Whatever is one request, and what goes wrong with it.
fn mixture<D: Driver>(kinto: &Kinto<D>, kind: &Kind, way: &mut impl Way) {
    let all = &kind.resource;
    let [a, b, c, none] = ["a", "b", "c", "none"].map(|id| kind.id(id));
    let data = |value| kind.data(value);
    let public = || Permissions::new().read([EVERYONE]);
    let old = kinto.alice.send(all.create(kind.id("old"), &data(json!({"n": 1, "keep": "é"})))).unwrap();
    let same = kinto.alice.send(all.create(kind.id("same"), &data(json!({"n": 1})))).unwrap();

    way.go(all.exists(&a));
    way.go(all.create(&a, &data(json!({"title": "é", "nested": {"n": 1, "m": 2}}))).permissions(public()));
    way.go(all.create(&a, &data(json!({"title": "another"}))));
    way.go(all.get(&a));
    way.go(all.get(&a).fields(["nested.n"]));
    way.go(all.head(&a));
    way.go(all.exists(&a));
    way.go(all.replace(&a, &data(json!({"n": 0.5, "big": u64::MAX, "nothing": null}))));
    way.go(all.replace(&none, &data(json!({}))));
    way.go(all.update(&old.clone().map(|_| data(json!({"n": 2})))));
    way.go(all.update(&old));
    way.go(all.create(&b, &data(json!({"n": 3}))).overwrite());
    way.go(all.replace(&b, &data(json!({"n": 4, "t": "x", "l": [1]}))).overwrite());
    way.go(all.replace_permissions(&a, Permissions::new().write(["account:bob"])));
    way.go(all.patch(&b, Attributes::new(&json!({"o": {"x": 1, "y": null}, "t": null}))));
    way.go(all.patch(&b, Attributes::only_permissions(public())));
    way.go(all.patch(&b, Merge::new(&json!({"o": {"x": null, "z": 2}, "t": null}))));
    way.go(all.patch(&b, JsonPatch::new().test("/data/n", 4).add("/data/l/-", 2).remove("/data/o/z")));
    way.go(all.patch(&b, JsonPatch::new().test("/data/n", 5)));
    way.go(all.patch(&none, Attributes::new(&json!({}))));
    way.go(all.get(&b));
    way.go(all.get("old".to_owned()));
    way.go(all.get(&old.id).if_changed_since(old.last_modified));
    way.go(all.get(&same.id).if_changed_since(same.last_modified));
    way.go(all.count().filter(kind.own()));
    way.go(all.timestamp());
    way.go(heartbeat());
    way.go(Raw(raw_json(Method::PUT, &all.object_path(&c), json!({"data": data(json!({"raw": true}))}))));
    way.go(Raw(Call::new(Method::GET, all.object_path(&c))));
    way.go(Raw(Call::new(Method::POST, all.object_path(&c))));
    way.go(all.delete(&a));
    way.go(all.get(&a));
    way.go(all.delete(&a));
    way.go(all.delete_if_present(&a));
    way.go(all.delete_if_present(&b));
    way.go(all.delete(&old));
    way.go(all.delete(&same));
    way.go(all.count().filter(kind.own()));
}

/// With nothing in it that differs from one scenario to the next.
fn plain<D>(kinto: &Kinto<D>, text: &str) -> String {
    let mut plain = String::new();
    for part in text.replace(&kinto.id, "ID").split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        let is_time = digits.len() == 13;
        plain.push_str(if is_time { part.strip_prefix(digits).unwrap() } else { part });
    }
    plain
}

pub(crate) fn each_as_if_sent_by_itself<D: Driver>(kinto: &Kinto<D>) {
    let other = Kinto::<D>::at(kinto.backend, &kinto.url, &[]);
    for (kind, twin) in kinto.kinds().iter().zip(other.kinds()) {
        let mut one_by_one = OneByOne(&kinto.alice, Vec::new());
        mixture(kinto, kind, &mut one_by_one);
        let Together(batch, tickets) = {
            let mut together = Together::default();
            mixture(&other, &twin, &mut together);
            together
        };
        let mut outcome = kinto.alice.send(batch).unwrap();
        assert!(outcome.stopped().is_none(), "{}: {:?}", kind.name, outcome.stopped());
        assert_eq!(tickets.len(), one_by_one.1.len());
        for (number, (ticket, alone)) in tickets.into_iter().zip(one_by_one.1).enumerate() {
            let (batched, alone) = (plain(&other, &ticket(&mut outcome)), plain(kinto, &alone));
            assert_eq!(batched, alone, "{} {number}", kind.name);
        }
    }
}

pub(crate) fn what_the_server_is<D: Driver>(kinto: &Kinto<D>) {
    let mut batch = Batch::new();
    let own = batch.push(server_info());
    let parts = batch.push(heartbeat());
    let again = batch.push(server_info());
    let mut outcome = kinto.alice.send(batch).unwrap().into_result().unwrap();
    let alone = kinto.alice.send(server_info()).unwrap();
    assert_eq!(outcome.take(own).unwrap().user.unwrap().id, "account:alice");
    assert!(outcome.take(parts).unwrap().is_healthy());
    let again = outcome.take(again).unwrap();
    assert_eq!((again.settings, again.capabilities), (alone.settings, alone.capabilities));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Todo {
    title: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Counter {
    n: u32,
}

pub(crate) fn tickets_are_not_mixed_up<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let (todos, counters) = (records.typed::<Todo>(), records.typed::<Counter>());
    let mut batch = Batch::new();
    assert!(batch.is_empty());
    let milk = batch.push(todos.create("milk", &Todo { title: "Milk".into() }));
    let one = batch.push(counters.add(&Counter { n: 1 }));
    let eggs = batch.push(todos.create("eggs", &Todo { title: "Eggs".into() }));
    let two = batch.push(counters.add(&Counter { n: 2 }));
    let wrong = batch.push(todos.create("wrong", &json!({"title": 5})));
    assert_eq!(batch.len(), 5);
    let mut outcome = kinto.alice.send(batch).unwrap();

    // In another order than that of the batch, and looked at before it is taken.
    let (two, one) = (outcome.take(two).unwrap(), outcome.take(one).unwrap());
    assert_eq!((one.data.n, two.data.n), (1, 2));
    assert_ne!(one.id, two.id);
    assert_eq!(outcome.get(eggs).unwrap().unwrap().data.title, "Eggs");
    assert_eq!(outcome.take(eggs).unwrap().data, Todo { title: "Eggs".into() });
    let milk = outcome.take(milk).unwrap();
    assert_eq!(kinto.alice.send(todos.get("milk")).unwrap(), milk);
    assert_eq!(kinto.alice.send(counters.get(&one)).unwrap(), one);
    // An answer that cannot be read is one of something done, and harms no other.
    let error = refused(outcome.take(wrong));
    assert!(error.kind() == ErrorKind::Decode && error.maybe_applied(), "{error}");
    assert_eq!(outcome.items().last().unwrap().status(), Status::Unknown);
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 5);

    let mut other = Batch::new();
    let _: Ticket<_> = other.push(todos.get("milk"));
    let stranger = other.push(todos.get("milk"));
    assert!(outcome.get(stranger).is_none());
    assert_eq!(refused(outcome.take(stranger)).kind(), ErrorKind::Input);
}

pub(crate) fn in_their_order<D: Driver>(kinto: &Kinto<D>) {
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let here = kinto.bucket();
    let records = here.collection("c").records();
    let mut batch = Batch::new();
    let made = batch.push(buckets().create(&kinto.id, &json!({"n": 0})));
    batch.push(here.collections().create("c", &json!({})));
    let staff = batch.push(here.groups().create("staff", &GroupData::of(["account:bob"])));
    batch.extend((0..5).map(|n| records.create(format!("r{n}"), &json!({"n": n}))));
    let first = batch.push(records.get("r4"));
    let five = batch.push(records.count());
    let newest = batch.push(records.timestamp());
    // From here on it is about what was read: in another request.
    let replaced = batch.push(records.replace("r4", &json!({"n": "changed"})));
    let second = batch.push(records.get("r4"));
    batch.push(records.delete("r0"));
    let four = batch.push(records.count());
    let third = batch.push(records.exists("r0"));
    let mut outcome = client.send(batch).unwrap().into_result().unwrap();

    assert_eq!(outcome.summary().to_string(), "16 done");
    assert_eq!(outcome.take(made).unwrap().permissions, written_by("alice"));
    assert_eq!(outcome.take(staff).unwrap().data.members, ["account:bob"]);
    let first = outcome.take(first).unwrap();
    assert_eq!((first.data, outcome.take(newest).unwrap()), (map(json!({"n": 4})), first.last_modified));
    assert_eq!((outcome.take(five).unwrap(), outcome.take(four).unwrap()), (5, 4));
    let replaced = outcome.take(replaced).unwrap();
    assert!(replaced.last_modified > first.last_modified);
    assert_eq!(outcome.take(second).unwrap(), replaced);
    assert!(!outcome.take(third).unwrap());
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", "POST /batch of 11: 200", "POST /batch of 5: 200"]);
}

pub(crate) fn as_many_as_the_server_takes<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let number = |n: usize| format!("r{n:03}");
    let batch: Batch = (0..110).map(|n| records.create(number(n), &json!({"n": n}))).collect();
    let outcome = client.send(batch).unwrap();
    assert_eq!(outcome.summary().to_string(), "110 done");
    for (n, item) in outcome.items().enumerate() {
        assert_eq!(item.position(), n);
        assert_eq!(item.request().unwrap().path, records.object_path(&number(n)).as_str());
    }
    let [full, rest] = ["POST /batch of 25: 200", "POST /batch of 10: 200"];
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", full, full, full, full, rest]);

    // What was written one after the other is as old as its place.
    let listed = kinto.alice.send(records.list().sort("last_modified")).unwrap().items;
    assert_eq!(
        listed.iter().map(|it| &it.id).collect::<Vec<_>>(),
        (0..110).map(number).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );

    // The server was asked once for all; fewer can be asked for.
    let mut outcome = client.send((0..25).map(|n| records.get(number(n))).collect::<Batch>().requests(10)).unwrap();
    assert_eq!(so_far(kinto, &tells), [rest, rest, "POST /batch of 5: 200"]);
    assert!(outcome.summary().is_success() && outcome.retry_failed().is_none());
    let few = (0..3).map(|n| records.get(number(n))).collect::<Batch>().requests(1);
    assert_eq!(client.clone().send(few).unwrap().summary().to_string(), "3 done");
    assert_eq!(so_far(kinto, &tells), ["GET R/r000: 200", "GET R/r001: 200", "GET R/r002: 200"]);
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    assert!(client.send(Batch::from_iter([records.delete("r000")])).unwrap().summary().is_success());
    assert_eq!(so_far(kinto, &tells), ["DELETE R/r000: 200"], "one alone is sent as it is");
    assert_eq!(client.send(Batch::new()).unwrap().summary(), Summary::default());
    assert_eq!(so_far(kinto, &tells), [""; 0], "and none not at all");
}

pub(crate) fn as_many_bytes_as_asked_for<D: Driver>(kinto: &Kinto<D>) {
    const MOST: usize = 50_000;
    let records = kinto.records();
    let (told, tells) = mpsc::channel();
    let mut setup = Setup::of(&kinto.url);
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    setup.observer = Some(Box::new(move |event: &Event<'_>| {
        if let Event::Answered { request, .. } = event {
            let _ = told.send((request.path().to_string(), request.body_bytes().map_or(0, |body| body.len())));
        }
    }));
    let client = D::build(setup).unwrap();
    let text = |length: usize| json!({"text": "é".repeat(length / 2)});
    let mut batch = Batch::new().bytes(MOST);
    batch.extend((0..10).map(|n| records.create(format!("a{n}"), &text(12_000))));
    batch.push(records.create("large", &text(2 * MOST)));
    batch.extend((0..10).map(|n| records.create(format!("z{n}"), &text(10))));
    assert_eq!(client.send(batch).unwrap().summary().to_string(), "21 done");
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 21);

    let sent: Vec<_> = tells.try_iter().skip(1).collect();
    let (large, batches): (Vec<_>, Vec<_>) = sent.iter().partition(|(path, _)| path != "/batch");
    assert_eq!(large, [&(records.object_path("large").to_string(), large[0].1)]);
    assert_eq!(batches.len(), 4, "four of 12 kB, four, two; and the small ones: {batches:?}");
    assert!(batches.iter().all(|(_, bytes)| *bytes <= MOST), "{batches:?}");
}

pub(crate) fn names_of_all_sorts<D: Driver>(kinto: &Kinto<D>) {
    let id = kinto.other("my-v1");
    let here = bucket(&id);
    let records = here.collection("v1").records();
    let text = "日本語 \u{1f600} \" \\ \u{1} /batch";
    let mut batch = Batch::new();
    batch.push(buckets().create(&id, &json!({"title": text})));
    batch.push(here.collections().create("v1", &json!({text: text})));
    let staff = batch.push(here.groups().create("default", &GroupData::of(["account:bob", "é:x y/z+@."])));
    let made = batch.push(records.create("default", &json!({text: [text, {text: null}], "id": "default"})));
    let found = batch.push(records.count().filter(field(text).eq(text)));
    let read = batch.push(records.get("default").fields([text]));
    let mut outcome = kinto.alice.send(batch).unwrap().into_result().unwrap();
    let mut members = outcome.take(staff).unwrap().data.members;
    members.sort_unstable();
    assert_eq!(members, ["account:bob", "é:x y/z+@."]);
    let made = outcome.take(made).unwrap();
    assert_eq!(made.data, map(json!({text: [text, {text: null}]})));
    assert_eq!(kinto.alice.send(records.get("default")).unwrap(), made);
    assert_eq!(outcome.take(found).unwrap(), 0);
    assert_eq!(outcome.take(read).unwrap().data, made.data);

    // Names of accounts may hold more.
    let name = format!("{}.+x@example.com", kinto.id);
    let sign_up = || raw_json(Method::PUT, &endpoints::account(&name), json!({"data": {"password": PASSWORD}}));
    let mut batch = Batch::new();
    let one = batch.push(sign_up());
    let two = batch.push(Call::new(Method::GET, endpoints::account(&name)));
    let mut outcome = kinto.admin.send(batch).unwrap().into_result().unwrap();
    assert_eq!(outcome.take(one).unwrap().status().as_u16(), 201);
    assert_eq!(body(&outcome.take(two).unwrap())["data"]["id"], name);
}

pub(crate) fn what_cannot_be_an_id_harms_no_other<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut batch = Batch::new();
    let before = batch.push(records.create("a", &json!({})));
    for id in ["a b", "", "..", "a/b", "a.b"] {
        batch.push(records.create(id, &json!({})));
    }
    batch.push(records.create("b", &json!([1])));
    batch.push(records.create("b", &json!({"id": "c"})));
    batch.push(Call::new(Method::GET, records.object_path("a")).json(&json!({})).unwrap());
    let after = batch.push(records.create("z", &json!({})));
    let mut outcome = client.send(batch).unwrap();
    assert_eq!(outcome.summary().to_string(), "2 done, 8 invalid");
    for item in outcome.of(Status::Invalid) {
        let error = item.error().unwrap();
        assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::Input, 0, false), "{error}");
        assert!(item.request().is_none() && item.invalid().is_empty(), "{item:?}");
    }
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", "POST /batch of 2: 200"]);
    assert!(outcome.take(before).is_ok() && outcome.take(after).is_ok());
    assert!(outcome.retry_failed().is_none());
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 2);
}

pub(crate) fn in_the_default_bucket<D: Driver>(kinto: &Kinto<D>) {
    let own = kinto.alice.send(server_info()).unwrap().user.unwrap().bucket.unwrap();
    let todos = bucket("default").collection(&kinto.id).records();
    let mut batch = Batch::new();
    let none = batch.push(todos.exists("milk"));
    let milk = batch.push(todos.create("milk", &json!({"id": "milk", "n": 1})));
    let theme = batch.push(todos.create("default-theme", &json!({"id": "default-theme", "n": null})));
    let added = batch.push(todos.add(&json!({"n": 3})));
    let merged = batch.push(todos.patch("default-theme", Merge::new(&json!({"id": "default-theme", "n": null}))));
    let three = batch.push(todos.count());
    let collection = batch.push(bucket("default").collections().get(&kinto.id));
    let itself = batch.push(buckets().get("default"));
    let gone = batch.push(todos.delete("milk"));
    let mut outcome = kinto.alice.send(batch).unwrap().into_result().unwrap();
    assert!(!outcome.take(none).unwrap());
    assert_eq!(outcome.take(milk).unwrap().data, map(json!({"n": 1})));
    assert_eq!(outcome.take(theme).unwrap().data, map(json!({"n": null})));
    let merged = outcome.take(merged).unwrap();
    assert_eq!((merged.id.as_str(), merged.data), ("default-theme", map(json!({}))));
    assert_eq!(outcome.take(three).unwrap(), 3);
    assert_eq!(outcome.take(collection).unwrap().id, kinto.id);
    assert_eq!(outcome.take(itself).unwrap().id, own);
    assert_eq!(outcome.take(gone).unwrap().id, "milk");
    let added = outcome.take(added).unwrap();
    assert_eq!(kinto.alice.send(bucket(&own).collection(&kinto.id).records().get(&added.id)).unwrap(), added);
    kinto.alice.send(todos.delete_all()).unwrap();
}

pub(crate) fn side_by_side<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut batch = Batch::new().concurrency(4);
    let tickets: Vec<_> = (0..200).map(|n| batch.push(records.create(format!("r{n:03}"), &json!({"n": n})))).collect();
    batch.push(records.create("not an id", &json!({})));
    let mut outcome = client.send(batch).unwrap();
    assert!(outcome.stopped().is_none(), "{:?}", outcome.stopped());
    assert_eq!(outcome.summary().to_string(), "200 done, 1 invalid");
    assert!(outcome.items().map(|item| item.position()).eq(0..201));
    for (n, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(outcome.take(ticket).unwrap().data, map(json!({"n": n})));
    }
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 200);
    let requests = so_far(kinto, &tells);
    assert_eq!(requests[0], "GET /: 200");
    if kinto.is_memory() {
        // On PostgreSQL they meet, and some are sent again.
        assert_eq!(requests[1..], ["POST /batch of 25: 200"; 8]);
    }

    // Kept by the caller, too.
    let mut batch: Batch = (0..200).map(|n| records.get(format!("r{n:03}"))).collect();
    batch = batch.concurrency(3);
    assert_eq!(client.send(&mut batch).unwrap().to_string(), "200 done");
    let mut ids = batch.into_outcome();
    assert!(ids.items().enumerate().all(|(n, item)| item.position() == n));
    assert!(ids.retry_failed().is_none());
}

pub(crate) fn deletions<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all) = (kind.name, &kind.resource);
        let [a, b, c, none] = ["a", "b", "left", "none"].map(|id| kind.id(id));
        for id in [&a, &b, &c] {
            kinto.alice.send(all.create(id, &kind.data(json!({})))).unwrap();
        }
        let mut batch = Batch::new();
        let one = batch.push(all.delete(&a));
        let two = batch.push(all.delete_if_present(&b));
        let absent = batch.push(all.delete_if_present(&none));
        let missing = batch.push(all.delete(&none));
        let exists = batch.push(all.exists(&c));
        let mut outcome = kinto.alice.send(batch).unwrap();
        let expected = if kind.is("bucket") { Status::Forbidden } else { Status::Missing };
        assert_eq!(
            statuses(&outcome),
            [Status::Done, Status::Done, Status::AlreadySo, expected, Status::Done],
            "{name}"
        );
        assert_eq!(outcome.take(one).unwrap().id, a, "{name}");
        assert!(matches!(outcome.take(two).unwrap(), Deletion::Deleted(gone) if gone.id == b), "{name}");
        assert_eq!(outcome.take(absent).unwrap().tombstone(), None, "{name}");
        assert!(outcome.take(missing).is_err() && outcome.take(exists).unwrap(), "{name}");
        assert_eq!(kinto.alice.send(all.count().filter(kind.own())).unwrap(), 1, "{name}");
    }
}

pub(crate) fn only_if_it_changed<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let old = kinto.record(&records, "a", json!({"n": 1}));
    let mut batch = Batch::new();
    let as_it_was = batch.push(records.get("a").if_changed_since(old.last_modified));
    let replaced = batch.push(records.replace("a", &json!({"n": 2})));
    let changed = batch.push(records.get("a").if_changed_since(old.last_modified));
    let mut outcome = kinto.alice.send(batch).unwrap().into_result().unwrap();
    assert_eq!(outcome.take(as_it_was).unwrap(), Conditional::NotModified);
    let replaced = outcome.take(replaced).unwrap();
    assert_eq!(outcome.take(changed).unwrap(), Conditional::Modified(replaced));
}
