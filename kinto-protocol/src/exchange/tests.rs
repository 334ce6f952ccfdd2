//! The exchange under scripted answers, with time as a variable.

mod ahead;
#[cfg(feature = "attachments")]
mod attachments;
mod batch_doubts;
mod batches;
mod copying;
#[cfg(feature = "attachments")]
mod downloads;
#[cfg(feature = "attachments")]
mod filing;
mod following;
mod lists;
mod machine;
mod model;
mod modifying;
mod plugins;
mod pouring;
mod publishing;
mod syncing;
#[cfg(feature = "signatures")]
mod verified;
mod words;
mod writes;

use std::sync::{Arc, Mutex};

#[cfg(feature = "gzip")]
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;

use super::*;
use crate::address::{bucket, buckets};
use crate::auth::Auth;
use crate::call::Call;
use crate::event::Event;
use crate::flows::GetOrCreated;
use crate::id::IdRule;
use crate::object::{Conditional, JsonMap, Listing};
use crate::operation::Operation;
use crate::operations::{heartbeat, server_info};
use crate::patch::JsonPatch;
use crate::policy::{OnBackoff, Policy};
use crate::server::ServerInfo;
use crate::transport_error::FailureKind;

const RECORD: &str = r#"{"data":{"id":"a","last_modified":7,"n":1},"permissions":{"write":["me"]}}"#;

type Outcome = Result<Response, TransportError>;

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Outcome {
    let mut response = Response::new(body.to_owned().into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
    }
    Ok(response)
}

fn fails(kind: FailureKind) -> Outcome {
    Err(TransportError::new(kind, "test"))
}

/// What an exchange did: the requests, and the waits between them.
struct Run<T> {
    result: Result<T>,
    requests: Vec<Request>,
    waits: Vec<Duration>,
}

impl<T: std::fmt::Debug> Run<T> {
    fn error(self) -> Error {
        self.result.unwrap_err()
    }

    fn lines(&self) -> Vec<String> {
        self.requests.iter().map(|r| format!("{} {}", r.method(), r.uri().path_and_query().unwrap())).collect()
    }
}

struct Bench {
    session: Session,
    now: Moment,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy::default();
        change(&mut policy);
        let builder = Session::builder("http://localhost:1/v1").auth(Auth::basic("me", "s3cr3t")).policy(policy);
        Self { session: builder.seed(7).build().unwrap(), now: Moment::default() }
    }

    /// Drives a flow with these answers, each of which takes 10 ms. The last one is given again and again.
    fn run<F: Flow>(&mut self, flow: F, answers: Vec<Outcome>) -> Run<F::Output> {
        let exchange = self.session.exchange(flow);
        self.finish(exchange, answers)
    }

    fn finish<F: Flow>(&mut self, mut exchange: Exchange<F>, answers: Vec<Outcome>) -> Run<F::Output> {
        let (mut requests, mut waits) = (Vec::new(), Vec::new());
        let mut answers = answers.into_iter();
        loop {
            assert!(requests.len() < 1000 && waits.len() < 1000, "endless");
            match exchange.next(self.now) {
                Step::Send(request, limits) => {
                    assert!(limits.total <= self.session.policy().deadline);
                    requests.push(request);
                    self.now = self.now.after(Duration::from_millis(10));
                    exchange.handle(answers.next().expect("one more answer"), self.now);
                }
                Step::Wait(wait) => {
                    assert!(!wait.is_zero());
                    waits.push(wait);
                    self.now = self.now.after(wait);
                }
                Step::Done(result) => {
                    assert!(answers.next().is_none(), "not all answers were asked for");
                    return Run { result, requests, waits };
                }
            }
        }
    }
}

fn run<F: Flow>(flow: F, answers: Vec<Outcome>) -> Run<F::Output> {
    Bench::new(|_| {}).run(flow, answers)
}

fn records() -> crate::Resource {
    bucket("b").collection("c").records()
}

fn page(ids: &[&str], next: Option<&str>) -> Outcome {
    let data: Vec<_> = ids.iter().map(|id| json!({"id": id, "last_modified": 1})).collect();
    let headers: Vec<(&str, &str)> =
        next.map(|next| ("next-page", next)).into_iter().chain([("etag", "\"9\"")]).collect();
    answer(200, &headers, &json!({"data": data}).to_string())
}

fn ids<T>(listing: Listing<crate::Object<T>>) -> Vec<String> {
    listing.into_iter().map(|object| object.id).collect()
}
