//! What a test wants to have answered.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::object::JsonMap;
use crate::permissions::Permissions;
use crate::session::Response;
use crate::testing::asked::Asked;
use crate::transport_error::{FailureKind, TransportError};

/// What a [`Script`](crate::testing::Script) answers: as the server words it, without the test having to.
///
/// ```
/// use kinto_protocol::testing::{Answer, Script};
/// use kinto_protocol::{FailureKind, Permissions, bucket, buckets};
/// use serde_json::json;
///
/// let posts = bucket("blog").collection("posts").records();
/// let script = Script::new();
/// script.expect(posts.get("a"), Answer::object(&json!({"title": "A"})).permissions(Permissions::new().read(["me"])));
/// script.expect(posts.list(), Answer::list([("a", json!({"title": "A"})), ("b", json!({"title": "B"}))]));
/// script.expect(posts.create("c", &json!({"title": "C"})), Answer::done());
/// script.expect(posts.get("d"), Answer::error(404, 110));
/// script.expect(buckets().delete("blog"), Answer::error(403, 121).message("no"));
/// script.expect(posts.add(&json!({"title": "E"})), Answer::failure(FailureKind::Connect));
///
/// assert_eq!(script.send(posts.get("a"))?.id, "a");
/// assert_eq!(script.send(posts.list())?.items.len(), 2);
/// assert_eq!(script.send(posts.create("c", &json!({"title": "C"})))?.data["title"], "C");
/// assert!(script.send(posts.get("d")).unwrap_err().is_not_found());
/// assert!(script.send(buckets().delete("blog")).unwrap_err().is_forbidden());
/// let once = script.session().with_policy(|policy| policy.attempts = 1);
/// assert!(!script.send_by(&once, posts.add(&json!({"title": "E"}))).unwrap_err().maybe_applied());
/// script.finish();
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Answer {
    what: What,
    status: Option<StatusCode>,
    headers: HeaderMap,
}

#[derive(Clone, Debug)]
enum What {
    Object { data: JsonMap, permissions: Permissions },
    List(Vec<JsonMap>),
    Done,
    Json(Value),
    Body(Bytes),
    Failure { kind: FailureKind, sent: bool, why: String },
}

/// What a script counts up while it answers, so that the same answers come each time.
#[derive(Debug)]
pub(super) struct Counters {
    at: i64,
    made: u32,
}

impl Default for Counters {
    fn default() -> Self {
        // In the past, so that nothing is from the future.
        Self { at: 1_600_000_000_000, made: 0 }
    }
}

impl Counters {
    /// With what the server adds: an id, and a timestamp which is also given alone.
    fn complete(&mut self, mut data: JsonMap, id: Option<String>) -> (JsonMap, i64) {
        self.at += 1;
        data.entry("last_modified").or_insert_with(|| self.at.into());
        if !data.contains_key("id") {
            self.made += 1;
            data.insert("id".into(), id.unwrap_or_else(|| format!("made{}", self.made)).into());
        }
        let at = at_of(&data).unwrap_or_default();
        (data, at)
    }
}

fn at_of(data: &JsonMap) -> Option<i64> {
    data.get("last_modified")?.as_i64()
}

impl Answer {
    fn new(what: What) -> Self {
        Self { what, status: None, headers: HeaderMap::new() }
    }

    /// An object with these fields: 200. What the server adds may be among them; otherwise it has the id that was asked
    /// for, and a timestamp that is newer with each answer of the script.
    ///
    /// # Panics
    ///
    /// If it is no JSON object.
    #[track_caller]
    pub fn object<T: Serialize + ?Sized>(data: &T) -> Self {
        Self::new(What::Object { data: map(data), permissions: Permissions::new() })
    }

    /// A list of objects by their ids, in this order: 200. Where only their number is asked for, that.
    ///
    /// # Panics
    ///
    /// If one of them is no JSON object.
    #[track_caller]
    pub fn list<T: Serialize>(items: impl IntoIterator<Item = (impl Into<String>, T)>) -> Self {
        let mut objects = Vec::new();
        for (id, data) in items {
            let mut data = map(&data);
            data.insert("id".into(), id.into().into());
            objects.push(data);
        }
        Self::new(What::List(objects))
    }

    /// What the server answers a write that it has carried out: the object as it was sent, with a new timestamp, or a
    /// tombstone.
    pub fn done() -> Self {
        Self::new(What::Done)
    }

    /// An error of the server's, by its status and its own number.
    ///
    /// # Panics
    ///
    /// If there can be no such status.
    #[track_caller]
    pub fn error(status: u16, errno: u16) -> Self {
        let name = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error");
        Self::status(status).json(&json!({"code": status, "errno": errno, "error": name}))
    }

    /// A status, and nothing else.
    ///
    /// # Panics
    ///
    /// If there can be no such status.
    #[track_caller]
    pub fn status(status: u16) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else { panic!("{status} is no status") };
        Self { status: Some(status), ..Self::new(What::Body(Bytes::new())) }
    }

    /// No answer at all, for this reason. Whether the server may have got the request is as the kind
    /// [says](TransportError::new).
    pub fn failure(kind: FailureKind) -> Self {
        let sent = TransportError::new(kind, "").may_have_been_sent();
        Self::new(What::Failure { kind, sent, why: "as the test wants it".to_owned() })
    }

    pub(super) fn failure_because(kind: FailureKind, sent: bool, why: String) -> Self {
        Self::new(What::Failure { kind, sent, why })
    }

    /// With these permissions, for an object. Without, they are not visible.
    pub fn permissions(mut self, visible: Permissions) -> Self {
        if let What::Object { permissions, .. } = &mut self.what {
            *permissions = visible;
        }
        self
    }

    /// With what the server says of its error.
    pub fn message(self, message: &str) -> Self {
        self.member("message", message.into())
    }

    /// With what the server tells of its error: `{"existing": {…}}` of an object that is there, and is not as it was
    /// thought to be.
    pub fn details(self, details: Value) -> Self {
        self.member("details", details)
    }

    fn member(mut self, name: &str, value: Value) -> Self {
        if let What::Json(Value::Object(members)) = &mut self.what {
            members.insert(name.to_owned(), value);
        }
        self
    }

    /// With this as its body.
    ///
    /// # Panics
    ///
    /// If it cannot be JSON.
    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        self.what = What::Json(value(body));
        self
    }

    /// With this as its body, to the letter.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.what = What::Body(body.into());
        self
    }

    /// With a header: `Retry-After`, `Backoff`, `Next-Page`, `Alert`, or whatever else. One that it has of itself is
    /// replaced.
    ///
    /// # Panics
    ///
    /// If there can be no such header.
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => _ = self.headers.append(name, value),
            _ => panic!("{name:?}: {value:?} is no header"),
        }
        self
    }

    /// As what comes in place of a server's answer.
    pub(super) fn to(&self, asked: &Asked, counters: &mut Counters) -> Result<Response, TransportError> {
        let (status, at, body) = match &self.what {
            What::Failure { kind, sent, why } => {
                let failure = TransportError::new(*kind, why.as_str());
                return Err(if *sent { failure.sent() } else { failure.not_sent() });
            }
            What::Object { data, permissions } => {
                let (data, at) = counters.complete(data.clone(), asked.id());
                (200, Some(at), json!({"data": data, "permissions": permissions}).to_string().into())
            }
            What::List(objects) => {
                let objects: Vec<_> = objects.iter().map(|data| counters.complete(data.clone(), None).0).collect();
                let at = objects.iter().filter_map(at_of).max();
                (200, at.or(Some(counters.at)), json!({"data": objects}).to_string().into())
            }
            What::Done => {
                let (status, data, permissions) = done(asked);
                let (data, at) = counters.complete(data, asked.id());
                (status, Some(at), json!({"data": data, "permissions": permissions}).to_string().into())
            }
            What::Json(body) => (200, None, body.to_string().into()),
            What::Body(body) => (200, None, body.clone()),
        };
        let body: Bytes = body;
        let mut response = Response::new(if asked.method == Method::HEAD { Bytes::new() } else { body });
        *response.status_mut() = self.status.or(StatusCode::from_u16(status).ok()).unwrap_or_default();
        let headers = response.headers_mut();
        if !matches!(self.what, What::Body(_)) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(at) = at {
            headers.extend(HeaderValue::try_from(format!("\"{at}\"")).ok().map(|etag| (ETAG, etag)));
        }
        if let (What::List(objects), &Method::HEAD) = (&self.what, &asked.method) {
            headers.insert("total-objects", objects.len().into());
            headers.insert("total-records", objects.len().into());
        }
        for name in self.headers.keys() {
            headers.remove(name);
            self.headers.get_all(name).iter().for_each(|value| _ = headers.append(name, value.clone()));
        }
        Ok(response)
    }
}

/// An answer to the letter.
impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let (head, body) = response.into_parts();
        Self { what: What::Body(body), status: Some(head.status), headers: head.headers }
    }
}

/// The status of a write, and the data and permissions of what was written.
fn done(asked: &Asked) -> (u16, JsonMap, Value) {
    let sent = |name: &str| asked.json().and_then(|body| body.get(name)).cloned().unwrap_or_else(|| json!({}));
    match (&asked.method, sent("data")) {
        (&Method::DELETE, _) => (200, JsonMap::from_iter([("deleted".to_owned(), true.into())]), json!({})),
        (&Method::PUT | &Method::POST | &Method::PATCH, Value::Object(mut data)) => {
            data.remove("last_modified");
            let new = asked.method == Method::POST || asked.if_none_match.is_some();
            (if new { 201 } else { 200 }, data, sent("permissions"))
        }
        _ => panic!("done() is no answer to {}: it is for writes of objects", asked.line()),
    }
}

#[track_caller]
fn value<T: Serialize + ?Sized>(data: &T) -> Value {
    match serde_json::to_value(data) {
        Ok(value) => value,
        Err(error) => panic!("this cannot be JSON: {error}"),
    }
}

#[track_caller]
fn map<T: Serialize + ?Sized>(data: &T) -> JsonMap {
    match value(data) {
        Value::Object(members) => members,
        other => panic!("an object of a server is a JSON object, and not {other}"),
    }
}
