//! The yardsticks: what a careful programmer writes without a library, for these records and nothing else.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};

use crate::article::{Article, Flats, Written};

/// The path of the list, below the root of the API.
pub(crate) const PREFIX: &str = "/buckets/bench/collections/articles/records";

/// The most that is taken for an answer.
const MOST: usize = 64 << 20;

/// What is the same in all requests.
pub(crate) struct Prepared {
    root: String,
    headers: HeaderMap,
}

impl Prepared {
    pub(crate) fn new(root: &str, authorization: &str) -> Option<Self> {
        let mut authorization = HeaderValue::try_from(authorization).ok()?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static("by-hand/1.0"));
        headers.insert(header::AUTHORIZATION, authorization);
        Some(Self { root: root.to_owned(), headers })
    }

    pub(crate) fn get(&self, id: &str) -> Option<Request<Bytes>> {
        self.request(Method::GET, id, Bytes::new())
    }

    /// Creates it, if it is not there.
    pub(crate) fn put(&self, id: &str, article: &Article) -> Option<Request<Bytes>> {
        // What JSON would make a null of, without a word.
        if !article.rating.is_finite() {
            return None;
        }
        let mut request = self.request(Method::PUT, id, put_body(article).into())?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        Some(request)
    }

    pub(crate) fn list(&self) -> Option<Request<Bytes>> {
        self.to(Method::GET, format!("{}{PREFIX}?_limit=1000&_sort=-last_modified", self.root), Bytes::new())
    }

    fn request(&self, method: Method, id: &str, body: Bytes) -> Option<Request<Bytes>> {
        if is_id(id) { self.to(method, format!("{}{PREFIX}/{id}", self.root), body) } else { None }
    }

    fn to(&self, method: Method, url: String, body: Bytes) -> Option<Request<Bytes>> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = Uri::try_from(url).ok()?;
        *request.headers_mut() = self.headers.clone();
        Some(request)
    }

    /// All in one request, without conditions.
    pub(crate) fn batch(&self, articles: &[(String, Article)]) -> Option<Request<Bytes>> {
        if !articles.iter().all(|(id, article)| is_id(id) && article.rating.is_finite()) {
            return None;
        }
        let body = batch_body(PREFIX, articles).into();
        let mut request = self.to(Method::POST, format!("{}/batch", self.root), body)?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(request)
    }
}

/// An id that means itself in a path.
fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    id.len() <= 512 && id.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) && id.bytes().all(plain)
}

/// `{"data": …}`.
#[must_use]
pub fn put_body(article: &Article) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        data: &'a Article,
    }
    serde_json::to_vec(&Body { data: article }).unwrap_or_default()
}

/// `{"requests": […]}`: each of them is put into this list.
#[must_use]
pub fn batch_body(list: &str, articles: &[(String, Article)]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        requests: Vec<Entry<'a>>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        method: &'static str,
        path: String,
        body: Data<'a>,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        data: &'a Article,
    }
    let requests =
        articles.iter().map(|(id, data)| Entry { method: "PUT", path: format!("{list}/{id}"), body: Data { data } });
    serde_json::to_vec(&Body { requests: requests.collect() }).unwrap_or_default()
}

/// What was written, of the answer to a batch in which all went well.
#[must_use]
pub fn decode_batch(body: &[u8]) -> Option<Vec<Written>> {
    #[derive(Deserialize)]
    struct Answers<'a> {
        #[serde(borrow)]
        responses: Vec<Entry<'a>>,
    }
    #[derive(Deserialize)]
    struct Entry<'a> {
        status: u16,
        #[serde(borrow)]
        path: Cow<'a, str>,
        body: Written,
    }
    let answers: Answers<'_> = serde_json::from_slice(body).ok()?;
    let own = |entry: &Entry<'_>| {
        matches!(entry.status, 200 | 201) && entry.path.rsplit('/').next() == Some(&entry.body.data.id)
    };
    answers.responses.iter().all(own).then(|| answers.responses.into_iter().map(|entry| entry.body).collect())
}

/// The object of an answer, after a look at all that may be wrong with it.
pub(crate) fn object(response: &Response<Bytes>) -> Option<Written> {
    serde_json::from_slice(&admitted(response)?[..]).ok()
}

/// The records of a page, and where the next one is.
pub(crate) fn page(response: &Response<Bytes>) -> Option<Flats> {
    serde_json::from_slice(&admitted(response)?[..]).ok()
}

/// What was written, of the answer to a batch.
pub(crate) fn batch_answer(response: &Response<Bytes>) -> Option<Vec<Written>> {
    decode_batch(admitted(response)?)
}

/// The body, where neither status nor headers speak against it.
fn admitted(response: &Response<Bytes>) -> Option<&Bytes> {
    let headers = response.headers();
    let silent = ["backoff", "retry-after", "alert"].iter().all(|name| !headers.contains_key(*name));
    let plain = headers.get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    let done = matches!(response.status(), StatusCode::OK | StatusCode::CREATED);
    (silent && plain && done && response.body().len() <= MOST).then(|| response.body())
}
