//! To a real server and back: what is read is what was written, and what the server does not keep it refuses in words of
//! its own.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use kinto_protocol::{
    Attributes, Auth, Batch, Call, GroupData, IdRule, JsonPatch, Merge, Method, Moment, Object, Outcome, Permissions,
    Reply, Resource, Step, Ticket, accounts, bucket, buckets, field,
};
use kinto_tests::{Backend, KintoServer};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::front_ends::Driver;
use crate::hostile::{id, text};
use crate::ids::server_takes;
use crate::json::{object, value};
use crate::permissions::principal;
use crate::property::{Fate, holds_in_some};

const USER: &str = "input";
const PASSWORD: &str = "p4ss wörd:\u{7f}\u{1b}\"";

/// A client of that server, and a bucket of its own there.
struct Place<D> {
    client: D,
    bucket: String,
    backend: Backend,
}

impl<D: Driver> Place<D> {
    fn on(backend: Backend) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let url = KintoServer::shared(backend)?.url();
        let client = D::build(url, Auth::basic(USER, PASSWORD), IdRule::Server);
        // There already, if another test was first.
        let _ = client.with_auth(None).send(accounts().create(USER, PASSWORD));
        // Of its own also on a server that runs on.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let bucket = format!("input-{since}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        // Others make theirs at the same time, which PostgreSQL may ask to repeat.
        let patient = kinto_blocking::Client::builder(url).auth(Auth::basic(USER, PASSWORD)).build().unwrap();
        patient.send(buckets().create(bucket.as_str(), &json!({}))).unwrap();
        patient.send(self::bucket(&bucket).collections().create("c", &json!({}))).unwrap();
        Some(Self { client, bucket, backend })
    }

    fn records(&self) -> Resource {
        bucket(&self.bucket).collection("c").records()
    }

    /// PostgreSQL has no NUL in texts.
    fn keeps(&self, value: &Value) -> bool {
        !self.backend.is_postgresql() || !value.to_string().replace("\\\\", "").contains("\\u0000")
    }
}

/// An object that is to be made.
#[derive(Clone, Debug)]
struct Wanted {
    id: String,
    data: Map<String, Value>,
    mark: String,
    readers: Vec<String>,
    writers: Vec<String>,
    /// What becomes of it.
    name: String,
    value: Value,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let ids = id().prop_map(|id| if server_takes(&id) && id.len() < 400 { id } else { "x".to_owned() });
    let others = ["id", "last_modified", "mark"];
    let names = text().prop_filter("one of its own", move |name| !others.contains(&name.as_str()));
    let principals = || vec(principal().prop_filter("named", |who| !who.is_empty()), 0..3);
    (ids, object(3), text(), principals(), principals(), names, value(2)).prop_map(
        |(id, data, mark, readers, writers, name, value)| Wanted { id, data, mark, readers, writers, name, value },
    )
}

/// Whether two are the same, but for the last digits of floats, and for how numbers beyond all integers are written.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (x, y) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (x - y).abs() <= x.abs().max(y.abs()) * 1e-14
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn is(found: &Map<String, Value>, wanted: &Map<String, Value>) -> Result<(), TestCaseError> {
    let (found, wanted) = (Value::Object(found.clone()), Value::Object(wanted.clone()));
    prop_assert!(same(&found, &wanted), "{} is not {}", found, wanted);
    Ok(())
}

/// That these are the permissions, with the one who wrote them.
fn granted(found: Option<&Permissions>, readers: &[String], writers: &[String]) -> Result<(), TestCaseError> {
    let found = found.unwrap();
    let set = |names: &[String]| names.iter().map(String::from).collect::<BTreeSet<_>>();
    let of = |name: &str| found.of(name).map(String::from).collect::<BTreeSet<_>>();
    let mut writers = set(writers);
    writers.insert(format!("account:{USER}"));
    prop_assert_eq!((of("read"), of("write")), (set(readers), writers));
    Ok(())
}

/// Sends all in few requests.
fn together<D: Driver, T: Send + 'static, O>(client: &D, all: impl Iterator<Item = O>) -> Result<Vec<T>, TestCaseError>
where
    O: kinto_protocol::Operation<Output = T> + 'static,
{
    let mut batch = Batch::new();
    let tickets: Vec<Ticket<T>> = all.map(|one| batch.push(one)).collect();
    let mut outcome: Outcome = client.send(batch).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let taken = tickets.into_iter().map(|ticket| outcome.take(ticket));
    taken.collect::<kinto_protocol::Result<_>>().map_err(|error| TestCaseError::fail(error.to_string()))
}

/// The list of what has this mark, as one request.
fn marked<D: Driver>(place: &Place<D>, mark: &str) -> Call {
    let filter = if mark.contains(',') { field("mark").eq(mark) } else { field("mark").is_in([mark]) };
    let mut exchange = place.client.session().exchange(place.records().list().filter(filter));
    let Step::Send(request, _) = exchange.next(Moment::default()) else { panic!("it asks nothing") };
    Call::new(Method::GET, place.records().path().clone()).query(request.uri().query().unwrap())
}

/// A name as it stands in the pointers of JSON patches.
fn pointer(name: &str) -> String {
    format!("/data/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn there_and_back<D: Driver>(name: &str, backend: Backend) {
    let Some(place) = Place::<D>::on(backend) else { return };
    let (client, records, number, clean) = (&place.client, place.records(), Cell::new(0), Cell::new(true));
    holds_in_some(name, 64, &vec(wanted(), 1..12), |all| {
        // What failed before has left something.
        if !clean.replace(false) {
            client.send(records.delete_all()).unwrap();
        }
        let mut all: Vec<Wanted> = all
            .into_iter()
            .filter(|it| place.keeps(&json!([it.data, it.mark, it.readers, it.writers, it.name, it.value])))
            .collect();
        for it in &mut all {
            number.set(number.get() + 1);
            it.id = format!("{}-{}", number.get(), it.id);
            // A filter takes no NUL.
            it.mark = format!("{}{}", it.mark.replace('\0', ""), number.get());
            it.data.insert("mark".to_owned(), it.mark.as_str().into());
        }
        let created = together(
            client,
            all.iter().map(|it| {
                let permissions = Permissions::new().read(it.readers.clone()).write(it.writers.clone());
                records.create(it.id.as_str(), &it.data).permissions(permissions)
            }),
        )?;
        let read = together(client, all.iter().map(|it| records.get(&it.id)))?;
        for objects in [&created, &read] {
            for (it, object) in all.iter().zip(objects) {
                prop_assert_eq!(&object.id, &it.id);
                is(&object.data, &it.data)?;
                granted(object.permissions.as_ref(), &it.readers, &it.writers)?;
            }
        }
        let found: Vec<Reply> = together(client, all.iter().map(|it| marked(&place, &it.mark)))?;
        for (it, reply) in all.iter().zip(found) {
            let found: Value = reply.json().unwrap();
            let ids: Vec<&str> =
                found["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
            prop_assert_eq!(ids, [&it.id]);
        }

        // Each kind of patch, on what was made.
        let mut changed = together(
            client,
            all.iter().zip(&read).map(|(it, object)| {
                records.patch(object, Attributes::new(&BTreeMap::from([(it.name.as_str(), &it.value)])))
            }),
        )?;
        for (it, object) in all.iter_mut().zip(&changed) {
            it.data.insert(it.name.clone(), it.value.clone());
            is(&object.data, &it.data)?;
        }
        if let (Some(it), Some(object)) = (all.first_mut(), changed.first_mut()) {
            one_by_one(client, &records, it, object)?;
        }
        let listed = client.send(records.list()).unwrap();
        prop_assert_eq!(listed.items.len(), all.len());
        for it in &all {
            let object = listed.items.iter().find(|object| object.id == it.id).unwrap();
            is(&object.data, &it.data)?;
        }
        together(client, changed.iter().map(|object| records.delete(object)))?;
        prop_assert_eq!(client.send(records.count()).unwrap(), 0);
        clean.set(true);
        Ok(Fate::Sent)
    });
}

/// What no batch takes: merges, and changes in order.
fn one_by_one<D: Driver>(
    client: &D,
    records: &Resource,
    it: &mut Wanted,
    object: &mut Object,
) -> Result<(), TestCaseError> {
    let sent = |result: kinto_protocol::Result<Object>| result.map_err(|error| TestCaseError::fail(error.to_string()));
    // Of the value that is there, nothing is to be left.
    *object =
        sent(client.send(records.patch(&*object, Merge::new(&BTreeMap::from([(it.name.as_str(), Value::Null)])))))?;
    it.data.remove(&it.name);
    is(&object.data, &it.data)?;
    let patch = JsonPatch::new().add(&pointer(&it.name), &it.value).test(&pointer("mark"), &it.mark);
    *object = sent(client.send(records.patch(&*object, patch)))?;
    it.data.insert(it.name.clone(), it.value.clone());
    is(&object.data, &it.data)?;
    object.data.insert("again".to_owned(), it.mark.as_str().into());
    it.data.insert("again".to_owned(), it.mark.as_str().into());
    *object = sent(client.send(records.update(object)))?;
    is(&object.data, &it.data)
}

fn members_of_groups<D: Driver>(name: &str, backend: Backend) {
    let Some(place) = Place::<D>::on(backend) else { return };
    let (client, groups, number) = (&place.client, bucket(&place.bucket).groups(), Cell::new(0));
    let inputs = vec((vec(principal(), 0..5), object(2)), 1..12);
    holds_in_some(name, 64, &inputs, |all| {
        let all: Vec<(String, GroupData)> = all
            .into_iter()
            .filter(|it| place.keeps(&json!([it.0, it.1])))
            .map(|(members, mut other)| {
                number.set(number.get() + 1);
                other.remove("members");
                // The server takes users only: no groups, nor who is everybody.
                let user =
                    |who: &String| !who.is_empty() && !who.starts_with("/buckets/") && !who.starts_with("system.");
                let mut group = GroupData::of(members.into_iter().filter(user));
                group.other = other;
                (format!("g{}", number.get()), group)
            })
            .collect();
        let created = together(client, all.iter().map(|(id, group)| groups.create(id.as_str(), group)))?;
        let read = together(client, all.iter().map(|(id, _)| groups.get(id)))?;
        for objects in [created, read] {
            for ((id, group), object) in all.iter().zip(objects) {
                prop_assert_eq!(&object.id, id);
                prop_assert_eq!(&object.data.members, &group.members);
                is(&object.data.other, &group.other)?;
            }
        }
        Ok(Fate::Sent)
    });
}

/// Words of the server's, which say what is wrong.
fn what_it_does_not_keep<D: Driver>(_: &str, backend: Backend) {
    let Some(place) = Place::<D>::on(backend) else { return };
    let (client, records) = (&place.client, place.records());
    let raw = |text: &str| BTreeMap::from([("value", RawValue::from_string(text.to_owned()).unwrap())]);
    for not_kept in ["1e400", "\"\\ud800\"", "[-1e999]"] {
        let error = client.send(records.create("a", &raw(not_kept))).unwrap_err();
        assert_eq!(error.status().map(|it| it.as_u16()), Some(400), "{not_kept}: {error}");
        assert!(error.to_string().contains("Invalid JSON"), "{not_kept}: {error}");
        assert!(!error.maybe_applied());
    }
    let nul = client.send(records.create("nul", &json!({"a\0b": "\0"})));
    if backend.is_postgresql() {
        assert_eq!(nul.unwrap_err().status().map(|it| it.as_u16()), Some(503));
    } else {
        assert_eq!(nul.unwrap().data, *json!({"a\0b": "\0"}).as_object().unwrap());
    }
    for (who, words) in
        [("", "Required"), ("/buckets/b/groups/g", "valid user ID"), ("system.Everyone", "valid user ID")]
    {
        let groups = bucket(&place.bucket).groups();
        let error = client.send(groups.create("g", &GroupData::of([who]))).unwrap_err();
        assert_eq!(error.status().map(|it| it.as_u16()), Some(400), "{who:?}: {error}");
        assert!(error.to_string().contains(words), "{who:?}: {error}");
    }
    // A filter by one is refused here: the server has none.
    assert!(client.send(records.list().filter(field("a").eq("\0"))).unwrap_err().status().is_none());
}

/// Alone and in a batch, an id that is missing at the end of a path is not the whole list.
fn an_empty_segment<D: Driver>(_: &str, backend: Backend) {
    let Some(place) = Place::<D>::on(backend) else { return };
    let (client, records) = (&place.client, place.records());
    client.send(records.create("a", &json!({}))).unwrap();
    let missing = || Call::new(Method::DELETE, format!("{}/", records.path()).parse().unwrap());
    client.send(missing()).unwrap_err();
    let mut batch = Batch::new();
    let _ = batch.push(records.get("a"));
    let _ = batch.push(records.head("a"));
    let missing = batch.push(missing());
    let _ = batch.push(records.exists("a"));
    let mut outcome = client.send(batch).unwrap();
    outcome.take(missing).unwrap_err();
    assert_eq!(client.send(records.count()).unwrap(), 1);
}

macro_rules! on_both_backends {
    ($($name:ident,)*) => {
        on_both_backends! { memory_blocking: kinto_blocking on Memory; $($name,)* }
        on_both_backends! { memory_async: kinto_async on Memory; $($name,)* }
        on_both_backends! { postgresql_blocking: kinto_blocking on Postgresql; $($name,)* }
        on_both_backends! { postgresql_async: kinto_async on Postgresql; $($name,)* }
    };
    ($module:ident: $front_end:ident on $backend:ident; $($name:ident,)*) => {
        mod $module {
            $(#[test]
            fn $name() {
                let name = concat!(stringify!($name), ", ", stringify!($module));
                super::$name::<$front_end::Client>(name, kinto_tests::Backend::$backend);
            })*
        }
    };
}

on_both_backends! {
    there_and_back,
    members_of_groups,
    what_it_does_not_keep,
    an_empty_segment,
}
