//! What of a request and its answer is written down nowhere.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{COOKIE, SET_COOKIE};
use serde_json::Value;

use crate::secrets::{HIDDEN, Secrets};
use crate::session::Request;
use crate::testing::asked::{Asked, Content};

/// What has such a name is a secret: a member of any JSON object, or a parameter of a URL. Hyphens are underscores.
const NAMES: [&str; 16] = [
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "authorization",
    "client_secret",
    "cookie",
    "id_token",
    "passphrase",
    "password",
    "private_key",
    "proxy_authorization",
    "refresh_token",
    "secret",
    "set_cookie",
    "token",
];

/// The headers of a request in a batch that say what is asked for. All others are the caller's own, and nobody's business.
const TOLD: [&str; 3] = ["content-type", "if-match", "if-none-match"];

fn is_secret(name: &str) -> bool {
    NAMES.contains(&name.to_ascii_lowercase().replace('-', "_").as_str())
}

/// Takes note of what is to be hidden wherever it comes up, as somebody may repeat it.
pub(super) fn learn(secrets: &mut Secrets, headers: &HeaderMap, query: &str, body: &Content) {
    secrets.add_headers(headers);
    for cookies in headers.get_all(COOKIE).iter().chain(headers.get_all(SET_COOKIE)) {
        let cookies = String::from_utf8_lossy(cookies.as_bytes());
        // Of what is set, only the first pair is a cookie.
        let pairs = cookies.split(';').take(if headers.contains_key(SET_COOKIE) { 1 } else { usize::MAX });
        pairs.filter_map(|pair| pair.split_once('=')).for_each(|(_, value)| secrets.add(value.trim()));
    }
    let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
    parameters.filter(|(name, _)| is_secret(name)).for_each(|(_, value)| secrets.add(value));
    if let Content::Json(value) = body {
        learn_members(secrets, value);
        let requests = value.get("requests").and_then(Value::as_array).into_iter().flatten();
        for (name, value) in requests.filter_map(|request| request.get("headers")?.as_object()).flatten() {
            if let (false, Some(value)) = (is_told(name), value.as_str()) {
                secrets.add(value);
            }
        }
    }
}

fn is_told(name: &str) -> bool {
    TOLD.contains(&name.to_ascii_lowercase().as_str())
}

fn learn_members(secrets: &mut Secrets, value: &Value) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value {
            Value::String(text) if is_secret(name) => secrets.add(text),
            value => learn_members(secrets, value),
        }),
        Value::Array(values) => values.iter().for_each(|value| learn_members(secrets, value)),
        _ => {}
    }
}

/// A request without what it gives away itself.
pub(super) fn hide_own(asked: &mut Asked, request: &Request) {
    let mut secrets = Secrets::default();
    learn(&mut secrets, request.headers(), &asked.query, &asked.body);
    hide(asked, &secrets);
}

/// A request without these, and without all whose name says that it is one.
pub(super) fn hide(asked: &mut Asked, secrets: &Secrets) {
    secrets.hide_in(&mut asked.path);
    if asked.path.starts_with('/') {
        asked.query = parameters(&asked.query);
        secrets.hide_in(&mut asked.query);
    } else if !asked.query.is_empty() {
        // Of a file elsewhere, it may be a signature.
        asked.query = HIDDEN.to_owned();
    }
    hide_content(&mut asked.body, secrets);
}

/// A body without them.
pub(super) fn hide_content(content: &mut Content, secrets: &Secrets) {
    match content {
        Content::Nothing => {}
        Content::Json(value) => {
            hide_members(value, secrets);
            let requests = value.get_mut("requests").and_then(Value::as_array_mut).into_iter().flatten();
            for headers in requests.filter_map(|request| request.get_mut("headers")?.as_object_mut()) {
                headers.retain(|name, _| is_told(name));
            }
        }
        Content::Text(text) => hide_text(text, secrets),
        // What is in there cannot be taken out without breaking it.
        Content::Bytes(bytes) if secrets.are_in(&String::from_utf8_lossy(bytes)) => {
            *bytes = Bytes::from_static(HIDDEN.as_bytes());
        }
        Content::Bytes(_) => {}
    }
}

fn hide_members(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::String(text) => hide_text(text, secrets),
        Value::Array(values) => values.iter_mut().for_each(|value| hide_members(value, secrets)),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                match value {
                    Value::String(_) | Value::Number(_) if is_secret(name) => *value = HIDDEN.into(),
                    value => hide_members(value, secrets),
                }
            }
            if members.keys().any(|name| secrets.are_in(name)) {
                let old = std::mem::take(members);
                members.extend(old.into_iter().map(|(name, value)| (secrets.hide(&name).into_owned(), value)));
            }
        }
        _ => {}
    }
}

/// A text, which may be a URL.
pub(super) fn hide_text(text: &mut String, secrets: &Secrets) {
    if let Some((scheme, rest)) = text.split_once("://") {
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        let host = place.split('/').next().unwrap_or_default();
        let own = host.rsplit_once('@').map(|(user, _)| user.len());
        let place = own.map_or_else(|| place.to_owned(), |user| format!("{HIDDEN}{}", &place[user..]));
        let query = query.map(|query| format!("?{}", parameters(query))).unwrap_or_default();
        *text = format!("{scheme}://{place}{query}");
    }
    secrets.hide_in(text);
}

fn parameters(query: &str) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_has_the_name_of_a_secret_is_one() {
        let mut body = Content::Json(json!({"data": [{"Password": "abc", "token": 7, "secret": true, "title": "x"}]}));
        hide_content(&mut body, &Secrets::default());
        assert_eq!(
            body,
            Content::Json(json!({"data": [{"Password": HIDDEN, "token": HIDDEN, "secret": true, "title": "x"}]}))
        );
        assert_eq!(parameters("_token=a&access-token=b&n=1"), "_token=a&access-token=[hidden]&n=1");
        let mut url = "https://me:pw@host/a?token=x".to_owned();
        hide_text(&mut url, &Secrets::default());
        assert_eq!(url, "https://[hidden]@host/a?token=[hidden]");
        let mut plain = "see https://host/a@b?n=1".to_owned();
        hide_text(&mut plain, &Secrets::default());
        assert_eq!(plain, "see https://host/a@b?n=1");
    }

    #[test]
    fn headers_of_the_callers_in_a_batch_are_left_out() {
        let mut body = Content::Json(json!({"requests": [{"headers": {"If-Match": "*", "x-key": "k3y-value"}}]}));
        let mut secrets = Secrets::default();
        learn(&mut secrets, &HeaderMap::new(), "", &body);
        hide_content(&mut body, &secrets);
        assert_eq!(body, Content::Json(json!({"requests": [{"headers": {"If-Match": "*"}}]})));
        assert!(secrets.are_in("k3y-value"));
        let mut answer = Content::Json(json!({"responses": [{"headers": {"Set-Cookie": "a=b"}}]}));
        hide_content(&mut answer, &secrets);
        assert_eq!(answer, Content::Json(json!({"responses": [{"headers": {"Set-Cookie": HIDDEN}}]})));
    }

    #[test]
    fn what_was_said_once_is_hidden_wherever_it_is_repeated() {
        let mut secrets = Secrets::default();
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", "sid=c00kie-value; Path=/".parse().unwrap());
        let body = Content::Json(json!({"data": {"password": "pass-w0rd"}}));
        learn(&mut secrets, &headers, "id_token=t0ken-value", &body);
        let mut texts = Content::Json(json!(["c00kie-value", "pass-w0rd!", {"t0ken-value": 1}, "Path"]));
        hide_content(&mut texts, &secrets);
        assert_eq!(texts, Content::Json(json!([HIDDEN, "[hidden]!", {HIDDEN: 1}, "Path"])));
        let mut bytes = Content::Bytes(Bytes::from_static(b"\xffpass-w0rd"));
        hide_content(&mut bytes, &secrets);
        assert_eq!(bytes, Content::Bytes(Bytes::from_static(b"[hidden]")));
    }
}
