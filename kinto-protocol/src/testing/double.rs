//! What stands in for a server.

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::exchange::Step;
use crate::flow::Flow;
use crate::moment::Moment;
use crate::session::{Request, Response, Session};
use crate::transport_error::TransportError;

/// What stands in for a server in a test. Either client takes one: `Client::testing(&double)`.
///
/// [`MemoryServer`](crate::testing::MemoryServer) and [`Script`](crate::testing::Script) are such; one of your own is a
/// session and a closure:
///
/// ```
/// use kinto_protocol::testing::{Answering, MemoryServer, TestDouble};
/// use kinto_protocol::{FailureKind, Session, TransportError};
///
/// /// A server that is there only half of the time.
/// struct Flaky(MemoryServer);
///
/// impl TestDouble for Flaky {
///     fn session(&self) -> Session {
///         self.0.session()
///     }
///
///     fn answering(&self) -> Answering {
///         let (server, count) = (self.0.clone(), std::sync::atomic::AtomicU32::new(0));
///         Answering::new(move |request| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 {
///             0 => Err(TransportError::new(FailureKind::Connect, "nobody there")),
///             _ => Ok(server.answer(request)),
///         })
///     }
/// }
///
/// let flaky = Flaky(MemoryServer::new()); // Client::testing(&flaky)
/// let request = flaky.session().request(&kinto_protocol::server_info())?;
/// let answering = flaky.answering();
/// assert!(answering.answer(&request).is_err() && answering.answer(&request).is_ok());
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
pub trait TestDouble {
    /// A session with it, which gets the same random numbers each time.
    fn session(&self) -> Session;

    /// What answers its requests.
    fn answering(&self) -> Answering;
}

/// What answers requests, for as long as any of its clones is there.
#[derive(Clone)]
pub struct Answering(Arc<AnswerFn>);

type AnswerFn = dyn Fn(&Request) -> Result<Response, TransportError> + Send + Sync;

impl Answering {
    /// What a closure says.
    #[must_use]
    pub fn new(answer: impl Fn(&Request) -> Result<Response, TransportError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// What comes back for a request.
    ///
    /// # Errors
    ///
    /// Where there is to be no answer.
    pub fn answer(&self, request: &Request) -> Result<Response, TransportError> {
        (self.0)(request)
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
}

/// Has a conversation to its end. Waits take no time, and what could be done side by side is done in order.
pub(super) fn drive<F: Flow>(
    session: &Session,
    flow: F,
    answer: &dyn Fn(&Request) -> Result<Response, TransportError>,
) -> Result<F::Output> {
    let (mut exchange, mut now) = (session.exchange(flow), Moment::default());
    loop {
        if let Some(fork) = exchange.fork(now) {
            for part in fork.parts {
                drive(session, part, answer)?;
            }
            continue;
        }
        match exchange.next(now) {
            Step::Send(request, _) => exchange.handle(answer(&request), now),
            Step::Wait(wait) => now = now.after(wait),
            Step::Done(result) => return result,
        }
    }
}
