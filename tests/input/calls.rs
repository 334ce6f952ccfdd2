//! Requests that the library knows nothing of: each is sent as it was said, alone as well as in a batch, or not at all.

use kinto_protocol::{Call, IdRule, Method, Path, Precondition, Timestamp, bucket, endpoints};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::caller::{further, is_clear, request, session};
use crate::hostile::{id, text, word};
use crate::json::value;
use crate::property::{Fate, holds};
use crate::strict::encoded;

/// A call, and what was said of it.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) header: Option<(String, String)>,
    pub(crate) precondition: Option<i64>,
    pub(crate) body: Option<Value>,
}

impl Said {
    /// The call, if that can be one.
    pub(crate) fn call(&self) -> Result<Option<Call>, TestCaseError> {
        let Ok(method) = Method::from_bytes(self.method.as_bytes()) else { return Ok(None) };
        let call = self.path.parse::<Path>().map(|path| Call::new(method, path).query(self.query.as_str()));
        let call = call.and_then(|call| match &self.header {
            Some((name, value)) => call.header(name, value),
            None => Ok(call),
        });
        let call = call.and_then(|call| match &self.body {
            Some(body) => call.json(body),
            None => Ok(call),
        });
        let unchanged = self.precondition.map(|at| Precondition::Unchanged(Timestamp::from_millis(at)));
        match call {
            Ok(call) => Ok(Some(call.precondition(unchanged.unwrap_or_default()))),
            Err(error) => is_clear(&error).map(|()| None),
        }
    }

    /// What is to be seen of it.
    pub(crate) fn target(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", self.path, self.query)
    }
}

pub(crate) fn said() -> impl Strategy<Value = Said> {
    let methods = prop_oneof![
        20 => proptest::sample::select(&["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"][..]).prop_map(str::to_owned),
        3 => proptest::sample::select(&["OPTIONS", "TRACE", "CONNECT", "get", "PURGE", "M-SEARCH", "PRI"][..]).prop_map(str::to_owned),
        1 => text(),
    ];
    let segments = prop_oneof![5 => word(), 3 => text().prop_map(|text| encoded(&text)), 1 => id()];
    let paths = vec(segments, 1..5).prop_map(|segments| segments.iter().map(|it| format!("/{it}")).collect());
    let pair = (word(), text()).prop_map(|(name, value)| format!("{name}={}", encoded(&value)));
    let queries = prop_oneof![3 => Just(String::new()), 3 => pair, 1 => text()];
    let header = (word().prop_map(|name| format!("x-{name}")), prop_oneof![3 => word(), 1 => text()]);
    let header = prop_oneof![3 => Just(None), 1 => header.prop_map(Some)];
    let precondition =
        prop_oneof![4 => Just(None), 1 => (0..i64::MAX).prop_map(Some), 1 => any::<i64>().prop_map(Some)];
    (methods, paths, queries, header, precondition, proptest::option::of(value(2))).prop_map(
        |(method, path, query, header, precondition, body)| Said { method, path, query, header, precondition, body },
    )
}

#[test]
fn as_they_were_said() {
    holds("calls", &said(), |said| {
        let Some(call) = said.call()? else { return Ok(Fate::Refused) };
        let Ok(read) = request(&session(IdRule::Server), &call)? else { return Ok(Fate::Refused) };
        prop_assert_eq!(&read.method, &said.method);
        prop_assert!(!said.method.eq_ignore_ascii_case("CONNECT"), "its target is no path");
        prop_assert_eq!(&read.target, &format!("/v1{}", said.target()));
        let mut expected: Vec<(String, String)> = Vec::new();
        let length = read.body.len().to_string();
        if let Some(body) = &said.body {
            prop_assert_eq!(&serde_json::from_slice::<Value>(&read.body).unwrap(), body);
            expected.push(("content-type".into(), "application/json".into()));
        } else {
            prop_assert!(read.body.is_empty());
        }
        if ["PUT", "POST", "PATCH"].contains(&said.method.as_str()) {
            expected.push(("content-length".into(), length));
        }
        expected
            .extend(said.header.map(|(name, value)| (name.to_lowercase(), value.trim_matches([' ', '\t']).to_owned())));
        expected.extend(said.precondition.map(|at| ("if-match".into(), format!("\"{at}\""))));
        let mut found: Vec<_> =
            further(&read).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        found.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
        Ok(Fate::Sent)
    });
}

/// A method names what is done with a path; one that has a host instead would go elsewhere.
#[test]
fn methods_without_a_path() {
    let call = Call::new(Method::CONNECT, endpoints::buckets());
    is_clear(&session(IdRule::Server).request(&call).unwrap_err()).unwrap();
    assert!(session(IdRule::Server).request(&bucket("b").collections().get("c")).is_ok());
}
