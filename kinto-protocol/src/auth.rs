//! Credentials.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Who the caller is to the server: what goes into `Authorization`, to the origin of the API and nowhere else.
///
/// From one string, as in configuration files: `user:password`, or a scheme and a token (`Bearer abc`,
/// `Bearer+OIDC abc`, `Basic dXNlcjpwYXNz`). Neither `Debug` nor any error shows the secret.
///
/// The server treats wrong credentials like none at all: to know whether they are right, look at the `user` of
/// [`server_info`](crate::server_info).
///
/// ```
/// use kinto_protocol::Auth;
///
/// let basic = Auth::basic("alexis", "p4ssw0rd");
/// assert_eq!(basic, "alexis:p4ssw0rd".parse()?);
/// assert_eq!(format!("{basic:?}"), "Auth(Basic …)");
/// assert!("Bearer+OIDC eyJhbGciOi".parse::<Auth>().is_ok());
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Auth(Result<HeaderValue, &'static str>);

impl Auth {
    /// A user and a password (`Authorization: Basic`): an account of the server, or what it takes for one. The user's name cannot
    /// hold a colon and cannot be empty; that is an error of the kind [`Input`](crate::ErrorKind::Input) when a client is made.
    #[must_use]
    pub fn basic(user: &str, password: &str) -> Self {
        if user.contains(':') {
            // `us:er` with `pw` is to the server the same as `us` with `er:pw`.
            return Self(Err("the user name cannot hold a colon"));
        }
        if user.is_empty() {
            return Self(Err("the user name is empty"));
        }
        let both = Zeroizing::new(format!("{user}:{password}"));
        Self::of("Basic", &Zeroizing::new(STANDARD.encode(&*both)))
    }

    /// A token of the type `Bearer` (`Authorization: Bearer`), as identity providers give them. It is not renewed: when it is no
    /// longer valid, requests fail with a 401.
    #[must_use]
    pub fn bearer(token: &str) -> Self {
        Self::token("Bearer", token)
    }

    /// A token of a type that the server chose, such as `Bearer+OIDC`, which stands before it in `Authorization`.
    #[must_use]
    pub fn token(scheme: &str, token: &str) -> Self {
        if scheme.is_empty()
            || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
        {
            return Self(Err("the type of the token is not a name"));
        }
        if token.is_empty() {
            return Self(Err("the token is empty"));
        }
        if token.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Self(Err("the token holds spaces, line breaks or control characters"));
        }
        Self::of(scheme, token)
    }

    fn of(scheme: &str, value: &str) -> Self {
        // The header keeps a copy of its own, which is not wiped.
        let text = Zeroizing::new(format!("{scheme} {value}"));
        Self(match HeaderValue::from_str(&text) {
            Ok(mut header) => {
                header.set_sensitive(true);
                Ok(header)
            }
            Err(_) => Err("they hold characters that no header can carry"),
        })
    }

    /// The password in the token of `Basic`.
    pub(crate) fn password(token: &str) -> Option<Zeroizing<String>> {
        let decoded = Zeroizing::new(STANDARD.decode(token).ok()?);
        let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Zeroizing::new(password.to_owned()))
    }

    /// The value of `Authorization`, marked sensitive.
    pub(crate) fn header(&self) -> Result<HeaderValue> {
        self.0.clone().map_err(|why| Error::input(format!("these credentials cannot be used: {why}")))
    }
}

impl FromStr for Auth {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let auth = match text.split_once(' ') {
            // A password may hold spaces: only a scheme without a colon makes it a token.
            Some((scheme, token)) if !scheme.is_empty() && !scheme.contains(':') => Self::token(scheme, token.trim()),
            _ => match text.split_once(':') {
                Some((user, password)) => Self::basic(user, password),
                None => Self(Err("expected user:password, or a type and a token such as Bearer abc")),
            },
        };
        auth.header().map(|_| auth)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match &self.0 {
            Ok(value) => {
                let scheme = String::from_utf8_lossy(value.as_bytes());
                let scheme = scheme.split(' ').next().unwrap_or_default();
                // Of words that were taken for a type and a token, the first may be as secret as the second.
                let known = scheme == "Basic" || scheme == "Bearer" || scheme.starts_with("Bearer+");
                if known { scheme.to_owned() } else { "token".to_owned() }
            }
            Err(_) => "unusable".to_owned(),
        };
        write!(f, "Auth({shown} …)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> String {
        text.parse::<Auth>().unwrap().header().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn one_string_for_every_kind() {
        assert_eq!(header("mat:secret"), "Basic bWF0OnNlY3JldA==");
        assert_eq!(header("mat:"), "Basic bWF0Og==");
        assert_eq!(header("mat:a:b"), "Basic bWF0OmE6Yg==");
        assert_eq!(header("mat:two words"), "Basic bWF0OnR3byB3b3Jkcw==");
        assert_eq!(header("Bearer tok"), "Bearer tok");
        assert_eq!(header("Bearer+OIDC tok"), "Bearer+OIDC tok");
        // Colons and dots are a token's own.
        assert_eq!(header("Bearer a:b.c"), "Bearer a:b.c");
        assert_eq!(header("Basic a.b"), "Basic a.b");
        assert_eq!(header("Basic bWF0OnNlY3JldA=="), "Basic bWF0OnNlY3JldA==");
        assert_eq!(header("é:ü"), "Basic w6k6w7w=");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_not_shown() {
        for auth in [
            "s3cr3t".parse(),
            ":s3cr3t".parse(),
            "Bearer s3cr3t\r\nX: 1".parse(),
            Auth::basic("us:er", "s3cr3t").header().map(|_| Auth::bearer("x")),
            Auth::bearer("").header().map(|_| Auth::bearer("x")),
            Auth::token("Bea rer", "s3cr3t").header().map(|_| Auth::bearer("x")),
            Auth::bearer("two words").header().map(|_| Auth::bearer("x")),
        ] {
            let error = auth.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn debug_shows_the_scheme_at_most() {
        assert_eq!(format!("{:?}", Auth::bearer("s3cr3t")), "Auth(Bearer …)");
        assert_eq!(format!("{:?}", "Bearer+OIDC s3cr3t".parse::<Auth>().unwrap()), "Auth(Bearer+OIDC …)");
        assert_eq!(format!("{:?}", "s3cr3t passphrase".parse::<Auth>().unwrap()), "Auth(token …)");
        assert_eq!(format!("{:?}", Auth::bearer("p\u{e4}ss")), "Auth(Bearer …)");
        assert!(!format!("{:?}", Auth::bearer("s3cr3t").header()).contains("s3cr3t"));
    }
}
