//! The client.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use kinto_protocol::{
    __Wire as Wire, Exchange, Flow, Limits, Moment, Request, Response, Result, Session, SessionBuilder, Step, Transfer,
    TransportError,
};
use tokio::task::yield_now;
use tokio::time::{self, Instant};

use crate::transport::{Sending, Transport};
use crate::transport_hyper::Hyper;

/// A client of one server.
///
/// Cheap to clone and shared between tasks: clones use the same connections, and when the server asks one of them for
/// silence, all keep it. Its futures are `Send`, and run on a tokio runtime of any kind with time and IO enabled.
#[derive(Clone)]
pub struct Client {
    session: Session,
    pub(crate) transport: Arc<dyn Transport>,
}

impl Client {
    /// Begins with the URL of the API, which normally ends in `/v1`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        let product = concat!("kinto-async/", env!("CARGO_PKG_VERSION"));
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
    /// use kinto_async::testing::{Answer, Script};
    /// use kinto_async::{Client, bucket};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// let posts = bucket("blog").collection("posts").records();
    /// let script = Script::new();
    /// script.expect(posts.get("hello"), Answer::error(404, 110));
    /// let client = Client::testing(&script);
    /// assert!(client.send(posts.get("hello")).await.unwrap_err().is_not_found());
    /// script.finish();
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "testing")]
    pub fn testing(double: &impl kinto_protocol::testing::TestDouble) -> Self {
        let answering = double.answering();
        let transport = move |request: Request| std::future::ready(answering.answer(&request));
        Self::with_transport(double.session(), transport)
    }

    /// The same client, writing down all that goes on, see [`Recorder`](kinto_protocol::testing::Recorder). Files are
    /// collected in memory.
    ///
    /// ```
    /// use kinto_async::testing::{MemoryServer, Recorder};
    /// use kinto_async::{Client, JsonMap, buckets};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// let server = MemoryServer::new(); // mostly a real one: Client::builder(…).build()?
    /// let recorder = Recorder::new();
    /// let client = Client::testing(&server).recorded_by(&recorder);
    /// let bucket = client.send(buckets().add(&JsonMap::new())).await?;
    ///
    /// let replay = recorder.recording().replay();
    /// assert_eq!(Client::testing(&replay).send(buckets().add(&JsonMap::new())).await?, bucket);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn recorded_by(&self, recorder: &kinto_protocol::testing::Recorder) -> Self {
        let transport = crate::recorded::Recorded { inner: Arc::clone(&self.transport), recorder: recorder.clone() };
        Self::with_transport(recorder.begin(&self.session), transport)
    }

    /// Sends an operation, or has a longer conversation, and gives its outcome.
    ///
    /// # When it is dropped
    ///
    /// The request under way, if there is one, is in doubt: its connection is closed, and whether the server carried it
    /// out cannot be known. Nothing more is sent, neither after a wait nor later. Flows that are sent as `&mut` (pages,
    /// lists, deletions, batches) stand where they stood, and go on when they are sent again; others are gone.
    ///
    /// # Errors
    ///
    /// What the server refused, what kept an answer from coming, or what could not be sent in the first place: see
    /// [`Error`](kinto_protocol::Error).
    pub async fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        self.drive(&mut self.session.exchange(flow), &mut Plainly(&*self.transport)).await
    }

    /// Goes on with an exchange until it has an outcome, with something that sends its requests.
    pub(crate) async fn drive<F: Flow>(
        &self,
        exchange: &mut Exchange<F>,
        sender: &mut impl Sender,
    ) -> Result<F::Output> {
        loop {
            let at = now();
            if F::__beside()
                && let Some(fork) = exchange.fork(at)
            {
                self.side_by_side(fork).await;
                continue;
            }
            // The step is not kept while this waits: the future would be half as large again.
            let sending = match exchange.next(at) {
                Step::Send(request, limits) => Ok(sender.send(request, limits, exchange.transfer())),
                Step::Wait(pause) => Err(pause),
                Step::Done(result) => return result,
            };
            match sending {
                Ok(mut sending) => {
                    let mut outcome = None;
                    if F::__beside() && exchange.has_work() {
                        outcome = begin(&mut sending).await;
                        exchange.meanwhile();
                    }
                    let outcome = match outcome {
                        Some(outcome) => outcome,
                        None => sending.await,
                    };
                    exchange.handle(outcome, now());
                }
                Err(pause) => time::sleep(pause).await,
            }
        }
    }

    kinto_protocol::__client_methods!();
}

/// Puts a request on its way, as far as that goes without waiting for anybody else, and gives the outcome if there is one.
async fn begin(sending: &mut Sending<'_>) -> Option<Result<Response, TransportError>> {
    let polled = poll_fn(|context| Poll::Ready(sending.as_mut().poll(context))).await;
    if let Poll::Ready(outcome) = polled {
        return Some(outcome);
    }
    // The task that has the connection is to write it.
    yield_now().await;
    None
}

/// Sends the requests of one exchange, with the files that some of them move.
pub(crate) trait Sender: Send {
    fn send(&mut self, request: Request, limits: Limits, transfer: Option<Transfer>) -> Sending<'_>;
}

/// Without files.
struct Plainly<'a>(&'a dyn Transport);

impl Sender for Plainly<'_> {
    fn send(&mut self, request: Request, limits: Limits, _: Option<Transfer>) -> Sending<'_> {
        self.0.send(request, limits)
    }
}

/// The time of all clients of the process: sessions may be shared between them, and a session knows only one start.
///
/// Runtimes whose clocks are stopped or moved, as tests do, may be before that start: it is put far enough from zero.
fn now() -> Moment {
    const BEFORE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    static STARTED: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    let started = *STARTED.get_or_init(|| now);
    Moment::at(match now.checked_duration_since(started) {
        Some(since) => BEFORE + since,
        None => BEFORE - started.duration_since(now),
    })
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

    /// The client. Nothing is sent yet, and no runtime is needed yet.
    ///
    /// # Errors
    ///
    /// As [`SessionBuilder::build`], and when the environment names a proxy, or the caller certificates, that cannot be
    /// used.
    pub fn build(self) -> Result<Client> {
        let (session, wire, proxy) = self.prepared()?;
        let transport = Hyper::new(&session.policy().limits, &wire, proxy, &session.url())?;
        Ok(Client::with_transport(session, transport))
    }
}
