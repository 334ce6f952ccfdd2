//! Signing in through a browser, on a server with OpenID and at an identity provider of the tests' own.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Once, OnceLock};
use std::thread;
use std::time::Duration;

use http::Method;
use kinto_protocol::{Auth, Details, ErrorKind, Login, Result, Token, bucket, buckets, endpoints, server_info};
use kinto_tests::KintoServer;
use serde_json::json;

use crate::canned::{answering, nobodys_url};
use crate::context::{Kinto, raw, refused};
use crate::driver::{Driver, RUNTIME, Setup};
use crate::identity::{ADDRESS, Chromium, IdentityProvider, Visited, access_token, browse, callback_in, encoded, get};

/// What a front-end must offer beside for its users to sign in.
pub(crate) trait SignIn: Driver {
    fn login(&self, login: Login, open: impl FnOnce(&str) -> io::Result<()> + Send) -> Result<Token>;
}

impl SignIn for kinto_blocking::Client {
    fn login(&self, login: Login, open: impl FnOnce(&str) -> io::Result<()> + Send) -> Result<Token> {
        Self::login(self, login, open)
    }
}

impl SignIn for kinto_async::Client {
    fn login(&self, login: Login, open: impl FnOnce(&str) -> io::Result<()> + Send) -> Result<Token> {
        RUNTIME.block_on(Self::login(self, login, open))
    }
}

/// A server of users of a provider, of which it knows one name or several.
fn server<D: SignIn>(kinto: &Kinto<D>, names: &'static [&'static str]) -> &'static str {
    static PROVIDER: OnceLock<IdentityProvider> = OnceLock::new();
    static SERVERS: [OnceLock<KintoServer>; 2] = [const { OnceLock::new() }; 2];
    let server = SERVERS[usize::from(names.len() > 1)].get_or_init(|| {
        let provider = PROVIDER.get_or_init(IdentityProvider::start);
        let mut builder = KintoServer::builder(kinto.backend);
        for name in names {
            builder = builder.openid(*name, provider.issuer(name));
        }
        builder.setting("multiauth.policy.typed.header_type", "Bearer+OIDC").start().unwrap()
    });
    server.url()
}

const ONE: &[&str] = &["only"];
const SEVERAL: &[&str] = &["one", "other", "typed", "denying", "refusing", "broken"];

fn client<D: SignIn>(url: &str) -> D {
    D::build(Setup::of(url)).unwrap()
}

/// Signs in with the browser that only follows.
fn log_in<D: SignIn>(client: &D, login: Login) -> (Result<Token>, Visited) {
    let mut browser = None;
    let result = client.login(login, |url| {
        browser = Some(browse(url));
        Ok(())
    });
    (result, browser.unwrap().join().unwrap())
}

/// The user is the one who signed in, and a user like any other.
fn is_somebody<D: SignIn>(kinto: &Kinto<D>, client: &D, token: &Token, provider: &str) {
    let client = client.with_auth(Some(token.auth())).unwrap();
    let user = client.send(server_info()).unwrap().user.unwrap();
    assert_eq!(user.id, format!("{provider}:{ADDRESS}"));
    assert_eq!(user.profile.unwrap()["name"], "Alexis");
    let id = kinto.other(provider);
    client.send(buckets().create(&id, &json!({}))).unwrap();
    let records = bucket(&id).collection("c").records();
    client.send(bucket(&id).collections().create("c", &json!({}))).unwrap();
    assert_eq!(client.send(records.create("a", &json!({"n": 1}))).unwrap().data["n"], 1);
}

pub(crate) fn with_the_only_provider<D: SignIn>(kinto: &Kinto<D>) {
    let client: D = client(server(kinto, ONE));
    let providers = client.send(server_info()).unwrap().openid_providers().unwrap();
    assert_eq!(providers.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ONE);
    let (result, visited) = log_in(&client, Login::new());
    let token = result.unwrap();
    assert_eq!(token.access_token, access_token("only"));
    assert_eq!((token.token_type.as_str(), token.expires_in), ("Bearer", Some(Duration::from_secs(86400))));
    assert_eq!(token.id_token.as_deref(), Some("x.y>>>z???~~~"));
    is_somebody(kinto, &client, &token, "only");
    assert_eq!(client.send(server_info()).unwrap().user, None, "the client itself stays who it was");

    // By way of the server and the provider, and back.
    assert_eq!(visited.urls.len(), 5, "{visited:?}");
    assert!(visited.urls[4].starts_with("http://127.0.0.1:"), "{visited:?}");
    assert!(visited.answer.starts_with("HTTP/1.1 200 ") && visited.answer.contains("You can close this window"));
    assert!(!visited.answer.contains("eyJ"), "{}", visited.answer);
    assert!(TcpStream::connect(host_of(&visited.urls[4])).is_err(), "nobody listens any more");

    // The server's own word on what was used already.
    let (_, query) = visited.urls[3].split_once('?').unwrap();
    let error = refused(client.send(raw(Method::GET, &endpoints::openid_token("only"), query)));
    assert_eq!(error.status().map(|status| status.as_u16()), Some(400));
    assert!(error.to_string().contains("Invalid state"), "{error}");
    assert!(matches!(error.server().unwrap().details(), Details::Invalid(..)), "{error:?}");
}

fn host_of(url: &str) -> &str {
    url.split('/').nth(2).unwrap()
}

pub(crate) fn with_a_real_browser<D: SignIn>(kinto: &Kinto<D>) {
    static SAID: Once = Once::new();
    let Some(program) = Chromium::program() else {
        SAID.call_once(|| {
            let line = "kinto-tests: LEFT OUT: signing in with a real browser, as chromium is not installed";
            let _ = writeln!(io::stderr().lock(), "{line}");
        });
        return;
    };
    let client: D = client(server(kinto, SEVERAL));
    let mut browser = None;
    let login = Login::new().provider("other").timeout(Duration::from_secs(120));
    let token = client.login(login, |url| {
        browser = Some(Chromium::open(&program, url)?);
        Ok(())
    });
    is_somebody(kinto, &client, &token.unwrap(), "other");
    drop(browser);
}

pub(crate) fn with_one_of_several<D: SignIn>(kinto: &Kinto<D>) {
    let client: D = client(server(kinto, SEVERAL));
    for name in ["one", "other"] {
        let (result, visited) = log_in(&client, Login::new().provider(name).scope("openid email profile"));
        let token = result.unwrap();
        assert_eq!(token.access_token, access_token(name));
        assert!(visited.urls[0].contains(&format!("/openid/{name}/login?")), "{visited:?}");
        is_somebody(kinto, &client, &token, name);
    }
    let never = |_: &str| -> io::Result<()> { panic!("no browser is opened") };
    let error = refused(client.login(Login::new(), never));
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains(&SEVERAL.join(", ")), "{error}");
    let error = refused(client.login(Login::new().provider("another"), never));
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("no OpenID provider \"another\""), "{error}");
    // The server that all share has no such plugin.
    let error = refused(kinto.alice.login(Login::new(), never));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("no plugin \"openid\""), "{error}");
    let error = refused(self::client::<D>(&nobodys_url()).once().login(Login::new(), never));
    assert_eq!(error.kind(), ErrorKind::Connect);
}

/// S58: the server wants another type in the header than it says.
pub(crate) fn s58_a_token_of_another_type<D: SignIn>(kinto: &Kinto<D>) {
    let client: D = client(server(kinto, SEVERAL));
    let providers = client.send(server_info()).unwrap().openid_providers().unwrap();
    let typed = providers.into_iter().find(|provider| provider.name == "typed").unwrap();
    assert_eq!(typed.header_type.as_deref(), Some("Bearer"));
    let token = log_in(&client, Login::new().provider("typed").token_type("Bearer+OIDC")).0.unwrap();
    assert_eq!(token.auth(), Auth::token("Bearer+OIDC", &access_token("typed")));
    is_somebody(kinto, &client, &token, "typed");
}

pub(crate) fn when_the_provider_refuses<D: SignIn>(kinto: &Kinto<D>) {
    let client: D = client(server(kinto, SEVERAL));
    for (login, kind, words) in [
        (Login::new().provider("denying"), ErrorKind::Login, "Nope, thé user & I say no (access_denied)"),
        (Login::new().provider("refusing"), ErrorKind::Login, "The code is too old (invalid_grant)"),
        (Login::new().provider("one").prompt_none(), ErrorKind::Login, "login_required (the user has to be asked"),
        (Login::new().provider("broken"), ErrorKind::Decode, "the answer of the identity provider is not JSON"),
    ] {
        let (result, visited) = log_in(&client, login);
        let error = refused(result);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
        assert!(visited.answer.starts_with("HTTP/1.1 400 "), "{visited:?}");
        assert!(visited.answer.contains("Signing in has failed"), "{visited:?}");
    }
}

/// A server that has a provider, and no more.
fn info() -> kinto_tests::Stub {
    let providers = json!([{"name": "a", "auth_path": "/openid/a/login"}]);
    answering("200 OK", "application/json", &json!({"capabilities": {"openid": {"providers": providers}}}).to_string())
}

pub(crate) fn whoever_else_comes<D: SignIn>(_: &Kinto<D>) {
    let stub = info();
    let mut browser = None;
    let token = client::<D>(stub.url()).login(Login::new().timeout(Duration::from_secs(30)), |url| {
        let callback = callback_in(url);
        browser = Some(thread::spawn(move || {
            let host = host_of(&callback).to_owned();
            let text = encoded(&["eyJhY2Nlc3NfdG9rZW4iOi", "AidCJ9"].concat());
            // Nobody comes from elsewhere.
            assert!(TcpStream::connect(host.replace("127.0.0.1", "127.0.0.2")).is_err());
            // More than are served, that send nothing or not all.
            let mut idle: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&host).unwrap()).collect();
            for stream in &mut idle[30..] {
                write!(stream, "GET {} HTTP/1.1\r\nHo", &callback[7 + host.len()..]).unwrap();
            }
            let begins = |url: &str, headers: &[&str], status: &str| {
                let answer = get(url, headers);
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{url}: {answer}");
            };
            begins(&format!("http://{host}/favicon.ico"), &[], "404");
            begins(&format!("http://{host}/auth/{text}"), &[], "404");
            begins(&format!("{callback}{text}"), &["Host: kinto.example"], "421");
            begins(&format!("http://{host}/"), &[&format!("X: {}", "x".repeat(65_536 - 200))], "404");
            // The oldest have made way by now, and the newest have not.
            idle[0].set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            assert_eq!(idle[0].read(&mut [0]).unwrap(), 0);
            let newest = &mut idle[39];
            newest.set_nonblocking(true).unwrap();
            assert_eq!(newest.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            newest.set_nonblocking(false).unwrap();
            // In pieces.
            let mut stream = TcpStream::connect(&host).unwrap();
            let request = format!("GET {}{text} HTTP/1.1\r\nHost: {host}\r\n\r\n", &callback[7 + host.len()..]);
            for piece in request.as_bytes().chunks(50) {
                stream.write_all(piece).unwrap();
                stream.flush().unwrap();
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            // When it is over, it is over for all.
            for mut stream in idle {
                let mut rest = [0];
                assert!(matches!(stream.read(&mut rest), Ok(0) | Err(_)));
            }
            host
        }));
        Ok(())
    });
    assert_eq!(token.unwrap().auth(), Auth::bearer("t"));
    assert!(TcpStream::connect(browser.unwrap().join().unwrap()).is_err());
    assert_eq!(stub.requests().len(), 1, "the server is asked once");
}

pub(crate) fn when_nobody_signs_in<D: SignIn>(_: &Kinto<D>) {
    let stub = info();
    let client: D = client(stub.url());
    let mut opened = String::new();
    // A browser that was closed half way.
    let mut left = None;
    let error = refused(client.login(Login::new().timeout(Duration::from_millis(50)), |url| {
        url.clone_into(&mut opened);
        left = Some(TcpStream::connect(host_of(&callback_in(url)))?);
        Ok(())
    }));
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Deadline, true));
    assert_eq!(error.to_string(), "nobody has signed in within 0.05 s (what does the browser show?)");
    assert!(TcpStream::connect(host_of(&callback_in(&opened))).is_err());

    let error = refused(client.login(Login::new(), |url| {
        url.clone_into(&mut opened);
        Err(io::Error::other("there is no screen"))
    }));
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(error.to_string(), "the browser was not opened: there is no screen");
    assert!(TcpStream::connect(host_of(&callback_in(&opened))).is_err());
}

/// Two at a time do not meet: each has a port and a secret of its own.
pub(crate) fn side_by_side<D: SignIn>(_: &Kinto<D>) {
    let stub = info();
    let client: D = client(stub.url());
    let ours = client.login(Login::new(), |url| {
        let callback = callback_in(url);
        let theirs = |url: &str| {
            let other = callback_in(url);
            assert_ne!(host_of(&other), host_of(&callback));
            let secret = |url: &str| url.split('/').nth(4).unwrap().to_owned();
            assert_eq!(secret(&other).len(), 32);
            assert_ne!(secret(&other), secret(&callback));
            let mixed = other.replace(&secret(&other), &secret(&callback));
            thread::spawn(move || {
                assert!(get(&format!("{mixed}e30="), &[]).starts_with("HTTP/1.1 404 "));
                get(&format!("{other}e30="), &[])
            });
            Ok(())
        };
        // In a thread, as the one here may belong to a runtime already.
        let theirs = thread::scope(|scope| scope.spawn(|| client.login(Login::new(), theirs)).join().unwrap());
        assert!(refused(theirs).to_string().contains("no access_token"));
        Err(io::Error::other("enough"))
    });
    assert_eq!(refused(ours).kind(), ErrorKind::Other);
}
