//! The server itself, who one is to it, and what goes with every request.

use http::Method;
use kinto_protocol::{Auth, BatchLimit, Call, ErrorKind, bucket, endpoints, heartbeat, server_info};
use serde_json::json;

use crate::canned::answering;
use crate::context::{Kinto, PASSWORD, body, raw, refused, status};
use crate::driver::{Driver, Setup};

pub(crate) fn what_it_is<D: Driver>(kinto: &Kinto<D>) {
    let info = kinto.alice.send(server_info()).unwrap();
    assert_eq!(info.project_name.as_deref(), Some("kinto"));
    assert_eq!(info.http_api_version.as_deref(), Some("1.23"));
    assert!(info.project_version.unwrap().starts_with("26."));
    assert_eq!(info.project_docs.as_deref(), Some("https://kinto.readthedocs.io/"));
    assert_eq!(info.url, Some(format!("{}/", kinto.url)));
    assert_eq!(info.eos, None);
    assert_eq!(info.settings.batch_max_requests, BatchLimit::AtMost(25));
    assert!(!info.settings.readonly);
    assert_eq!(info.settings.explicit_permissions, Some(true));
    assert!(info.settings.other.keys().all(|name| !["readonly", "batch_max_requests"].contains(&name.as_str())));

    for capability in ["accounts", "attachments", "default_bucket", "flush_endpoint", "history", "permissions_endpoint"]
    {
        assert!(info.capabilities.contains_key(capability), "{capability}");
    }
    assert_eq!(info.capabilities["attachments"]["base_url"], kinto.url.replace("/v1", "/attachments/"));
    assert!(!info.capabilities.contains_key("signer"));

    let user = info.user.unwrap();
    assert_eq!(user.id, "account:alice");
    for principal in ["account:alice", "system.Authenticated", "system.Everyone"] {
        assert!(user.principals.iter().any(|own| own == principal), "{principal}");
    }
    assert_eq!(user.bucket.unwrap().len(), 36);
    assert_eq!(user.profile, None);
}

pub(crate) fn who_one_is<D: Driver>(kinto: &Kinto<D>) {
    let user = |auth: Option<Auth>| {
        let info = kinto.anonymous.with_auth(auth).unwrap().send(server_info()).unwrap();
        info.user.map(|user| user.id)
    };
    let alice = Some("account:alice".to_owned());
    assert_eq!(user(None), None);
    assert_eq!(user(Some(Auth::basic("alice", PASSWORD))), alice);
    assert_eq!(user(Some(format!("alice:{PASSWORD}").parse().unwrap())), alice);
    // The same, encoded already.
    assert_eq!(user(Some("Basic YWxpY2U6cDRzcyB3w7ZyZDox".parse().unwrap())), alice);
    assert_eq!(user(Some(Auth::basic("bob", PASSWORD))), Some("account:bob".to_owned()));
    for wrong in ["alice:wrong", "alice:", "Bearer abc", "nobody:x"] {
        assert_eq!(user(Some(wrong.parse().unwrap())), None, "{wrong}");
    }
    for unusable in ["alice", ":x", "", "Bearer a\r\nb"] {
        let error = refused(unusable.parse::<Auth>());
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("these credentials cannot be used"), "{error}");
    }

    // Given at the start, and taken away.
    let mut setup = Setup::of(&kinto.url);
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    let client = D::build(setup).unwrap();
    assert_eq!(client.send(server_info()).unwrap().user.unwrap().id, "account:alice");
    assert_eq!(client.with_auth(None).unwrap().send(server_info()).unwrap().user, None);
    assert_eq!(kinto.admin.send(server_info()).unwrap().user.unwrap().id, "account:admin");
}

pub(crate) fn its_parts_work<D: Driver>(kinto: &Kinto<D>) {
    let health = kinto.anonymous.send(heartbeat()).unwrap();
    assert!(health.is_healthy());
    for part in ["storage", "cache", "permission"] {
        assert_eq!(health.parts.get(part), Some(&Some(true)), "{part}");
    }
}

pub(crate) fn headers_and_the_name_of_the_program<D: Driver>(kinto: &Kinto<D>) {
    let setup = |url: &str| {
        let mut setup = Setup::of(url);
        setup.auth = Some(Auth::basic("alice", PASSWORD));
        setup.headers.push(("X-Request-Id".into(), "abc 1".into()));
        setup.user_agent = Some("shop/2.0".into());
        setup
    };
    // The server takes them.
    let client = D::build(setup(&kinto.url)).unwrap().with_header("X-Trace", "é").unwrap();
    assert_eq!(client.send(server_info()).unwrap().user.unwrap().id, "account:alice");

    // And this is what it gets.
    let listener = answering("200 OK", "application/json", r#"{"data": {"id": "a", "last_modified": 1}}"#);
    let client = D::build(setup(listener.url())).unwrap().with_header("X-Trace", "t").unwrap();
    client.send(bucket("b").collections().create("a", &json!({}))).unwrap();
    let requests = listener.requests();
    assert_eq!(requests.len(), 1);
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(body, r#"{"data":{}}"#);
    let lines: Vec<&str> = head.split("\r\n").collect();
    assert_eq!(lines[0], "PUT /v1/buckets/b/collections/a HTTP/1.1");
    let header = |name: &str| -> Vec<&str> {
        let named = |line: &&&str| line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name));
        lines.iter().filter(named).map(|line| line.split_once(':').unwrap().1.trim()).collect()
    };
    assert_eq!(header("x-request-id"), ["abc 1"]);
    assert_eq!(header("x-trace"), ["t"]);
    assert_eq!(header("if-none-match"), ["*"]);
    assert_eq!(header("content-type"), ["application/json"]);
    assert_eq!(header("content-length"), ["11"]);
    assert_eq!(header("accept"), ["application/json"]);
    assert_eq!(header("authorization"), ["Basic YWxpY2U6cDRzcyB3w7ZyZDox"]);
    let agents = header("user-agent");
    assert_eq!(agents.len(), 1);
    assert!(agents[0].starts_with("shop/2.0 kinto-"), "{agents:?}");

    for reserved in ["Authorization", "Host", "If-Match", "Content-Length", "User-Agent", "a b"] {
        assert_eq!(refused(kinto.alice.with_header(reserved, "1")).kind(), ErrorKind::Input, "{reserved}");
    }
}

pub(crate) fn any_other_endpoint<D: Driver>(kinto: &Kinto<D>) {
    let alive = kinto.anonymous.send(raw(Method::GET, &endpoints::lbheartbeat(), "")).unwrap();
    assert_eq!((alive.status().as_u16(), body(&alive)), (200, json!({})));
    let api = kinto.anonymous.send(raw(Method::GET, &endpoints::api(), "")).unwrap();
    assert_eq!(body(&api)["swagger"], "2.0");
    // A page for people, in a folder of its own.
    let admin = kinto.anonymous.send(raw(Method::HEAD, &endpoints::admin(), "")).unwrap();
    assert_eq!(admin.status().as_u16(), 200);

    let me = kinto.alice.send(raw(Method::GET, &endpoints::account("alice"), "")).unwrap();
    assert_eq!(body(&me)["data"]["id"], "alice");
    assert_eq!(status(kinto.bob.send(raw(Method::GET, &endpoints::account("alice"), ""))), (403, Some(121)));
    // The administrator may write them; to read them takes more.
    let title = Call::new(Method::PATCH, endpoints::account("bob")).json(&json!({"data": {"title": "é"}})).unwrap();
    assert_eq!(body(&kinto.admin.send(title).unwrap())["data"]["title"], "é");
}

pub(crate) fn the_default_bucket<D: Driver>(kinto: &Kinto<D>) {
    let own = kinto.alice.send(server_info()).unwrap().user.unwrap().bucket.unwrap();
    let todos = bucket("default").collection(&kinto.id).records();
    assert_eq!(kinto.alice.send(todos.list()).unwrap().items, []);
    let created = kinto.alice.send(todos.create("milk", &json!({"id": "milk", "n": 1}))).unwrap();
    assert_eq!((created.id.as_str(), &created.data["n"]), ("milk", &json!(1)));

    let the_same = bucket(&own).collection(&kinto.id).records();
    assert_eq!(kinto.alice.send(the_same.get("milk")).unwrap(), created);
    assert_eq!(status(kinto.bob.send(the_same.get("milk"))), (403, Some(121)));
    let his = kinto.bob.send(todos.list()).unwrap();
    assert_eq!(his.items, [], "everybody has one");
    assert_eq!(status(kinto.anonymous.send(todos.list())), (401, Some(104)));
    assert_eq!(kinto.alice.send(bucket("default").collections().get(&kinto.id)).unwrap().id, kinto.id);
    assert_eq!(kinto.alice.send(todos.delete_all()).unwrap().len(), 1);
}
