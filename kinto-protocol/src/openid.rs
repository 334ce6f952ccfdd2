//! Signing in through a browser, with OpenID Connect: [`Login`].
//!
//! The clients' `login` does all of it. What else is here is for those who listen themselves: a login
//! [begins](Login::begin) with a port of this machine, and gives a [`Callback`], which says what to answer there.
//!
//! ```text
//!  program                        browser                       Kinto            identity provider
//!     ├─ GET / : the providers ─────────────────────────────────▶│
//!     ├─ opens Callback::login_url ─▶│                           │
//!     │                              ├─ GET …/login ────────────▶│
//!     │                              │◀─ to the provider ────────┤
//!     │                              ├─ signs in ────────────────┼──────────────────────▶│
//!     │                              │◀─ back to Kinto, with a code ─────────────────────┤
//!     │                              ├─ GET …/token, the code ──▶├─ the code ───────────▶│
//!     │                              │◀─ to the callback ────────┤◀─ the token ──────────┤
//!     │◀─ GET /auth/SECRET/TOKEN ────┤
//! ```

mod callback;
mod login;
mod token;

pub use callback::{Callback, Heard, Visit};
pub use login::{BeginLogin, Login};
pub use token::Token;

use http::Uri;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::query::encode;
use crate::root::Root;
use crate::server::ServerInfo;

/// Whom the server lets sign its users in: one of [`ServerInfo::openid_providers`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct OpenIdProvider {
    /// Its name on this server, which begins the ids of its users.
    pub name: String,
    /// Where the login begins, below the API root.
    pub auth_path: String,
    /// The URL that identifies it.
    #[serde(default)]
    pub issuer: Option<String>,
    /// What the server is called there.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Whom its tokens must be meant for, if the server looks at that.
    #[serde(default)]
    pub audience: Option<String>,
    /// The type of its tokens in `Authorization`. Servers say `Bearer` here also when it is another.
    #[serde(default)]
    pub header_type: Option<String>,
    /// Where it tells who a token was given to.
    #[serde(default)]
    pub userinfo_endpoint: Option<String>,
}

impl ServerInfo {
    /// The providers that can be signed in with, see [`Login`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when the server lacks the plugin `openid`, and [`ErrorKind::Decode`] when it describes
    /// its providers in a way of its own.
    pub fn openid_providers(&self) -> Result<Vec<OpenIdProvider>> {
        let capability = self.capabilities.get("openid").ok_or_else(|| Error::missing_plugin("openid", self))?;
        let providers = capability.get("providers").unwrap_or(&Value::Null);
        Deserialize::deserialize(providers).map_err(|error: serde_json::Error| {
            Error::new(ErrorKind::Decode, "the OpenID providers of the server are not to be understood")
                .caused_by(error.into())
        })
    }
}

impl OpenIdProvider {
    /// The one of this name, or the only one.
    fn choose(providers: Vec<Self>, name: Option<&str>) -> Result<Self> {
        let names = providers.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>().join(", ");
        let count = providers.len();
        let mut fitting = providers.into_iter().filter(|provider| name.is_none_or(|name| name == provider.name));
        match (fitting.next(), name) {
            (Some(provider), Some(_)) => Ok(provider),
            (Some(provider), None) if count == 1 => Ok(provider),
            (Some(_), None) => Err(Error::input(format!("the server has several OpenID providers: {names}"))
                .hint("name one of them with Login::provider")),
            (None, Some(name)) if count > 0 => {
                Err(Error::input(format!("the server has no OpenID provider \"{name}\"; it has {names}")))
            }
            (None, _) => Err(Error::new(ErrorKind::Unsupported, "the server has no OpenID provider")),
        }
    }

    /// Where the browser is to begin: at the origin of the API, whatever the server says.
    fn login_url(&self, root: &Root, query: &[(&str, String)]) -> Result<Uri> {
        let steps =
            |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "" | "." | "..");
        let path = &self.auth_path;
        let is_plain = path.starts_with('/') && !path.contains(['?', '#', '\\']) && !path.split('/').skip(1).any(steps);
        let not_plain = || {
            let why = format!("the login of the OpenID provider \"{}\" is not at a path below the API root", self.name);
            Error::new(ErrorKind::Decode, why)
        };
        if !is_plain {
            return Err(not_plain());
        }
        root.uri(path, &encode(query)).map_err(|_| not_plain())
    }
}

#[cfg(test)]
mod tests;
