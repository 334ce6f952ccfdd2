//! Requests of one's own, and what goes with every request: credentials, headers, the name of the program.

use kinto_protocol::{Auth, Call, Method, Path, Precondition, StatusCode, Timestamp, endpoints};
use serde_json::json as data;

use crate::answers::{RECORD, answer, json, json_with};
use crate::scenario::{Scenario, records, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = of_ones_own();
    all.extend(who_one_is());
    all.extend(headers());
    all
}

/// Where no plugin is needed.
fn metrics() -> Path {
    endpoints::metrics()
}

fn of_ones_own() -> Vec<Scenario> {
    vec![
        scenario!("a request of one's own", [Call], [json_with(201, &[("X-B", "1"), ("X-A", "2")], "[1]")], |client, told| {
            let call = Call::new(Method::POST, endpoints::user_data("me@x.org")).query("a=1&b=%26");
            told.of(client.send(call.json(&data!({"n": 1})).unwrap().header("X-Mine", "s3cr3t-no").unwrap()));
        })
        .shows("POST /v1/__user_data__/me%40x.org?a=1&b=%26 HTTP/1.1")
        .shows("x-mine: s3cr3t-no")
        .shows("content-length: 7"),
        scenario!(
            "writes without a body say so",
            [Call],
            [json(202, "{}"), json(200, "{}"), json(200, "{}")],
            |client, told| {
                told.of(client.send(Call::new(Method::POST, metrics())));
                told.of(client.send(Call::new(Method::PUT, metrics())));
                told.of(client.send(Call::new(Method::PATCH, metrics())));
            }
        )
        .shows("POST /v1/__metrics__ HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | content-length: 0 |")
        .shows("PUT /v1/__metrics__ HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | content-length: 0 |")
        .shows("PATCH /v1/__metrics__ HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | content-length: 0 |"),
        scenario!("requests without a body do not speak of it", [Call], [json(200, "{}"), json(200, "{}")], |client, told| {
            told.of(client.send(Call::new(Method::GET, metrics())));
            told.of(client.send(Call::new(Method::DELETE, metrics())));
        })
        .shows("GET /v1/__metrics__ HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | host")
        .shows("DELETE /v1/__metrics__ HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | host"),
        scenario!("other methods", [Call], [json(200, "{}")], |client, told| {
            told.of(client.send(Call::new(Method::OPTIONS, metrics())));
        })
        .shows("OPTIONS /v1/__metrics__ HTTP/1.1"),
        scenario!(
            "a failure that is an answer",
            [Call],
            [answer(503, &[], "no"), answer(418, &[], "tea"), answer(304, &[], "")],
            |client, told| {
                let call = || Call::new(Method::GET, metrics());
                told.of(client.send(call().expecting(StatusCode::SERVICE_UNAVAILABLE)));
                told.of(client.send(call()));
                told.of(client.send(call().precondition(Precondition::Changed(Timestamp::from_millis(3)))));
            }
        )
        .shows("Err Server status=Some(503)")
        .shows("Err Server status=Some(418)")
        .shows("status: 304"),
        scenario!("what no request can carry", [Call], [], |client, told| {
            told.of(client.send(Call::new(Method::GET, metrics()).query("a=b#c")));
            told.of(client.send(Call::new(Method::DELETE, metrics()).json(&data!({})).unwrap()));
        })
        .shows("Err Input"),
    ]
}

fn who_one_is() -> Vec<Scenario> {
    vec![
        scenario!("nobody", [Get], [json(200, RECORD)], |client, told| told.of(client.send(records().get("a"))))
            .setup(|setup| setup.auth = None)
            .shows("records/a HTTP/1.1 | accept: application/json | host"),
        scenario!(
            "nobody, somebody else, and oneself again",
            [Get],
            [json(200, RECORD), json(200, RECORD), json(200, RECORD)],
            |client, told| {
                told.of(client.with_auth(None).unwrap().send(records().get("a")));
                told.of(client.with_auth(Some(Auth::bearer("t0ken"))).unwrap().send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("authorization: Bearer t0ken"),
        scenario!("credentials that cannot be sent", [], [], |client, told| {
            told.of(client.with_auth(Some(Auth::basic("a:b", "s3cr3t"))).map(|_| ()));
        })
        .shows("Err Input"),
        scenario!("what the server repeats of the secret", [Get], [
            json(400, r#"{"errno":107,"message":"Basic bWU6czNjcjN0 (s3cr3t)","details":[{"description":"s3cr3t"}]}"#)
        ], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("[hidden]"),
        scenario!(
            "cookies are not kept",
            [Get],
            [json_with(200, &[("Set-Cookie", "a=1; Path=/")], RECORD), json(200, RECORD)],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("soon: GET /v1/buckets/b/collections/c/records/a HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | host"),
    ]
}

fn headers() -> Vec<Scenario> {
    vec![
        scenario!(
            "headers and a program of one's own",
            [Get],
            [json(200, RECORD), json(200, RECORD)],
            |client, told| {
                let other = client.with_header("X-Two", "2").unwrap().with_header("X-Two", "zwei").unwrap();
                told.of(other.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .setup(|setup| {
            setup.headers = vec![("X-One".into(), "1".into())];
            setup.user_agent = Some("app/1.2 (me)".into());
        })
        .shows("user-agent: app/1.2 (me) <front-end> kinto-protocol/")
        .shows("| x-one: 1 | x-two: 2 | x-two: zwei |")
        .shows("| x-one: 1 | no body"),
        scenario!("headers that are not the caller's to set", [], [], |client, told| {
            for name in ["Host", "Content-Length", "Accept-Encoding", "a b"] {
                told.of(client.with_header(name, "1").map(|_| ()));
            }
            told.of(client.with_header("X-A", "s3cr3t\r\nX-B: 1").map(|_| ()));
        })
        .shows("Err Input"),
        scenario!("a URL that is none", [], [], |client, told| told.that(client.session().url()))
            .setup(|setup| setup.url = "ftp://x/v1".into())
            .shows("Err Input"),
        scenario!("the root of the API", [Call], [json(200, "{}")], |client, told| {
            told.that(client.session().url());
            told.of(client.send(Call::new(Method::GET, endpoints::root())));
        })
        .setup(|setup| setup.url = format!("{}/deeper//", setup.url.to_uppercase().replace("/V1", "/v1")))
        .shows("GET /v1/deeper/ HTTP/1.1")
        .shows("\"http://127.0.0.1:<port>/v1/deeper\""),
    ]
}
