//! Answers as the server words them.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::session::Response;

/// The last millisecond that HTTP has a date for: of the year 9999.
const LAST_DATE: i64 = 253_402_300_799_999;

/// An answer, alone or of a batch.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With the timestamp of an object or a list.
    pub(super) fn at(self, at: i64) -> Self {
        let since = Duration::from_millis(at.clamp(0, LAST_DATE).unsigned_abs());
        let date = httpdate::fmt_http_date(UNIX_EPOCH + since);
        self.header("ETag", format!("\"{at}\"")).header("Last-Modified", date)
    }

    fn error(status: u16, errno: u16, name: &str, message: Option<&str>, details: Option<Value>) -> Self {
        let mut body = json!({"code": status, "errno": errno, "error": name});
        if let Some(message) = message {
            body["message"] = message.into();
        }
        if let Some(details) = details {
            body["details"] = details;
        }
        Self::new(status, body)
    }

    /// What was sent is not as it has to be.
    pub(super) fn invalid(location: &str, name: Option<&str>, why: &str) -> Self {
        let message = match name {
            Some(name) => format!("{name} in {location}: {why}"),
            None => format!("{location}: {why}"),
        };
        let details = json!([{"location": location, "name": name, "description": why}]);
        Self::error(400, 107, "Invalid parameters", Some(&message), Some(details))
    }

    pub(super) fn unsupported(content_type: &str) -> Self {
        let why = format!("Content-Type {content_type} is none of a patch");
        let details = json!([{"location": "header", "name": "Content-Type", "description": why}]);
        Self::error(415, 107, "Invalid parameters", Some(&why), Some(details))
    }

    /// What servers answer where they fail.
    pub(super) fn broken() -> Self {
        Self::error(500, 999, "Internal Server Error", None, None)
    }

    pub(super) fn unauthorized() -> Self {
        let message = "Please authenticate yourself to use this endpoint.";
        Self::error(401, 104, "Unauthorized", Some(message), None).header("WWW-Authenticate", "Basic realm=\"Kinto\"")
    }

    pub(super) fn forbidden() -> Self {
        Self::error(403, 121, "Forbidden", Some("This user cannot access this resource."), None)
    }

    /// There is no such object.
    pub(super) fn missing(kind: &str, id: &str) -> Self {
        Self::error(404, 110, "Not Found", None, Some(json!({"id": id, "resource_name": kind})))
    }

    /// What the object would be in is not there.
    pub(super) fn parent_missing(id: &str) -> Self {
        Self::error(404, 111, "Not Found", None, Some(json!({"id": id, "resource_name": "collection"})))
    }

    pub(super) fn unknown() -> Self {
        Self::error(404, 111, "Not Found", Some("The resource you are looking for could not be found."), None)
    }

    /// What real servers may know, and the model does not.
    pub(super) fn not_modelled(path: &str) -> Self {
        let message = format!("MemoryServer, a model of a server, does not know {path}");
        Self::error(501, 999, "Not Implemented", Some(&message), None)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::error(405, 115, "Method Not Allowed", Some("Method not allowed on this endpoint."), None)
    }

    /// A precondition does not hold: of a list, or of an object that is there and like this.
    pub(super) fn precondition_failed(at: i64, existing: Option<Value>) -> Self {
        let details = existing.map(|existing| json!({"existing": existing}));
        Self::error(412, 114, "Precondition Failed", Some("Resource was modified meanwhile"), details).at(at)
    }

    pub(super) fn not_modified(at: i64) -> Self {
        Self::empty(304).at(at)
    }

    /// As the answer to a request of its own.
    pub(super) fn into_response(self, with_body: bool) -> Response {
        let body = self.body.filter(|_| with_body).map_or_else(Bytes::new, |body| body.to_string().into());
        let mut response = http::Response::builder().status(self.status).header("Content-Type", "application/json");
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        // Of its headers only those of ids could not be written, and these are checked.
        response.body(body).unwrap_or_else(|_| Response::new(Bytes::new()))
    }

    /// As one answer of a batch.
    pub(super) fn into_entry(self, path: &str, with_body: bool) -> Value {
        let headers = self.headers.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
        let headers: serde_json::Map<_, _> = headers.collect();
        let body = match self.body {
            Some(body) if with_body => body,
            Some(_) => "".into(),
            None => Value::Null,
        };
        json!({"path": format!("/v1{path}"), "status": self.status, "headers": headers, "body": body})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_timestamp_has_a_date() {
        for (at, date) in [
            (-5, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_700_000_000_999, "Tue, 14 Nov 2023 22:13:20 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let response = Answer::empty(200).at(at).into_response(true);
            assert_eq!(response.headers()["last-modified"], date);
            assert_eq!(response.headers()["etag"], format!("\"{at}\""));
        }
    }
}
