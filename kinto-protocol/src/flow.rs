//! A conversation of several requests.

use std::sync::Arc;
use std::time::Duration;

use crate::batch::Part;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::session::Session;

/// A conversation: requests asked one after the other until there is an outcome.
///
/// A flow says what to ask and reads the answers. It knows nothing of retries, waits, credentials or time: these are
/// the [`Exchange`](crate::Exchange)'s, the same for all flows. It is told of an answer when all retries are over, and
/// then of every answer, errors included.
///
/// Every [`Operation`](crate::Operation) is a flow. Flows that can be continued after an error or a cancelled future
/// are implemented for `&mut`: the caller keeps the flow, and sending it again goes on where it stood.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent",
    note = "call a verb first: an address such as `bucket(\"b\").collection(\"c\").records()` only says where"
)]
pub trait Flow: Send {
    /// The outcome.
    type Output: Send;

    /// The first request, or the next one of a flow that is being continued.
    ///
    /// # Errors
    ///
    /// Whatever ends the flow before anything is asked.
    fn start(&mut self, session: &Session) -> Result<Turn<Self::Output>>;

    /// Takes the answer to what was asked last.
    ///
    /// # Errors
    ///
    /// Whatever ends the flow.
    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Self::Output>>;

    /// Does what there is to do while a request is under way, if its [`Ask`] [says](Ask::meanwhile) that there is something:
    /// what is left of the answer before, and was not needed to say what to ask next.
    ///
    /// It is called once for each such request, before the outcome of its first attempt is looked at: by drivers that ask for
    /// it while the bytes move ([`Exchange::meanwhile`](crate::Exchange::meanwhile)), and otherwise by the exchange. If nothing
    /// came of the request, it need not have been called; nor by a flow that has this one as a part. What must not be lost,
    /// [`start`](Self::start) and [`resume`](Self::resume) do if it is still to be done.
    ///
    /// # Errors
    ///
    /// Whatever ends the flow: of the request under way no answer is read.
    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        let _ = session;
        Ok(())
    }

    /// Takes the error that ends the exchange, whoever found it. The flow may add what it knows of it, have an outcome all
    /// the same, or go on with another request.
    ///
    /// # Errors
    ///
    /// That error, where the flow does none of these.
    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Self::Output>> {
        let _ = session;
        Err(error)
    }

    /// Whether it may ever have something done beside a request: other parts, or [work](Self::meanwhile). Known when a program is
    /// built, which has no part of what does that then, if none of its flows has any.
    #[doc(hidden)]
    #[must_use]
    fn __beside() -> bool
    where
        Self: Sized,
    {
        true
    }
}

/// What a flow wants.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "a driver must know them all")]
#[allow(clippy::large_enum_variant, reason = "one of them exists per request")]
pub enum Turn<T> {
    /// To ask this.
    Ask(Ask),
    /// To have these done side by side, see [`Exchange::fork`](crate::Exchange::fork), and to be started once more then.
    Fork(Fork),
    /// Nothing more: this is the outcome.
    Done(T),
}

impl<T> Turn<T> {
    /// To ask this at once, of the server of the exchange; [`Ask`] has more to say.
    pub fn ask(call: Call) -> Self {
        Self::Ask(call.into())
    }

    /// The same, asked by this session, see [`Ask::at`].
    pub fn at(self, session: &Session) -> Self {
        match self {
            Self::Ask(ask) => Self::Ask(ask.at(session)),
            Self::Fork(fork) => {
                let parts = fork.parts.into_iter().map(|part| part.at(session)).collect();
                Self::Fork(Fork { parts, ..fork })
            }
            Self::Done(output) => Self::Done(output),
        }
    }

    /// The same with another outcome.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Turn<U> {
        match self {
            Self::Ask(ask) => Turn::Ask(ask),
            Self::Fork(fork) => Turn::Fork(fork),
            Self::Done(output) => Turn::Done(change(output)),
        }
    }
}

/// A request of a flow, and what the flow has to say of it.
#[must_use]
#[derive(Clone, Debug)]
pub struct Ask {
    pub(crate) call: Arc<Call>,
    /// The answer that this is to clear up.
    pub(crate) doubt: Option<Arc<Reply>>,
    /// How long to wait before.
    pub(crate) wait: Duration,
    /// How often the server has aborted it already.
    pub(crate) aborted: u32,
    /// Whether it begins a part that has the whole time of the policy for itself.
    pub(crate) anew: bool,
    /// Which session asks it, if it is not that of the exchange.
    pub(crate) session: Option<Session>,
    /// Whether the flow has something to do meanwhile.
    pub(crate) work: bool,
}

impl From<Call> for Ask {
    fn from(call: Call) -> Self {
        Arc::new(call).into()
    }
}

impl From<Arc<Call>> for Ask {
    fn from(call: Arc<Call>) -> Self {
        Self { call, doubt: None, wait: Duration::ZERO, aborted: 0, anew: false, session: None, work: false }
    }
}

impl Ask {
    /// It is asked to clear up what this answer leaves open: it comes back with the reply, as [`Reply::doubt`]. Should it
    /// fail, it is the request in doubt that has failed.
    pub fn about(mut self, doubt: Reply) -> Self {
        self.doubt = Some(Arc::new(doubt));
        self
    }

    /// It begins a part of a long flow: the deadline of the policy holds for each part.
    pub fn anew(mut self) -> Self {
        self.anew = true;
        self
    }

    /// It is asked by this session: at its server, with its credentials, as patiently as its policy says. Without, by that
    /// of the exchange. The driver moves the bytes of both.
    pub fn at(mut self, session: &Session) -> Self {
        self.session.get_or_insert_with(|| session.clone());
        self
    }

    /// While it is under way, the flow has something to do: [`Flow::meanwhile`].
    pub fn meanwhile(mut self) -> Self {
        self.work = true;
        self
    }

    pub(crate) fn aborted(mut self, times: u32) -> Self {
        self.aborted = times;
        self
    }

    /// It is asked after this wait. If that does not end within the deadline, it is not asked, and fails.
    pub fn after(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

/// What can be done side by side.
#[must_use]
#[derive(Debug)]
#[non_exhaustive]
pub struct Fork {
    /// The parts, flows of their own. What becomes of them is known to the flow that they are parts of: also when they
    /// are dropped, sent or not.
    pub parts: Vec<Part>,
    /// How many of them at the same time.
    pub at_once: usize,
}
