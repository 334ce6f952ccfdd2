//! The headers of an answer. Those of an entry of a batch stand in it as JSON.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::DATE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::call::MAX_HEADERS;
use crate::json;

/// The headers of an answer.
#[derive(Clone)]
pub(crate) enum Headers {
    /// As a map.
    Read(HeaderMap),
    /// Those of an entry of a batch among which there is nothing to be acted upon: a map is made of them when somebody looks.
    Unread(Unread, OnceLock<Box<HeaderMap>>),
}

impl Headers {
    pub(crate) fn map(&self) -> &HeaderMap {
        match self {
            Self::Read(map) => map,
            Self::Unread(unread, map) => map.get_or_init(|| Box::new(unread.read().unwrap_or_default())),
        }
    }
}

/// Headers of which no map was made yet.
#[derive(Clone)]
pub(crate) struct Unread {
    /// Where they are in it: `{"ETag": "…", …}`; empty where there are none.
    pub(crate) place: Range<usize>,
    pub(crate) of: Arc<Outer>,
}

/// The answer that entries are in.
pub(crate) struct Outer {
    pub(crate) body: Bytes,
    /// The server's clock, which is told once for all entries.
    pub(crate) date: Option<HeaderValue>,
}

impl Unread {
    /// Those that can be headers.
    pub(crate) fn read(&self) -> serde_json::Result<HeaderMap> {
        let mut map = match self.of.body.get(self.place.clone()) {
            None | Some([]) => HeaderMap::new(),
            Some(text) => json::read::<Texts<'_>>(text)?.of(&self.of.body),
        };
        if let Some(date) = &self.of.date {
            map.entry(DATE).or_insert_with(|| date.clone());
        }
        Ok(map)
    }
}

/// The texts in a map that may hold anything, by their names.
struct Texts<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Texts<'_> {
    /// Values stay in the buffer where they are. A map of headers panics where there are too many for it: what a transport
    /// would not read on from is left out here too.
    fn of(self, buffer: &Bytes) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.0.len().min(MAX_HEADERS) + 1);
        for (name, value) in self.0.into_iter().take(MAX_HEADERS) {
            let value = match value {
                Cow::Borrowed(value) => HeaderValue::from_maybe_shared(buffer.slice_ref(value.as_bytes())).ok(),
                Cow::Owned(value) => HeaderValue::try_from(value).ok(),
            };
            if let (Ok(name), Some(value)) = (HeaderName::try_from(&*name), value) {
                headers.append(name, value);
            }
        }
        headers
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Texts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts<'de>, A::Error> {
                let mut headers = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(Text(name)) = map.next_key()? {
                    let Text(value) = map.next_value()?;
                    headers.extend(name.zip(value));
                }
                Ok(Texts(headers))
            }
        }

        from.deserialize_map(All)
    }
}

/// A text, if it is one.
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }

        from.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_headers_than_a_map_can_hold_are_no_panic() {
        let all = (0..40_000).map(|n| (Cow::Owned(format!("x-{n}")), Cow::Owned("1".to_owned()))).collect();
        assert_eq!(Texts(all).of(&Bytes::new()).len(), MAX_HEADERS);
    }
}
