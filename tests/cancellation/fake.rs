//! A server without a network that can be dropped at every point, and time that passes at once.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::task::Poll;
use std::time::Duration;

use kinto_async::{Client, Limits, Policy, Request, Response, Sending, Session, Transport, server_info};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::time::sleep;

/// How often a request is pending on its way to the server, and the answer on its way back.
pub(crate) const PENDING: usize = 2;

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Given to the transport.
    Given,
    /// Carried out by the server.
    Applied,
    /// Answered to the client.
    Answered,
}

/// Where a future was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dropped {
    /// Before it was ever polled.
    NotBegun,
    /// While the server wanted silence, before it sent anything.
    AtTheGate,
    /// With a request on its way to the server.
    OnTheWay,
    /// With an answer on its way back.
    OnTheWayBack,
    /// After an answer, before it sent the next request or the same once more.
    BetweenRequests,
}

/// All of these.
pub(crate) fn everywhere() -> BTreeSet<Dropped> {
    use Dropped::{AtTheGate, BetweenRequests, NotBegun, OnTheWay, OnTheWayBack};
    BTreeSet::from([NotBegun, AtTheGate, OnTheWay, OnTheWayBack, BetweenRequests])
}

/// A request, and how far it came.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Its method and target.
    pub(crate) line: String,
    pub(crate) stage: Stage,
}

type Answering = dyn Fn(&Request) -> Response + Send + Sync;

/// The transport. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Fake {
    log: Arc<Mutex<Vec<Sent>>>,
    answer: Arc<Answering>,
}

impl Fake {
    /// A server that answers so.
    pub(crate) fn new(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self { log: Arc::default(), answer: Arc::new(answer) }
    }

    /// A client of it, patient enough for all waits.
    pub(crate) fn client(&self) -> Client {
        let mut policy = Policy::default();
        policy.deadline = Duration::from_secs(3600);
        let session = Session::builder("https://kinto.example/v1").policy(policy).build().unwrap();
        Client::with_transport(session, self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was sent so far.
    pub(crate) fn log(&self) -> Vec<Sent> {
        self.lock().clone()
    }

    /// What was sent so far and not answered.
    pub(crate) fn in_doubt(&self) -> Vec<Sent> {
        self.lock().iter().filter(|sent| sent.stage != Stage::Answered).cloned().collect()
    }

    /// Where a future was dropped after so many polls, when so many requests were sent before it.
    pub(crate) fn dropped(&self, polls: usize, before: usize) -> Dropped {
        match self.lock()[before..].last().map(|sent| sent.stage) {
            None if polls == 0 => Dropped::NotBegun,
            None => Dropped::AtTheGate,
            Some(Stage::Given) => Dropped::OnTheWay,
            Some(Stage::Applied) => Dropped::OnTheWayBack,
            Some(Stage::Answered) => Dropped::BetweenRequests,
        }
    }

    /// A day later nothing more was sent: whatever a dropped future had in mind went with it.
    pub(crate) async fn stays_silent(&self) {
        let before = self.lock().len();
        sleep(Duration::from_secs(24 * 3600)).await;
        assert_eq!(self.lock().len(), before, "sent after the drop: {:?}", &self.lock()[before..]);
    }
}

impl Transport for Fake {
    fn send(&self, request: Request, _: Limits) -> Sending<'_> {
        let number = {
            let mut log = self.lock();
            let target = request.uri().path_and_query().unwrap();
            log.push(Sent { line: format!("{} {target}", request.method()), stage: Stage::Given });
            log.len() - 1
        };
        Box::pin(async move {
            pending(PENDING).await;
            let response = (self.answer)(&request);
            self.lock()[number].stage = Stage::Applied;
            pending(PENDING).await;
            self.lock()[number].stage = Stage::Answered;
            Ok(response)
        })
    }
}

/// An answer.
pub(crate) fn answer(status: u16, headers: &[(&str, String)], body: &Value) -> Response {
    let mut builder = http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(body.to_string().into()).unwrap()
}

/// What a server says that is too busy, and when to come back.
pub(crate) fn busy(status: u16) -> Response {
    answer(status, &[("retry-after", "7".into())], &json!({"errno": 201, "message": "come back later"}))
}

/// The token in the query of a request.
pub(crate) fn token(request: &Request) -> Option<&str> {
    request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix("_token="))
}

/// Is pending so many times.
async fn pending(times: usize) {
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future so many times at most, and drops it.
pub(crate) async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs a test where time stands still until all wait for it, and then jumps.
pub(crate) fn paused(test: impl Future<Output = ()>) {
    // The clients of a process count time from its first use. No test may be the first in a clock of its own, which
    // others would find running ahead of theirs.
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        let client = Fake::new(|_| answer(200, &[], &json!({}))).client();
        Builder::new_current_thread().enable_time().build().unwrap().block_on(client.send(server_info())).unwrap();
    });
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test);
}
