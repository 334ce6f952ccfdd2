//! Signing in through a browser: the one of the record fetches the token at once.

use kinto_protocol::openid::Heard;
use kinto_protocol::{Login, Session};
use serde_json::Value;

use crate::case::Client;
use crate::output::Stop;
use crate::replay::Stage;

/// The port that the program listens on.
const PORT: u16 = 49152;
/// The secret of a login, which is random in a client.
const SECRET: u128 = 1;
/// What the browser brings: `{"access_token": "fake-token", "token_type": "Bearer"}`.
const TOKEN: &str = "eyJhY2Nlc3NfdG9rZW4iOiAiZmFrZS10b2tlbiIsICJ0b2tlbl90eXBlIjogIkJlYXJlciJ9";

/// Whether a client signs in before it sends anything.
pub(crate) fn signs_in(client: &Client) -> bool {
    client.auth.as_ref().is_some_and(|auth| auth["__type__"] == "BrowserOAuth")
}

/// The session of the user that signs in, and what the browser opens for it.
pub(crate) fn sign_in(stage: &mut Stage, session: &Session, client: &Client) -> Result<(Session, String), Stop> {
    let provider = client.auth.as_ref().and_then(|auth| auth["provider"].as_str());
    let login = provider.map_or_else(Login::new, |name| Login::new().provider(name));
    let callback = stage.send(session, login.begin(PORT, SECRET))?;
    let request = format!("GET /auth/{SECRET:032x}/{TOKEN} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n");
    let Heard::Done(_, token) = callback.visit().take(request.as_bytes()) else { panic!("the browser is sent away") };
    let session = session.with_auth(Some(token?.auth()))?;
    Ok((session, callback.login_url().to_owned()))
}

/// What Python would open, made ours: with a callback at an address that only this machine has and with a secret, and
/// percent-encoded.
pub(crate) fn ours(theirs: &Value) -> Option<String> {
    let own = format!("http://127.0.0.1:{PORT}/auth/{SECRET:032x}/").replace(':', "%3A").replace('/', "%2F");
    Some(theirs.as_str()?.replace("http://localhost:<port>/auth/", &own).replace(' ', "%20"))
}
