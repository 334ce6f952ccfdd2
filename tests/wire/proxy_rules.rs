//! Which proxy is used for what: where the two libraries beneath have rules of their own, the clients must not.

use crate::certificates::{KNOWN, NOW};
use crate::child::{Child, Task};
use crate::driver::{Driver, RECORD};
use crate::proxies::stub;
use crate::secure::{Act, Secure};
use crate::tunnel::{Manner, Tunnel};

pub(crate) fn each_scheme_has_its_own_proxy<D: Driver>() {
    let (stub, port) = stub();
    let server = Secure::start(Act::json(RECORD));
    let (plain, secure) = (Tunnel::start(Manner::To(port)), Tunnel::start(Manner::To(server.port())));
    for url in [stub.url().to_owned(), server.url()] {
        let child = Child::of::<D>(Task::Write).url(url).trusting(KNOWN.pem()).proxy_from_env();
        let child = child.env("HTTP_PROXY", &plain.url()).env("HTTPS_PROXY", &secure.url());
        assert_eq!(child.outcome(), "wrote a");
    }
    assert_eq!(plain.asked(), [format!("CONNECT 127.0.0.1:{port} HTTP/1.1")]);
    assert_eq!(secure.asked(), [format!("CONNECT 127.0.0.1:{} HTTP/1.1", server.port())]);
}

/// A proxy reads what is not encrypted: one that was named for other things does not get it.
pub(crate) fn a_proxy_for_https_is_none_for_http<D: Driver>() {
    let (stub, port) = stub();
    let tunnel = Tunnel::start(Manner::To(port));
    let child = Child::of::<D>(Task::Write).url(stub.url()).proxy_from_env().env("HTTPS_PROXY", &tunnel.url());
    assert_eq!(child.outcome(), "wrote a");
    assert!(tunnel.asked().is_empty(), "{:?}", tunnel.asked());
}

pub(crate) fn a_proxy_for_all_comes_last<D: Driver>() {
    let (stub, port) = stub();
    let (plain, all) = (Tunnel::start(Manner::To(port)), Tunnel::start(Manner::To(port)));
    let child = Child::of::<D>(Task::Write).url(stub.url()).proxy_from_env();
    let child = child.env("HTTP_PROXY", &plain.url()).env("ALL_PROXY", &all.url());
    assert_eq!(child.outcome(), "wrote a");
    assert_eq!((plain.asked().len(), all.asked().len()), (1, 0));
}

/// Nobody but the proxy knows that name.
pub(crate) fn plain_http_has_its_own_default_port<D: Driver>() {
    let (_stub, port) = stub();
    let tunnel = Tunnel::start(Manner::To(port));
    let child = Child::of::<D>(Task::Write).url("http://kinto.invalid/v1").proxy_from_env();
    assert_eq!(child.env("HTTP_PROXY", &tunnel.url()).outcome(), "wrote a");

    let server = Secure::with(KNOWN.server("kinto.invalid", NOW), Act::json(RECORD));
    let secure = Tunnel::start(Manner::To(server.port()));
    let child = Child::of::<D>(Task::Write).url("https://kinto.invalid/v1").trusting(KNOWN.pem()).proxy_from_env();
    assert_eq!(child.env("HTTPS_PROXY", &secure.url()).outcome(), "wrote a");
    assert_eq!(secure.asked(), ["CONNECT kinto.invalid:443 HTTP/1.1"]);
    assert_eq!(tunnel.asked(), ["CONNECT kinto.invalid:80 HTTP/1.1"]);
}

/// Whether the proxy is asked for a host while these are excepted. Where it is not, the host may well not be found.
fn is_asked<D: Driver>(host: &str, excepted: &str) -> bool {
    let (_stub, port) = stub();
    let tunnel = Tunnel::start(Manner::To(port));
    let child = Child::of::<D>(Task::Write).url(format!("http://{host}:{port}/v1")).proxy_from_env();
    let outcome = child.env("HTTP_PROXY", &tunnel.url()).env("NO_PROXY", excepted).outcome();
    let asked = !tunnel.asked().is_empty();
    assert!(!asked || outcome == "wrote a", "{outcome}");
    asked
}

/// As with curl and all that learned from it.
pub(crate) fn names_below_an_excepted_one<D: Driver>() {
    assert!(!is_asked::<D>("kinto.example.invalid", ".example.invalid"));
    assert!(is_asked::<D>("kinto-example.invalid", "example.invalid"));
    assert!(!is_asked::<D>("kinto.example.invalid", "example.invalid"), "a name stands for those below it too");
    assert!(!is_asked::<D>("example.invalid", ".example.invalid"), "and a dot in front makes no difference");
}

pub(crate) fn networks_that_are_excepted<D: Driver>() {
    assert!(is_asked::<D>("127.0.0.1", "10.0.0.0/8"));
    assert!(!is_asked::<D>("127.0.0.1", "127.0.0.0/8"));
}

/// In a process that answers a request by CGI, `HTTP_PROXY` is what somebody wrote into the request's header `Proxy`.
pub(crate) fn the_header_of_a_cgi_request_is_no_proxy<D: Driver>() {
    let (stub, port) = stub();
    let tunnel = Tunnel::start(Manner::To(port));
    let child = Child::of::<D>(Task::Write).url(stub.url()).proxy_from_env();
    let child = child.env("HTTP_PROXY", &tunnel.url()).env("REQUEST_METHOD", "GET");
    assert_eq!(child.outcome(), "wrote a");
    assert!(tunnel.asked().is_empty(), "{:?}", tunnel.asked());
}
