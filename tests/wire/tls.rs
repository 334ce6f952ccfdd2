//! Whom a client trusts, and what it says of those whom it does not.

use std::path::Path;

use kinto_protocol::{Error, ErrorKind};
use rustls::ServerConfig;
use serde_json::json;

use crate::certificates::{FUTURE, KNOWN, NOW, OTHER, PAST, self_signed};
use crate::child::{Child, Task};
use crate::driver::{Driver, RECORD, Setup, records};
use crate::secure::{Act, Secure};

pub(crate) fn a_server_whose_authority_is_known<D: Driver>() {
    let server = Secure::start(Act::json(RECORD));
    let client: D = Setup::of(server.url()).trusting(KNOWN.pem()).client();
    assert_eq!(client.send(records().get("a")).unwrap().id, "a");
    assert!(client.send(records().create("a", &json!({"n": 1}))).is_ok());
}

pub(crate) fn one_connection_serves_many_requests<D: Driver>() {
    let server = Secure::start(Act::json(RECORD));
    let client: D = Setup::of(server.url()).trusting(KNOWN.pem()).client();
    for _ in 0..5 {
        client.send(records().get("a")).unwrap();
    }
    assert_eq!(server.connections(), 1);
}

pub(crate) fn by_name_and_by_address<D: Driver>() {
    let server = Secure::with(KNOWN.server("localhost", NOW), Act::json(RECORD));
    let url = format!("https://localhost:{}/v1", server.port());
    let client: D = Setup::of(url).trusting(KNOWN.pem()).client();
    assert!(client.send(records().get("a")).is_ok());
}

/// The file may hold many, with remarks between them.
pub(crate) fn more_authorities_than_one<D: Driver>() {
    let both = format!("the first\n{}\nand another\n{}", OTHER.pem(), KNOWN.pem());
    let server = Secure::start(Act::json(RECORD));
    assert!(Setup::of(server.url()).trusting(both).client::<D>().send(records().get("a")).is_ok());
}

/// What a client says of that server. It says it at once, and tells the server nothing.
fn distrusted<D: Driver>(config: ServerConfig, roots: Option<&str>) -> Error {
    let server = Secure::with(config, Act::json(RECORD));
    let mut setup = Setup::of(server.url()).policy(|policy| policy.attempts = 3);
    setup.roots = roots.map(str::to_owned);
    let error = setup.client::<D>().send(records().create("a", &json!({"secret": 1}))).unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::Tls, 1, false), "{error}");
    let seen = server.seen();
    assert!(seen.len() == 1 && seen[0].text.is_empty(), "{}", seen[0].text);
    error
}

fn says(error: &Error, words: &str) {
    let line = error.to_string();
    assert!(line.to_lowercase().contains(words), "{line}");
    assert_eq!(line.matches("invalid peer certificate").count(), 1, "it is told once: {line}");
}

pub(crate) fn a_certificate_that_has_expired<D: Driver>() {
    says(&distrusted::<D>(KNOWN.server("127.0.0.1", PAST), Some(KNOWN.pem())), "expired");
}

pub(crate) fn a_certificate_that_is_not_valid_yet<D: Driver>() {
    says(&distrusted::<D>(KNOWN.server("127.0.0.1", FUTURE), Some(KNOWN.pem())), "not valid yet");
}

pub(crate) fn a_certificate_for_another_name<D: Driver>() {
    let error = distrusted::<D>(KNOWN.server("other.example", NOW), Some(KNOWN.pem()));
    says(&error, "not valid for name");
    says(&error, "other.example");
}

pub(crate) fn an_authority_that_nobody_knows<D: Driver>() {
    says(&distrusted::<D>(KNOWN.server("127.0.0.1", NOW), None), "unknownissuer");
}

pub(crate) fn an_authority_that_is_not_the_one_to_be_trusted<D: Driver>() {
    says(&distrusted::<D>(KNOWN.server("127.0.0.1", NOW), Some(OTHER.pem())), "unknownissuer");
}

pub(crate) fn a_certificate_that_vouches_for_itself<D: Driver>() {
    says(&distrusted::<D>(self_signed("127.0.0.1"), Some(KNOWN.pem())), "unknownissuer");
}

/// On Linux, a variable says which file holds the authorities of the system.
pub(crate) fn an_authority_that_the_system_trusts<D: Driver>() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("authorities-{}.pem", D::NAME));
    std::fs::write(&file, KNOWN.pem()).unwrap();
    let server = Secure::start(Act::json(RECORD));
    let child = Child::of::<D>(Task::Write).url(server.url()).env("SSL_CERT_FILE", file.to_str().unwrap());
    assert_eq!(child.outcome(), "wrote a");
}

pub(crate) fn what_is_no_certificate_is_refused_at_once<D: Driver>() {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no PEM at all", &key, broken, hollow] {
        let Err(error) = D::build(Setup::of("https://127.0.0.1/v1").trusting(pem)) else { panic!("{pem}") };
        assert!(error.kind() == ErrorKind::Tls && error.attempts() == 0 && !error.maybe_applied(), "{error}");
    }
    // One of them is not enough: what was to be trusted would not be.
    let Err(error) = D::build(Setup::of("https://127.0.0.1/v1").trusting(format!("{}{broken}", KNOWN.pem()))) else {
        panic!("half of it was taken")
    };
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
}
