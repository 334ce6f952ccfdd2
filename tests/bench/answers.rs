//! What Kinto answers, with the headers that it sends.

use std::fmt::Write as _;

use crate::article::{Article, id};

/// How many records a page has.
pub const PAGE: usize = 1_000;

/// When the newest record was written.
const NOW: i64 = 1_716_800_000_000;

/// An answer, before it is put on a wire or into an `http::Response`.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "of one workspace")]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, without those that frame the body.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    fn new(body: String, headers: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let usual = [
            ("access-control-expose-headers", "Backoff, Retry-After, Alert, Content-Length, ETag, Last-Modified"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none';"),
            ("content-type", "application/json"),
            ("date", "Mon, 27 May 2024 08:53:20 GMT"),
            ("server", "waitress"),
            ("x-content-type-options", "nosniff"),
        ];
        let usual = usual.into_iter().map(|(name, value)| (name, value.to_owned()));
        Self { status: 200, headers: usual.chain(headers).collect(), body }
    }

    /// For a core without a transport.
    #[must_use]
    pub fn response(&self) -> http::Response<bytes::Bytes> {
        let mut response = http::Response::new(bytes::Bytes::copy_from_slice(self.body.as_bytes()));
        *response.status_mut() = http::StatusCode::from_u16(self.status).unwrap_or_default();
        for (name, value) in &self.headers {
            if let Ok(value) = http::HeaderValue::try_from(value) {
                response.headers_mut().insert(*name, value);
            }
        }
        response
    }
}

/// A record, as it stands in answers.
fn record(n: usize) -> String {
    let data = serde_json::to_string(&Article::new(n)).unwrap_or_default();
    let at = NOW - i64::try_from(n).unwrap_or_default();
    format!("{},\"id\":\"{}\",\"last_modified\":{at}}}", data.strip_suffix('}').unwrap_or_default(), id(n))
}

/// What the server says of itself, and how much it takes in a batch.
#[must_use]
pub fn hello(batch: usize) -> Answer {
    let body = format!(
        "{{\"project_name\":\"kinto\",\"project_version\":\"26.5.0\",\"http_api_version\":\"1.23\",\
         \"project_docs\":\"https://kinto.readthedocs.io/\",\"url\":\"http://localhost:8888/v1/\",\
         \"settings\":{{\"batch_max_requests\":{batch},\"readonly\":false,\"explicit_permissions\":true}},\
         \"capabilities\":{{\"default_bucket\":{{\"description\":\"The default bucket is an alias.\"}}}}}}"
    );
    Answer::new(body, [])
}

/// One record, read or just written.
#[must_use]
pub fn object(n: usize) -> Answer {
    let body = format!("{{\"permissions\":{{\"write\":[\"account:bench\"]}},\"data\":{}}}", record(n));
    Answer::new(body, [("etag", format!("\"{NOW}\"")), ("last-modified", "Mon, 27 May 2024 08:53:20 GMT".to_owned())])
}

/// The records of a list from this one on, up to a page of them.
fn listed(from: usize, count: usize) -> String {
    let mut body = String::with_capacity(PAGE * 640);
    body.push_str("{\"data\":[");
    for n in from..count.min(from + PAGE) {
        let comma = if n > from { "," } else { "" };
        let _ = write!(body, "{comma}{}", record(n));
    }
    body.push_str("]}");
    body
}

/// A page of a list of so many records, at this URL.
#[must_use]
pub fn page(url: &str, from: usize, count: usize) -> Answer {
    let next = from + PAGE;
    let more = (next < count).then(|| ("next-page", format!("{url}?_limit={PAGE}&_sort=-last_modified&_token={next}")));
    let always = [
        ("cache-control", "no-cache, no-store".to_owned()),
        ("etag", format!("\"{NOW}\"")),
        ("last-modified", "Mon, 27 May 2024 08:53:20 GMT".to_owned()),
        ("total-records", count.to_string()),
        ("total-objects", count.to_string()),
    ];
    Answer::new(listed(from, count), always.into_iter().chain(more))
}

/// What a batch of these writes is answered, as a server with its usual settings writes it down.
#[must_use]
pub fn batch(list: &str, numbers: impl IntoIterator<Item = usize>) -> Answer {
    let mut body = String::from("{\"responses\":[");
    for (place, n) in numbers.into_iter().enumerate() {
        let (comma, path, object) = (if place > 0 { "," } else { "" }, format!("{list}/{}", id(n)), object(n).body);
        let length = object.len();
        let headers = format!(
            "{{\"Last-Modified\":\"Mon, 27 May 2024 08:53:20 GMT\",\"ETag\":\"\\\"{NOW}\\\"\",\"Content-Type\":\"application/json\",\
             \"Content-Length\":\"{length}\",\"Access-Control-Expose-Headers\":\"Backoff, Retry-After, Alert, Content-Length, \
             Content-Type\",\"X-Content-Type-Options\":\"nosniff\",\"Content-Security-Policy\":\"default-src 'none'; \
             frame-ancestors 'none'; base-uri 'none'; \"}}"
        );
        let _ = write!(body, "{comma}{{\"path\":\"{path}\",\"status\":201,\"headers\":{headers},\"body\":{object}}}");
    }
    body.push_str("]}");
    Answer::new(body, [])
}
