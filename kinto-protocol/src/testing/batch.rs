//! The requests in a batch, and their answers.

use bytes::Bytes;
use http::{HeaderName, Method};
use serde_json::{Map, Value, json};

use crate::session::Response;
use crate::testing::asked::{Asked, Content};

/// The requests in a batch, if it is one.
pub(super) fn entries(asked: &Asked, root: &str) -> Option<Vec<Asked>> {
    let version = root.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or_default();
    let entries = asked.json().filter(|_| asked.path == "/batch")?.get("requests")?.as_array()?;
    let one = |entry: &Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let url = text("path")?;
        let url = url.strip_prefix(version).filter(|path| path.starts_with('/')).unwrap_or(url);
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let header = |name: &str| {
            let headers = entry.get("headers")?.as_object()?;
            let value = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?.1;
            Some(value.as_str()?.to_owned())
        };
        Some(Asked {
            method: text("method").unwrap_or("GET").parse().ok()?,
            path: path.to_owned(),
            query: query.to_owned(),
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
            content_type: None,
            body: entry.get("body").map_or(Content::Nothing, |body| Content::Json(body.clone())),
        })
    };
    entries.iter().map(one).collect()
}

/// An answer as one of a batch.
pub(super) fn entry(asked: &Asked, response: &Response) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let name = |name: &HeaderName| name.as_str().to_owned();
    let headers: Map<String, Value> =
        response.headers().iter().map(|(own, value)| (name(own), text(value.as_bytes()).into())).collect();
    let body = |body: &Bytes| serde_json::from_slice(body).unwrap_or_else(|_| Value::from(text(body)));
    let body = if asked.method == Method::HEAD { "".into() } else { body(response.body()) };
    json!({"path": asked.path, "status": response.status().as_u16(), "headers": headers, "body": body})
}
