//! Ids of the caller's that are none, or that would lead somewhere else.

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{
    Batch, Call, Error, ErrorKind, IdRule, JsonMap, Merge, Method, Object, Permissions, Result, Timestamp, bucket,
    buckets, endpoints,
};
use kinto_tests::{Answer, Stub};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        I01 { odd_ids_are_refused, the_wider_rule_sends_the_very_id; wire }
        I02 { ids_that_are_steps_are_refused_by_every_rule; wire }
        I03 { an_empty_id_is_no_id_of_a_list; wire }
        I04 { an_id_of_ten_megabytes_is_refused_in_few_words; wire }
        I09 { ids_that_look_like_versions_stay_whole_in_batches; wire }
        I16 { the_personal_bucket_is_one_like_any_other; wire }
        I17 { ids_in_data_are_those_of_the_path, data_that_are_no_object_are_refused; wire }
    }
}

type Use<D> = (&'static str, fn(&D, &str) -> Result<()>);

/// All that is done with one object, by its id, and with what is in it.
fn uses<D: Driver>() -> Vec<Use<D>> {
    fn object(id: &str) -> Object {
        let mut read = MemoryServer::new().send(buckets().create("b", &json!({}))).unwrap();
        read.id = id.to_owned();
        read
    }
    vec![
        ("get", |client, id| client.send(records().get(id)).map(drop)),
        ("head", |client, id| client.send(records().head(id)).map(drop)),
        ("exists", |client, id| client.send(records().exists(id)).map(drop)),
        ("create", |client, id| client.send(records().create(id, &json!({}))).map(drop)),
        ("overwrite", |client, id| client.send(records().create(id, &json!({})).overwrite()).map(drop)),
        ("replace", |client, id| client.send(records().replace(id, &json!({}))).map(drop)),
        ("update", |client, id| client.send(records().update(&object(id))).map(drop)),
        ("patch", |client, id| client.send(records().patch(id, Merge::new(&json!({})))).map(drop)),
        ("delete", |client, id| client.send(records().delete(id)).map(drop)),
        ("delete what was read", |client, id| client.send(records().delete(&object(id))).map(drop)),
        ("delete if present", |client, id| client.send(records().delete_if_present(id)).map(drop)),
        ("get or create", |client, id| client.send(records().get_or_create(id, &json!({}))).map(drop)),
        ("modify", |client, id| client.send(records().modify(id, |_: &mut JsonMap| ())).map(drop)),
        ("share", |client, id| client.send(records().share(id, Permissions::new().read(["x"]))).map(drop)),
        ("a bucket", |client, id| client.send(buckets().get(id)).map(drop)),
        ("delete a bucket", |client, id| client.send(buckets().delete(id)).map(drop)),
        ("delete a collection", |client, id| client.send(bucket("b").collections().delete(id)).map(drop)),
        ("a group", |client, id| client.send(bucket("b").groups().delete(id)).map(drop)),
        ("in a bucket", |client, id| client.send(bucket(id).collection("c").records().get("a")).map(drop)),
        ("in a collection", |client, id| client.send(bucket("b").collection(id).records().list()).map(drop)),
        ("delete all in it", |client, id| client.send(bucket("b").collection(id).records().delete_all()).map(drop)),
        ("a file", |client, id| client.send(bucket("b").collection("c").attachment(id).download()).map(drop)),
        ("upload", |client, id| {
            client.send(bucket("b").collection("c").attachment(id).upload("a.txt").content("x")).map(drop)
        }),
        ("a call", |client, id| client.send(Raw(Call::new(Method::DELETE, endpoints::record("b", "c", id)))).map(drop)),
        ("a batch", |client, id| {
            let mut batch = Batch::new();
            let ticket = batch.push(records().delete(id));
            client.send(batch).and_then(|mut outcome| outcome.take(ticket)).map(drop)
        }),
    ]
}

/// A call as an operation of one's own.
struct Raw(Call);

impl kinto_protocol::Operation for Raw {
    type Output = ();

    fn call(&self, _: &kinto_protocol::Session) -> Result<Call> {
        Ok(self.0.clone())
    }

    fn parse(&self, _: &kinto_protocol::Reply) -> Result<()> {
        Ok(())
    }
}

/// Whoever does anything with this id, nothing is sent.
fn refused_everywhere<D: Driver>(rule: IdRule, ids: &[&str]) -> Vec<Error> {
    let stub = Stub::start(|_, _| Answer::json(200, r#"{"data":{}}"#));
    let it = Place::<D>::with(stub.url(), |setup| setup.id_rule = rule);
    let mut errors = Vec::new();
    for id in ids {
        for (what, act) in uses::<D>() {
            let error = act(&it.client, id).expect_err(what);
            let known = (error.kind(), error.attempts(), error.maybe_applied(), error.is_retryable());
            assert_eq!(known, (ErrorKind::Input, 0, false, false), "{what} {id:?}: {error}");
            errors.push(error);
        }
    }
    assert_eq!((stub.requests(), stub.connections()), (vec![], 0));
    errors
}

fn odd_ids_are_refused<D: Driver>() {
    refused_everywhere::<D>(
        IdRule::Server,
        &[
            "a/b",
            "a?b",
            "a#b",
            "a b",
            " a",
            "a:b",
            "a.b",
            "a\\b",
            "a%2Fb",
            "a%62",
            "é",
            "日本",
            "_a",
            "-a",
            "a\n",
            "a\0",
            "\u{202e}a",
            "a\u{200f}",
            "a;b",
            "a&b=c",
            "😀",
        ],
    );
    refused_everywhere::<D>(
        IdRule::Wide,
        &["a/b", "a?b", "a#b", "a b", "a\\b", "a%2Fb", "a\n", "a\0", "\u{202e}a", "a\u{200f}", "a;b"],
    );
}

fn the_wider_rule_sends_the_very_id<D: Driver>() {
    let ids = ["a.b", "é", "日本", "_a", "-a", "a:b", "me@example.com", "a+b", "a=b&c", "x(1)", "...a", "~a"];
    let stub = Stub::start(|_, request| {
        let (line, body) = (request.lines().next().unwrap(), request.split_once("\r\n\r\n").unwrap().1);
        let id = line.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
        // As a server does: decoded once.
        let id = percent_decode_str(id).decode_utf8().unwrap().into_owned();
        assert!(serde_json::from_str::<Value>(body).unwrap()["data"].get("id").is_none_or(|it| *it == id.as_str()));
        Answer::json(201, &json!({"data": {"id": id, "last_modified": 1}}).to_string())
    });
    let it = Place::<D>::with(stub.url(), |setup| setup.id_rule = IdRule::Wide);
    for id in ids {
        assert_eq!(it.client.send(records().create(id, &json!({}))).unwrap().id, id);
        let request = stub.requests().pop().unwrap();
        let path = request.split(' ').nth(1).unwrap();
        assert!(path.is_ascii() && path.split('/').count() == 8, "{path}");
    }
}

fn ids_that_are_steps_are_refused_by_every_rule<D: Driver>() {
    let steps = [".", "..", "...", "../../x", "%2e%2e", "%2E", "..;", "..%2f", "..\\", "a/../b", "./a", "/", "//x"];
    refused_everywhere::<D>(IdRule::Server, &steps);
    refused_everywhere::<D>(IdRule::Wide, &steps);
}

fn an_empty_id_is_no_id_of_a_list<D: Driver>() {
    for rule in [IdRule::Server, IdRule::Wide] {
        for error in refused_everywhere::<D>(rule, &[""]) {
            assert!(error.to_string().contains("empty"), "{error}");
        }
    }
}

fn an_id_of_ten_megabytes_is_refused_in_few_words<D: Driver>() {
    let huge = "x".repeat(10_000_000);
    for error in refused_everywhere::<D>(IdRule::Wide, &[&huge]) {
        assert!(error.to_string().len() < 300 && format!("{error:?}").len() < 600, "{error}");
    }
    // Nor is it kept, other than by who gave it.
    assert!(records().object_path(&huge).as_str().len() < 100);
    // The longest that is sent.
    let stub = Stub::start(|_, _| Answer::json(200, crate::answers::RECORD));
    let it = Place::<D>::at(stub.url());
    it.client.send(records().get("x".repeat(512))).unwrap();
    assert_eq!(it.client.send(records().get("x".repeat(513))).unwrap_err().kind(), ErrorKind::Input);
}

fn ids_that_look_like_versions_stay_whole_in_batches<D: Driver>() {
    let server = MemoryServer::new();
    let stub = Stub::serving(server.clone());
    let it = Place::<D>::at(stub.url());
    let ids = ["prodv1", "v1", "v1v1", "av1b", "prod", "buckets"];
    let mut batch = Batch::new();
    for id in ids {
        batch.push(buckets().create(id, &json!({"of": id})));
    }
    let outcome = it.client.send(batch).unwrap();
    assert!(outcome.summary().is_success(), "{}", outcome.summary());
    for id in ids {
        assert_eq!(it.client.send(buckets().get(id)).unwrap().data["of"], id);
        let mut batch = Batch::new();
        let bucket = bucket(id);
        let made = batch.push(bucket.collections().create("v1", &json!({})));
        let there = batch.push(bucket.collection("v1").records().create("v1", &json!({"of": id})));
        let mut outcome = it.client.send(batch).unwrap();
        outcome.take(made).unwrap();
        outcome.take(there).unwrap();
        assert_eq!(it.client.send(bucket.collection("v1").records().get("v1")).unwrap().data["of"], id);
    }
    let there: Vec<String> = it.client.items(buckets().list()).map(|bucket| bucket.unwrap().id).collect();
    assert_eq!(there.len(), ids.len(), "{there:?}");
}

fn the_personal_bucket_is_one_like_any_other<D: Driver>() {
    let server = MemoryServer::new().page_size(2);
    let stub = Stub::serving(server.clone());
    let it = Place::<D>::at(stub.url());
    let personal = bucket("default").collection("c");
    let mut batch = Batch::new();
    for id in ["a", "b", "c", "d", "e"] {
        batch.push(personal.records().create(id, &json!({})));
    }
    assert!(it.client.send(batch).unwrap().summary().is_success());
    // Its pages are at the bucket by its own name.
    let mut there: Vec<String> = it.client.items(personal.records().list()).map(|record| record.unwrap().id).collect();
    there.sort();
    assert_eq!(there, ["a", "b", "c", "d", "e"]);
    assert_eq!(it.client.send(personal.records().list()).unwrap().items.len(), 5);
    let real = it.client.send(buckets().get("default")).unwrap().id;
    assert!(real != "default" && real.len() == 36, "{real}");
    let by_name = it.client.send(bucket(&real).collection("c").records().get("a")).unwrap();
    assert_eq!(by_name, it.client.send(personal.records().get("a")).unwrap());
    let shared = it.client.send(buckets().share("default", Permissions::new().read(["x"]))).unwrap();
    assert_eq!(shared.id, real);
    it.client.send(personal.records().update(&by_name)).unwrap();
    let mut changed = 0;
    it.client.send(personal.records().modify("a", |_: &mut JsonMap| changed += 1)).unwrap();
    it.client.send(personal.records().delete("a")).unwrap();
    assert_eq!((changed, it.client.send(personal.records().delete_all()).unwrap().len()), (1, 4));
    assert_eq!(it.client.send(personal.records().count()).unwrap(), 0);
}

fn ids_in_data_are_those_of_the_path<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, crate::answers::RECORD));
    let it = Place::<D>::at(stub.url());
    for id in [json!(5), json!(["a"]), json!({"a": 1}), json!(true), json!(""), json!("b"), json!("../a")] {
        let data = json!({"id": id});
        let outcomes = [
            it.client.send(records().create("a", &data)).map(drop),
            it.client.send(records().add(&data)).map(drop),
            it.client.send(records().replace("a", &data)).map(drop),
            it.client.send(records().patch("a", Merge::new(&data))).map(drop),
            it.client.send(records().get_or_create("a", &data)).map(drop),
        ];
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let error = outcome.expect_err(&format!("{number} {id}"));
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{id}: {error}");
        }
    }
    assert_eq!(stub.requests().len(), 0);
    it.client.send(records().create("a", &json!({"id": "a", "last_modified": Timestamp::from_millis(7)}))).unwrap();
}

fn data_that_are_no_object_are_refused<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, crate::answers::RECORD));
    let it = Place::<D>::at(stub.url());
    for data in [json!(5), json!([1]), json!("x"), json!(true), json!([{"a": 1}]), Value::Null] {
        let outcomes = [
            it.client.send(records().create("a", &data)).map(drop),
            it.client.send(records().add(&data)).map(drop),
            it.client.send(records().replace("a", &data)).map(drop),
            it.client.send(records().patch("a", Merge::new(&data))).map(drop),
            it.client.send(records().patch("a", kinto_protocol::Attributes::new(&data))).map(drop),
            it.client.send(records().get_or_create("a", &data)).map(drop),
        ];
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let error = outcome.expect_err(&format!("{number} {data}"));
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{data}: {error}");
        }
    }
    assert_eq!(stub.requests().len(), 0);
}
