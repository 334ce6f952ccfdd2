//! Errors as a newcomer meets them: one line that says what failed, where, why, and what to try.

use std::time::Duration;

use kinto_protocol::{Auth, Error, ErrorKind, GroupData, Merge, Permissions, bucket, buckets, heartbeat, server_info};
use serde_json::json;

use crate::canned::{answering, nobodys_url, sending};
use crate::context::{Kinto, refused};
use crate::driver::{Driver, Setup};

/// A client of another URL, which sends everything once.
fn client<D: Driver>(url: &str) -> D {
    D::build(Setup::of(url)).unwrap().once()
}

fn facts(error: &Error) -> (ErrorKind, Option<u16>, Option<u16>) {
    (error.kind(), error.status().map(|status| status.as_u16()), error.errno())
}

/// Whether these are in the line, in this order.
fn says(error: &Error, words: &[&str]) {
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    let mut rest = line.as_str();
    for word in words {
        let Some((_, after)) = rest.split_once(word) else { panic!("no \"{word}\" (here) in: {line}") };
        rest = after;
    }
}

pub(crate) fn a_wrong_path_in_the_url<D: Driver>(kinto: &Kinto<D>) {
    let client: D = client(&kinto.url.replace("/v1", "/nope/v1"));
    let unknown = "404 Not Found (errno 111): The resource you are looking for could not be found. \
                   (unknown URL: is the version in the base URL right, and the plugin on?)";
    let error = refused(client.send(server_info()));
    assert_eq!(facts(&error), (ErrorKind::Server, Some(404), Some(111)));
    assert_eq!(error.to_string(), format!("GET /: {unknown}"));
    let error = refused(client.send(bucket("b").collection("c").records().list()));
    assert_eq!(error.to_string(), format!("GET /buckets/b/collections/c/records: {unknown}"));

    let error = refused(client.send(buckets().create("b", &json!({}))));
    assert_eq!(facts(&error).0, ErrorKind::Redirect);
    let target = kinto.url.replace("/v1", "/v1/nope/v1/buckets/b");
    assert_eq!(
        error.to_string(),
        format!(
            "PUT /buckets/b: redirected (307) to \"{target}\", which a write does not follow \
             (is the base URL complete, with its version such as /v1?)"
        )
    );
    // That it is not there is not what this server says.
    let error = refused(client.send(bucket("b").collections().delete_if_present("c")));
    assert_eq!(error.kind(), ErrorKind::Redirect);
}

pub(crate) fn a_url_without_a_version<D: Driver>(kinto: &Kinto<D>) {
    let root = kinto.url.strip_suffix("/v1").unwrap();
    let client: D = client(root);
    // Reading follows.
    assert_eq!(client.send(server_info()).unwrap().url, Some(format!("{}/", kinto.url)));
    // Writing does not.
    let error = refused(client.send(buckets().create(&kinto.id, &json!({}))));
    assert_eq!(
        error.to_string(),
        format!(
            "PUT /buckets/{id}: redirected (307) to \"{url}/buckets/{id}\", which a write does not follow \
             (is the base URL complete, with its version such as /v1?)",
            id = kinto.id,
            url = kinto.url
        )
    );
    assert!(!error.maybe_applied() && !error.is_retryable());
    // A version that there is not.
    let error = refused(self::client::<D>(&format!("{root}/v2")).send(server_info()));
    assert_eq!(facts(&error), (ErrorKind::Server, Some(404), Some(116)));
    says(&error, &["GET /: 404 Not Found (errno 116): ", "version"]);
}

pub(crate) fn what_is_no_url<D: Driver>(_: &Kinto<D>) {
    for (url, why) in [
        ("kinto.example/v1", "it does not begin with https:// or http://"),
        ("http://alice:secret@kinto.example/v1", "it holds a user or an @; credentials go into auth"),
        ("http://kinto.example/v1?a=secret", "it has a query or a fragment"),
        ("http://kinto.example:99999/v1", "its port is not a number up to 65535"),
    ] {
        let error = refused(D::build(Setup::of(url)));
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!(
            error.to_string(),
            format!("the URL of the server cannot be used: {why} (it should look like https://kinto.example/v1)")
        );
    }
    let mut setup = Setup::of("http://kinto.example/v1");
    setup.auth = Some(Auth::basic("alice", "secret"));
    let error = refused(D::build(setup));
    assert_eq!(error.kind(), ErrorKind::Input);
    says(&error, &["http://", "https"]);
    assert!(!error.to_string().contains("secret"), "{error}");
}

pub(crate) fn nobody_there<D: Driver>(_: &Kinto<D>) {
    let url = nobodys_url();
    let client: D = client(&url);
    for error in [
        refused(client.send(server_info())),
        refused(client.send(buckets().create("b", &json!({})))),
        refused(client.send(buckets().list().page_size(3))),
    ] {
        assert_eq!(facts(&error), (ErrorKind::Connect, None, None));
        assert!(error.is_retryable() && !error.maybe_applied(), "{error}");
        let what = error.request().unwrap().to_string();
        says(
            &error,
            &[&what, &format!(": no connection to {url}: "), "refused", "(is the URL right, and the server running?)"],
        );
    }
    let patient = client.with_policy(|policy| {
        policy.attempts = 3;
        policy.first_wait = Duration::from_millis(1);
    });
    let error = refused(patient.send(heartbeat()));
    assert_eq!(error.attempts(), 3);
    says(&error, &["GET /__heartbeat__: no connection to ", ", after 3 attempts (is the URL right"]);

    let error = refused(self::client::<D>("http://no-such-host.invalid/v1").send(server_info()));
    assert_eq!(error.kind(), ErrorKind::Connect);
    says(
        &error,
        &["GET /: no connection to http://no-such-host.invalid/v1: ", "(is the URL right, and the server running?)"],
    );
}

pub(crate) fn something_else_there<D: Driver>(_: &Kinto<D>) {
    let ssh = sending("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    let error = refused(client::<D>(ssh.url()).send(server_info()));
    assert_eq!(facts(&error), (ErrorKind::Protocol, None, None));
    says(&error, &["GET /: what answers ", " does not speak HTTP", "(are host, port and scheme right?)"]);
    assert!(error.to_string().contains(ssh.url()), "{error}");
    let mute = sending("");
    let error = refused(client::<D>(mute.url()).send(buckets().create("b", &json!({}))));
    assert_eq!(facts(&error), (ErrorKind::Interrupted, None, None));
    assert!(error.maybe_applied());
    says(
        &error,
        &["PUT /buckets/b: the connection ", "broke before a complete answer", "; the change may have been applied"],
    );
}

pub(crate) fn a_wrong_password<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let before = kinto.record(&records, "a", json!({"n": 1}));
    let wrong = kinto.alice.with_auth(Some(Auth::basic("alice", "s3cr3t"))).unwrap();
    let path = records.object_path("a");
    let why = "401 Unauthorized (errno 104): Please authenticate yourself to use this endpoint. \
               (the credentials are missing or wrong: check them with server_info(), which shows the user)";
    for (method, error) in [
        ("PUT", refused(wrong.send(records.replace("a", &json!({}))))),
        ("DELETE", refused(wrong.send(records.delete("a")))),
        ("PATCH", refused(kinto.anonymous.send(records.patch("a", Merge::new(&json!({})))))),
        ("GET", refused(kinto.anonymous.send(records.get("a")))),
    ] {
        assert_eq!(facts(&error), (ErrorKind::Server, Some(401), Some(104)));
        assert_eq!(error.to_string(), format!("{method} {path}: {why}"));
        assert!(!error.maybe_applied() && !error.is_retryable());
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }
    assert_eq!(kinto.alice.send(records.get("a")).unwrap(), before);
}

pub(crate) fn what_is_not_there<D: Driver>(kinto: &Kinto<D>) {
    let forbidden = "403 Forbidden (errno 121): This user cannot access this resource. \
                     (not permitted, or the bucket does not exist: the server does not tell which)";
    let (id, bucket) = (&kinto.id, kinto.bucket());
    let records = bucket.collection("nope").records();
    let error = refused(kinto.alice.send(buckets().get(id)));
    assert_eq!(error.to_string(), format!("GET /buckets/{id}: {forbidden}"));
    assert!(error.is_forbidden() && !error.is_not_found());
    let error = refused(kinto.alice.send(records.get("a")));
    assert_eq!(error.to_string(), format!("GET {}: {forbidden}", records.object_path("a")));
    let error = refused(kinto.alice.send(bucket.collections().create("c", &json!({}))));
    assert_eq!(error.to_string(), format!("PUT /buckets/{id}/collections/c: {forbidden}"));
    let error = refused(kinto.alice.send(bucket.groups().create("g", &GroupData::of(["account:bob"]))));
    assert_eq!(error.to_string(), format!("PUT /buckets/{id}/groups/g: {forbidden}"));

    kinto.make_bucket();
    let missing =
        "404 Not Found (errno 111): collection nope does not exist (create the collection first, and its bucket)";
    for (error, what) in [
        (refused(kinto.alice.send(records.list())), format!("GET {}", records.path())),
        (refused(kinto.alice.send(records.create("a", &json!({})))), format!("PUT {}", records.object_path("a"))),
        (refused(kinto.alice.send(records.delete_all())), format!("DELETE {}", records.path())),
    ] {
        assert_eq!(facts(&error), (ErrorKind::Server, Some(404), Some(111)));
        assert_eq!(error.to_string(), format!("{what}: {missing}"));
        assert!(error.is_not_found());
    }

    kinto.alice.send(bucket.collections().create("nope", &json!({}))).unwrap();
    let error = refused(kinto.alice.send(records.get("a")));
    assert_eq!(
        error.to_string(),
        format!("GET {}: 404 Not Found (errno 110): record a does not exist", records.object_path("a"))
    );
    let error = refused(kinto.alice.send(bucket.groups().delete("staff")));
    assert_eq!(
        error.to_string(),
        format!("DELETE /buckets/{id}/groups/staff: 404 Not Found (errno 110): group staff does not exist")
    );
}

/// A bucket of somebody else is told like one that is not there.
pub(crate) fn what_others_may_not_make<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let error = refused(kinto.bob.send(records.create("a", &json!({}))));
    assert_eq!(facts(&error), (ErrorKind::Server, Some(403), Some(121)));
    says(
        &error,
        &[&format!("PUT {}: 403 ", records.object_path("a")), "(not permitted, or the bucket does not exist: "],
    );
}

/// Nobody says why where there is no body.
pub(crate) fn what_is_not_there_to_be_asked_about<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let error = refused(kinto.alice.send(records.head("a")));
    assert_eq!(facts(&error), (ErrorKind::Server, Some(404), None));
    says(&error, &[&format!("HEAD {}: 404 Not Found", records.object_path("a"))]);
    assert!(!error.to_string().contains("look like a Kinto server"), "nothing speaks against it: {error}");
}

pub(crate) fn what_is_not_there_to_be_replaced<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let error = refused(kinto.alice.send(records.replace("none", &json!({}))));
    assert_eq!(facts(&error), (ErrorKind::Server, Some(412), Some(114)));
    says(&error, &[&format!("PUT {}: 412 Precondition Failed", records.object_path("none"))]);
    // It was not modified meanwhile, as the server says.
    says(&error, &["not exist"]);
}

pub(crate) fn what_cannot_be_an_id<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for (id, why) in [
        ("", "it is empty"),
        ("..", "it would be taken for a step in the path"),
        ("a/b", "it holds a character that no path can carry safely"),
        ("a b", "it holds a character that no path can carry safely"),
        ("a\n", "it holds a character that no path can carry safely"),
    ] {
        let error = refused(kinto.alice.send(records.get(id)));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0));
        let shown = id.escape_debug();
        says(&error, &["GET ", &format!("the id \"{shown}\" cannot be used: {why}")]);
    }
    let error = refused(kinto.alice.send(records.create("a.b", &json!({}))));
    says(
        &error,
        &[
            "the id \"a.b\" cannot be used: ids are made of letters, digits, - and _",
            "(if this server accepts such ids, allow them with IdRule::Wide)",
        ],
    );
    assert_eq!(refused(kinto.alice.send(bucket("a.b").collections().list())).kind(), ErrorKind::Input);
    assert_eq!(refused(kinto.alice.send(buckets().delete(""))).kind(), ErrorKind::Input);
}

pub(crate) fn what_changed_meanwhile<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let first = kinto.record(&records, "a", json!({"n": 1}));
    kinto.alice.send(records.replace("a", &json!({"n": 2}))).unwrap();
    let path = records.object_path("a");
    let why = "412 Precondition Failed (errno 114): Resource was modified meanwhile";
    let decide = "(it is there already, or was changed meanwhile: read it and decide)";
    for (error, method) in [
        (refused(kinto.alice.send(records.update(&first))), "PUT"),
        (refused(kinto.alice.send(records.create("a", &json!({})))), "PUT"),
        (refused(kinto.alice.send(records.delete(&first))), "DELETE"),
    ] {
        assert_eq!(error.to_string(), format!("{method} {path}: {why} {decide}"));
        assert!(error.is_precondition_failed() && !error.is_retryable());
    }
}

pub(crate) fn what_the_server_finds_invalid<D: Driver>(kinto: &Kinto<D>) {
    let bucket = kinto.make_bucket();
    let schema = json!({"schema": {"type": "object", "properties": {"title": {"type": "string"}}}});
    kinto.alice.send(bucket.collections().create("c", &schema)).unwrap();
    let records = bucket.collection("c").records();
    let error = refused(kinto.alice.send(records.create("a", &json!({"title": 1}))));
    assert_eq!(
        error.to_string(),
        format!(
            "PUT {}: 400 Invalid parameters (errno 107): title in body: 1 is not of type 'string'",
            records.object_path("a")
        )
    );
    let kinto_protocol::Details::Invalid(invalid) = error.server().unwrap().details() else { panic!("{error:?}") };
    assert_eq!((invalid[0].location.as_str(), invalid[0].name.as_str()), ("body", "title"));
    assert_eq!(invalid[0].description, "1 is not of type 'string'");
    let fine = kinto.alice.send(records.create("a", &json!({"title": "x"}))).unwrap();
    let collection = kinto.alice.send(bucket.collections().get("c")).unwrap();
    assert_eq!(fine.data["schema"], json!(collection.last_modified));

    let unknown = Permissions::new().grant("fly", ["account:bob"]);
    let error = refused(kinto.alice.send(records.replace_permissions("a", unknown)));
    says(&error, &["400 Invalid parameters (errno 107): ", "\"fly\" is not one of read, write"]);
}

pub(crate) fn a_proxy_that_answers_for_the_server<D: Driver>(_: &Kinto<D>) {
    let html = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>nginx</body></html>";
    let proxy = answering("502 Bad Gateway", "text/html", html);
    let error = refused(client::<D>(proxy.url()).send(buckets().create("b", &json!({}))));
    assert_eq!(facts(&error), (ErrorKind::Server, Some(502), None));
    assert_eq!(
        error.to_string(),
        "PUT /buckets/b: 502 Bad Gateway: the body is not Kinto's, it begins with <html> <head><title>502 Bad \
         Gateway</title></head> <body>nginx</body></html>; the change may have been applied \
         (the fault is the server's: try later, or ask its operators)"
    );
    assert!(error.is_retryable() && error.maybe_applied());

    let login = answering("200 OK", "text/html; charset=utf-8", "<html>Please log in</html>");
    let error = refused(client::<D>(login.url()).send(server_info()));
    assert_eq!(facts(&error), (ErrorKind::Decode, None, None));
    says(
        &error,
        &[
            "GET /: the body of the 200 answer cannot be used, it is not JSON (it calls itself text/html; charset=utf-8)",
            "(is the base URL that of a Kinto server, or did a proxy or login page answer?)",
        ],
    );

    let broken = answering("200 OK", "application/json", "{\"data\": {\"id\": ");
    let error = refused(client::<D>(broken.url()).send(buckets().get("b")));
    assert_eq!(error.kind(), ErrorKind::Decode);
    says(&error, &["GET /buckets/b: the body of the 200 answer cannot be used, it is not JSON: EOF while parsing"]);

    let other = answering("200 OK", "application/json", r#"{"message": "Hello"}"#);
    let error = refused(client::<D>(other.url()).send(buckets().replace("b", &json!({}))));
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.maybe_applied(), "{error}");
    says(
        &error,
        &[
            "PUT /buckets/b: the body of the 200 answer cannot be used, it is not of the expected shape: ",
            "missing field `data`",
            "; the change may have been applied",
        ],
    );

    let missing = answering("404 Not Found", "text/html", "<h1>Not here</h1>");
    let error = refused(client::<D>(missing.url()).send(bucket("b").collections().delete_if_present("c")));
    assert_eq!(
        error.to_string(),
        "DELETE /buckets/b/collections/c: 404 Not Found: the body is not Kinto's, it begins with <h1>Not here</h1> \
         (this does not look like a Kinto server: is the base URL right, /v1 included?)"
    );
    let forbidden = answering("403 Forbidden", "text/html", "<h1>No</h1>");
    let error = refused(client::<D>(forbidden.url()).send(buckets().delete_if_present("b")));
    says(&error, &["DELETE /buckets/b: 403 Forbidden: the body is not Kinto's, it begins with <h1>No</h1>"]);
}

/// The root of anything that speaks JSON is not one of a Kinto server.
pub(crate) fn another_service_that_speaks_json<D: Driver>(_: &Kinto<D>) {
    let other = answering("200 OK", "application/json", r#"{"message": "Hello"}"#);
    let info = client::<D>(other.url()).send(server_info()).unwrap();
    assert_eq!((info.project_name, info.user), (None, None), "nothing is known of it");
}
