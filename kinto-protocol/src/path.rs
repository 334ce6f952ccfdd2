//! Paths below the API root.

use std::fmt;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, Result};
use crate::id::{Breach, Grammar, IdRule, breach};

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
        let found = breach(id, grammar);
        self.text.push('/');
        if id.len() <= crate::id::MAX_LENGTH {
            let _ = write!(self.text, "{}", utf8_percent_encode(id, SEGMENT));
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
