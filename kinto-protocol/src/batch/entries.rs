//! The answer to a batch: one entry for each of its requests.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::DATE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::call::{Call, MAX_HEADERS};
use crate::error::{Error, ErrorKind, Result};
use crate::reply::Reply;

#[derive(Deserialize)]
struct Envelope<E> {
    responses: Vec<E>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    status: u16,
    #[serde(borrow, default)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    headers: Option<Headers<'a>>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// The texts in a map that may hold anything, by their names.
struct Headers<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Headers<'_> {
    /// Those that can be headers. Values stay in the buffer where they are. A map of headers panics where there are too many
    /// for it: what a transport would not read on from is left out here too.
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

/// The replies to these calls, out of the answer to all of them. Of one that cannot be understood only that one is lost;
/// if they cannot be told apart, all are.
pub(super) fn replies(reply: &Reply, calls: &[Arc<Call>]) -> Result<Vec<Result<Reply>>> {
    let entries: Vec<serde_json::Result<Entry<'_>>> = reply.text_with(|text| {
        if let Ok(Envelope { responses }) = serde_json::from_str(text) {
            return Ok(responses.into_iter().map(Ok).collect());
        }
        // Something in there is not as it should be: each entry is looked at by itself.
        let Envelope { responses } = serde_json::from_str::<Envelope<&RawValue>>(text)?;
        Ok(responses.into_iter().map(|entry| serde_json::from_str(entry.get())).collect())
    })?;
    if entries.len() != calls.len() {
        return Err(Error::new(
            ErrorKind::Decode,
            format!("the batch had {} requests, and the answer to it has {}", calls.len(), entries.len()),
        ));
    }
    let read: Vec<Result<Reply, Trouble>> =
        entries.into_iter().zip(calls).map(|(entry, call)| one(entry, call, reply)).collect();
    if let Some(misplaced) = read.iter().zip(calls).position(|(read, _)| matches!(read, Err(Trouble::Misplaced))) {
        let why = format!("the answer to the batch is in another order: entry {misplaced} is about something else");
        return Err(Error::new(ErrorKind::Decode, why));
    }
    let unreadable = |trouble| match trouble {
        Trouble::Unreadable(error) => {
            Error::new(ErrorKind::Decode, "its answer in the batch cannot be used").caused_by(error.into())
        }
        Trouble::Misplaced => Error::new(ErrorKind::Decode, "its answer in the batch is about something else"),
    };
    Ok(read.into_iter().map(|read| read.map_err(unreadable)).collect())
}

enum Trouble {
    Unreadable(serde_json::Error),
    Misplaced,
}

fn one(entry: serde_json::Result<Entry<'_>>, call: &Arc<Call>, outer: &Reply) -> Result<Reply, Trouble> {
    let read = entry.map_err(Trouble::Unreadable)?;
    let status =
        StatusCode::from_u16(read.status).map_err(|error| Trouble::Unreadable(serde::de::Error::custom(error)))?;
    if read.path.is_some_and(|path| !ends_alike(&path, call.path().as_str())) {
        return Err(Trouble::Misplaced);
    }
    // What stands in the place of an empty body.
    let body = read.body.map(RawValue::get).filter(|body| !matches!(*body, "\"\"" | "null"));
    let mut response =
        http::Response::new(body.map_or_else(Bytes::new, |body| outer.body().slice_ref(body.as_bytes())));
    *response.status_mut() = status;
    *response.headers_mut() = read.headers.map(|headers| headers.of(outer.body())).unwrap_or_default();
    // The server's clock is told once for all.
    if let Some(date) = outer.headers().get(DATE) {
        response.headers_mut().entry(DATE).or_insert_with(|| date.clone());
    }
    Ok(Reply::new(Arc::clone(call), response, outer.attempts()).to(outer.session()))
}

/// Whether two paths end in the same segment. The server writes the rest in its own way.
fn ends_alike(told: &str, asked: &str) -> bool {
    let (told, asked) = (last_segment(told), last_segment(asked));
    let decoded = |segment| percent_decode_str(segment).decode_utf8_lossy();
    asked.is_empty() || told == asked || decoded(told) == decoded(asked)
}

fn last_segment(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    path.rsplit('/').next().unwrap_or_default()
}

impl<'de: 'a, 'a> Deserialize<'de> for Headers<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Headers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers<'de>, A::Error> {
                let mut headers = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(Text(name)) = map.next_key()? {
                    let Text(value) = map.next_value()?;
                    headers.extend(name.zip(value));
                }
                Ok(Headers(headers))
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
        assert_eq!(Headers(all).of(&Bytes::new()).len(), MAX_HEADERS);
    }
}
