//! What goes on between a program and a server, written down.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::secrets::Secrets;
use crate::session::{Request, Response, Session};
use crate::testing::asked::Asked;
use crate::testing::discreet;
use crate::testing::recording::{Exchanged, Outcome, Recording};
use crate::transport_error::TransportError;

/// Writes down what goes on between a client and its server: `client.recorded_by(&recorder)` is the client that does so.
/// What came of it is a [`Recording`], to be saved, and to be replayed without the server.
///
/// It does no IO itself. A driver of one's own [begins](Self::begin) with its session, and tells it of each request and
/// what came of it:
///
/// ```
/// use kinto_protocol::testing::{MemoryServer, Recorder, Recording};
/// use kinto_protocol::{Moment, Step, buckets};
/// use serde_json::json;
///
/// let server = MemoryServer::new(); // mostly a real one
/// let recorder = Recorder::new();
/// let session = recorder.begin(&server.session());
/// let mut exchange = session.exchange(buckets().add(&json!({"title": "Of any id"})));
/// let Step::Send(request, _) = exchange.next(Moment::default()) else { panic!() };
/// let asked = recorder.asked(&request);
/// let answer = Ok(server.answer(&request));
/// recorder.answered(asked, &answer);
///
/// let recording: Recording = recorder.recording().to_string().parse()?;
/// let replay = recording.replay();
/// assert_eq!(replay.send(buckets().add(&json!({"title": "Of any id"})))?.data["title"], "Of any id");
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
///
/// # Secrets
///
/// No header of a request is written down but the conditions and the type of its body: neither credentials nor cookies nor
/// whatever the program sends of its own. Wherever else they come up, in URLs, bodies, headers of answers and errors,
/// they are hidden: credentials, in all forms in which a server could send them back, values of cookies, and what was sent
/// or came under a name such as `password` or `token`. What else is secret is told by [`hide`](Self::hide). A secret that
/// is a word of the data as well hides that there too: record with a password that is none.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    server: String,
    seed: Option<u128>,
    secrets: Secrets,
    exchanges: Vec<(Request, Option<Result<Response, Outcome>>)>,
}

/// A request that was written down, and whose outcome is to follow.
#[must_use]
#[derive(Debug)]
pub struct Recorded(usize);

impl Recorder {
    /// One that has nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The session to record with: it remembers nothing of what was before, so that whoever replays it asks the same; and
    /// where its random numbers begin is part of the recording, so that the same ids are made.
    #[must_use]
    pub fn begin(&self, session: &Session) -> Session {
        let (session, seed) = session.anew();
        let mut state = self.lock();
        (state.server, state.seed) = (session.url(), seed);
        session
    }

    /// Hides this too, wherever it stands in what is recorded. Words of less than four letters cannot be told from others.
    pub fn hide(&self, secret: &str) {
        self.lock().secrets.add(secret);
    }

    /// Takes note of a request that is about to be sent.
    pub fn asked(&self, request: &Request) -> Recorded {
        let mut state = self.lock();
        state.exchanges.push((request.clone(), None));
        Recorded(state.exchanges.len() - 1)
    }

    /// Takes note of what came of it. A request of which nothing is ever told is left out.
    pub fn answered(&self, request: Recorded, outcome: &Result<Response, TransportError>) {
        let outcome = match outcome {
            Ok(response) => Ok(response.clone()),
            Err(failure) => Err(Outcome::failed(failure)),
        };
        if let Some((_, place)) = self.lock().exchanges.get_mut(request.0) {
            *place = Some(outcome);
        }
    }

    /// What was written down so far, without secrets.
    #[must_use]
    pub fn recording(&self) -> Recording {
        let mut state = self.lock();
        let State { server, seed, secrets, exchanges } = &mut *state;
        let mut written: Vec<Exchanged> = Vec::new();
        for (request, outcome) in &*exchanges {
            let Some(outcome) = outcome else { continue };
            let asked = Asked::of(request, server);
            discreet::learn(secrets, request.headers(), &asked.query, &asked.body);
            let outcome = match outcome {
                Ok(response) => Outcome::answered(response, secrets),
                Err(failure) => failure.clone(),
            };
            written.push(Exchanged { asked, outcome });
        }
        // Only now all of them are known.
        for exchanged in &mut written {
            discreet::hide(&mut exchanged.asked, secrets);
            exchanged.outcome.hide(secrets);
        }
        Recording { server: server.clone(), seed: *seed, exchanges: written }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("exchanges", &self.lock().exchanges.len()).finish_non_exhaustive()
    }
}
