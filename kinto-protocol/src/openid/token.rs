//! What a login gives, and how it arrives.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::auth::Auth;
use crate::error::{Error, ErrorKind, Result};
use crate::object::JsonMap;

/// A token of an identity provider: what a [`Login`](crate::Login) gives.
///
/// There is no way to renew it with the server: once it is no longer valid, requests are taken for anonymous ones, and
/// the user has to sign in again. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Token {
    /// The token for requests, see [`auth`](Self::auth).
    pub access_token: String,
    /// What goes before it in `Authorization`: as the caller said ([`Login::token_type`](crate::Login::token_type)), as
    /// the provider says, or `Bearer`.
    pub token_type: String,
    /// How long it is valid, from when it was given.
    pub expires_in: Option<Duration>,
    /// Who the user is, signed by the provider. Nobody has looked at the signature yet.
    pub id_token: Option<String>,
    /// A token for the provider, to get another one; only for scopes that servers seldom allow.
    pub refresh_token: Option<String>,
    /// What it is good for, where that is not what was asked for.
    pub scope: Option<String>,
}

impl Token {
    /// As credentials: `client.with_auth(Some(token.auth()))`.
    #[must_use]
    pub fn auth(&self) -> Auth {
        Auth::token(&self.token_type, &self.access_token)
    }

    /// Reads what the server has put behind the URL of the callback: the answer of the provider, in base64 (the standard
    /// one, with `/`) and percent-encoded, or the error with which the provider sent the user back, as of a form.
    pub(super) fn read(text: &str, token_type: Option<&str>) -> Result<Self> {
        if text.starts_with("error=") {
            return Err(refused(&form(text)));
        }
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let encoded = Zeroizing::new(percent_decode_str(text).collect::<Vec<u8>>());
        let answer =
            GeneralPurpose::new(&STANDARD, lenient).decode(&*encoded).map_err(|_| unclear("is not in base64"))?;
        let answer = Zeroizing::new(answer);
        // Of the text, these errors tell the place alone.
        let answer = crate::json::read(&answer);
        let answer: Value = answer.map_err(|error| unclear("is not JSON").caused_by(error.into()))?;
        let Value::Object(answer) = answer else { return Err(unclear("is not an object")) };
        let member = |name: &str| answer.get(name)?.as_str().map(str::to_owned);
        let Some(access_token) = member("access_token") else {
            return Err(if answer.contains_key("error") { refused(&answer) } else { unclear("holds no access_token") });
        };
        let token = Self {
            access_token,
            token_type: token_type.map(str::to_owned).or_else(|| member("token_type")).unwrap_or("Bearer".to_owned()),
            expires_in: answer.get("expires_in").and_then(seconds),
            id_token: member("id_token"),
            refresh_token: member("refresh_token"),
            scope: member("scope"),
        };
        match token.auth().header() {
            Ok(_) => Ok(token),
            Err(error) => Err(unclear(&format!("holds a token, but {error}"))),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// A number of seconds, which some providers write as text.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The fields of a form.
fn form(text: &str) -> JsonMap {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let fields = text.split('&').map(|field| field.split_once('=').unwrap_or((field, "")));
    fields.map(|(name, value)| (decoded(name), decoded(value).into())).collect()
}

/// No, in the words of the provider.
fn refused(answer: &JsonMap) -> Error {
    let error = answer.get("error").unwrap_or(&Value::Null);
    // One that is an object has its words inside.
    let code = error.as_str().or_else(|| error["code"].as_str()).filter(|code| !code.is_empty());
    let words = answer.get("error_description").and_then(Value::as_str).or_else(|| error["message"].as_str());
    let why = match (words.filter(|words| !words.is_empty()), code) {
        (Some(words), Some(code)) => format!("{words} ({code})"),
        (Some(words), None) => words.to_owned(),
        (None, code) => code.unwrap_or("it gave no reason").to_owned(),
    };
    let error = Error::new(ErrorKind::Login, format!("the identity provider did not sign the user in: {why}"));
    match code {
        Some("login_required" | "interaction_required" | "consent_required" | "account_selection_required") => {
            error.hint("the user has to be asked: log in without prompt_none()")
        }
        _ => error,
    }
}

fn unclear(why: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("the answer of the identity provider {why}"))
}
