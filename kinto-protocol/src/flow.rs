//! A conversation of several requests.

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
}

/// What a flow wants.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "a driver must know them all")]
#[allow(clippy::large_enum_variant, reason = "one of them exists per request")]
pub enum Turn<T> {
    /// To ask this.
    Ask(Call),
    /// Nothing more: this is the outcome.
    Done(T),
}
