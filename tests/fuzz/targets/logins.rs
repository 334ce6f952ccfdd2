//! Whoever comes to the page of a login: with the secret a browser, without it anybody.

use kinto_protocol::Login;
use kinto_protocol::openid::Heard;

use super::bench::{self, Bench};

const PORT: u16 = 49_152;
const SECRET: u128 = 0x5ec4e7;
const HELLO: &[u8] = br#"200

{"capabilities": {"openid": {"providers": [{"name": "a", "auth_path": "/openid/a/login"}]}}}"#;

pub(super) fn run(bytes: &[u8]) {
    // What the server says of its providers.
    let hello = [b"200\n\n", bytes].concat();
    if let Ok(callback) = Bench::new("", &hello).read(Login::new().provider("a").begin(PORT, SECRET)) {
        let url: http::Uri = callback.login_url().parse().expect("a URL");
        assert_eq!(url.authority().map(|it| it.as_str()), Some("here.example"), "{url}");
    }
    let callback = Bench::new("", HELLO).read(Login::new().begin(PORT, SECRET)).expect("a login");
    let whole = callback.visit().take(bytes);
    look_at(&whole, bytes);
    // However it comes in pieces, the same is heard, as far as it is heard at all.
    for size in [1, 7, 1_000] {
        let mut visit = callback.visit();
        let heard = bytes.chunks(size).map(|piece| visit.take(piece)).find(|heard| !matches!(heard, Heard::More));
        if let Some(heard) = heard {
            look_at(&heard, bytes);
        }
    }
    // What a browser brings, as this stands behind the callback.
    let target = String::from_utf8_lossy(bytes);
    let request = format!("GET /auth/{SECRET:032x}/{target} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n");
    look_at(&callback.visit().take(request.as_bytes()), request.as_bytes());
}

fn look_at(heard: &Heard, bytes: &[u8]) {
    let page = match heard {
        Heard::More => return,
        Heard::Answer(page) => page,
        Heard::Done(page, result) => {
            let secret = format!("/auth/{SECRET:032x}/");
            let knows = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(knows, "a login by somebody who does not know its secret");
            match result {
                Ok(token) => {
                    assert!(!token.access_token.is_empty(), "a token");
                    let shown = format!("{token:?}");
                    let long = token.access_token.len() > 20;
                    assert!(!long || !shown.contains(&token.access_token), "{shown}");
                    drop(kinto_protocol::Session::builder("https://here.example/v1").auth(token.auth()).build());
                }
                Err(error) => bench::look_at_line(error),
            }
            page
        }
    };
    let page = std::str::from_utf8(page).expect("a page of text");
    let (head, body) = page.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 "), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
}
