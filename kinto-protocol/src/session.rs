//! What all exchanges with one server share.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use zeroize::Zeroizing;

use crate::auth::Auth;
use crate::call::{Call, add_header};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::id::IdRule;
use crate::memory::Memory;
use crate::moment::Moment;
use crate::policy::Policy;
use crate::retry;
use crate::root::Root;
use crate::secrets::Secrets;

/// A request to be put on the wire.
pub type Request = http::Request<Bytes>;
/// An answer as it came from the wire.
pub type Response = http::Response<Bytes>;

/// A server, who the caller is to it, how patient to be, and what the server has asked for so far.
///
/// Cheap to clone, and clones share the memory: when the server asks one of them for silence, all are silent. Only a
/// session makes an [`http::Request`] of a [`Call`], and the credentials go to its origin alone.
///
/// ```
/// use kinto_protocol::{Auth, Session, bucket};
///
/// let session = Session::builder("https://kinto.example/v1").auth(Auth::basic("alexis", "p4ssw0rd")).build()?;
/// let request = session.request(&bucket("blog").collections().get("posts"))?;
/// assert_eq!(request.uri(), "https://kinto.example/v1/buckets/blog/collections/posts");
/// assert_eq!(format!("{:?}", request.headers()["authorization"]), "Sensitive");
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[derive(Clone)]
pub struct Session {
    settings: Arc<Settings>,
    memory: Arc<Memory>,
}

#[derive(Clone)]
struct Settings {
    root: Root,
    headers: HeaderMap,
    id_rule: IdRule,
    policy: Policy,
    allow_insecure_http: bool,
    observer: Option<Observer>,
}

impl Settings {
    /// What is sent to places that are no part of the API: the name of the program, and nothing else of the caller's. What
    /// comes from there is checked against what is known of it, byte by byte: it is to come as it is.
    fn headers_elsewhere(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.extend(self.headers.get(USER_AGENT).map(|agent| (USER_AGENT, agent.clone())));
        headers
    }

    /// The one place where credentials are taken.
    fn authorize(&mut self, auth: Option<Auth>) -> Result<()> {
        let Some(auth) = auth else {
            self.headers.remove(AUTHORIZATION);
            return Ok(());
        };
        self.admit_secrets()?;
        self.headers.insert(AUTHORIZATION, auth.header()?);
        Ok(())
    }

    /// Whether credentials may go to this server.
    fn admit_secrets(&self) -> Result<()> {
        if self.root.is_in_clear() && !self.allow_insecure_http {
            let why = format!("the credentials would go over the network in clear, to {}", self.root);
            return Err(Error::input(why).hint("use https, or allow_insecure_http() where the network can be trusted"));
        }
        Ok(())
    }
}

/// Makes a [`Session`].
#[must_use]
pub struct SessionBuilder {
    /// With a password in it, where somebody put one there.
    url: Zeroizing<String>,
    auth: Option<Auth>,
    headers: Vec<(String, Zeroizing<String>)>,
    user_agents: Vec<String>,
    id_rule: IdRule,
    policy: Policy,
    allow_insecure_http: bool,
    observer: Option<Observer>,
    seed: Option<u128>,
}

impl Session {
    /// Begins with the URL of the API, which normally ends in `/v1`.
    pub fn builder(url: impl Into<String>) -> SessionBuilder {
        SessionBuilder {
            url: Zeroizing::new(url.into()),
            auth: None,
            headers: Vec::new(),
            user_agents: vec![concat!("kinto-protocol/", env!("CARGO_PKG_VERSION")).to_owned()],
            id_rule: IdRule::default(),
            policy: Policy::default(),
            allow_insecure_http: false,
            observer: None,
            seed: None,
        }
    }

    /// The URL of the API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.root().to_string()
    }

    /// How patient it is, and where it stops.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// The same session with another policy. The memory stays shared.
    #[must_use]
    pub fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self {
        let mut settings = Settings::clone(&self.settings);
        change(&mut settings.policy);
        self.with(settings)
    }

    /// The same session with other credentials, or with none. The memory stays shared: it is the same server.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) when the credentials cannot be sent, or would go in clear over a
    /// network.
    pub fn with_auth(&self, auth: Option<Auth>) -> Result<Self> {
        let mut settings = Settings::clone(&self.settings);
        settings.authorize(auth)?;
        Ok(self.with(settings))
    }

    /// The same session with one more header on every request. The memory stays shared.
    ///
    /// # Errors
    ///
    /// As [`Call::header`].
    pub fn with_header(&self, name: &str, value: &str) -> Result<Self> {
        let mut settings = Settings::clone(&self.settings);
        add_header(&mut settings.headers, name, value)?;
        Ok(self.with(settings))
    }

    fn with(&self, settings: Settings) -> Self {
        Self { settings: Arc::new(settings), memory: Arc::clone(&self.memory) }
    }

    /// The same session that remembers nothing, and where its random numbers begin, if there are any.
    #[cfg(feature = "testing")]
    pub(crate) fn anew(&self) -> (Self, Option<u128>) {
        let seed = self.memory.new_seed();
        (Self { settings: Arc::clone(&self.settings), memory: Arc::new(Memory::new(seed)) }, seed)
    }

    /// Whether a call can be sent, alone or in a batch.
    pub(crate) fn admit(&self, call: &Call) -> Result<()> {
        call.path().check(self.settings.id_rule)?;
        if *call.method() == Method::CONNECT {
            // Its target would be a host, and no path.
            return Err(Error::input("the method CONNECT is for proxies, and no request to an API"));
        }
        if call.body_bytes().is_some() && !matches!(*call.method(), Method::PUT | Method::POST | Method::PATCH) {
            return Err(Error::input(format!("a {} request has no body", call.method())));
        }
        if call.uri_elsewhere().is_none() && !call.query_text().is_empty() {
            // In a batch nobody else would look at it.
            self.settings.root.uri(call.path().as_str(), call.query_text())?;
        }
        Ok(())
    }

    /// Whether credentials may go to this server, also those that it has yet to give.
    #[cfg(feature = "oauth")]
    pub(crate) fn admit_secrets(&self) -> Result<()> {
        self.settings.admit_secrets()
    }

    /// The only place where a `Call` becomes an `http::Request`.
    pub(crate) fn http_request(&self, call: &Call, redirected: Option<&http::Uri>) -> Result<Request> {
        self.admit(call)?;
        let settings = &*self.settings;
        let mut request = http::Request::new(call.body_bytes().cloned().unwrap_or_default());
        *request.method_mut() = call.method().clone();
        *request.uri_mut() = match redirected.or(call.uri_elsewhere()) {
            Some(uri) => uri.clone(),
            None => settings.root.uri(call.path().as_str(), call.query_text())?,
        };
        let mut headers = match call.uri_elsewhere() {
            Some(_) => settings.headers_elsewhere(),
            None => settings.headers.clone(),
        };
        call.write_headers(&mut headers)?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// What must not be repeated to anybody: the credentials, and all else whose value is nobody's business.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_headers(&self.settings.headers);
        secrets
    }

    /// The same, and what only this call knows.
    pub(crate) fn secrets_with(&self, call: &Call) -> Secrets {
        let mut secrets = self.secrets();
        call.add_secrets(&mut secrets);
        secrets
    }

    /// A text without the secrets of this session, for front-ends that show what was sent and what came.
    #[doc(hidden)]
    #[must_use]
    pub fn __without_secrets(&self, text: &str) -> String {
        self.secrets().hide(text).into_owned()
    }

    /// A place that the server names and that need not be at the origin of the API, such as a file's. One with credentials
    /// in it is refused: whoever is asked for it would read them.
    #[cfg(feature = "_elsewhere")]
    pub(crate) fn elsewhere(&self, url: &str) -> Result<http::Uri, &'static str> {
        if self.secrets().are_in_url(url) {
            return Err("its URL holds the credentials");
        }
        self.root().elsewhere(url)
    }

    /// Whether it is this very session, not only one of the same server.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.settings, &other.settings) && Arc::ptr_eq(&self.memory, &other.memory)
    }

    pub(crate) fn id_rule(&self) -> IdRule {
        self.settings.id_rule
    }

    pub(crate) fn root(&self) -> &Root {
        &self.settings.root
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Until when the server wants no requests, as it said in `Backoff`; in the past when it wants them. All exchanges of the
    /// session, and of its clones, keep to it.
    #[must_use]
    pub fn quiet_until(&self) -> Moment {
        self.memory.quiet_until()
    }

    /// A new id: a random UUID.
    pub(crate) fn new_id(&self) -> Result<String> {
        let none = || Error::input("new ids need random numbers, and this session has none");
        self.memory.new_id().ok_or_else(|| none().hint("give the session a seed, or the object an id"))
    }

    /// What every answer may say about all others.
    pub(crate) fn heed(&self, call: &Call, headers: &HeaderMap, now: Moment) {
        if let Some(wait) = retry::backoff(headers) {
            self.memory.keep_quiet(now.after(wait));
        }
        if let Some(alert) = headers.get("alert")
            && self.memory.is_news(alert)
        {
            let text = String::from_utf8_lossy(alert.as_bytes());
            let json: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text).ok();
            let member = |name: &str| json.as_ref()?.get(name)?.as_str();
            let message = member("message").unwrap_or(if json.is_some() { "" } else { &text });
            let secrets = self.secrets_with(call);
            let shown = |text| secrets.hide(text).into_owned();
            let (code, url) = (member("code").map(shown), member("url").map(shown));
            self.tell(&Event::Alert { code: code.as_deref(), message: &shown(message), url: url.as_deref() });
        }
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        crate::event::trace(event);
        if let Some(observer) = &self.settings.observer {
            observer(event);
        }
    }
}

impl SessionBuilder {
    /// Who the caller is. Without, requests are anonymous. Credentials go to the origin of the URL alone, and over plain HTTP only
    /// to this machine, see [`allow_insecure_http`](Self::allow_insecure_http).
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// A header for every request to the API, such as one that a gateway wants. Its value is shown nowhere. Names that the client
    /// sets itself are an error when the session is built, see [`Call::header`].
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// The name and version of the caller's program, put before this library's in `User-Agent`.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agents.insert(0, product.into());
        self
    }

    /// How patient to be, and where to stop: attempts, waits, time and size limits. Without, [`Policy::default`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Which ids are sent, and which are an error of the kind [`Input`](crate::ErrorKind::Input) before anything is: the
    /// server's own rule, or with [`IdRule::Wide`] that of servers with rules of their own.
    pub fn id_rule(mut self, rule: IdRule) -> Self {
        self.id_rule = rule;
        self
    }

    /// Sends credentials over plain HTTP to a host that is not this machine. Everybody on the way can read them.
    pub fn allow_insecure_http(mut self) -> Self {
        self.allow_insecure_http = true;
        self
    }

    /// Is told of answers, retries, waits and alerts, see [`Event`].
    pub fn observer(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Where random numbers begin: ids of new objects and waits come from it, so it must be different each time. The
    /// front-ends take care of it. Without, no new ids are made.
    pub fn seed(mut self, seed: u128) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The session.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) when the URL is not that of an HTTP API, when credentials or
    /// headers cannot be sent, and when credentials would go in clear over a network.
    pub fn build(self) -> Result<Session> {
        let root = Root::parse(&self.url)?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        #[cfg(feature = "gzip")]
        headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let agent = HeaderValue::try_from(self.user_agents.join(" "))
            .map_err(|_| Error::input("the user agent holds characters that no header can carry"))?;
        headers.insert(USER_AGENT, agent);
        for (name, value) in &self.headers {
            add_header(&mut headers, name, value)?;
        }
        let Self { id_rule, policy, allow_insecure_http, observer, .. } = self;
        let mut settings = Settings { root, headers, id_rule, policy, allow_insecure_http, observer };
        settings.authorize(self.auth)?;
        Ok(Session { settings: Arc::new(settings), memory: Arc::new(Memory::new(self.seed)) })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password, which is refused only when built.
        f.debug_struct("SessionBuilder").field("auth", &self.auth).finish_non_exhaustive()
    }
}
