//! Paths below the API root.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::{Error, Result};
use crate::id::{Breach, Grammar, IdRule, breach, is_usual};
use crate::server_error::Escaped;

/// The longest text that is taken for a path: longer ones are taken by no server.
const MAX_TEXT: usize = 64 * 1024;

/// Everything but the unreserved characters of RFC 3986.
pub(crate) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A path below the API root, such as `/buckets/blog/collections/posts`, each id percent-encoded once.
///
/// Made by the addresses ([`bucket`](crate::bucket), [`buckets`](crate::buckets)) and by
/// [`endpoints`](crate::endpoints). An id that breaks the [`IdRule`] is remembered and refused when a request is to be
/// built from the path, so that addresses can be written without a `?` at every step.
///
/// ```
/// use kinto_protocol::{IdRule, bucket};
///
/// let posts = bucket("blog").collection("posts");
/// assert_eq!(posts.path().as_str(), "/buckets/blog/collections/posts");
/// assert!(posts.path().check(IdRule::Server).is_ok());
/// assert!(bucket("../..").path().check(IdRule::Wide).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    text: String,
    breach: Option<Box<Breach>>,
    /// The capability without which the server does not know it.
    capability: Option<&'static str>,
}

impl Path {
    /// A fixed path.
    pub(crate) fn fixed(text: &str) -> Self {
        Self { text: text.to_owned(), breach: None, capability: None }
    }

    /// Of a plugin's endpoint, known where the server has this capability.
    pub(crate) fn needing(mut self, capability: &'static str) -> Self {
        self.capability = Some(capability);
        self
    }

    /// The capability that the server must have to know this path. It is asked for it before anything is sent there, once
    /// per session.
    #[must_use]
    pub fn capability(&self) -> Option<&'static str> {
        self.capability
    }

    /// With a fixed part at the end.
    pub(crate) fn join(&self, part: &str) -> Self {
        let mut text = String::with_capacity(self.text.len() + part.len() + 40);
        text.push_str(&self.text);
        text.push_str(part);
        Self { text, breach: self.breach.clone(), capability: self.capability }
    }

    /// Without its last segment: what a list is in.
    pub(crate) fn parent(&self) -> Self {
        let text = self.text.rsplit_once('/').map_or("", |(parent, _)| parent);
        Self { text: text.to_owned(), breach: self.breach.clone(), capability: self.capability }
    }

    /// The path of an object in the list that this is the path of.
    pub(crate) fn object(&self, id: &str, grammar: Grammar) -> Self {
        let mut path = self.join("");
        path.segment(id, grammar);
        path
    }

    /// With an id as the next segment.
    pub(crate) fn id(mut self, id: &str) -> Self {
        self.segment(id, Grammar::Object);
        self
    }

    /// With a segment of some grammar at the end.
    pub(crate) fn segment(&mut self, id: &str, grammar: Grammar) {
        if is_usual(id) {
            self.text.push('/');
            self.text.push_str(id);
            return;
        }
        let found = breach(id, grammar);
        self.text.push('/');
        if id.len() <= crate::id::MAX_LENGTH {
            self.text.extend(utf8_percent_encode(id, SEGMENT));
        }
        // The worst breach is the one to keep: a wider rule does not heal it.
        if let Some(found) = found
            && self.breach.as_ref().is_none_or(|kept| kept.wide_would_do)
        {
            self.breach = Some(Box::new(found));
        }
    }

    /// The text, percent-encoded, as it stands in a request line after the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Whether all ids in it obey the rule.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input), naming the id and what is wrong with it.
    pub fn check(&self, rule: IdRule) -> Result<()> {
        match &self.breach {
            Some(breach) if !(breach.wide_would_do && rule == IdRule::Wide) => {
                let error = Error::input(breach.to_string());
                Err(if breach.wide_would_do {
                    error.hint("if this server accepts such ids, allow them with IdRule::Wide")
                } else {
                    error
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether the path lies in the personal bucket `default`, where even reading creates things.
    pub(crate) fn in_default_bucket(&self) -> bool {
        self.text.strip_prefix("/buckets/default").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Any path below the API root, as it stands in a request line: for plugins that this library does not know.
///
/// ```
/// use kinto_protocol::{Call, Method, Path};
///
/// let path: Path = "/my-plugin/things/caf%C3%A9".parse()?;
/// let call = Call::new(Method::GET, path).query("deep=true");
/// assert!("/buckets/../admin".parse::<Path>().is_err());
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // What comes after a question mark is no part of it, and may be a secret.
        let shown = Escaped(text.split('?').next().unwrap_or_default());
        let wrong = |why: &str| Err(Error::input(format!("\"{shown}\" is no path: {why}")));
        if !text.starts_with('/') {
            return wrong("it is to begin with a slash");
        }
        if text.len() > MAX_TEXT {
            return Err(Error::input(format!("a path of {} bytes is too long", text.len())));
        }
        match fault(text) {
            Some(why) => wrong(why),
            None => Ok(Self::fixed(text)),
        }
    }
}

/// Why a text cannot stand in a request line as a path, if it cannot.
pub(crate) fn fault(text: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
    if !text.bytes().all(allowed) {
        return Some("what is no letter of a URL is to be percent-encoded, and parameters are no part of it");
    }
    let encoded = |part: &str| part.get(..2).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !text.split('%').skip(1).all(encoded) {
        return Some("a % in it stands before no two digits");
    }
    // Servers and proxies decode before they walk: an encoded slash separates segments like any other.
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    let steps = decoded.split(|byte| b"/\\".contains(byte)).any(|segment| segment == b"." || segment == b"..");
    steps.then_some("it has a step to elsewhere")
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_once() {
        let path = Path::fixed("/buckets").id("a+b@c").join("/groups").id("é");
        assert_eq!(path.as_str(), "/buckets/a%2Bb%40c/groups/%C3%A9");
        assert!(path.check(IdRule::Server).is_err());
        assert!(path.check(IdRule::Wide).is_ok());
    }

    #[test]
    fn any_path_that_stays_where_it_is() {
        for text in ["/", "/a", "/a/b%20c", "/a//b", "/a/", "/buckets/a/snapshot/collections/c@7", "/a/...", "/%C3%A9"]
        {
            assert_eq!(text.parse::<Path>().map(|path| path.to_string()).ok().as_deref(), Some(text));
        }
        for text in [
            "",
            "a",
            "//h/../x",
            "/..",
            "/a/%2e%2E/b",
            "/a/..%2F..%2f",
            "/a/b%2F%2e%2e",
            "/a/x%5C..",
            "/.",
            "/a?b",
            "/a#b",
            "/a b",
            "/é",
            "/a%2",
            "/%zz",
            "/a\r\nb",
            "/%",
        ] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
        assert!(format!("/{}", "x".repeat(MAX_TEXT)).parse::<Path>().is_err());
    }

    #[test]
    fn parameters_are_refused_and_not_shown() {
        let error = "/a?token=s3cr3t".parse::<Path>().unwrap_err().to_string();
        assert!(error.contains("\"/a\" is no path") && !error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn the_worst_breach_counts() {
        for path in [Path::fixed("/buckets").id("a.b").id(".."), Path::fixed("/buckets").id("..").id("a.b")] {
            assert!(path.check(IdRule::Wide).unwrap_err().to_string().contains("step in the path"), "{path}");
        }
    }

    #[test]
    fn a_huge_id_is_not_even_copied() {
        assert!(Path::fixed("/buckets").id(&"x".repeat(10_000_000)).as_str().len() < 100);
    }
}
