//! The password of a proxy: for the proxy alone, and not even it gets those of the server. It comes from the environment, so
//! that these are processes of their own.

use std::env;
use std::net::TcpListener;
use std::process::Command;

use kinto_protocol::{Auth, server_info};
use kinto_tests::{Answer, Stub};

use crate::canary::{PASSWORD, PROXY, found};
use crate::driver::RUNTIME;
use crate::logs;

/// All that such a process writes.
fn written(proxy: &str) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "proxies::task", "--nocapture"]).env("SECRETS_TASK", "yes");
    for name in ["https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        command.env_remove(name);
    }
    let output = command.env("http_proxy", proxy).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("client:") && text.contains("log: "), "{text}");
    text
}

#[test]
fn a_proxy_shows_its_password_nowhere() {
    // One that refuses and repeats it, one that is not there, and one that is none.
    let echo = format!("HTTP/1.1 407 {PROXY}\r\nX-Echo: {PROXY}\r\nContent-Length: 0\r\n\r\n");
    let refusing = Stub::start(move |_, _| Answer::Close(echo.clone().into()));
    let place = refusing.url().trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    for proxy in [
        format!("http://user:{PROXY}@{place}"),
        format!("http://user:{PROXY}@{gone}"),
        format!("socks5://user:{PROXY}@x"),
    ] {
        let text = written(&proxy);
        assert_eq!(found(&text), None, "{proxy}");
    }
    let heard = refusing.requests();
    assert!(heard.len() >= 2, "nobody went through it");
    for request in heard {
        let request = request.to_ascii_lowercase();
        assert!(request.starts_with("connect ") && request.contains("proxy-authorization: basic "), "{request}");
        assert!(!request.contains("\r\nauthorization:"), "{request}");
    }
}

/// What such a process does. In any other there is nothing to do.
#[test]
fn task() {
    if env::var("SECRETS_TASK").is_err() {
        return;
    }
    logs::listen();
    let auth = || Auth::basic("me", PASSWORD);
    let mut policy = kinto_protocol::Policy::default();
    policy.attempts = 1;
    const NOWHERE: &str = "http://127.0.0.1:9/v1";
    let blocking = kinto_blocking::Client::builder(NOWHERE).auth(auth()).policy(policy.clone()).proxy_from_env();
    println!("client: {blocking:?}");
    match blocking.build() {
        Ok(client) => println!("{client:?} {:?}", client.send(server_info()).unwrap_err()),
        Err(error) => println!("{error} {error:?}"),
    }
    let client = kinto_async::Client::builder(NOWHERE).auth(auth()).policy(policy).proxy_from_env();
    println!("client: {client:?}");
    match client.build() {
        Ok(client) => println!("{client:?} {:?}", RUNTIME.block_on(client.send(server_info())).unwrap_err()),
        Err(error) => println!("{error} {error:?}"),
    }
    log::debug!("the end");
    logs::lines().iter().for_each(|(target, line)| println!("log: {target}: {line}"));
}
