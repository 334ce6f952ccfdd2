//! What is in records comes back as it was: JSON of all sorts, and types of one's own.

use kinto_protocol::{Attributes, ErrorKind, GroupData, JsonMap, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::{Kinto, map, refused};
use crate::driver::Driver;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Todo {
    title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    tags: Vec<String>,
    weight: f64,
    kind: Shape,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum Shape {
    Task { steps: u8 },
    Note,
}

/// With the server's fields among its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WithOwn {
    id: String,
    title: String,
    #[serde(default = "no_timestamp", skip_serializing_if = "is_none")]
    last_modified: i64,
}

fn no_timestamp() -> i64 {
    -1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_none(at: &i64) -> bool {
    *at == -1
}

/// The same in other words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WithOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<Millis>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WithNewtypes {
    id: Id,
    last_modified: Millis,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Id(String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Millis(u64);

/// With what it does not know kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    title: String,
    #[serde(flatten)]
    rest: JsonMap,
}

/// Values that lose something on the way where it is not cared for.
fn delicate() -> Value {
    json!({
        "u64": u64::MAX,
        "i64": i64::MIN,
        "beyond 2^53": 9_007_199_254_740_993_u64,
        "one": 1.0,
        "minus": -1.0,
        "int": 1,
        "seventeen": [0.1 + 0.2, 1.0 / 3.0, 2.675, 98_765.432_109_876_54, 5e-324, 2.225_073_858_507_201e-308],
        "nested": {"a": [{"b": [[], {}, [null, true, false, ""]]}]},
        "escapes": "\u{1}\u{8}\t\n\u{c}\r\"\\/\u{7f}\u{80}\u{2028}\u{2029}\u{feff}",
        "scripts": "é e\u{301} ßẞ 日本語 עברית \u{1f600}\u{1f468}\u{200d}\u{1f469}",
        "": "an empty name",
        "a.b": {"c d": 1},
        "\"\\\u{e9}\n\u{1f600}": "an odd name",
        "__proto__": null,
        "deleted": "not so",
        "html": "<b>&amp;</b> %41+%",
    })
}

pub(crate) fn json_comes_back_as_it_was<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let data = map(delicate());
    let created = kinto.alice.send(records.create("a", &data)).unwrap();
    assert_eq!(created.data, data);
    let read = kinto.alice.send(records.get("a")).unwrap();
    assert_eq!(read.data, data);
    // 1 and 1.0 are equal to some, but not the same.
    assert!(read.data["one"].is_f64() && read.data["int"].is_u64());
    assert_eq!(serde_json::to_string(&read.data).unwrap(), serde_json::to_string(&data).unwrap());
    assert_eq!(kinto.alice.send(records.list()).unwrap().items[0].data, data);
    assert_eq!(kinto.alice.send(records.update(&read)).unwrap().data, data);

    let patched = kinto.alice.send(records.patch("a", Attributes::new(&json!({"again": delicate()})))).unwrap();
    assert_eq!(patched.data["again"], delicate());
}

/// What is sent is exact; this server reads some numbers of 17 digits a little off.
pub(crate) fn floats_that_the_server_changes<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let create = records.create("a", &json!({"n": 123_456_789.123_456_79}));
    let request = kinto.alice.session().request(&create).unwrap();
    assert_eq!(request.body().as_ref(), br#"{"data":{"n":123456789.12345679}}"#);
    assert_eq!(kinto.alice.send(create).unwrap().data, map(json!({"n": 123_456_789.123_456_8})));

    // And PostgreSQL writes out large ones, so that they come back as integers.
    kinto.record(&records, "b", json!({"n": 1e17}));
    let expected = if kinto.is_memory() { json!({"n": 1e17}) } else { json!({"n": 100_000_000_000_000_000_u64}) };
    assert_eq!(kinto.alice.send(records.get("b")).unwrap().data, map(expected));
}

pub(crate) fn numbers_too_large<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let huge: JsonMap =
        serde_json::from_str(r#"{"n": 12345678901234567890123, "x": 1e300, "y": 1.7976931348623157e308}"#).unwrap();
    let created = kinto.alice.send(records.create("a", &huge)).unwrap();
    let rounded = map(json!({"n": 1.234_567_890_123_456_8e22, "x": 1e300, "y": f64::MAX}));
    assert_eq!(created.data, rounded);
    // PostgreSQL writes out all their digits, without a point.
    assert_eq!(
        kinto.alice.send(records.get("a")).map(|read| read.data).map_err(|error| error.to_string()),
        Ok(rounded)
    );
    for not_json in [f64::NAN, f64::INFINITY] {
        let error =
            refused(kinto.alice.send(records.create("b", &std::collections::BTreeMap::from([("n", not_json)]))));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0));
        assert!(error.to_string().contains("NaN and infinity are not JSON"), "{error}");
    }
    for not_an_object in [json!([1]), json!("text"), json!(null), json!(1)] {
        let error = refused(kinto.alice.send(records.create("b", &not_an_object)));
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("must be a JSON object"), "{error}");
    }
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 1);
}

pub(crate) fn large_records_and_lists<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let text: String = "0123456789 äöü \u{1f600}\n".repeat(20_000);
    let created = kinto.record(&records, "large", json!({"text": text}));
    assert_eq!(created.data["text"], text);
    assert_eq!(kinto.alice.send(records.get("large")).unwrap(), created);

    let small = kinto.alice.with_policy(|policy| policy.limits.response_bytes = 1000);
    let error = refused(small.send(records.get("large")));
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("raise policy.limits.response_bytes"), "{error}");
    assert!(!error.maybe_applied());
    let error = refused(small.send(records.replace("large", &created.data)));
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.maybe_applied(), "{error}");
    assert!(kinto.alice.send(records.head("large")).unwrap() > created.last_modified);
}

pub(crate) fn own_types<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let todos = records.typed::<Todo>();
    let milk = Todo {
        title: "Buy milk".into(),
        due: None,
        tags: vec!["shop".into(), "é".into()],
        weight: 1.0,
        kind: Shape::Task { steps: 2 },
    };
    let created = kinto.alice.send(todos.create("milk", &milk)).unwrap();
    assert_eq!((created.id.as_str(), &created.data), ("milk", &milk));
    assert_eq!(kinto.alice.send(todos.get("milk")).unwrap(), created);
    let plain = kinto.alice.send(records.get("milk")).unwrap();
    assert_eq!(
        Value::Object(plain.data),
        json!({"title": "Buy milk", "tags": ["shop", "é"], "weight": 1.0, "kind": {"is": "task", "steps": 2}})
    );

    let mut changed = created;
    changed.data.due = Some("today".into());
    changed.data.kind = Shape::Note;
    let updated = kinto.alice.send(todos.update(&changed)).unwrap();
    assert_eq!(updated.data, changed.data);
    let added = kinto.alice.send(todos.add(&milk)).unwrap();
    let listed = kinto.alice.send(todos.list().sort("last_modified")).unwrap();
    assert_eq!(listed.into_iter().map(|todo| todo.data).collect::<Vec<_>>(), [updated.data, added.data]);
    let found = kinto.alice.send(todos.get_or_create("milk", &milk)).unwrap();
    assert_eq!(found.into_object().data, changed.data);

    // What the type cannot read is an error, and says where.
    kinto.record(&records, "other", json!({"title": 5}));
    let error = refused(kinto.alice.send(todos.get("other")));
    assert_eq!(error.kind(), ErrorKind::Decode);
    let line = error.to_string();
    let path = records.object_path("other");
    assert!(line.starts_with(&format!("GET {path}: the body of the 200 answer cannot be used")), "{line}");
    assert!(line.contains("expected a string at line 1 column"), "{line}");
    assert_eq!(refused(kinto.alice.send(todos.list())).kind(), ErrorKind::Decode);
    // A deleted one need not be readable.
    let gone = kinto.alice.send(records.delete("other")).unwrap();
    let changes = kinto.alice.send(todos.list().since(listed_before(&gone.last_modified))).unwrap();
    assert_eq!(changes.items, [kinto_protocol::Entry::Deleted(gone)]);
    // A write whose answer cannot be read has been done all the same.
    let error = refused(kinto.alice.send(todos.create("odd", &json!({"title": 5}))));
    assert!(error.kind() == ErrorKind::Decode && error.maybe_applied(), "{error}");
    assert!(kinto.alice.send(todos.exists("odd")).unwrap());
}

fn listed_before(at: &Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() - 1)
}

pub(crate) fn types_with_the_servers_fields<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let own = records.typed::<WithOwn>();
    let given = WithOwn { id: "a".into(), title: "x".into(), last_modified: no_timestamp() };
    let created = kinto.alice.send(own.create("a", &given)).unwrap();
    assert_eq!(created.id, "a");
    let stamped = WithOwn { last_modified: created.last_modified.as_millis(), ..given.clone() };
    assert_eq!(created.data, stamped);
    assert_eq!(kinto.alice.send(own.get("a")).unwrap(), created);
    assert_eq!(kinto.alice.send(own.list()).unwrap().items[0].data, created.data);

    // Written back as it was read, and it is newer all the same.
    let updated = kinto.alice.send(own.update(&created)).unwrap();
    assert!(updated.last_modified > created.last_modified);
    assert_eq!(updated.data.last_modified, updated.last_modified.as_millis());
    // Under another id it cannot be sent.
    assert_eq!(refused(kinto.alice.send(own.create("b", &given))).kind(), ErrorKind::Input);
    assert_eq!(refused(kinto.alice.send(own.add(&given))).kind(), ErrorKind::Input);

    // A timestamp of one's own, for copies.
    let at = Timestamp::from_millis(1_234_567_890_123);
    let copy = WithOwn { id: "copy".into(), title: "y".into(), last_modified: at.as_millis() };
    let copied = kinto.alice.send(own.create("copy", &copy)).unwrap();
    assert_eq!((copied.last_modified, copied.data), (at, copy));
    assert_eq!(kinto.alice.send(own.head("copy")).unwrap(), at);
}

pub(crate) fn optional_and_wrapped_server_fields<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let data = WithOptions { id: None, title: "x".into(), last_modified: None };
    let created = kinto.record(&records, "a", serde_json::to_value(&data).unwrap());
    let millis = || Millis(created.last_modified.as_millis().try_into().unwrap());

    let read = kinto.alice.send(records.typed::<WithOptions>().get("a")).map(|object| object.data);
    let filled = WithOptions { id: Some("a".into()), last_modified: Some(millis()), ..data };
    assert_eq!(read.map_err(|error| error.to_string()), Ok(filled));
    let read = kinto.alice.send(records.typed::<WithNewtypes>().get("a")).map(|object| object.data);
    let filled = WithNewtypes { id: Id("a".into()), last_modified: millis() };
    assert_eq!(read.map_err(|error| error.to_string()), Ok(filled));
}

pub(crate) fn types_that_keep_the_rest<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({"title": "x", "other": [1.0], "n": u64::MAX}));
    let open = records.typed::<Open>();
    let mut object = kinto.alice.send(open.get("a")).unwrap();
    assert_eq!(object.data.rest, map(json!({"other": [1.0], "n": u64::MAX})));
    object.data.title = "z".into();
    let updated = kinto.alice.send(open.update(&object)).unwrap();
    assert_eq!(updated.data, object.data);
    let plain = kinto.alice.send(records.get("a")).unwrap();
    assert_eq!(plain.data, map(json!({"title": "z", "other": [1.0], "n": u64::MAX})));
}

pub(crate) fn groups<D: Driver>(kinto: &Kinto<D>) {
    let groups = kinto.make_bucket().groups();
    let mut staff = GroupData::of(["account:bob", "account:alice"]);
    staff.other.insert("title".into(), "Staff".into());
    let created = kinto.alice.send(groups.create("staff", &staff)).unwrap();
    let mut members = created.data.members.clone();
    members.sort_unstable();
    assert_eq!(members, ["account:alice", "account:bob"]);
    assert_eq!(created.data.other, staff.other);
    let read = kinto.alice.send(groups.get("staff")).unwrap();
    assert_eq!(read, created);

    let info = kinto.bob.send(kinto_protocol::server_info()).unwrap();
    let principal = groups.object_path("staff").to_string();
    assert!(info.user.unwrap().principals.contains(&principal));
    kinto.alice.send(groups.delete(&created)).unwrap();
    let info = kinto.bob.send(kinto_protocol::server_info()).unwrap();
    assert!(!info.user.unwrap().principals.contains(&principal));
}
