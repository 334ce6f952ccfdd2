//! A conversation with another outcome, so that parts of one have the same type.

use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::reply::Reply;
use crate::session::Session;

/// The same flow, of whose outcome this is made.
pub(crate) fn mapped<F, T>(flow: F, change: impl FnMut(F::Output) -> T + Send + 'static) -> Box<dyn Flow<Output = T>>
where
    F: Flow + 'static,
    T: Send + 'static,
{
    Box::new(Mapped { flow, change })
}

struct Mapped<F, M> {
    flow: F,
    change: M,
}

impl<F: Flow, T: Send, M: FnMut(F::Output) -> T + Send> Flow for Mapped<F, M> {
    type Output = T;

    fn start(&mut self, session: &Session) -> Result<Turn<T>> {
        Ok(self.flow.start(session)?.map(&mut self.change))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<T>> {
        Ok(self.flow.resume(session, reply)?.map(&mut self.change))
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        self.flow.meanwhile(session)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<T>> {
        Ok(self.flow.fail(session, error)?.map(&mut self.change))
    }
}
