//! What the clients of both front-ends have in common, word for word.
//!
//! Written once here, so that they cannot drift apart: a setting that one had and the other had not would make of the
//! choice between blocking and async more than a choice of style.

/// What the caller said about the wire.
#[doc(hidden)]
#[derive(Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "of the front-ends, not of their users")]
pub struct Wire {
    /// Whether to go through the proxy that the environment names.
    pub proxy_from_env: bool,
    /// The only authorities to be trusted, in PEM. Without TLS there is nobody to trust, and no way to say whom.
    pub roots: Option<Vec<u8>>,
}

/// Random numbers as the system makes them for cryptography.
#[doc(hidden)]
#[macro_export]
macro_rules! __random {
    () => {{
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map(|()| u128::from_ne_bytes(bytes))
            .map_err(|error| $crate::TransportError::new($crate::FailureKind::Other, error).not_sent())
    }};
}

/// The settings of a `ClientBuilder`, which has the fields `session: SessionBuilder` and `wire: Wire`.
#[doc(hidden)]
#[macro_export]
macro_rules! __client_builder_methods {
    () => {
        /// Who the caller is. Without, requests are anonymous. Credentials go to the origin of the URL alone, and over plain HTTP
        /// only to this machine, see [`allow_insecure_http`](Self::allow_insecure_http).
        pub fn auth(self, auth: $crate::Auth) -> Self {
            self.session(|session| session.auth(auth))
        }

        /// A header for every request to the API, such as one that a gateway wants. Its value is shown nowhere.
        pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.session(|session| session.header(name, value))
        }

        /// The name and version of the caller's program, put before this library's in `User-Agent`.
        pub fn user_agent(self, product: impl Into<String>) -> Self {
            self.session(|session| session.user_agent(product))
        }

        /// How patient to be, and where to stop: attempts, waits, limits of time and size. Without,
        /// [`Policy::default`](kinto_protocol::Policy).
        pub fn policy(self, policy: $crate::Policy) -> Self {
            self.session(|session| session.policy(policy))
        }

        /// Which ids are sent, and which are an error before anything is: see [`IdRule`](kinto_protocol::IdRule).
        pub fn id_rule(self, rule: $crate::IdRule) -> Self {
            self.session(|session| session.id_rule(rule))
        }

        /// Sends credentials over plain HTTP to a host that is not this machine. Everybody on the way can read them.
        pub fn allow_insecure_http(self) -> Self {
            self.session($crate::SessionBuilder::allow_insecure_http)
        }

        /// Is told of answers, retries, waits and alerts, while something is sent: see [`Event`](kinto_protocol::Event).
        pub fn observer(self, observer: impl Fn(&$crate::Event<'_>) + Send + Sync + 'static) -> Self {
            self.session(|session| session.observer(observer))
        }

        /// Goes through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), which
        /// has to be one of the kind `http://`. Without this, the environment is not looked at.
        pub fn proxy_from_env(mut self) -> Self {
            self.wire.proxy_from_env = true;
            self
        }

        /// Trusts the authorities whose certificates these are (in PEM), and no others: for servers whose certificates
        /// nobody else knows.
        #[cfg(feature = "_rustls")]
        pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
            self.wire.roots = Some(pem.into());
            self
        }

        /// The session, and the proxy on the way to its server.
        fn prepared(self) -> $crate::Result<($crate::Session, $crate::__Wire, Option<$crate::__Proxy>)> {
            // Without random numbers, waits are less spread and new ids could meet older ones: better none at all.
            let session = self.session.seed($crate::__random!()?).build()?;
            let from_env = self.wire.proxy_from_env;
            let proxy = if from_env { session.__proxy(|name| std::env::var(name).ok())? } else { None };
            Ok((session, self.wire, proxy))
        }

        fn session(mut self, change: impl FnOnce($crate::SessionBuilder) -> $crate::SessionBuilder) -> Self {
            self.session = change(self.session);
            self
        }
    };
}

/// The views of a `Client`, which has the fields `session: Session` and `transport: Arc<dyn Transport>`.
#[doc(hidden)]
#[macro_export]
macro_rules! __client_methods {
    () => {
        /// What it shares with its clones: the server, the credentials, the policy.
        #[must_use]
        pub fn session(&self) -> &$crate::Session {
            &self.session
        }

        /// The same client with another policy, for some of what is sent. It shares connections, the budget of retries and the
        /// silence that a server asks for. Limits of connections stay those that the client was made with.
        #[must_use]
        pub fn with_policy(&self, change: impl FnOnce(&mut $crate::Policy)) -> Self {
            self.with(self.session.with_policy(change))
        }

        /// The same client with other credentials, or with none. It shares connections and what is known of the server.
        ///
        /// # Errors
        ///
        /// As [`Session::with_auth`](kinto_protocol::Session::with_auth).
        pub fn with_auth(&self, auth: Option<$crate::Auth>) -> $crate::Result<Self> {
            self.session.with_auth(auth).map(|session| self.with(session))
        }

        /// The same client with one more header on every request.
        ///
        /// # Errors
        ///
        /// As [`Session::with_header`](kinto_protocol::Session::with_header).
        pub fn with_header(&self, name: &str, value: &str) -> $crate::Result<Self> {
            self.session.with_header(name, value).map(|session| self.with(session))
        }

        fn with(&self, session: $crate::Session) -> Self {
            Self { session, transport: std::sync::Arc::clone(&self.transport) }
        }
    };
}
