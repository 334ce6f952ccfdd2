//! URLs of servers, as people write them and as nobody should.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use kinto_protocol::{Auth, ErrorKind, server_info};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::RECORD;
use crate::driver::{Driver, Setup};
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        I11 {
            urls_are_made_alike_once,
            urls_that_lead_nowhere_are_refused,
            without_a_version_the_redirect_is_explained;
            wire
        }
        I12 { a_user_in_the_url_is_refused_and_not_shown; wire }
        I13 { what_is_no_url_of_an_api_is_refused_and_not_shown; wire }
        I15 { an_ipv6_address_keeps_its_brackets; wire }
        S03 { a_password_in_the_url_is_in_no_error; wire }
        S13 { credentials_do_not_go_in_clear_over_a_network; wire }
    }
}

fn urls_are_made_alike_once<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let authority = stub.url().strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap().to_owned();
    for (url, path) in [
        (format!("http://{authority}/v1"), "/v1"),
        (format!("http://{authority}/v1/"), "/v1"),
        (format!("http://{authority}/v1///"), "/v1"),
        (format!("  http://{authority}/v1/  "), "/v1"),
        (format!("HTTP://{authority}/v1"), "/v1"),
        (format!("hTTp://{}/v1", authority.to_uppercase()), "/v1"),
        (format!("http://{authority}"), ""),
        (format!("http://{authority}/"), ""),
        (format!("http://{authority}/api/Kinto/v1/"), "/api/Kinto/v1"),
        (format!("http://{authority}/a%20b/v1"), "/a%20b/v1"),
    ] {
        let it = Place::<D>::at(&url);
        assert_eq!(it.client.session().url(), format!("http://{authority}{path}"), "{url}");
        it.client.send(records().get("a")).unwrap();
        let request = stub.requests().pop().unwrap();
        assert!(
            request.starts_with(&format!("GET {path}/buckets/b/collections/c/records/a HTTP/1.1\r\n")),
            "{request}"
        );
        assert!(request.to_lowercase().contains(&format!("\r\nhost: {authority}\r\n")), "{request}");
    }
}

/// None of these makes a client, and the error shows nothing of what is a secret.
fn refused<D: Driver>(urls: &[String], secret: &str) {
    for url in urls {
        let mut setup = Setup::of(url);
        setup.auth = Some(Auth::basic("me", "p4ss"));
        let error = D::build(setup).err().unwrap_or_else(|| panic!("{url:?} is taken"));
        let known = (error.kind(), error.attempts(), error.maybe_applied(), error.is_retryable());
        assert_eq!(known, (ErrorKind::Input, 0, false, false), "{url:?}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret) && !shown.contains("p4ss"), "{shown}");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
}

fn urls_that_lead_nowhere_are_refused<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let url = stub.url();
    refused::<D>(
        &[
            format!("{url}?s3cr3t=1"),
            format!("{url}#s3cr3t"),
            format!("{url}/?s3cr3t"),
            format!("{url}/../s3cr3t"),
            format!("{url}/./s3cr3t"),
            format!("{url}/%2e%2E/s3cr3t"),
            format!("{url}//s3cr3t"),
            format!("{url}/s3cr3t here"),
            format!("{url}/s3cr3t\there"),
            format!("{url}/s3cr3té"),
            url.replace("127.0.0.1", "127.0.0.1 "),
        ],
        "s3cr3t",
    );
    assert_eq!(stub.connections(), 0);
}

/// As a server answers who has left out the version.
fn without_a_version_the_redirect_is_explained<D: Driver>() {
    let stub = Stub::start(|_, request| {
        let path = request.split(' ').nth(1).unwrap();
        if path.starts_with("/v1/") {
            return Answer::json(200, RECORD);
        }
        let head = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: /v1{path}\r\nContent-Length: 0\r\n\r\n");
        Answer::Keep(head.into_bytes())
    });
    let it = Place::<D>::at(stub.url().strip_suffix("/v1").unwrap());
    it.client.send(server_info()).unwrap();
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    let before = stub.requests().len();
    let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
    let known = (error.kind(), error.attempts(), error.maybe_applied());
    assert_eq!(known, (ErrorKind::Redirect, 1, false), "{error}");
    let line = error.to_string();
    assert!(line.contains("(307) to \"/v1/buckets/b") && line.contains("with its version such as /v1?"), "{line}");
    assert_eq!(stub.requests().len(), before + 1);
}

fn a_user_in_the_url_is_refused_and_not_shown<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let urls =
        ["alexis:s3cr3t@", "s3cr3t@", ":s3cr3t@", "alexis:s3cr3t%40x@", "a:s3cr3t@evil.example@", "a:s3/cr3t@s3cr3t@"];
    let urls = urls.map(|user| stub.url().replace("http://", &format!("http://{user}")));
    refused::<D>(&urls, "s3cr3t");
    refused::<D>(&urls, "cr3t");
    assert_eq!((stub.requests().len(), stub.connections()), (0, 0));
}

fn what_is_no_url_of_an_api_is_refused_and_not_shown<D: Driver>() {
    let urls = [
        "",
        " ",
        "s3cr3t",
        "kinto.example/s3cr3t",
        "//kinto.example/s3cr3t",
        "://s3cr3t",
        "http:/s3cr3t",
        "http:s3cr3t",
        "http://",
        "https:///s3cr3t",
        "http://:80/s3cr3t",
        "ftp://kinto.example/s3cr3t",
        "file:///etc/s3cr3t",
        "javascript://s3cr3t",
        "ws://kinto.example/s3cr3t",
        "http://kinto.example\\@s3cr3t/v1",
        "http://kinto.example\\s3cr3t/v1",
        "http://kinto.example/v1\r\nX-Evil: s3cr3t",
        "http://kinto.example\r\n/s3cr3t",
        "\nhttp://kinto.example/s3cr3t",
        "http://kinto.example/v1\0s3cr3t",
        "http://kinto.example:99999/s3cr3t",
        "http://kinto.example:/s3cr3t",
        "http://kinto.example:8a/s3cr3t",
        "http://kintô.example/s3cr3t",
        "http://[::1/s3cr3t",
        "http://s3cr3t[]/v1",
    ];
    refused::<D>(&urls.map(str::to_owned), "s3cr3t");
}

fn an_ipv6_address_keeps_its_brackets<D: Driver>() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        tell.send(String::from_utf8(head).unwrap()).unwrap();
        let length = RECORD.len();
        connection
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{RECORD}").as_bytes())
            .unwrap();
    });
    let it = Place::<D>::at(&format!("http://{authority}/v1"));
    assert_eq!(it.client.session().url(), format!("http://{authority}/v1"));
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    let head = told.recv().unwrap();
    assert!(authority.starts_with("[::1]:"));
    assert!(head.to_lowercase().contains(&format!("\r\nhost: {authority}\r\n")), "{head}");
    // This machine by its other names is no network either.
    for local in ["http://[::1]/v1", "http://[::1]:8888/v1"] {
        assert_eq!(Place::<D>::at(local).client.session().url(), local);
    }
}

fn a_password_in_the_url_is_in_no_error<D: Driver>() {
    // Neither when the client is made, nor by what it is made of, nor where a server sends it.
    for url in ["http://me:s3cr3t@127.0.0.1/v1", "https://s3cr3t@kinto.example/v1"] {
        let mut setup = Setup::of(url);
        setup.allow_insecure_http = true;
        let error = D::build(setup).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
        let builders = format!("{:?} {:?}", kinto_blocking::Client::builder(url), kinto_async::Client::builder(url));
        assert!(!builders.contains("s3cr3t"), "{builders}");
    }
    let location = "http://me:s3cr3t@127.0.0.1:1/v1/x?s3cr3t=1#s3cr3t";
    let stub = Stub::start(move |_, _| {
        let head = format!("HTTP/1.1 301 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        Answer::Keep(head.into_bytes())
    });
    let it = Place::<D>::at(stub.url());
    for error in [
        it.client.send(records().get("a")).map(drop).unwrap_err(),
        it.client.send(records().delete("a")).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("127.0.0.1:1/v1/x") && !shown.contains("s3cr3t") && !shown.contains("me@"), "{shown}");
    }
    assert_eq!(stub.requests().len(), 2);
}

fn credentials_do_not_go_in_clear_over_a_network<D: Driver>() {
    let setup = |url: &str, auth: bool| {
        let mut setup = Setup::of(url);
        setup.auth = auth.then(|| Auth::basic("me", "s3cr3t"));
        setup
    };
    for url in ["http://kinto.example/v1", "http://10.0.0.1/v1", "http://localhost.example/v1", "http://[fe80::1]/v1"] {
        let error = D::build(setup(url, true)).err().unwrap();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
        let line = error.to_string();
        assert!(
            line.contains("in clear") && line.contains("allow_insecure_http()") && !line.contains("s3cr3t"),
            "{line}"
        );
        // Nor may they be added later.
        let anonymous = D::build(setup(url, false)).unwrap();
        let error = anonymous.with_auth(Some(Auth::bearer("s3cr3t"))).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        // Whoever says so has it their way.
        let mut allowed = setup(url, true);
        allowed.allow_insecure_http = true;
        D::build(allowed).unwrap();
    }
    for url in ["http://localhost/v1", "http://127.0.0.1:1/v1", "http://127.9.9.9/v1", "https://kinto.example/v1"] {
        D::build(setup(url, true)).unwrap();
    }
}
