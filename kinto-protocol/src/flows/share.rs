//! Giving and taking single permissions.
//!
//! ```text
//!            ┌──────── 412: it was changed meanwhile ────────┐
//!            ▼                                               │
//!  start ─▶ GET ─┬─ not visible ─▶ an error                  │
//!                ├─ nothing to change ─▶ done                │
//!                └─ PATCH of what changes, If-Match ─────────┴─▶ done
//! ```

use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Flow, Turn};
use crate::flows::anew::Anew;
use crate::object::Object;
use crate::operation::Operation as _;
use crate::operations::{Get, PatchObject};
use crate::patch::Attributes;
use crate::permissions::Permissions;
use crate::reply::Reply;
use crate::resource::Resource;
use crate::session::Session;

/// Gives or takes single permissions, see [`Resource::share`] and [`Resource::unshare`].
#[derive(Debug)]
pub struct Share {
    resource: Resource<()>,
    id: String,
    give: bool,
    permissions: Permissions,
    patch: Option<PatchObject<(), Attributes>>,
    anew: Anew,
}

impl Share {
    pub(crate) fn new<T>(resource: &Resource<T>, id: String, give: bool, permissions: Permissions) -> Self {
        Self { resource: resource.typed(), id, give, permissions, patch: None, anew: Anew::default() }
    }

    fn get(&self) -> Get<()> {
        self.resource.get(self.id.as_str())
    }

    /// The permissions that change, with all who are to have them then.
    fn change(&self, visible: &Permissions) -> Permissions {
        Permissions::of_each(self.permissions.iter().filter_map(|(name, whom)| {
            let whom: Vec<&str> = whom.collect();
            let has = |who: &str| visible.of(name).any(|it| it == who);
            if whom.iter().all(|who| has(who) == self.give) {
                return None;
            }
            let others = visible.of(name).filter(|who| !whom.contains(who));
            let given = whom.iter().copied().filter(|_| self.give);
            Some((name, others.chain(given).collect::<Vec<_>>()))
        }))
    }
}

impl Flow for Share {
    type Output = Object<()>;

    fn start(&mut self, session: &Session) -> Result<Turn<Object<()>>> {
        (self.patch, self.anew) = (None, Anew::default());
        self.get().call(session).map(Turn::ask)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Object<()>>> {
        let Some(patch) = &mut self.patch else {
            let object = self.get().parse(&reply)?;
            let Some(visible) = &object.permissions else {
                let why = "its permissions are not visible to the caller, and what is not visible cannot be kept";
                return Err(
                    Error::new(ErrorKind::Input, why).hint("only those named in its own write permission see them")
                );
            };
            let change = self.change(visible);
            if change.is_empty() {
                return Ok(Turn::Done(object));
            }
            let patch = self.resource.patch(&object, Attributes::only_permissions(change));
            return self.patch.insert(patch).start(session);
        };
        match patch.resume(session, reply) {
            Err(error) if error.is_precondition_failed() => {
                // Giving twice gives no more than once, so that it may begin anew whatever became of it.
                self.patch = None;
                let first = self.get().call(session)?;
                self.anew.ask(session, error, first).map(Turn::Ask)
            }
            turn => turn,
        }
    }
}
