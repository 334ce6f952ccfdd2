//! Who sends, and what must be shown nowhere.

use std::sync::LazyLock;

use kinto_protocol::{Auth, Error, ErrorKind, Flow, IdRule, Moment, Operation, Request, Response, Session, Step};
use proptest::prelude::TestCaseError;
use proptest::{prop_assert, prop_assert_eq};

use crate::strict::{Read, on_the_wire};

/// Stands wherever a secret may be given.
pub(crate) const SECRET: &str = "s3cr3t";

/// The root of the paths.
pub(crate) const ROOT: &str = "https://kinto.example/v1";

/// One with credentials, and one that takes all ids that can be taken.
pub(crate) fn session(rule: IdRule) -> Session {
    static SERVER: LazyLock<Session> = LazyLock::new(|| made(IdRule::Server));
    static WIDE: LazyLock<Session> = LazyLock::new(|| made(IdRule::Wide));
    if rule == IdRule::Server { SERVER.clone() } else { WIDE.clone() }
}

fn made(rule: IdRule) -> Session {
    let builder = Session::builder(ROOT).auth(Auth::basic("tester", SECRET)).header("X-Token", SECRET);
    builder.id_rule(rule).seed(7).build().unwrap()
}

/// The one request of an operation, read from the wire, or why there is none.
pub(crate) fn request<O: Operation>(session: &Session, operation: &O) -> Result<Result<Read, Error>, TestCaseError> {
    let request = match session.request(operation) {
        Ok(request) => request,
        Err(error) => {
            is_clear(&error)?;
            return Ok(Err(error));
        }
    };
    prop_assert_eq!(request.uri().scheme_str(), Some("https"));
    let read = on_the_wire(&request).map_err(TestCaseError::fail)?;
    prop_assert_eq!(read.header("host"), Some("kinto.example"));
    prop_assert_eq!(read.header("authorization"), Some("Basic dGVzdGVyOnMzY3IzdA=="));
    prop_assert_eq!(read.header("x-token"), Some(SECRET));
    prop_assert_eq!(read.header("accept"), Some("application/json"));
    prop_assert!(read.header("user-agent").is_some_and(|agent| agent.starts_with("kinto-protocol/")));
    Ok(Ok(read))
}

/// What a server with all plugins says of itself.
pub(crate) const INFO: &str = r#"{"settings": {"batch_max_requests": 25}, "capabilities": {"accounts": {},
    "attachments": {}, "changes": {}, "history": {}, "openid": {"providers": []}, "permissions_endpoint": {}}}"#;

/// The first request of a flow, apart from the question what the server is; or why there is none.
pub(crate) fn first<F: Flow>(session: &Session, flow: F) -> Result<Result<Request, Error>, TestCaseError> {
    let mut exchange = session.exchange(flow);
    loop {
        match exchange.next(Moment::default()) {
            Step::Send(request, _) if request.uri() == "https://kinto.example/v1/" => {
                exchange.handle(Ok(Response::new(INFO.into())), Moment::default());
            }
            Step::Send(request, _) => return Ok(Ok(request)),
            Step::Done(Err(error)) => {
                is_clear(&error)?;
                return Ok(Err(error));
            }
            Step::Wait(_) | Step::Done(Ok(_)) => return Err(TestCaseError::fail("it asks nothing")),
        }
    }
}

/// The names of the headers that every request has.
pub(crate) const ALWAYS: [&str; 6] = ["host", "accept", "accept-encoding", "user-agent", "x-token", "authorization"];

/// Those of the headers that a request need not have.
pub(crate) fn further(read: &Read) -> Vec<(&str, &str)> {
    let further = read.headers.iter().filter(|(name, _)| !ALWAYS.contains(&name.as_str()));
    further.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// That this does not show a secret.
pub(crate) fn hides(shown: &str) -> Result<(), TestCaseError> {
    prop_assert!(!shown.contains(SECRET), "{}", shown);
    Ok(())
}

/// An error of the caller's, found before anything was sent: one line, without secrets.
pub(crate) fn is_clear(error: &Error) -> Result<(), TestCaseError> {
    let text = error.to_string();
    prop_assert_eq!(error.kind(), ErrorKind::Input, "{}", text);
    prop_assert!(error.attempts() == 0 && !error.maybe_applied(), "{}", text);
    for shown in [&text, &format!("{error:?}")] {
        hides(shown)?;
        prop_assert!(!shown.contains(|c: char| c.is_control()), "{:?}", shown);
    }
    prop_assert!(text.len() > 20, "{}", text);
    Ok(())
}
