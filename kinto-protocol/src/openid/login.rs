//! What is wanted of a login, and how it begins.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::Method;

use crate::auth::Auth;
use crate::call::Call;
use crate::endpoints;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Flow, Turn};
use crate::openid::{Callback, OpenIdProvider};
use crate::reply::Reply;
use crate::server::ServerInfo;
use crate::session::Session;

/// Signing in through a browser, for servers with the plugin `openid`. The `login` of a client does it, and gives a
/// [`Token`](crate::Token).
///
/// ```
/// use kinto_protocol::Login;
/// use std::time::Duration;
///
/// let login = Login::new().provider("auth0").timeout(Duration::from_secs(60));
/// # let _ = login; // client.login(login, |url| open_browser(url))?
/// ```
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    provider: Option<String>,
    scope: String,
    prompt_none: bool,
    pub(super) token_type: Option<String>,
    pub(super) timeout: Duration,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            provider: None,
            scope: "openid email".to_owned(),
            prompt_none: false,
            token_type: None,
            timeout: Duration::from_secs(5 * 60),
        }
    }
}

impl Login {
    /// With the only provider of the server, in 5 minutes.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the provider of this name, see [`ServerInfo::openid_providers`]. Where there are several, one must be named.
    pub fn provider(mut self, name: impl Into<String>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// What the token is to be good for, `openid email` if nothing is said. A server that knows its users by their address
    /// needs `email`; most servers allow `profile` beside it, and no others.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Without asking the user anything: it succeeds where the browser is signed in with the provider already.
    pub fn prompt_none(mut self) -> Self {
        self.prompt_none = true;
        self
    }

    /// The type of the token in `Authorization`, such as `Bearer+OIDC`, where the server wants another than the one that
    /// the provider names: of that it tells nothing.
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.token_type = Some(token_type.into());
        self
    }

    /// How long the user has, from the moment when the browser is opened: 5 minutes if nothing is said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Begins, for those who listen themselves: on 127.0.0.1 and this port, and on no other address.
    ///
    /// The secret keeps others from handing in a token of theirs: it has to come from the random numbers that the system
    /// makes for cryptography, anew for each login.
    pub fn begin(self, port: u16, secret: u128) -> BeginLogin {
        BeginLogin { login: self, port, secret }
    }

    /// That this machine could not be listened to.
    #[doc(hidden)]
    pub fn __unheard(cause: Box<dyn StdError + Send + Sync>) -> Error {
        Error::new(ErrorKind::Other, "the browser's answer cannot be listened for on 127.0.0.1").caused_by(cause)
    }
}

/// Finds the provider and the URL to open, see [`Login::begin`]. It gives the [`Callback`].
#[must_use]
#[derive(Clone)]
pub struct BeginLogin {
    login: Login,
    port: u16,
    secret: u128,
}

impl Flow for BeginLogin {
    type Output = Callback;

    fn start(&mut self, session: &Session) -> Result<Turn<Callback>> {
        // What would only be found when the user has done all the work.
        session.admit_secrets()?;
        if self.login.scope.trim().is_empty() {
            return Err(Error::input("the scope of the login is empty"));
        }
        if let Some(token_type) = &self.login.token_type {
            Auth::token(token_type, "x").header()?;
        }
        Ok(Turn::ask(Call::new(Method::GET, endpoints::root())))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Callback>> {
        let info: ServerInfo = reply.json()?;
        let provider = OpenIdProvider::choose(info.openid_providers()?, self.login.provider.as_deref())?;
        let path = format!("/auth/{:032x}/", self.secret);
        let mut query = vec![
            // Not localhost, which may be another address too.
            ("callback", format!("http://127.0.0.1:{}{path}", self.port)),
            ("scope", self.login.scope.clone()),
        ];
        if self.login.prompt_none {
            query.push(("prompt", "none".to_owned()));
        }
        let url = provider.login_url(session.root(), &query)?;
        Ok(Turn::Done(Callback::new(url.to_string(), self.port, path, &self.login)))
    }
}

impl fmt::Debug for BeginLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeginLogin").field("login", &self.login).field("port", &self.port).finish_non_exhaustive()
    }
}
