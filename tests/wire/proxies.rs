//! Proxies from the environment: used where that was asked for, and told no more than they must know.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use kinto_tests::{Answer, Stub};

use crate::certificates::KNOWN;
use crate::child::{Child, PASSWORD, Task};
use crate::driver::{Driver, RECORD};
use crate::secure::{Act, Secure};
use crate::tunnel::{Manner, Tunnel};

pub(crate) fn stub() -> (Stub, u16) {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let port = stub.url().trim_start_matches("http://127.0.0.1:").trim_end_matches("/v1").parse().unwrap();
    (stub, port)
}

pub(crate) fn used_where_it_was_asked_for<D: Driver>() {
    let (stub, port) = stub();
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let tunnel = Tunnel::start(Manner::To(port));
        let child = Child::of::<D>(Task::Write).url(stub.url()).proxy_from_env().env(variable, &tunnel.url());
        assert_eq!(child.outcome(), "wrote a", "{variable}");
        assert_eq!(tunnel.asked(), [format!("CONNECT 127.0.0.1:{port} HTTP/1.1")], "{variable}");
        assert!(!tunnel.heads()[0].to_lowercase().contains("authorization"), "{}", tunnel.heads()[0]);
    }
    let requests = stub.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert!(request.starts_with("PUT /v1/buckets/b/"), "as to the server itself: {request}");
        assert!(request.to_lowercase().contains("authorization: basic ") && !request.contains("roxy-"), "{request}");
    }
}

pub(crate) fn used_for_https_without_reading_along<D: Driver>() {
    let server = Secure::start(Act::json(RECORD));
    let tunnel = Tunnel::start(Manner::To(server.port()));
    let child = Child::of::<D>(Task::Write).url(server.url()).trusting(KNOWN.pem()).proxy_from_env();
    assert_eq!(child.env("HTTPS_PROXY", &tunnel.url()).outcome(), "wrote a");
    assert_eq!(tunnel.asked(), [format!("CONNECT 127.0.0.1:{} HTTP/1.1", server.port())]);
    let known = format!("{}{}", tunnel.heads()[0], tunnel.through()).to_lowercase();
    assert!(!known.contains("authorization") && !known.contains("/buckets"), "{known}");
    assert!(server.seen()[0].text.to_lowercase().contains("authorization: basic "));
}

pub(crate) fn not_used_unless_it_was_asked_for<D: Driver>() {
    let (stub, port) = stub();
    let tunnel = Tunnel::start(Manner::To(port));
    let mut child = Child::of::<D>(Task::Write).url(stub.url());
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child = child.env(variable, &tunnel.url());
    }
    assert_eq!(child.outcome(), "wrote a");
    assert!(tunnel.asked().is_empty());
    // Not even looked at.
    let child = Child::of::<D>(Task::Write).url(stub.url()).env("HTTP_PROXY", "nonsense://");
    assert_eq!(child.outcome(), "wrote a");
}

pub(crate) fn not_used_for_those_excepted<D: Driver>() {
    let (stub, port) = stub();
    let url = format!("http://localhost:{port}/v1");
    for (url, excepted) in [
        (stub.url(), "127.0.0.1"),
        (&url, "localhost"),
        (&url, "LOCALHOST"),
        (&url, "*"),
        (&url, "other.example,localhost"),
        (&url, "other.example, localhost"),
    ] {
        let tunnel = Tunnel::start(Manner::To(port));
        let child = Child::of::<D>(Task::Write).url(url).proxy_from_env();
        let child = child.env("HTTP_PROXY", &tunnel.url()).env("NO_PROXY", excepted);
        assert_eq!((child.outcome().as_str(), tunnel.asked().len()), ("wrote a", 0), "{excepted}");
    }
    for others in ["other.example", "", "host", "127.0.0.2"] {
        let tunnel = Tunnel::start(Manner::To(port));
        let child = Child::of::<D>(Task::Write).url(&url).proxy_from_env();
        let child = child.env("HTTP_PROXY", &tunnel.url()).env("NO_PROXY", others);
        assert_eq!((child.outcome().as_str(), tunnel.asked().len()), ("wrote a", 1), "{others}");
    }
}

/// It gets its own password, and the server does not get it.
pub(crate) fn a_proxy_that_wants_a_password<D: Driver>() {
    let (stub, port) = stub();
    let tunnel = Tunnel::start(Manner::To(port));
    let child = Child::of::<D>(Task::Write).url(stub.url()).proxy_from_env();
    assert_eq!(child.env("HTTP_PROXY", &tunnel.url_with("user:p%40ss")).outcome(), "wrote a");
    let head = tunnel.heads()[0].to_lowercase();
    // user:p@ss
    assert!(head.contains("\r\nproxy-authorization: basic dxnlcjpwqhnz\r\n"), "{head}");
    assert!(!stub.requests()[0].to_lowercase().contains("proxy-"), "{}", stub.requests()[0]);
}

/// What a client says when the proxy does that instead of connecting.
fn refused<D: Driver>(manner: Manner) -> String {
    let tunnel = Tunnel::start(manner);
    let child = Child::of::<D>(Task::Write).url("http://127.0.0.1:9/v1").proxy_from_env();
    let outcome = child.env("HTTP_PROXY", &tunnel.url_with("user:s3cr3t")).outcome();
    assert!(!outcome.contains("s3cr3t") && !outcome.contains(PASSWORD), "{outcome}");
    assert_eq!(tunnel.asked().len(), 1);
    assert!(tunnel.through().is_empty(), "{}", tunnel.through());
    outcome
}

pub(crate) fn a_proxy_that_refuses<D: Driver>() {
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        "",
    ] {
        let outcome = refused::<D>(Manner::Say(answer));
        assert!(outcome.starts_with("Connect, not applied, 1 attempts: "), "{answer:?}: {outcome}");
    }
}

pub(crate) fn a_proxy_that_speaks_something_else<D: Driver>() {
    let outcome = refused::<D>(Manner::Say("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    assert!(outcome.starts_with("Connect, not applied, 1 attempts: "), "{outcome}");
}

pub(crate) fn a_proxy_that_stalls<D: Driver>() {
    let tunnel = Tunnel::start(Manner::Silence);
    let child = Child::of::<D>(Task::Write).url("http://127.0.0.1:9/v1").proxy_from_env();
    let start = Instant::now();
    let outcome = child.env("HTTP_PROXY", &tunnel.url()).env("WIRE_CONNECT", "80").outcome();
    assert!(outcome.starts_with("Timeout, not applied, 1 attempts: "), "{outcome}");
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
}

pub(crate) fn a_proxy_that_is_not_there<D: Driver>() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://user:s3cr3t@{}", free.local_addr().unwrap());
    drop(free);
    let child = Child::of::<D>(Task::Write).url("http://127.0.0.1:9/v1").proxy_from_env().env("HTTP_PROXY", &nobody);
    let outcome = child.outcome();
    assert!(outcome.starts_with("Connect, not applied, 1 attempts: ") && !outcome.contains("s3cr3t"), "{outcome}");
}

pub(crate) fn what_cannot_be_a_proxy_is_refused_at_once<D: Driver>() {
    for variable in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        for value in ["socks5://user:s3cr3t@127.0.0.1:1080", "https://user:s3cr3t@127.0.0.1:1", "http://s3cr3t here"] {
            let child = Child::of::<D>(Task::Write).url("http://127.0.0.1:9/v1").proxy_from_env().env(variable, value);
            let outcome = child.outcome();
            assert!(
                outcome.contains(", not applied, 0 attempts: ") && outcome.contains(variable),
                "{value}: {outcome}"
            );
            assert!(!outcome.contains("s3cr3t") && !outcome.contains("1080"), "{outcome}");
        }
    }
}
