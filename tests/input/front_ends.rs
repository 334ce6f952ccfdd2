//! Through both front-ends: what leaves the machine is what the core has made, byte by byte one request after the other.

use std::cell::Cell;
use std::sync::LazyLock;

use kinto_protocol::{Auth, Call, Error, Flow, IdRule, Operation, Policy, Result, Session, bucket};
use kinto_tests::{Answer, Stub};
use proptest::prelude::*;
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};

use crate::caller::{SECRET, is_clear};
use crate::calls::{self, Said};
use crate::hostile::id;
use crate::json::object;
use crate::property::{Fate, Verdict, holds_in_some};
use crate::strict::{Read, on_the_wire, only};

/// A client of either kind.
pub(crate) trait Driver: Sized {
    fn build(url: &str, auth: Auth, rule: IdRule) -> Self;
    fn session(&self) -> &Session;
    /// The same for somebody else, or nobody.
    fn with_auth(&self, auth: Option<Auth>) -> Self;
    fn send<F: Flow>(&self, flow: F) -> Result<F::Output>;
}

/// They have the same names, so that both are made by the same words.
macro_rules! built {
    ($client:ty, $url:ident, $auth:ident, $rule:ident) => {{
        let mut policy = Policy::default();
        policy.attempts = 1;
        <$client>::builder($url).auth($auth).header("X-Token", SECRET).policy(policy).id_rule($rule).build().unwrap()
    }};
}

impl Driver for kinto_blocking::Client {
    fn build(url: &str, auth: Auth, rule: IdRule) -> Self {
        built!(Self, url, auth, rule)
    }

    fn session(&self) -> &Session {
        Self::session(self)
    }

    fn with_auth(&self, auth: Option<Auth>) -> Self {
        Self::with_auth(self, auth).unwrap()
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        Self::send(self, flow)
    }
}

impl Driver for kinto_async::Client {
    fn build(url: &str, auth: Auth, rule: IdRule) -> Self {
        built!(Self, url, auth, rule)
    }

    fn session(&self) -> &Session {
        Self::session(self)
    }

    fn with_auth(&self, auth: Option<Auth>) -> Self {
        Self::with_auth(self, auth).unwrap()
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        static RUNTIME: LazyLock<Runtime> =
            LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
        RUNTIME.block_on(Self::send(self, flow))
    }
}

/// A server that says yes to everything, and keeps its connections.
fn stub() -> Stub {
    Stub::start(|_, request| {
        let body = r#"{"data": {"id": "r", "last_modified": 7}, "permissions": {}}"#;
        let Answer::Keep(bytes) = Answer::json(200, body) else { unreachable!("it stays") };
        let bodiless = request.starts_with("HEAD ");
        Answer::Keep(if bodiless { bytes[..bytes.len() - body.len()].to_vec() } else { bytes })
    })
}

#[derive(Clone, Debug)]
enum Sent {
    Call(Said),
    Create(String, String, Map<String, Value>),
    Delete(String, String),
}

impl Sent {
    fn call(&self, session: &Session) -> std::result::Result<Option<Result<Call>>, TestCaseError> {
        let records = |c: &str| bucket("b").collection(c).records();
        Ok(Some(match self {
            Self::Call(said) => match said.call()? {
                Some(call) => Ok(call),
                None => return Ok(None),
            },
            Self::Create(c, id, data) => records(c).create(id.as_str(), data).call(session),
            Self::Delete(c, id) => records(c).delete(id).call(session),
        }))
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        3 => calls::said().prop_map(Sent::Call),
        2 => (id(), id(), object(2)).prop_map(|(c, id, data)| Sent::Create(c, id, data)),
        1 => (id(), id()).prop_map(|(c, id)| Sent::Delete(c, id)),
    ]
}

/// What a front-end may add to what the core says: only how it talks to the other end of the connection.
pub(crate) fn same(there: &Read, here: &Read) -> std::result::Result<(), TestCaseError> {
    prop_assert_eq!((&there.method, &there.target), (&here.method, &here.target));
    prop_assert_eq!(&there.body, &here.body);
    let sorted = |read: &Read| {
        let mut headers = read.headers.clone();
        // Without a body its length need not be told.
        headers.retain(|(name, value)| !(name == "content-length" && value == "0"));
        headers.sort_unstable();
        headers
    };
    prop_assert_eq!(sorted(there), sorted(here));
    let length = there.header("content-length").map(|length| length.parse().unwrap());
    prop_assert!(length == Some(there.body.len()) || length.is_none() && there.body.is_empty());
    Ok(())
}

fn one_after_the_other<D: Driver>(name: &str) {
    let stub = stub();
    let client = D::build(stub.url(), Auth::basic("tester", SECRET), IdRule::Wide);
    let earlier = Cell::new(0);
    holds_in_some(name, 2, &sent(), |sent| {
        let before = earlier.get();
        let Some(call) = sent.call(client.session())? else { return Ok(Fate::Refused) };
        let built = call.and_then(|call| Ok((client.session().request(&call)?, call)));
        let (request, call) = match built {
            Ok(built) => built,
            Err(error) => return refused(&error, stub.requests_after(before).len()),
        };
        let expected = on_the_wire(&request).map_err(TestCaseError::fail)?;
        let answered = client.send(call);
        let seen = stub.requests_after(before);
        earlier.set(before + seen.len());
        prop_assert_eq!(seen.len(), 1, "{:?}: {:?}", answered.map(|_| ()), &seen);
        let read = only(seen[0].as_bytes()).map_err(|why| TestCaseError::fail(format!("{why}: {:?}", seen[0])))?;
        same(&read, &expected)?;
        prop_assert!(answered.is_ok(), "{:?}", answered.map(|_| ()));
        Ok(Fate::Sent)
    });
    // No request has upset the next one. Now and then a connection is not back in its pool yet.
    let (requests, connections) = (stub.requests().len(), stub.connections());
    assert!(connections <= 1 + requests / 4, "{requests} requests, {connections} connections");
}

fn refused(error: &Error, arrived: usize) -> Verdict {
    is_clear(error)?;
    prop_assert_eq!(arrived, 0);
    Ok(Fate::Refused)
}

#[test]
fn of_threads() {
    one_after_the_other::<kinto_blocking::Client>("requests of the blocking client");
}

#[test]
fn of_tasks() {
    one_after_the_other::<kinto_async::Client>("requests of the asynchronous client");
}
