//! Plugins: asked for before anything is sent to them, once; there, missing, and not told of.

use kinto_protocol::{
    Auth, Batch, Call, Method, Permissions, accounts, bucket, counters, endpoints, erase_the_whole_server,
    my_permissions,
};

use crate::answers::{RECORD, TOMBSTONE, answer, buried, entries, has, head, info, json, lost, page};
use crate::batches::{A, B, tell};
use crate::scenario::{Scenario, records, scenario};

pub(crate) const NO: &str = r#"{"code":403,"errno":121,"error":"Forbidden"}"#;
const EMPTY: &str = r#"{"data":[]}"#;
const NONE: &str = r#"{"objects":{}}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = asked_for();
    all.extend(not_told_of());
    all.extend(in_batches());
    all
}

fn asked_for() -> Vec<Scenario> {
    vec![
        scenario!(
            "a plugin is asked for once",
            [timestamp, purge],
            [has(&["history"]), head(200, &[("ETag", "\"9\"")]), buried(&["a"], None), json(200, EMPTY)],
            |client, told| {
                let history = bucket("b").history();
                told.of(client.send(history.timestamp()));
                told.of(client.send(history.purge()));
                told.of(client.send(history.list()));
            }
        )
        .shows("at first: GET /v1/ HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | host")
        .shows("soon: HEAD /v1/buckets/b/history HTTP/1.1")
        .shows("soon: DELETE /v1/buckets/b/history HTTP/1.1")
        .shows("soon: GET /v1/buckets/b/history HTTP/1.1"),
        scenario!(
            "all that the server has is told with the first",
            [list],
            [
                has(&["accounts", "history", "permissions_endpoint"]),
                json(200, EMPTY),
                json(200, EMPTY),
                json(200, EMPTY)
            ],
            |client, told| {
                told.of(client.send(my_permissions()));
                let other = client.with_auth(Some(Auth::bearer("t0ken"))).unwrap();
                told.of(other.send(accounts().list()));
                told.of(other.with_policy(|policy| policy.attempts = 1).send(bucket("b").history().list()));
            }
        ),
        scenario!(
            "a plugin that is missing has a name, and may be put in",
            [counters],
            [has(&["history", "accounts"]), has(&["history"]), has(&["counters_endpoint"]), json(200, NONE)],
            |client, told| {
                told.of(client.send(counters()));
                told.of(client.send(counters()));
                told.of(client.send(counters()));
            }
        )
        .shows("Err Unsupported status=None errno=None attempts=0 maybe_applied=false retryable=false retry_in=None")
        .shows("GET /__counters__: the server has no plugin \\\"counters_endpoint\\\"; it has accounts, history")
        .shows("Ok Counters"),
        scenario!(
            "a plugin that is missing, for all that is written and read",
            [erase_the_whole_server, purge, my_permissions],
            [has(&[]), has(&[]), has(&[]), has(&[]), has(&[])],
            |client, told| {
                told.of(client.send(erase_the_whole_server()));
                told.of(client.send(bucket("b").history().purge()));
                told.of(client.send(accounts().create("me", "s3cr3t")));
                told.all(client.items(my_permissions()));
                told.all(client.pages(bucket("b").history().list()));
            }
        )
        .shows("POST /__flush__: the server has no plugin \\\"flush_endpoint\\\"")
        .shows("DELETE /buckets/b/history: the server has no plugin \\\"history\\\"")
        .shows("PUT /accounts/me: the server has no plugin \\\"accounts\\\""),
        scenario!(
            "requests of one's own to a plugin ask for it too",
            [Call],
            [has(&["changes"]), json(200, "{}")],
            |client, told| told
                .of(client.send(Call::new(Method::GET, endpoints::changeset("b", "c")).query("_expected=0")))
        )
        .shows("soon: GET /v1/buckets/b/collections/c/changeset?_expected=0 HTTP/1.1"),
        scenario!("what cannot be sent asks for no plugin", [create], [], |client, told| told
            .of(client.send(accounts().create("a b", "s3cr3t"))))
        .shows("Err Input"),
    ]
}

fn not_told_of() -> Vec<Scenario> {
    vec![
        scenario!(
            "a server that does not say what it has is asked for it",
            [list],
            [
                json(403, NO),
                json(200, EMPTY),
                answer(200, &[], "<html>"),
                json(200, EMPTY),
                json(404, "{}"),
                json(404, "{}")
            ],
            |client, told| {
                told.of(client.send(bucket("b").history().list()));
                told.of(client.send(my_permissions()));
                told.of(client.send(counters()));
            }
        )
        .shows("soon: GET /v1/buckets/b/history HTTP/1.1")
        .shows("soon: GET /v1/permissions HTTP/1.1")
        .shows("\"GET /__counters__: 404"),
        scenario!(
            "the question is repeated as any other",
            [list],
            [answer(503, &[], ""), lost(), has(&["history"]), json(200, EMPTY)],
            |client, told| told.of(client.send(bucket("b").history().list()))
        )
        .shows("retry: GET /: after 1, soon: the server answered 503")
        .shows("Ok Listing"),
        scenario!(
            "the question gets no answer, and a write was not sent",
            [erase_the_whole_server],
            [lost(), lost(), lost()],
            |client, told| told.of(client.send(erase_the_whole_server()))
        )
        .shows("Err Interrupted status=None errno=None attempts=3 maybe_applied=false"),
        scenario!(
            "a server that is too busy to say what it has is not asked for more",
            [erase_the_whole_server],
            [answer(503, &[], ""), answer(503, &[], ""), answer(503, &[], "")],
            |client, told| told.of(client.send(erase_the_whole_server()))
        )
        .shows("Err Server status=Some(503)"),
        scenario!(
            "where the question is sent elsewhere, so would be what was to be asked",
            [counters],
            [answer(302, &[("Location", "http://other.test/")], "")],
            |client, told| told.of(client.send(counters()))
        )
        .shows("Err Redirect status=None errno=None attempts=1 maybe_applied=false")
        .shows("\"GET /: redirected (302)"),
        scenario!(
            "the question is redirected within the origin",
            [counters],
            [answer(307, &[("Location", "{origin}/v1/other")], ""), has(&["counters_endpoint"]), json(200, NONE)],
            |client, told| told.of(client.send(counters()))
        )
        .shows("soon: GET /v1/other HTTP/1.1")
        .shows("Ok Counters"),
        scenario!(
            "each page of a list asks a server that did not say",
            [list],
            [json(404, "{}"), page(&[], Some("?_token=1")), json(404, "{}"), page(&[], None)],
            |client, told| told.all(client.pages(bucket("b").history().list()))
        )
        .shows("soon: GET /v1/buckets/b/history?_token=1 HTTP/1.1"),
        scenario!(
            "an answer of the plugin that is lost is asked for without another question",
            [list],
            [has(&["history"]), lost(), json(200, EMPTY)],
            |client, told| told.of(client.send(bucket("b").history().list()))
        )
        .shows("retry: GET /buckets/b/history: after 1"),
    ]
}

fn in_batches() -> Vec<Scenario> {
    vec![
        scenario!(
            "in a batch plugins that are there are as anything else",
            [Batch, delete],
            [has(&["accounts", "history"]), entries(&[(200, A), (200, TOMBSTONE), (200, r#"{"data":[]}"#)])],
            |client, told| {
                let mut batch = Batch::new();
                batch.push(records().get("a"));
                batch.push(accounts().delete("a"));
                batch.push(Call::new(Method::GET, endpoints::history("b")));
                tell(told, client.send(batch));
            }
        )
        .shows("{\"method\":\"DELETE\",\"path\":\"/accounts/a\"},{\"method\":\"GET\",\"path\":\"/buckets/b/history\"}")
        .shows("summary: 3 done"),
        scenario!(
            "in a batch what a missing plugin would do is one operation's error",
            [Batch],
            [has(&["history"]), json(200, A), has(&["history"]), json(200, B)],
            |client, told| {
                let mut batch = Batch::new();
                batch.push(records().get("a"));
                batch.push(counters());
                batch.push(records().get("b"));
                tell(told, client.send(batch));
            }
        )
        .shows("item 1: failed, GET /__counters__ Err Unsupported")
        .shows("summary: 2 done, 1 failed"),
        scenario!(
            "in a batch plugins of a server that does not say are asked for one by one",
            [Batch],
            [json(403, NO), json(403, NO), json(200, NONE), entries(&[(200, A), (200, B)])],
            |client, told| {
                let mut batch = Batch::new();
                batch.push(counters());
                batch.push(records().get("a"));
                batch.push(records().get("b"));
                tell(told, client.send(batch));
            }
        )
        .shows("soon: GET /v1/__counters__ HTTP/1.1")
        .shows("summary: 3 done"),
        scenario!(
            "a batch of one plugin's operation",
            [Batch],
            [has(&["counters_endpoint"]), json(200, NONE)],
            |client, told| {
                let mut batch = Batch::new();
                let counted = batch.push(counters());
                let mut outcome = client.send(batch).unwrap();
                told.of(outcome.take(counted));
            }
        )
        .shows("Ok Counters"),
        scenario!(
            "in a batch where the question for a plugin gets no answer, nothing after it is sent",
            [Batch],
            [info("25"), lost(), lost(), lost()],
            |client, told| {
                let mut batch = Batch::new();
                batch.push(counters());
                batch.push(
                    records().patch("a", kinto_protocol::Attributes::only_permissions(Permissions::new().read(["x"]))),
                );
                tell(told, client.send(batch));
            }
        )
        .shows("stopped: Err Interrupted")
        .shows("summary: 2 not sent"),
        scenario!(
            "a plugin and the default bucket",
            [list],
            [has(&["history"]), json(200, EMPTY), json(200, RECORD)],
            |client, told| {
                told.of(client.send(bucket("default").history().list()));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("soon: GET /v1/buckets/default/history HTTP/1.1"),
    ]
}
