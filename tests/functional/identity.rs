//! An identity provider, and browsers to visit it with: one that follows redirects and submits the first form, and a real
//! one where it is installed.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinto_tests::{Answer, OPENID_CLIENT, Stub};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// Who signs in, whoever asks.
pub(crate) const ADDRESS: &str = "alexis@example.com";

/// An identity provider that has several names, and behaves according to the one it is called by:
///
/// - `denying` sends the browser back without a code;
/// - `refusing` gives no token for its codes, and `broken` an error page;
/// - any other signs the user in.
pub(crate) struct IdentityProvider(Stub);

impl IdentityProvider {
    pub(crate) fn start() -> Self {
        // What was given out, and to which code.
        let codes = Mutex::new(BTreeMap::new());
        Self(Stub::start(move |number, request| {
            let (line, rest) = request.split_once("\r\n").unwrap();
            let target = line.split(' ').nth(1).unwrap();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let (name, action) = path.trim_start_matches('/').split_once('/').unwrap();
            let origin = format!("http://{}", header(rest, "host").unwrap());
            let asked = fields(query);
            match action {
                ".well-known/openid-configuration" => answer("200 OK", &json(&discovery(&format!("{origin}/{name}")))),
                "authorize" => authorize(name, &asked),
                "approve" => {
                    let code = format!("code {number}&=");
                    codes.lock().unwrap().insert(code.clone(), name.to_owned());
                    back(&asked, &[("code", &code)])
                }
                "token" => {
                    let body = fields(rest.split_once("\r\n\r\n").unwrap().1);
                    assert_eq!((body["client_id"].as_str(), body["client_secret"].as_str()), OPENID_CLIENT);
                    assert_eq!(body["grant_type"], "authorization_code");
                    let known = codes.lock().unwrap().remove(&body["code"]);
                    assert_eq!(known.as_deref(), Some(name), "a code is good once");
                    give(name)
                }
                "userinfo" => match header(rest, "authorization") {
                    Some(token) if token == format!("Bearer {}", access_token(name)) => {
                        answer("200 OK", &json(&json!({"sub": "007", "email": ADDRESS, "name": "Alexis"})))
                    }
                    _ => answer("401 Unauthorized", ""),
                },
                _ => answer("404 Not Found", ""),
            }
        }))
    }

    /// The URL of the provider when called by this name.
    pub(crate) fn issuer(&self, name: &str) -> String {
        format!("{}/{name}", self.0.url().trim_end_matches("/v1"))
    }
}

/// What it gives to this server: with all that base64 and percent-encoding have to say something about.
pub(crate) fn access_token(name: &str) -> String {
    format!("token+/of={name}~~~")
}

fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
    })
}

/// A form, which browsers with scripts submit by themselves; or no.
fn authorize(name: &str, asked: &BTreeMap<String, String>) -> Answer {
    assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", OPENID_CLIENT.0));
    assert!(asked["scope"].split(' ').any(|scope| scope == "email"), "{asked:?}");
    if name == "denying" {
        return back(asked, &[("error", "access_denied"), ("error_description", "Nope, thé user & I say no")]);
    }
    if asked.get("prompt").is_some_and(|prompt| prompt == "none") {
        return back(asked, &[("error", "login_required")]);
    }
    let page = format!(
        "<!doctype html><title>Who are you?</title><body onload=\"document.forms[0].submit()\">\
         <form action=\"/{name}/approve\"><input type=\"hidden\" name=\"redirect_uri\" value=\"{}\">\
         <input type=\"hidden\" name=\"state\" value=\"{}\"><button>Alexis</button></form>",
        asked["redirect_uri"], asked["state"]
    );
    assert!(!page.contains('&'), "nothing to escape: {page}");
    answer("200 OK", &format!("Content-Type: text/html\r\n\r\n{page}"))
}

/// Sends the browser back to the server.
fn back(asked: &BTreeMap<String, String>, said: &[(&str, &str)]) -> Answer {
    let said = said.iter().copied().chain([("state", asked["state"].as_str())]);
    let query: Vec<String> = said.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    answer("302 Found", &format!("Location: {}?{}\r\n\r\n", asked["redirect_uri"], query.join("&")))
}

fn give(name: &str) -> Answer {
    match name {
        "refusing" => answer(
            "400 Bad Request",
            &json(&json!({"error": "invalid_grant", "error_description": "The code is too old"})),
        ),
        "broken" => answer("500 Oops", "Content-Type: text/html\r\n\r\n<html><body>s3cr3t oops</body></html>"),
        _ => {
            // Characters that make `+` and `/` in base64.
            let id = "x.y>>>z???~~~";
            let token = json!({
                "access_token": access_token(name), "id_token": id, "expires_in": 86400, "token_type": "Bearer",
            });
            let text = STANDARD.encode(token.to_string());
            assert!(text.contains('+') || text.contains('/'), "{text}");
            answer("200 OK", &json(&token))
        }
    }
}

fn json(value: &Value) -> String {
    format!("Content-Type: application/json\r\n\r\n{value}")
}

fn answer(status: &str, rest: &str) -> Answer {
    let rest = if rest.is_empty() { "\r\n" } else { rest };
    Answer::Close(format!("HTTP/1.1 {status}\r\nConnection: close\r\n{rest}").into_bytes())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| {
        line.split_once(": ").filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned();
    let pairs = text.split('&').filter_map(|field| field.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// Every byte of it percent-encoded.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The URL of the callback in a login URL.
pub(crate) fn callback_in(login_url: &str) -> String {
    fields(login_url.split_once('?').unwrap().1)["callback"].clone()
}

/// What a browser came across: each URL, and the last answer.
#[derive(Debug)]
pub(crate) struct Visited {
    pub(crate) urls: Vec<String>,
    pub(crate) answer: String,
}

/// Follows redirects and submits the forms that it finds, in a thread.
pub(crate) fn browse(url: &str) -> JoinHandle<Visited> {
    let mut next = Some(url.to_owned());
    thread::spawn(move || {
        let mut visited = Visited { urls: Vec::new(), answer: String::new() };
        while let Some(url) = next {
            assert!(visited.urls.len() < 10, "in a circle: {visited:?}");
            visited.answer = get(&url, &[]);
            let origin = url.match_indices('/').nth(2).map_or(url.as_str(), |(end, _)| &url[..end]);
            next = header(&visited.answer, "location").map(str::to_owned).or_else(|| form(origin, &visited.answer));
            visited.urls.push(url);
        }
        visited
    })
}

/// The answer to a GET.
pub(crate) fn get(url: &str, headers: &[&str]) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, target) = rest.split_once('/').unwrap();
    let mut lines = format!("GET /{target} HTTP/1.1\r\nAccept: text/html\r\nConnection: close\r\n");
    if !headers.iter().any(|line| line.starts_with("Host:")) {
        lines.push_str(&format!("Host: {host}\r\n"));
    }
    for line in headers {
        lines.push_str(&format!("{line}\r\n"));
    }
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "{lines}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The URL that the first form leads to.
fn form(origin: &str, page: &str) -> Option<String> {
    let attribute = |text: &str, name: &str| {
        let start = text.split_once(&format!("{name}=\""))?.1;
        Some(start.split_once('"')?.0.to_owned())
    };
    let form = page.split_once("<form ")?.1;
    let inputs = form.split("<input ").skip(1);
    let fields = inputs
        .filter_map(|input| Some(format!("{}={}", attribute(input, "name")?, encoded(&attribute(input, "value")?))));
    Some(format!("{origin}{}?{}", attribute(form, "action")?, fields.collect::<Vec<_>>().join("&")))
}

/// A real browser without a window, with nothing remembered. It ends when dropped.
pub(crate) struct Chromium {
    child: Child,
    folder: PathBuf,
}

impl Chromium {
    /// Its program, where it is installed.
    pub(crate) fn program() -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        let names = ["chromium", "chromium-browser", "google-chrome"];
        env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|program| program.is_file())
    }

    /// Opens a URL.
    pub(crate) fn open(program: &PathBuf, url: &str) -> io::Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("kinto-tests-browser-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let child = Command::new(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg("--no-proxy-server")
            .arg(format!("--user-data-dir={}", folder.display()))
            .arg(url)
            // All that it leaves goes with the folder.
            .envs(["HOME", "TMPDIR"].map(|name| (name, &folder)))
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, folder })
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its helpers end when they notice, and may still be writing.
        for _ in 0..50 {
            if fs::remove_dir_all(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
