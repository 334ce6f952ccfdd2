//! Whether the server's parts work.

use std::collections::BTreeMap;

use http::{Method, StatusCode};

use crate::call::Call;
use crate::endpoints;
use crate::error::Result;
use crate::operation::Operation;
use crate::reply::Reply;
use crate::session::Session;

/// Asks the server whether each of its parts works: storage, cache, permissions, plugins.
///
/// ```
/// let ask = kinto_protocol::heartbeat(); // client.send(ask)?.is_healthy()
/// # let _ = ask;
/// ```
#[must_use]
pub fn heartbeat() -> GetHeartbeat {
    GetHeartbeat(())
}

/// Asks for a [`Heartbeat`], see [`heartbeat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetHeartbeat(());

/// Which of the server's parts work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// By name, such as `storage`; `None` for a part that has nothing to check.
    pub parts: BTreeMap<String, Option<bool>>,
}

impl Heartbeat {
    /// Whether none of them fails. That the server answers at all is no error, whatever it says.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.parts.values().all(|works| *works != Some(false))
    }
}

impl Operation for GetHeartbeat {
    type Output = Heartbeat;

    fn call(&self, _: &Session) -> Result<Call> {
        // 503 is the answer of a server one of whose parts fails, and not to be retried.
        Ok(Call::new(Method::GET, endpoints::heartbeat()).expecting(StatusCode::SERVICE_UNAVAILABLE))
    }

    fn parse(&self, reply: &Reply) -> Result<Heartbeat> {
        if reply.status() == StatusCode::SERVICE_UNAVAILABLE {
            let parts = crate::json::read(reply.body());
            return parts.map(|parts| Heartbeat { parts }).map_err(|_| reply.error());
        }
        Ok(Heartbeat { parts: reply.json()? })
    }
}
