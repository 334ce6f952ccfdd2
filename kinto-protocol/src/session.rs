//! What all exchanges with one server share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue};

use crate::auth::Auth;
use crate::call::{Call, header};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::id::{IdRule, uuid};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::policy::Policy;
use crate::root::Root;

/// A request to be put on the wire.
pub type Request = http::Request<Bytes>;
/// An answer as it came from the wire.
pub type Response = http::Response<Bytes>;

/// The retries that a session may make before successes have to earn more.
const BUDGET: u32 = 500;

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
    memory: Arc<Mutex<Memory>>,
}

#[derive(Clone)]
struct Settings {
    root: Root,
    headers: HeaderMap,
    id_rule: IdRule,
    policy: Policy,
    observer: Option<Observer>,
}

/// What the server asked for, and dice.
struct Memory {
    quiet_until: Moment,
    tokens: u32,
    dice: [u64; 2],
    last_alert: Option<Bytes>,
}

/// Makes a [`Session`].
#[must_use]
pub struct SessionBuilder {
    url: String,
    auth: Option<Auth>,
    headers: Vec<(String, String)>,
    user_agents: Vec<String>,
    id_rule: IdRule,
    policy: Policy,
    allow_insecure_http: bool,
    observer: Option<Observer>,
    seed: u128,
}

impl Session {
    /// Begins with the URL of the API, which normally ends in `/v1`.
    pub fn builder(url: impl Into<String>) -> SessionBuilder {
        SessionBuilder {
            url: url.into(),
            auth: None,
            headers: Vec::new(),
            user_agents: vec![concat!("kinto-protocol/", env!("CARGO_PKG_VERSION")).to_owned()],
            id_rule: IdRule::default(),
            policy: Policy::default(),
            allow_insecure_http: false,
            observer: None,
            seed: 0,
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
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) when the credentials cannot be sent.
    pub fn with_auth(&self, auth: Option<Auth>) -> Result<Self> {
        let mut settings = Settings::clone(&self.settings);
        match auth {
            Some(auth) => settings.headers.insert(AUTHORIZATION, auth.header()?),
            None => settings.headers.remove(AUTHORIZATION),
        };
        Ok(self.with(settings))
    }

    /// The same session with one more header on every request. The memory stays shared.
    ///
    /// # Errors
    ///
    /// As [`Call::header`].
    pub fn with_header(&self, name: &str, value: &str) -> Result<Self> {
        let (name, value) = header(name, value)?;
        let mut settings = Settings::clone(&self.settings);
        settings.headers.append(name, value);
        Ok(self.with(settings))
    }

    fn with(&self, settings: Settings) -> Self {
        Self { settings: Arc::new(settings), memory: Arc::clone(&self.memory) }
    }

    /// The request that an operation makes, without sending it: a dry run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) when it cannot be sent.
    pub fn request<O: Operation>(&self, operation: &O) -> Result<Request> {
        self.http_request(&operation.call(self)?, None)
    }

    /// The only place where a `Call` becomes an `http::Request`.
    pub(crate) fn http_request(&self, call: &Call, redirected: Option<&http::Uri>) -> Result<Request> {
        let settings = &*self.settings;
        call.path().check(settings.id_rule)?;
        let mut request = http::Request::new(call.body_bytes().cloned().unwrap_or_default());
        *request.method_mut() = call.method().clone();
        *request.uri_mut() = match redirected {
            Some(uri) => uri.clone(),
            None => settings.root.uri(call.path().as_str(), call.query_text())?,
        };
        let mut headers = settings.headers.clone();
        call.write_headers(&mut headers)?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    pub(crate) fn root(&self) -> &Root {
        &self.settings.root
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // What is in there is whole after every statement, whoever panicked elsewhere.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new id: a random UUID.
    pub(crate) fn new_id(&self) -> String {
        let mut memory = self.memory();
        // Two rows of dice, so that all 128 bits of the seed count.
        uuid(u128::from(memory.roll(0)) << 64 | u128::from(memory.roll(1)))
    }

    pub(crate) fn roll(&self) -> u64 {
        self.memory().roll(0)
    }

    /// Until when the server wants no requests.
    #[must_use]
    pub fn quiet_until(&self) -> Moment {
        self.memory().quiet_until
    }

    /// Closes the gate until then. It never opens earlier than was once asked for.
    pub(crate) fn keep_quiet(&self, until: Moment) {
        let mut memory = self.memory();
        memory.quiet_until = memory.quiet_until.max(until);
    }

    /// Takes what a retry costs, if there is enough left.
    pub(crate) fn spend(&self, tokens: u32) -> bool {
        let mut memory = self.memory();
        let left = memory.tokens.checked_sub(tokens);
        memory.tokens = left.unwrap_or(memory.tokens);
        left.is_some()
    }

    /// Gives back a little for a success.
    pub(crate) fn earn(&self) {
        let mut memory = self.memory();
        memory.tokens = (memory.tokens + 1).min(BUDGET);
    }

    /// Whether this alert has not been told before.
    pub(crate) fn is_news(&self, alert: &HeaderValue) -> bool {
        let mut memory = self.memory();
        let news = memory.last_alert.as_deref() != Some(alert.as_bytes());
        if news {
            memory.last_alert = Some(Bytes::copy_from_slice(alert.as_bytes()));
        }
        news
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        crate::event::trace(event);
        if let Some(observer) = &self.settings.observer {
            observer(event);
        }
    }
}

impl Memory {
    /// The next of an endless row of random numbers (splitmix64).
    fn roll(&mut self, row: usize) -> u64 {
        self.dice[row] = self.dice[row].wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice[row];
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl SessionBuilder {
    /// Who the caller is. Without, requests are anonymous.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// A header for every request. What it holds is treated like a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The name and version of the caller's program, put before this library's in `User-Agent`.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agents.insert(0, product.into());
        self
    }

    /// How patient to be, and where to stop.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Which ids are sent.
    pub fn id_rule(mut self, rule: IdRule) -> Self {
        self.id_rule = rule;
        self
    }

    /// Sends credentials over plain HTTP to a host that is not this machine. Everybody on the way can read them.
    pub fn allow_insecure_http(mut self) -> Self {
        self.allow_insecure_http = true;
        self
    }

    /// Is told of retries, waits and alerts, see [`Event`].
    pub fn observer(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Where random numbers begin: ids of new objects and waits come from it, so it must be different each time. The
    /// front-ends take care of it.
    pub fn seed(mut self, seed: u128) -> Self {
        self.seed = seed;
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
        let agent = HeaderValue::try_from(self.user_agents.join(" "))
            .map_err(|_| Error::input("the user agent holds characters that no header can carry"))?;
        headers.insert(USER_AGENT, agent);
        for (name, value) in &self.headers {
            let (name, value) = header(name, value)?;
            headers.append(name, value);
        }
        if let Some(auth) = &self.auth {
            if root.is_in_clear() && !self.allow_insecure_http {
                return Err(Error::input(format!("the credentials would go over the network in clear, to {root}"))
                    .hint("use https, or allow_insecure_http() where the network can be trusted"));
            }
            headers.insert(AUTHORIZATION, auth.header()?);
        }
        let (id_rule, policy, observer) = (self.id_rule, self.policy, self.observer);
        #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
        let dice = [(self.seed >> 64) as u64, self.seed as u64];
        let memory = Memory { quiet_until: Moment::default(), tokens: BUDGET, dice, last_alert: None };
        Ok(Session {
            settings: Arc::new(Settings { root, headers, id_rule, policy, observer }),
            memory: Arc::new(Mutex::new(memory)),
        })
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

/// The price of a retry, in tokens of the budget.
pub(crate) fn price(timed_out: bool) -> u32 {
    if timed_out { 10 } else { 5 }
}

/// How long a moment is still to come.
pub(crate) fn left(until: Moment, now: Moment) -> Option<Duration> {
    let left = now.until(until);
    (!left.is_zero()).then_some(left)
}
