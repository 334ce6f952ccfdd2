//! What the server is.

use http::Method;

use crate::call::Call;
use crate::endpoints;
use crate::error::Result;
use crate::operation::Operation;
use crate::reply::Reply;
use crate::server::ServerInfo;
use crate::session::Session;

/// Asks the server what it is and can do, and who the caller is to it.
///
/// The only way to know whether credentials are right: the server takes wrong ones for none, and says so nowhere but
/// in the missing [`user`](ServerInfo::user).
///
/// ```
/// let ask = kinto_protocol::server_info(); // client.send(ask)?.user
/// # let _ = ask;
/// ```
#[must_use]
pub fn server_info() -> GetServerInfo {
    GetServerInfo(())
}

/// Asks for [`ServerInfo`], see [`server_info`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetServerInfo(());

impl Operation for GetServerInfo {
    type Output = ServerInfo;

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(Call::new(Method::GET, endpoints::root()))
    }

    fn parse(&self, reply: &Reply) -> Result<ServerInfo> {
        reply.json()
    }
}
