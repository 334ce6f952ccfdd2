//! What concerns the whole server.

use http::{Method, StatusCode};

use crate::call::{Call, Class};
use crate::endpoints;
use crate::error::Result;
use crate::operation::Operation;
use crate::reply::Reply;
use crate::session::Session;

/// **Erases everything on the server**: all buckets, and all accounts with them, of everybody, beyond recall. The server
/// does not ask who is calling. Needs the plugin `flush_endpoint`, which only test servers should have.
#[must_use]
pub fn erase_the_whole_server() -> EraseServer {
    EraseServer(())
}

/// Erases everything, see [`erase_the_whole_server`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EraseServer(());

impl Operation for EraseServer {
    type Output = ();

    fn call(&self, _: &Session) -> Result<Call> {
        // Whatever is made after the first of two is not to be erased by the second.
        Ok(Call::new(Method::POST, endpoints::flush()).class(Class::Once))
    }

    fn parse(&self, reply: &Reply) -> Result<()> {
        if reply.status() == StatusCode::ACCEPTED {
            return Ok(());
        }
        reply.success().map(|_| ())
    }
}

/// Deletes all that belongs to a principal, such as `account:alexis`, wherever it is. Only for those whom the server's
/// settings allow it.
#[must_use]
pub fn delete_user_data(principal: impl Into<String>) -> DeleteUserData {
    DeleteUserData { principal: principal.into() }
}

/// Deletes what belongs to a user, see [`delete_user_data`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteUserData {
    principal: String,
}

impl Operation for DeleteUserData {
    type Output = ();

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(Call::new(Method::DELETE, endpoints::user_data(&self.principal)))
    }

    fn parse(&self, reply: &Reply) -> Result<()> {
        reply.success().map(|_| ())
    }
}
