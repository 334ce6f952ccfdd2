//! What a front-end must offer for the scenarios to run with it.

use kinto_protocol::{Auth, Event, Flow, List, ListItem, Listing, Policy, Result, Session};

/// Who is told of events.
pub(crate) type Observer = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// How a client is to be made.
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) auth: Option<Auth>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) user_agent: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) observer: Option<Observer>,
}

impl Setup {
    /// Of nobody, with retries that come soon.
    pub(crate) fn of(url: impl Into<String>) -> Self {
        let mut policy = Policy::default();
        policy.attempts = 5;
        policy.first_wait = std::time::Duration::from_millis(10);
        Self { url: url.into(), auth: None, headers: Vec::new(), user_agent: None, policy, observer: None }
    }
}

/// A client, whichever front-end it belongs to.
pub(crate) trait Driver: Clone + Send + Sync + 'static {
    fn build(setup: Setup) -> Result<Self>;
    fn session(&self) -> &Session;
    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self;
    fn with_auth(&self, auth: Option<Auth>) -> Result<Self>;
    fn with_header(&self, name: &str, value: &str) -> Result<Self>;
    fn send<F: Flow>(&self, flow: F) -> Result<F::Output>;
    fn pages<I: ListItem>(&self, list: List<I>) -> impl Iterator<Item = Result<Listing<I>>>;
    fn items<I: ListItem>(&self, list: List<I>) -> impl Iterator<Item = Result<I>>;

    /// The same client, which sends everything once.
    fn once(&self) -> Self {
        self.with_policy(|policy| policy.attempts = 1)
    }
}

impl Driver for kinto_blocking::Client {
    fn build(setup: Setup) -> Result<Self> {
        let mut builder = Self::builder(setup.url).policy(setup.policy);
        if let Some(auth) = setup.auth {
            builder = builder.auth(auth);
        }
        for (name, value) in setup.headers {
            builder = builder.header(name, value);
        }
        if let Some(product) = setup.user_agent {
            builder = builder.user_agent(product);
        }
        if let Some(observer) = setup.observer {
            builder = builder.observer(observer);
        }
        builder.build()
    }

    fn session(&self) -> &Session {
        Self::session(self)
    }

    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self {
        Self::with_policy(self, change)
    }

    fn with_auth(&self, auth: Option<Auth>) -> Result<Self> {
        Self::with_auth(self, auth)
    }

    fn with_header(&self, name: &str, value: &str) -> Result<Self> {
        Self::with_header(self, name, value)
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        Self::send(self, flow)
    }

    fn pages<I: ListItem>(&self, list: List<I>) -> impl Iterator<Item = Result<Listing<I>>> {
        Self::pages(self, list)
    }

    fn items<I: ListItem>(&self, list: List<I>) -> impl Iterator<Item = Result<I>> {
        Self::items(self, list)
    }
}
