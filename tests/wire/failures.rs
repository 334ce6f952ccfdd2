//! Servers that are not there, go away, or are something else.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use kinto_protocol::{ErrorKind, server_info};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::driver::{Driver, client, records};

pub(crate) fn an_answer_that_is_cut_off_is_none<D: Driver>() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\":{\"id\":\"a\",\"last_modified\":7}}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n25\r\n{\"data\":{\"id\":\"a\",\"last_modified\":7}}\r\n",
        "",
    ] {
        let stub = Stub::start(move |_, _| Answer::Close(cut.as_bytes().to_vec()));
        let error = client::<D>(stub.url(), |_| {}).send(records().create("a", &json!({}))).unwrap_err();
        assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{cut:?}: {error}");
    }
}

pub(crate) fn where_nothing_was_sent_it_is_known<D: Driver>() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    let error = client::<D>(&url, |policy| policy.attempts = 3).send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::Connect && !error.maybe_applied() && error.attempts() == 3, "{error}");

    let error = client::<D>("http://does-not-exist.invalid/v1", |_| {}).send(server_info()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
}

pub(crate) fn no_tls_where_it_was_asked_for_is_an_error_at_once<D: Driver>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        // A server of plain HTTP takes the beginning of TLS for a bad request.
        for mut connection in listener.incoming().map_while(Result::ok) {
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = client::<D>(&url, |policy| policy.attempts = 3).send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::Tls && !error.maybe_applied() && error.attempts() == 1, "{error}");
}

pub(crate) fn what_does_not_speak_http_is_named<D: Driver>() {
    for words in ["SSH-2.0-OpenSSH_9.2\r\n", "220 mail.example ESMTP\r\n", "HTTP/1.1 abc\r\n\r\n", "\u{15}\u{3}\u{1}"] {
        let stub = Stub::start(|_, _| Answer::Close(words.as_bytes().to_vec()));
        let error = client::<D>(stub.url(), |policy| policy.attempts = 3).send(server_info()).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Protocol, 1), "{words:?}: {error}");
    }
}
