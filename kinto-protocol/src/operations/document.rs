//! What the server tells of itself, besides what it is.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::endpoints;
use crate::error::Result;
use crate::object::JsonMap;
use crate::operation::Operation;
use crate::path::Path;
use crate::reply::Reply;
use crate::session::Session;

/// Reads a document of the server: made by [`version`], [`openapi`], [`contribute`], [`counters`], [`broadcasts`] and
/// [`lb_heartbeat`].
pub struct GetDocument<T> {
    path: Path,
    of: PhantomData<fn() -> T>,
}

plain_value!(GetDocument<T> { path });

impl<T: DeserializeOwned + Send> Operation for GetDocument<T> {
    type Output = T;

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(Call::new(Method::GET, self.path.clone()))
    }

    fn parse(&self, reply: &Reply) -> Result<T> {
        reply.json()
    }
}

fn document<T>(path: Path) -> GetDocument<T> {
    GetDocument { path, of: PhantomData }
}

/// Reads which version of which source the server was built from. A server that was not told answers 500.
#[must_use]
pub fn version() -> GetDocument<JsonMap> {
    document(endpoints::version())
}

/// Reads the description of the server's API (OpenAPI 2.0), some 200 kB.
#[must_use]
pub fn openapi() -> GetDocument<JsonMap> {
    document(endpoints::api())
}

/// Reads how to contribute to the service.
#[must_use]
pub fn contribute() -> GetDocument<JsonMap> {
    document(endpoints::contribute())
}

/// Asks whether the server's process answers, whether its parts work or not; see [`heartbeat`](crate::heartbeat) for those.
#[must_use]
pub fn lb_heartbeat() -> GetDocument<JsonMap> {
    document(endpoints::lbheartbeat())
}

/// Counts the objects of the whole server, by kind. Needs the plugin `counters_endpoint`.
#[must_use]
pub fn counters() -> GetDocument<Counters> {
    document(endpoints::counters())
}

/// Reads the versions of what the server broadcasts to push services. Comes with the plugin `changes`.
///
/// ```
/// use kinto_protocol::{Broadcasts, GetChangedCollections, Timestamp, changed_collections};
///
/// /// What to ask when this was broadcast.
/// fn next(said: &Broadcasts) -> Option<GetChangedCollections> {
///     let at: Timestamp = said.broadcasts.get("remote-settings/monitor_changes")?.parse().ok()?;
///     Some(changed_collections().expected(at))
/// }
/// ```
#[must_use]
pub fn broadcasts() -> GetDocument<Broadcasts> {
    document(endpoints::broadcasts())
}

/// How many objects a server has, see [`counters`]. A kind of which there are none is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Counters {
    /// Those that are there, by kind: `bucket`, `collection`, `group`, `record`, …
    #[serde(default)]
    pub objects: BTreeMap<String, u64>,
    /// What is left of deleted ones, by kind.
    #[serde(default)]
    pub tombstones: BTreeMap<String, u64>,
}

/// What a server broadcasts, see [`broadcasts`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Broadcasts {
    /// The version of each, such as `remote-settings/monitor_changes`.
    #[serde(default)]
    pub broadcasts: BTreeMap<String, String>,
}
