//! One request and its typed answer.

use crate::call::Call;
use crate::error::{Error, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::reply::Reply;
use crate::session::{Request, Session};

/// Exactly one request and its typed answer.
///
/// Operations are plain values: they hold no client, can be cloned and compared, and are sent to any server. Own
/// operations are written by implementing this trait; every operation is a [`Flow`], so that a client can send it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent",
    note = "call a verb first: an address such as `bucket(\"b\").collection(\"c\").records()` only says where"
)]
pub trait Operation: Send {
    /// What the answer is read as.
    type Output: Send;

    /// The request. It is asked for once, whatever is retried: what it draws from the session (a new id) stays.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what cannot be sent.
    fn call(&self, session: &Session) -> Result<Call>;

    /// Reads the answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Server`](crate::ErrorKind::Server) when the server answered with an error, and
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) when its answer is not what was expected.
    fn parse(&self, reply: &Reply) -> Result<Self::Output>;

    /// What to ask when an error is the answer to a repeated request, and it is open whether the attempt whose answer was
    /// lost has made it so: mostly the object as it stands.
    ///
    /// Nothing, unless an operation knows better: then the error is what was answered, and
    /// [`maybe_applied`](crate::Error::maybe_applied).
    fn check(&self, doubt: &Reply) -> Option<Call> {
        let _ = doubt;
        None
    }

    /// Decides by what was [found](Self::check) whose work it is. Unless it is one's own, the answer in doubt counts.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), for one's own work that cannot be read.
    fn settle(&self, doubt: &Reply, found: &Reply) -> Result<Settled<Self::Output>> {
        let _ = (doubt, found);
        Ok(Settled::Open)
    }

    /// Whether a refusal says that what this wants is so already: a batch counts it apart.
    fn is_already_so(&self, reply: &Reply) -> bool {
        let _ = reply;
        false
    }
}

/// Whose work is there, after an attempt whose answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a third would be neither")]
pub enum Settled<T> {
    /// The own: the lost attempt was carried out, and this is its output.
    Ours(T),
    /// Somebody else's, and surely: the lost attempt was not carried out.
    Theirs,
    /// Nobody can tell.
    Open,
}

/// What has to be asked first, as what the repeat was told may be about what the lost attempt did itself.
pub(crate) fn to_be_asked<O: Operation>(operation: &O, reply: &Reply) -> Option<Call> {
    let in_doubt = reply.doubt().is_none() && reply.is_repeated() && reply.status().is_client_error();
    if in_doubt { operation.check(reply) } else { None }
}

/// The output of an operation by its answer, or by the one to its check, and whether it was the lost attempt that has done it.
pub(crate) fn output<O: Operation>(operation: &O, reply: &Reply) -> (Result<O::Output>, bool) {
    let Some(doubt) = reply.doubt() else { return (operation.parse(reply), false) };
    match operation.settle(doubt, reply) {
        Ok(Settled::Ours(output)) => (Ok(output), true),
        Ok(Settled::Theirs) => (operation.parse(doubt).map_err(Error::refuted), false),
        Ok(Settled::Open) => (operation.parse(doubt), false),
        Err(error) => (Err(error), true),
    }
}

impl<O: Operation> Flow for O {
    type Output = O::Output;

    fn start(&mut self, session: &Session) -> Result<Turn<O::Output>> {
        self.call(session).map(Turn::ask)
    }

    fn resume(&mut self, _: &Session, reply: Reply) -> Result<Turn<O::Output>> {
        match to_be_asked(self, &reply) {
            Some(call) => Ok(Turn::Ask(Ask::from(call).about(reply))),
            None => output(self, &reply).0.map(Turn::Done),
        }
    }

    fn __beside() -> bool {
        false
    }
}

impl Session {
    /// The request that an operation makes, without sending it: a dry run. An id that is drawn for it is drawn anew when
    /// it is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) when it cannot be sent.
    pub fn request<O: Operation>(&self, operation: &O) -> Result<Request> {
        self.http_request(&operation.call(self)?, None)
    }
}

/// An operation that is to be sent again later.
impl<O: Operation + Sync> Operation for &O {
    type Output = O::Output;

    fn call(&self, session: &Session) -> Result<Call> {
        O::call(self, session)
    }

    fn parse(&self, reply: &Reply) -> Result<O::Output> {
        O::parse(self, reply)
    }

    fn check(&self, doubt: &Reply) -> Option<Call> {
        O::check(self, doubt)
    }

    fn settle(&self, doubt: &Reply, found: &Reply) -> Result<Settled<O::Output>> {
        O::settle(self, doubt, found)
    }

    fn is_already_so(&self, reply: &Reply) -> bool {
        O::is_already_so(self, reply)
    }
}

/// A request of one's own: the plain answer, unless it is an error.
impl Operation for Call {
    type Output = Reply;

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(self.clone())
    }

    fn parse(&self, reply: &Reply) -> Result<Reply> {
        if reply.status().is_client_error() || reply.status().is_server_error() {
            return Err(reply.error());
        }
        Ok(reply.clone())
    }
}
