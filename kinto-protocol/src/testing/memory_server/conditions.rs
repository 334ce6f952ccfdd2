//! `If-Match` and `If-None-Match`.

use crate::testing::memory_server::answer::Answer;

/// What a request demands of what is there.
#[derive(Debug)]
pub(super) struct Conditions {
    matching: Option<Tag>,
    not_matching: Option<Tag>,
}

#[derive(Debug, PartialEq)]
enum Tag {
    Any,
    At(i64),
}

impl Conditions {
    pub(super) fn of(header: &dyn Fn(&str) -> Option<String>) -> Result<Self, Answer> {
        let tag = |name: &'static str| match header(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => Tag::parse(&text).map(Some).ok_or_else(|| {
                Answer::invalid("header", Some(name), "Invalid value for ETag: it is to be a timestamp in quotes, or *")
            }),
        };
        Ok(Self { matching: tag("If-Match")?, not_matching: tag("If-None-Match")? })
    }

    /// Whether a list or an object that was changed then may be read or written.
    pub(super) fn hold(&self, at: i64) -> bool {
        let is = |tag: &Tag| *tag == Tag::Any || *tag == Tag::At(at);
        self.matching.as_ref().is_none_or(is) && self.not_matching != Some(Tag::Any)
    }

    /// Whether whoever reads it has it already.
    pub(super) fn is_known(&self, at: i64) -> bool {
        self.not_matching == Some(Tag::At(at))
    }

    /// Whether it may be made where nothing is.
    pub(super) fn hold_for_nothing(&self) -> bool {
        self.matching.is_none()
    }
}

impl Tag {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let digits = text.strip_prefix('"')?.strip_suffix('"')?;
        digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit())).map(Self::At)
    }
}
