//! The client.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use kinto_protocol::{
    __Wire as Wire, Exchange, Flow, Limits, Moment, Request, Response, Result, Session, SessionBuilder, Step, Transfer,
    TransportError,
};

use crate::transport::Transport;
use crate::transport_ureq::Ureq;

/// A client of one server.
///
/// Cheap to clone and shared between threads: clones use the same connections, and when the server asks one of them for
/// silence, all keep it.
#[derive(Clone)]
pub struct Client {
    session: Session,
    pub(crate) transport: Arc<dyn Transport>,
}

impl Client {
    /// Begins with the URL of the API, which normally ends in `/v1`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        let product = concat!("kinto-blocking/", env!("CARGO_PKG_VERSION"));
        ClientBuilder { session: Session::builder(url).user_agent(product), wire: Wire::default() }
    }

    /// A client that sends with a transport of one's own.
    ///
    /// To make new ids ([`add`](kinto_protocol::Resource::add)) the session needs a seed: see [`SessionBuilder::seed`].
    pub fn with_transport(session: Session, transport: impl Transport + 'static) -> Self {
        Self { session, transport: Arc::new(transport) }
    }

    /// A client of what stands in for a server in a test: a model, a script or a recording, see [`crate::testing`].
    ///
    /// ```
    /// use kinto_blocking::testing::{Answer, Script};
    /// use kinto_blocking::{Client, bucket};
    /// use serde_json::json;
    ///
    /// let posts = bucket("blog").collection("posts").records();
    /// let script = Script::new();
    /// script.expect(posts.get("hello"), Answer::object(&json!({"title": "Hello"})));
    /// let client = Client::testing(&script);
    /// assert_eq!(client.send(posts.get("hello"))?.data["title"], "Hello");
    /// script.finish();
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    #[cfg(feature = "testing")]
    pub fn testing(double: &impl kinto_protocol::testing::TestDouble) -> Self {
        let answering = double.answering();
        Self::with_transport(double.session(), move |request: Request| answering.answer(&request))
    }

    /// The same client, writing down all that goes on, see [`Recorder`](kinto_protocol::testing::Recorder). Files are
    /// collected in memory.
    ///
    /// ```
    /// use kinto_blocking::testing::{MemoryServer, Recorder};
    /// use kinto_blocking::{Client, buckets};
    /// use serde_json::json;
    ///
    /// let server = MemoryServer::new(); // mostly a real one: Client::builder(…).build()?
    /// let recorder = Recorder::new();
    /// let client = Client::testing(&server).recorded_by(&recorder);
    /// let bucket = client.send(buckets().add(&json!({})))?;
    ///
    /// let replay = recorder.recording().replay();
    /// assert_eq!(Client::testing(&replay).send(buckets().add(&json!({})))?, bucket);
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn recorded_by(&self, recorder: &kinto_protocol::testing::Recorder) -> Self {
        let transport = crate::recorded::Recorded { inner: Arc::clone(&self.transport), recorder: recorder.clone() };
        Self::with_transport(recorder.begin(&self.session), transport)
    }

    /// Sends an operation, or has a longer conversation, and gives its outcome.
    ///
    /// # Errors
    ///
    /// What the server refused, what kept an answer from coming, or what could not be sent in the first place: see
    /// [`Error`](kinto_protocol::Error).
    pub fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        self.drive(self.session.exchange(flow), |request, limits, _| self.transport.send(request, limits))
    }

    /// Goes on with an exchange until it has an outcome, with something that sends its requests.
    pub(crate) fn drive<F: Flow>(
        &self,
        mut exchange: Exchange<F>,
        mut send: impl FnMut(Request, &Limits, Option<Transfer>) -> Result<Response, TransportError>,
    ) -> Result<F::Output> {
        loop {
            let at = now();
            if F::__beside()
                && let Some(fork) = exchange.fork(at)
            {
                self.side_by_side(fork);
                continue;
            }
            match exchange.next(at) {
                Step::Send(request, limits) => {
                    let outcome = match exchange.transfer() {
                        None if F::__beside() && exchange.has_work() => {
                            self.send_aside(request, &limits, &mut || exchange.meanwhile())
                        }
                        transfer => send(request, &limits, transfer),
                    };
                    exchange.handle(outcome, now());
                }
                Step::Wait(pause) => thread::sleep(pause),
                Step::Done(result) => return result,
            }
        }
    }

    /// Sends from a thread of its own, while work is done on this one: what is worked on need not be for other threads.
    fn send_aside(
        &self,
        request: Request,
        limits: &Limits,
        work: &mut dyn FnMut(),
    ) -> Result<Response, TransportError> {
        let (transport, again) = (&*self.transport, request.clone());
        thread::scope(|scope| {
            let sending = thread::Builder::new().spawn_scoped(scope, move || transport.send(request, limits));
            // Where all cores are busy, the other one is to come first.
            thread::yield_now();
            work();
            match sending {
                Ok(sending) => sending.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // Where there can be no more threads, one thing is done after the other.
                Err(_) => transport.send(again, limits),
            }
        })
    }

    kinto_protocol::__client_methods!();
}

/// The time of all clients of the process: sessions may be shared between them, and a session knows only one start.
fn now() -> Moment {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    Moment::at(STARTED.get_or_init(Instant::now).elapsed())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Makes a [`Client`].
#[must_use]
#[derive(Debug)]
pub struct ClientBuilder {
    session: SessionBuilder,
    wire: Wire,
}

impl ClientBuilder {
    kinto_protocol::__client_builder_methods!();

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// As [`SessionBuilder::build`], and when the environment names a proxy, or the caller certificates, that cannot be
    /// used.
    pub fn build(self) -> Result<Client> {
        let (session, wire, proxy) = self.prepared()?;
        let transport = Ureq::new(&session.policy().limits, &wire, proxy.as_ref())?;
        Ok(Client::with_transport(session, transport))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinto_protocol::{OnBackoff, server_info};
    use std::time::Duration;

    #[test]
    fn clients_that_share_a_session_share_its_time() {
        let session = Session::builder("http://localhost:1/v1").build().unwrap();
        let quiet = |_: Request| -> Result<Response, TransportError> {
            Ok(http::Response::builder().header("backoff", "60").body("{}".into()).unwrap())
        };
        Client::with_transport(session.clone(), quiet).send(server_info()).unwrap();
        let never = |_: Request| -> Result<Response, TransportError> { panic!("the server asked for silence") };
        let session = session.with_policy(|policy| policy.on_backoff = OnBackoff::Fail);
        let error = Client::with_transport(session, never).send(server_info()).unwrap_err();
        let left = error.retry_in().unwrap();
        assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
    }
}
