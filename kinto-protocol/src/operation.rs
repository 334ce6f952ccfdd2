//! One request and its typed answer.

use crate::call::Call;
use crate::error::Result;
use crate::flow::{Flow, Turn};
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
}

impl<O: Operation> Flow for O {
    type Output = O::Output;

    fn start(&mut self, session: &Session) -> Result<Turn<O::Output>> {
        self.call(session).map(Turn::Ask)
    }

    fn resume(&mut self, _: &Session, reply: Reply) -> Result<Turn<O::Output>> {
        self.parse(&reply).map(Turn::Done)
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
