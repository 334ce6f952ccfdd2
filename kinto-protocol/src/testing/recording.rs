//! What went on between a program and a server, as a value and as a text.

mod file;

use std::fmt;
use std::str::FromStr;

use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::error::{Error, Result};
use crate::secrets::Secrets;
use crate::session::{Response, Session};
use crate::testing::answer::Answer;
use crate::testing::asked::{Asked, Content, content};
use crate::testing::discreet;
use crate::testing::expected::Expected;
use crate::testing::script::Script;
use crate::transport_error::{FailureKind, TransportError};

use file::File;

/// What went on between a client and a server, without secrets. A [`Recorder`](crate::testing::Recorder) makes one.
///
/// It is saved as JSON that people can read and compare (`to_string`), and read from there (`parse`). What was JSON stands
/// there as such.
///
/// ```
/// use kinto_protocol::bucket;
/// use kinto_protocol::testing::Recording;
///
/// let recording: Recording = r#"{
///   "kinto_recording": 1,
///   "server": "http://localhost:8888/v1",
///   "exchanges": [
///     {
///       "request": {"method": "GET", "path": "/buckets/blog/collections/posts/records/hello"},
///       "answer": {"status": 200, "json": {"data": {"id": "hello", "last_modified": 7, "title": "Hello"}}}
///     }
///   ]
/// }"#
/// .parse()?;
/// let replay = recording.replay(); // Client::testing(&replay)
/// let post = replay.send(bucket("blog").collection("posts").records().get("hello"))?;
/// assert_eq!(post.data["title"], "Hello");
/// replay.finish();
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Recording {
    pub(super) server: String,
    pub(super) seed: Option<u128>,
    pub(super) exchanges: Vec<Exchanged>,
}

/// A request, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exchanged {
    pub(super) asked: Asked,
    pub(super) outcome: Outcome,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Answered { status: StatusCode, headers: Vec<(String, String)>, body: Content },
    Failed { kind: FailureKind, sent: bool, why: String },
}

/// Headers of answers that nobody needs again, or nobody may read.
const LEFT_OUT: [&str; 15] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
    "connection",
    "content-length",
    "content-security-policy",
    "keep-alive",
    "proxy-authenticate",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "via",
    "www-authenticate",
    "x-content-type-options",
];

impl Outcome {
    pub(super) fn failed(failure: &TransportError) -> Self {
        let (kind, sent) = (failure.kind(), failure.may_have_been_sent());
        Self::Failed { kind, sent, why: failure.to_string() }
    }

    /// An answer, and what in it is to be hidden.
    pub(super) fn answered(response: &Response, secrets: &mut Secrets) -> Self {
        #[cfg(feature = "gzip")]
        let response = &crate::gzip::decoded(response.clone(), u64::MAX).unwrap_or_else(|_| response.clone());
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let content_type = response.headers().get(CONTENT_TYPE).map(text);
        let (content_type, body) = content(content_type, response.body());
        discreet::learn(secrets, response.headers(), "", &body);
        // Only one that was counted from says anything.
        let is_dated = response.headers().contains_key(RETRY_AFTER);
        let kept = response.headers().iter().filter(|(name, _)| {
            !LEFT_OUT.contains(&name.as_str()) && *name != CONTENT_TYPE && (is_dated || *name != DATE)
        });
        let mut headers: Vec<_> = kept.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        headers.extend(content_type.map(|kind| (CONTENT_TYPE.as_str().to_owned(), kind)));
        headers.sort();
        Self::Answered { status: response.status(), headers, body }
    }

    pub(super) fn hide(&mut self, secrets: &Secrets) {
        match self {
            Self::Answered { headers, body, .. } => {
                headers.iter_mut().for_each(|(_, value)| discreet::hide_text(value, secrets));
                discreet::hide_content(body, secrets);
            }
            Self::Failed { why, .. } => secrets.hide_in(why),
        }
    }

    fn answer(&self) -> Answer {
        match self {
            Self::Failed { kind, sent, why } => Answer::failure_because(*kind, *sent, why.clone()),
            Self::Answered { status, headers, body } => {
                let answer = Answer::status(status.as_u16());
                let answer = match body {
                    Content::Nothing => answer,
                    Content::Json(value) => answer.json(value),
                    Content::Text(text) => answer.body(text.clone()),
                    Content::Bytes(bytes) => answer.body(bytes.clone()),
                };
                headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
            }
        }
    }
}

impl Recording {
    /// A [`Script`] of it: the same requests, in the same order, get the same answers. Where the program does several
    /// things at once, their order is [none](Script::in_any_order).
    ///
    /// Its session makes the ids that were made then, as long as they are made in the same order. The one thing that is not
    /// replayed is time: where an answer asked to wait, a client waits again.
    ///
    /// # Panics
    ///
    /// Never: what it is made of was looked at when it was read.
    #[must_use]
    pub fn replay(&self) -> Script {
        let session = self.session().unwrap_or_else(|error| unreachable!("{error}"));
        let script = Script::of(session, true);
        for Exchanged { asked, outcome } in &self.exchanges {
            script.then(Expected::recorded(asked.clone()), outcome.answer());
        }
        script
    }

    fn session(&self) -> Result<Session> {
        let session = Session::builder(&self.server);
        self.seed.into_iter().fold(session, crate::SessionBuilder::seed).build()
    }
}

/// JSON, with two spaces and a line feed at the end.
impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string_pretty(&File::of(self)).map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recording({} exchanges with {})", self.exchanges.len(), self.server)
    }
}

impl FromStr for Recording {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: String| Error::input(format!("this is no recording: {why}"));
        let file: File = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let recording = file.recording().map_err(wrong)?;
        recording.session()?;
        Ok(recording)
    }
}

#[cfg(test)]
mod tests;
