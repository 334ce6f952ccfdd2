//! Logins without a browser: what is opened, and what is said to whatever comes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{BeginLogin, Callback, Heard, Login, OpenIdProvider, Token};
use crate::auth::Auth;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Step;
use crate::moment::Moment;
use crate::server::ServerInfo;
use crate::session::Session;

const SECRET: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
const PATH: &str = "/auth/0123456789abcdef0123456789abcdef/";
const PORT: u16 = 49152;

fn session(url: &str) -> Session {
    Session::builder(url).build().unwrap()
}

/// What comes of a login's beginning at a server with these capabilities.
fn begun_at(session: &Session, capabilities: &Value, login: Login) -> Result<Callback> {
    let now = Moment::default();
    let mut exchange = session.exchange(login.begin(PORT, SECRET));
    let request = match exchange.next(now) {
        Step::Send(request, _) => request,
        Step::Done(result) => return result,
        Step::Wait(_) => panic!("nothing to wait for"),
    };
    assert_eq!((request.method().as_str(), request.uri().path()), ("GET", "/v1/"));
    exchange.handle(Ok(http::Response::new(json!({"capabilities": capabilities}).to_string().into())), now);
    let Step::Done(result) = exchange.next(now) else { panic!("more is asked") };
    result
}

fn providers(names: &[&str]) -> Value {
    let provider = |name: &&str| json!({"name": name, "auth_path": format!("/openid/{name}/login")});
    json!({"openid": {"description": "", "url": "", "providers": names.iter().map(provider).collect::<Vec<_>>()}})
}

fn begun(login: Login) -> Callback {
    begun_at(&session("http://localhost:8888/v1"), &providers(&["a"]), login).unwrap()
}

fn refused<T>(result: Result<T>) -> Error {
    result.err().expect("it is refused")
}

/// What is said to a request, all of it at once.
fn heard(callback: &Callback, request: &str) -> Heard {
    callback.visit().take(request.as_bytes())
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nAccept: text/html\r\n\r\n")
}

/// What comes of a browser that comes back with this behind the callback.
fn back_with(login: Login, text: &str) -> Result<Token> {
    match heard(&begun(login), &get(&format!("{PATH}{text}"))) {
        Heard::Done(answer, result) => {
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with(if result.is_ok() { "HTTP/1.1 200 " } else { "HTTP/1.1 400 " }), "{answer}");
            assert!(text.is_empty() || !answer.contains(text), "{answer}");
            result
        }
        other => panic!("{other:?}"),
    }
}

/// As the server writes it: standard base64, percent-encoded but for the slash.
fn encoded(answer: &[u8]) -> String {
    STANDARD.encode(answer).replace('+', "%2B").replace('=', "%3D")
}

fn answered(answer: &Value) -> Result<Token> {
    back_with(Login::new(), &encoded(answer.to_string().as_bytes()))
}

fn status(heard: &Heard) -> &str {
    let Heard::Answer(answer) = heard else { panic!("{heard:?}") };
    std::str::from_utf8(&answer[9..12]).unwrap()
}

#[test]
fn what_the_server_tells_of_its_providers() {
    let info: ServerInfo = serde_json::from_value(json!({"capabilities": {"openid": {"providers": [{
        "name": "fake", "issuer": "http://idp", "auth_path": "/openid/fake/login", "client_id": "cid", "audience": "",
        "header_type": "Bearer", "userinfo_endpoint": "http://idp/userinfo", "more": 1,
    }, {"name": "bare", "auth_path": "/x"}]}}}))
    .unwrap();
    let found = info.openid_providers().unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].name.as_str(), found[0].auth_path.as_str()), ("fake", "/openid/fake/login"));
    assert_eq!(found[0].issuer.as_deref(), Some("http://idp"));
    assert_eq!(found[0].userinfo_endpoint.as_deref(), Some("http://idp/userinfo"));
    assert_eq!((found[1].header_type.as_deref(), found[1].client_id.as_deref()), (None, None));

    let info: ServerInfo = serde_json::from_value(json!({"capabilities": {"history": {}}})).unwrap();
    let error = refused(info.openid_providers());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.to_string(), "the server has no plugin \"openid\"; it has history");
    for odd in [json!({}), json!({"providers": 1}), json!({"providers": [{"name": "a"}]}), json!({"providers": ["a"]})]
    {
        let info: ServerInfo = serde_json::from_value(json!({"capabilities": {"openid": odd}})).unwrap();
        assert_eq!(refused(info.openid_providers()).kind(), ErrorKind::Decode, "{odd}");
    }
}

#[test]
fn one_is_chosen() {
    let chosen = |names: &[&str], login| begun_at(&session("https://kinto.example/v1"), &providers(names), login);
    let path = |callback: Callback| callback.login_url().split('?').next().unwrap().to_owned();
    assert_eq!(path(chosen(&["a"], Login::new()).unwrap()), "https://kinto.example/v1/openid/a/login");
    let second = chosen(&["a", "b"], Login::new().provider("b")).unwrap();
    assert_eq!(path(second), "https://kinto.example/v1/openid/b/login");

    let error = refused(chosen(&["a", "b"], Login::new()));
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("several OpenID providers: a, b"), "{error}");
    let error = refused(chosen(&["a", "b"], Login::new().provider("c")));
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("no OpenID provider \"c\"; it has a, b"), "{error}");
    for login in [Login::new(), Login::new().provider("a")] {
        assert_eq!(refused(chosen(&[], login.clone())).kind(), ErrorKind::Unsupported);
        let without = begun_at(&session("https://kinto.example/v1"), &json!({}), login);
        assert_eq!(refused(without).kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn the_url_to_open() {
    assert_eq!(
        begun(Login::new()).login_url(),
        "http://localhost:8888/v1/openid/a/login?callback=http%3A%2F%2F127.0.0.1%3A49152%2Fauth%2F\
         0123456789abcdef0123456789abcdef%2F&scope=openid%20email"
    );
    let url = begun(Login::new().scope("openid profile&x").prompt_none()).login_url().to_owned();
    assert!(url.ends_with("%2F&scope=openid%20profile%26x&prompt=none"), "{url}");
    let short = Login::new().begin(1, 5);
    assert!(!format!("{short:?}").contains('5'), "{short:?}");
}

#[test]
fn the_login_stays_at_the_origin_of_the_api() {
    let at = |auth_path: &str| {
        let provider: OpenIdProvider = serde_json::from_value(json!({"name": "a", "auth_path": auth_path})).unwrap();
        provider.login_url(session("https://kinto.example").root(), &[])
    };
    assert_eq!(at("/openid/x%20y/login").unwrap(), "https://kinto.example/openid/x%20y/login");
    for elsewhere in [
        "//evil.example/login",
        "https://evil.example/login",
        "@evil.example/",
        ".evil.example/login",
        ":1/login",
        "/\\evil.example/login",
        "/../login",
        "/a/%2e%2E/login",
        "/login?callback=https://evil.example/",
        "/login#",
        "/lo gin",
        "/login\r\nX: 1",
        "",
        "/",
    ] {
        let error = refused(at(elsewhere));
        assert_eq!(error.kind(), ErrorKind::Decode, "{elsewhere}");
    }
}

#[test]
fn secrets_do_not_go_in_clear_over_a_network() {
    let clear = session("http://kinto.example/v1");
    let error = refused(begun_at(&clear, &providers(&["a"]), Login::new()));
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0));
    assert!(error.to_string().contains("in clear, to http://kinto.example/v1"), "{error}");
    let allowed = Session::builder("http://kinto.example/v1").allow_insecure_http().build().unwrap();
    assert!(begun_at(&allowed, &providers(&["a"]), Login::new()).is_ok());
    // And what the user would sign in for in vain.
    for login in [Login::new().scope(" "), Login::new().token_type("Bearer abc"), Login::new().token_type("")] {
        let error = refused(begun_at(&session("http://localhost:1/v1"), &json!({}), login));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
    }
}

#[test]
fn the_token() {
    // Its base64 has all that is not letters and digits.
    let encoded = encoded(
        br#"{"access_token":"good-token+/=","token_type":"Bearer","expires_in":86400,"id_token":"x.y.z_>>>???~~~","scope":"openid","refresh_token":"r3fresh","other":[1]}"#,
    );
    assert!(encoded.contains('/') && encoded.contains("%2B") && encoded.ends_with("%3D%3D"), "{encoded}");
    let token = back_with(Login::new(), &encoded).unwrap();
    assert_eq!((token.access_token.as_str(), token.token_type.as_str()), ("good-token+/=", "Bearer"));
    assert_eq!(token.expires_in, Some(Duration::from_secs(86400)));
    assert!(token.id_token.as_deref().unwrap().starts_with("x.y.z"));
    assert_eq!((token.scope.as_deref(), token.refresh_token.as_deref()), (Some("openid"), Some("r3fresh")));
    assert_eq!(token.auth(), Auth::bearer("good-token+/="));
    let shown = format!("{token:?}");
    for secret in ["good-token", "x.y.z", "r3fresh"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    // However it was encoded on the way.
    for same in [encoded.replace('/', "%2f"), encoded.replace("%2B", "+"), encoded.replace("%3D", "=")] {
        assert_eq!(back_with(Login::new(), &same).unwrap(), token);
    }
    assert_eq!(back_with(Login::new(), &encoded.replace("%3D", "")).unwrap(), token);
}

#[test]
fn tokens_that_say_less() {
    let bare = answered(&json!({"access_token": "t"})).unwrap();
    assert_eq!((bare.auth(), bare.expires_in, bare.id_token), (Auth::bearer("t"), None, None));
    let of_type = answered(&json!({"access_token": "t", "token_type": "bearer"})).unwrap();
    assert_eq!(of_type.auth(), Auth::token("bearer", "t"));
    let answer = json!({"access_token": "t", "token_type": "Bearer"}).to_string();
    let ours = back_with(Login::new().token_type("Bearer+OIDC"), &encoded(answer.as_bytes())).unwrap();
    assert_eq!(ours.auth(), Auth::token("Bearer+OIDC", "t"));
    let lasting = |seconds: Value| answered(&json!({"access_token": "t", "expires_in": seconds})).unwrap().expires_in;
    assert_eq!(lasting(json!("3600")), Some(Duration::from_secs(3600)));
    assert_eq!(lasting(json!(0.5)), Some(Duration::from_millis(500)));
    for odd in [json!(-1), json!(1e300), json!("soon"), json!("NaN"), json!("inf"), json!([]), json!(null)] {
        assert_eq!(lasting(odd.clone()), None, "{odd}");
    }
}

#[test]
fn what_the_provider_says_when_it_refuses() {
    let line = |result: Result<Token>| {
        let error = refused(result);
        assert_eq!(error.kind(), ErrorKind::Login);
        assert!(!error.is_retryable());
        error.to_string().strip_prefix("the identity provider did not sign the user in: ").unwrap().to_owned()
    };
    let json = |answer: Value| line(answered(&answer));
    assert_eq!(
        json(json!({"error": "invalid_grant", "error_description": "The code\nis too old"})),
        "The code\\nis too old (invalid_grant)"
    );
    assert_eq!(json(json!({"error": "invalid_client"})), "invalid_client");
    assert_eq!(json(json!({"error": {"code": "x1", "message": "No such client"}})), "No such client (x1)");
    assert_eq!(json(json!({"error": null})), "it gave no reason");
    assert_eq!(json(json!({"error": 5, "error_description": ""})), "it gave no reason");
    // With which the provider sends the browser back, and the server passes on as it is.
    let form = |text: &str| line(back_with(Login::new(), text));
    assert_eq!(
        form("error=access_denied&error_description=Nope%2C+th%C3%A9+user+says+no"),
        "Nope, thé user says no (access_denied)"
    );
    assert_eq!(form("error=server_error"), "server_error");
    assert_eq!(form("error="), "it gave no reason");
    assert_eq!(form("error=%FF&error_description"), "\u{fffd}");
    let hinted = form("error=login_required");
    assert_eq!(hinted, "login_required (the user has to be asked: log in without prompt_none())");
    assert!(form(&format!("error={}", "x".repeat(5000))).len() < 1000);
}

#[test]
fn what_is_no_token_is_an_error_that_does_not_show_it() {
    let s3cr3t = |bytes: &[u8]| encoded(bytes);
    for (text, why) in [
        (String::new(), "is not JSON"),
        (s3cr3t(b"<html><body>s3cr3t is broken</body></html>"), "is not JSON"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t"), "is not JSON"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t\xff\"}"), "is not JSON"),
        (s3cr3t(b"\xff\xfe"), "is not JSON"),
        (s3cr3t(b"[\"s3cr3t\"]"), "is not an object"),
        (s3cr3t(b"\"s3cr3t\""), "is not an object"),
        (s3cr3t(b"{}"), "holds no access_token"),
        (s3cr3t(b"{\"access_token\": null, \"id_token\": \"s3cr3t\"}"), "holds no access_token"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t s3cr3t\"}"), "the token holds spaces"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t\\r\\nX: 1\"}"), "the token holds spaces"),
        (s3cr3t(b"{\"access_token\": \"\"}"), "the token is empty"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t\", \"token_type\": \"a b\"}"), "the type of the token"),
        ("s3cr3t!".into(), "is not in base64"),
        ("%FF%00s3cr3t".into(), "is not in base64"),
        ("%".into(), "is not in base64"),
        ("eyJh-_".into(), "is not in base64"),
        ("favicon.ico".into(), "is not in base64"),
    ] {
        let error = refused(back_with(Login::new(), &text));
        assert_eq!(error.kind(), ErrorKind::Decode, "{text}");
        let line = error.to_string();
        assert!(line.starts_with("the answer of the identity provider ") && line.contains(why), "{line}");
        assert!(!format!("{line} {error:?} {:?}", error.cause()).contains("s3cr3t"), "{line}");
    }
}

#[test]
fn what_others_ask_for_does_not_end_the_login() {
    let callback = begun(Login::new());
    let token = encoded(b"{\"access_token\": \"t\"}");
    let host = format!("Host: 127.0.0.1:{PORT}\r\n");
    let wrong = PATH.replace("f/", "e/");
    for (request, expected) in [
        (get("/favicon.ico"), "404"),
        (get("/"), "404"),
        (get(&PATH[..PATH.len() - 1]), "404"),
        (get(&format!("{wrong}{token}")), "404"),
        (get(&format!("/auth/{token}")), "404"),
        (get(&format!("/x/..{PATH}{token}")), "404"),
        (get(&format!("http://127.0.0.1:{PORT}{PATH}{token}")), "404"),
        (format!("POST {PATH}{token} HTTP/1.1\r\n{host}\r\n"), "405"),
        (format!("HEAD {PATH}{token} HTTP/1.1\r\n{host}\r\n"), "405"),
        // Names that somebody has made lead here.
        (format!("GET {PATH}{token} HTTP/1.1\r\nHost: evil.example:{PORT}\r\n\r\n"), "421"),
        (format!("GET {PATH}{token} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), "421"),
        (format!("GET {PATH}{token} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"), "421"),
        (format!("GET {PATH}{token} HTTP/1.0\r\n\r\n"), "421"),
        (format!("GET {PATH}{token} HTTP/1.1\r\n{host}Host: evil.example\r\n\r\n"), "421"),
        ("GET\r\n\r\n".into(), "400"),
        ("\u{16}\u{3}\u{1}\r\n".into(), "400"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)), "431"),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(65)), "431"),
    ] {
        let answer = heard(&callback, &request);
        assert_eq!(status(&answer), expected, "{request}");
    }
    assert!(matches!(heard(&callback, &get(&format!("{PATH}{token}"))), Heard::Done(_, Ok(_))), "it is waited for");
    // A large one is none too many.
    let large = json!({"access_token": "t".repeat(40_000)}).to_string();
    let Heard::Done(_, Ok(large)) = heard(&callback, &get(&format!("{PATH}{}", encoded(large.as_bytes())))) else {
        panic!("a token of 40,000 bytes")
    };
    assert_eq!(large.access_token.len(), 40_000);
}

#[test]
fn the_page_tells_nobody_anything() {
    let callback = begun(Login::new());
    let Heard::Done(answer, _) = heard(&callback, &get(&format!("{PATH}{}", encoded(b"{\"access_token\":\"t\"}"))))
    else {
        panic!("not done")
    };
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    for header in [
        "Content-Type: text/html; charset=utf-8",
        &format!("Content-Length: {}", body.len()),
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "Connection: close",
    ] {
        assert!(head.contains(&format!("\r\n{header}\r\n")) || head.ends_with(header), "{header} is not in {head}");
    }
    assert!(body.contains("You can close this window") && !body.contains("<script"), "{body}");
    let Heard::Answer(answer) = heard(&callback, &get("/").replace("GET", "PUT")) else { panic!() };
    assert!(String::from_utf8(answer).unwrap().contains("\r\nAllow: GET\r\n"));
}

#[test]
fn in_as_many_pieces_as_it_comes() {
    let callback = begun(Login::new());
    let request = get(&format!("{PATH}{}", encoded(b"{\"access_token\":\"t\"}")));
    let mut visit = callback.visit();
    let (last, others) = request.as_bytes().split_last().unwrap();
    for byte in others {
        assert!(matches!(visit.take(&[*byte]), Heard::More));
    }
    assert!(matches!(visit.take(&[*last]), Heard::Done(_, Ok(_))));
    // One that never ends does, and another is not kept from being heard.
    let mut endless = callback.visit();
    let mut taken = 0;
    while matches!(endless.take(&[b'x'; 1000]), Heard::More) {
        taken += 1;
    }
    assert_eq!(taken, 65);
    assert!(matches!(endless.take(b"\n"), Heard::Answer(_)), "and stays ended");
    assert!(matches!(callback.visit().take(b""), Heard::More));
}

#[test]
fn nothing_that_comes_is_a_panic() {
    let callback = begun(Login::new());
    let mut dice = 7_u64;
    let mut roll = move |below: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(dice >> 33).unwrap() % below
    };
    let token = encoded(b"{\"access_token\":\"t\",\"expires_in\":\"9\",\"error\":{\"code\":1}}");
    let seeds =
        [get(&format!("{PATH}{token}")), get(&format!("{PATH}error=a&error_description=%E2%82%AC+b")), get("/")];
    for _ in 0..20_000 {
        let mut bytes = seeds[roll(seeds.len())].clone().into_bytes();
        for _ in 0..roll(6) {
            let at = roll(bytes.len());
            match roll(4) {
                0 => bytes[at] = u8::try_from(roll(256)).unwrap(),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, b"%/=+&\r\n\0"[roll(8)]),
                _ => bytes.extend_from_within(at..),
            }
        }
        let mut visit = callback.visit();
        for piece in bytes.chunks(1 + roll(200)) {
            let _ = format!("{:?}", visit.take(piece));
        }
        // Behind the path, where random bytes seldom get.
        let _ = Token::read(&String::from_utf8_lossy(&bytes), None);
        let noise: Vec<u8> = (0..roll(60)).map(|_| u8::try_from(roll(256)).unwrap()).collect();
        let _ = Token::read(&encoded(&noise), Some("Bearer"));
        let _ = callback.visit().take(&noise);
    }
}

#[test]
fn errors_of_the_machine_and_of_the_clock() {
    let callback = begun(Login::new().timeout(Duration::from_secs(90)));
    assert_eq!(callback.timeout(), Duration::from_secs(90));
    let error = callback.too_late();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Deadline, true));
    assert!(error.to_string().starts_with("nobody has signed in within 90 s"), "{error}");
    let error = callback.not_opened("no display");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Other, "the browser was not opened: no display")
    );
    assert!(error.cause().is_some());
    let error = Login::__unheard("address in use".into());
    assert!(error.to_string().ends_with(": address in use"), "{error}");
    assert!(!format!("{callback:?} {:?}", callback.visit()).contains("0123456789abcdef"));
}

#[test]
fn it_is_a_value_like_any_other() {
    fn is_one<T: Send + Sync + std::fmt::Debug + 'static>() {}
    is_one::<BeginLogin>();
    is_one::<Callback>();
    is_one::<Token>();
}
