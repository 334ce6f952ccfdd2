//! Servers with another limit, with none, with no batches at all, and those that are read-only.

use std::sync::OnceLock;

use http::Method;
use kinto_protocol::{
    Attributes, Auth, Batch, BatchLimit, IdRule, Status, bucket, buckets, endpoints, heartbeat, server_info,
};
use kinto_tests::{Answer, KintoServer};
use serde_json::json;

use crate::batches::{so_far, statuses, watched};
use crate::canned::between;
use crate::context::{Kinto, PASSWORD, raw_json, refused, status};
use crate::driver::{Driver, Setup};

pub(crate) fn servers_without_batches<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for refusal in [404, 405, 501] {
        let server = between(&kinto.url, move |_, request, carry_out| {
            if request.starts_with("POST /v1/batch") {
                return Answer::json(refusal, "{}");
            }
            Answer::Close(carry_out())
        });
        let (client, tells) = watched::<D>(server.url(), "alice");
        let mut batch = Batch::new();
        batch.push(records.create("a", &json!({})));
        batch.push(records.get("a"));
        batch.push(records.delete("a"));
        assert_eq!(client.send(batch).unwrap().summary().to_string(), "3 done", "{refusal}");
        let refused = format!("POST /batch of 2: {refusal}");
        let requests = so_far(kinto, &tells);
        assert_eq!(requests, ["GET /: 200", &refused, "PUT R/a: 201", "GET R/a: 200", "DELETE R/a: 200"]);
    }
}

/// A limit that was told by a proxy with another server behind it now: the server's refusal says what it is.
pub(crate) fn a_limit_that_was_not_told<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let server = between(&kinto.url, |_, request, carry_out| {
        if request.starts_with("GET /v1/ ") {
            return Answer::json(200, r#"{"settings": {"batch_max_requests": 40, "readonly": false}}"#);
        }
        Answer::Close(carry_out())
    });
    let (client, tells) = watched::<D>(server.url(), "alice");
    let batch = || (0..40).map(|n| records.create(format!("r{n}"), &json!({})).overwrite()).collect::<Batch>();
    assert_eq!(client.send(batch()).unwrap().summary().to_string(), "40 done");
    let [one, two] = ["POST /batch of 20: 200", "POST /batch of 20: 200"];
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", "POST /batch of 40: 400", one, two]);
    // It is remembered.
    assert_eq!(client.send(batch()).unwrap().summary().to_string(), "40 done");
    assert_eq!(so_far(kinto, &tells), ["POST /batch of 25: 200", "POST /batch of 15: 200"]);
}

/// Servers of their own, one of each sort for all.
fn server<D>(kinto: &Kinto<D>, sort: usize, settings: &[(&str, &str)]) -> &'static str {
    static SERVERS: [OnceLock<KintoServer>; 4] = [const { OnceLock::new() }; 4];
    let start = || {
        let builder = KintoServer::builder(kinto.backend);
        settings.iter().fold(builder, |builder, (name, value)| builder.setting(*name, *value)).start().unwrap()
    };
    SERVERS[sort].get_or_init(start).url()
}

/// One with a limit of its own, and ids of another grammar.
pub(crate) fn three_at_a_time_and_wide_ids<D: Driver>(kinto: &Kinto<D>) {
    let generator = "kinto.plugins.accounts.views.AccountIdGenerator";
    let url = server(kinto, 0, &[("kinto.batch_max_requests", "3"), ("kinto.record_id_generator", generator)]);
    let kinto = Kinto::<D>::at(kinto.backend, url, &["alice"]);
    let records = kinto.records();
    let (client, tells) = watched::<D>(url, "alice");
    let batch: Batch = (0..7).map(|n| records.create(format!("r{n}"), &json!({}))).collect();
    assert_eq!(client.send(batch).unwrap().summary().to_string(), "7 done");
    let three = "POST /batch of 3: 200";
    assert_eq!(so_far(&kinto, &tells), ["GET /: 200", three, three, "PUT R/r6: 201"]);

    let mut setup = Setup::of(url);
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    let narrow = D::build(setup).unwrap();
    let mut setup = Setup::of(url);
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    setup.id_rule = IdRule::Wide;
    let wide = D::build(setup).unwrap();
    let ids = ["a.b", "a+b", "a@b.example", "x..", "1+1@2..3"];
    let made = || ids.into_iter().map(|id| records.create(id, &json!({"name": id}))).collect::<Batch>();
    let outcome = narrow.send(made()).unwrap();
    assert_eq!(outcome.summary().to_string(), "5 invalid");
    assert!(refused(outcome.into_result()).to_string().contains("IdRule::Wide"));
    let outcome = wide.send(made()).unwrap();
    assert_eq!(outcome.summary().to_string(), "5 done", "{:?}", outcome.items().collect::<Vec<_>>());
    let mut batch = Batch::new();
    let tickets = ids.map(|id| batch.push(records.get(id)));
    // Letters that this server takes nowhere are its to refuse, one by one.
    batch.push(records.create("é:!$&'()*,=", &json!({})));
    batch.push(records.delete("a+b"));
    let mut outcome = wide.send(batch).unwrap();
    assert_eq!(outcome.summary().to_string(), "6 done, 1 invalid");
    let refused = outcome.of(Status::Invalid).next().unwrap();
    assert_eq!((refused.position(), refused.invalid()[0].description.as_str()), (5, "Invalid object id"));
    for (id, ticket) in ids.into_iter().zip(tickets) {
        let object = outcome.take(ticket).unwrap();
        assert_eq!((object.id.as_str(), &object.data["name"]), (id, &json!(id)));
    }
    assert!(!wide.send(records.exists("a+b")).unwrap());
}

pub(crate) fn as_many_as_one_likes_or_one<D: Driver>(kinto: &Kinto<D>) {
    let url = server(kinto, 1, &[("kinto.batch_max_requests", "0")]);
    let there = Kinto::<D>::at(kinto.backend, url, &["alice"]);
    let records = there.records();
    let (client, tells) = watched::<D>(url, "alice");
    let batch = || (0..230).map(|n| records.create(format!("r{n}"), &json!({})).overwrite()).collect::<Batch>();
    assert_eq!(client.send(batch()).unwrap().summary().to_string(), "230 done");
    assert_eq!(so_far(&there, &tells), ["GET /: 200", "POST /batch of 200: 200", "POST /batch of 30: 200"]);
    assert_eq!(client.send(batch().requests(1000)).unwrap().summary().to_string(), "230 done");
    assert_eq!(so_far(&there, &tells), ["POST /batch of 230: 200"]);

    let url = server(kinto, 2, &[("kinto.batch_max_requests", "1")]);
    let there = Kinto::<D>::at(kinto.backend, url, &["alice"]);
    let records = there.records();
    let (client, tells) = watched::<D>(url, "alice");
    let batch: Batch = (0..2).map(|n| records.create(format!("r{n}"), &json!({}))).collect();
    assert_eq!(client.send(batch).unwrap().summary().to_string(), "2 done");
    assert_eq!(so_far(&there, &tells), ["GET /: 200", "PUT R/r0: 201", "PUT R/r1: 201"]);
}

pub(crate) fn s53_read_only_servers_refuse_batches<D: Driver>(kinto: &Kinto<D>) {
    let settings = [
        ("kinto.includes", "kinto.plugins.default_bucket"),
        ("multiauth.policies", "basicauth"),
        ("multiauth.policy.basicauth.use", "kinto.core.authentication.BasicAuthAuthenticationPolicy"),
        ("kinto.readonly", "true"),
    ];
    let url = server(kinto, 3, &settings);
    let (client, tells) = watched::<D>(url, "alice");
    let naive = json!({"requests": [{"path": "/buckets"}]});
    assert_eq!(status(client.send(raw_json(Method::POST, &endpoints::batch(), naive))), (405, Some(115)));
    tells.try_iter().for_each(drop);

    let records = bucket("b").collection("c").records();
    let mut batch = Batch::new();
    let info = batch.push(server_info());
    let none = batch.push(buckets().count());
    batch.push(buckets().create("b", &json!({})));
    batch.push(records.patch("r", Attributes::new(&json!({}))));
    let parts = batch.push(heartbeat());
    batch.push(records.delete("r"));
    batch.push(records.get("r"));
    let mut outcome = client.send(batch).unwrap();
    let (done, failed) = (Status::Done, Status::Failed);
    assert!(outcome.stopped().is_none());
    assert_eq!(statuses(&outcome), [done, done, failed, failed, done, failed, Status::Forbidden]);
    for item in outcome.of(failed) {
        let error = item.error().unwrap();
        assert_eq!((error.status().map(|status| status.as_u16()), error.errno()), (Some(405), Some(115)), "{error}");
        assert!(!error.maybe_applied() && error.to_string().contains("the server may be read-only"), "{error}");
    }
    let info = outcome.take(info).unwrap();
    assert!(info.settings.readonly && info.settings.batch_max_requests == BatchLimit::AtMost(25));
    assert_eq!(outcome.take(none).unwrap(), 0);
    assert!(outcome.take(parts).unwrap().is_healthy());
    let requests: Vec<_> = tells.try_iter().collect();
    assert_eq!(requests.len(), 8, "{requests:?}");
    assert!(requests.iter().all(|request| !request.starts_with("POST")), "{requests:?}");
}
