//! One write of a case: how it is sent, and what is said of it.

use http::Method;
use kinto_protocol::{
    Attributes, Batch, Call, Deletion, Error, Flow, GetOrCreated, JsonMap, JsonPatch, Merge, Object, Operation,
    Outcome, Reply, Resource, Result, Timestamp, Tombstone,
};
use serde_json::json;

use crate::driver::Driver;
use crate::kinds::{Kind, count, public, set};

/// One write of a case.
#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) kind: Kind,
    pub(crate) resource: Resource,
    /// No other write of the same place has it, unless it is about the same object.
    pub(crate) number: usize,
    pub(crate) id: String,
    /// The object before.
    pub(crate) object: Option<Object>,
}

/// What a client says of a write that went well.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Object(Object),
    Deleted(Tombstone),
    /// It was created or deleted by nobody, as it was so already.
    Nothing,
    Reply,
}

impl From<Object> for Told {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<Tombstone> for Told {
    fn from(tombstone: Tombstone) -> Self {
        Self::Deleted(tombstone)
    }
}

impl From<Deletion> for Told {
    fn from(deletion: Deletion) -> Self {
        deletion.tombstone().map_or(Self::Nothing, Self::Deleted)
    }
}

impl From<GetOrCreated<JsonMap>> for Told {
    fn from(got: GetOrCreated<JsonMap>) -> Self {
        match got {
            GetOrCreated::Created(object) => Self::Object(object),
            GetOrCreated::Found(_) => Self::Nothing,
        }
    }
}

impl From<Reply> for Told {
    fn from(_: Reply) -> Self {
        Self::Reply
    }
}

/// How a write is sent.
trait Way {
    type Said;
    fn operation<O: Operation<Output: Into<Told> + 'static> + 'static>(self, operation: O) -> Self::Said;
    fn flow<F: Flow<Output: Into<Told>>>(self, flow: F) -> Self::Said;
}

struct Alone<'a, D>(&'a D);

impl<D: Driver> Way for Alone<'_, D> {
    type Said = Result<Told>;

    fn operation<O: Operation<Output: Into<Told> + 'static> + 'static>(self, operation: O) -> Result<Told> {
        self.flow(operation)
    }

    fn flow<F: Flow<Output: Into<Told>>>(self, flow: F) -> Result<Told> {
        self.0.send(flow).map(Into::into)
    }
}

/// Takes what a batch says of one of its operations.
pub(crate) type Take = Box<dyn FnOnce(&mut Outcome) -> Result<Told>>;

impl Way for &mut Batch {
    type Said = Take;

    fn operation<O: Operation<Output: Into<Told> + 'static> + 'static>(self, operation: O) -> Take {
        let ticket = self.push(operation);
        Box::new(move |outcome| outcome.take(ticket).map(Into::into))
    }

    fn flow<F: Flow<Output: Into<Told>>>(self, _: F) -> Take {
        panic!("it is more than one request")
    }
}

impl Write {
    /// Sends it by itself.
    pub(crate) fn send<D: Driver>(&self, client: &D) -> Result<Told> {
        self.go(Alone(client))
    }

    /// Puts it into a batch.
    pub(crate) fn push(&self, batch: &mut Batch) -> Take {
        self.go(batch)
    }

    fn go<W: Way>(&self, way: W) -> W::Said {
        let Self { kind, resource: all, number, id, object } = self;
        let written = kind.written(*number);
        let object = || object.as_ref().expect("there is an object before");
        match kind {
            Kind::Create | Kind::CreateExisting => way.operation(all.create(id, &written)),
            Kind::CreateWithPermissions => way.operation(all.create(id, &written).permissions(public())),
            Kind::Add => way.operation(all.add(&written)),
            Kind::Replace | Kind::ReplaceMissing => way.operation(all.replace(id, &written)),
            Kind::Update => way.operation(all.update(&object().clone().map(|_| written))),
            Kind::UpdateStale => {
                let stale = Timestamp::from_millis(object().last_modified.as_millis() - 5_000);
                way.operation(all.replace(id, &written).if_match(stale))
            }
            Kind::Overwrite => way.operation(all.create(id, &written).overwrite()),
            Kind::OverwriteMissing => way.operation(all.replace(id, &written).overwrite()),
            Kind::ReplacePermissions => way.operation(all.replace_permissions(id, public())),
            Kind::ReplacePermissionsIfMatch => way.operation(all.replace_permissions(object(), public())),
            Kind::Attributes | Kind::AttributesMissing => way.operation(all.patch(id, Attributes::new(&written))),
            Kind::AttributesIfMatch => way.operation(all.patch(object(), Attributes::new(&written))),
            Kind::AttributesWithPermissions => {
                way.operation(all.patch(id, Attributes::new(&written).permissions(public())))
            }
            Kind::Merge => way.operation(all.patch(id, Merge::new(&written))),
            Kind::MergeIfMatch => way.operation(all.patch(object(), Merge::new(&written))),
            Kind::JsonPatch => way.operation(all.patch(id, JsonPatch::new().add("/data/o/a/-", number))),
            Kind::JsonPatchIfMatch => way.operation(all.patch(object(), JsonPatch::new().add("/data/o/a/-", number))),
            Kind::Delete | Kind::DeleteMissing => way.operation(all.delete(id)),
            Kind::DeleteIfMatch => way.operation(all.delete(object())),
            Kind::DeleteIfPresent | Kind::DeleteIfPresentMissing => way.operation(all.delete_if_present(id)),
            Kind::DeleteIfPresentIfMatch => way.operation(all.delete_if_present(object())),
            Kind::GetOrCreate | Kind::GetOrCreateExisting => way.flow(all.get_or_create(id, &written)),
            Kind::Modify => way.flow(all.modify(id, set)),
            Kind::ModifyOrCreate => way.flow(all.modify(id, set).or_create(&JsonMap::new())),
            Kind::Count => way.flow(all.modify(id, count)),
            Kind::Post => {
                way.operation(Call::new(Method::POST, all.path().clone()).json(&json!({"data": written})).unwrap())
            }
        }
    }
}

/// What a client says of a write.
pub(crate) enum Said {
    /// It was carried out.
    Done(Told),
    /// There was nothing to do.
    Nothing,
    /// It was not carried out.
    Failed(String),
    /// It may have been.
    Doubt(String),
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done(told) => write!(f, "done: {told:?}"),
            Self::Nothing => f.write_str("nothing to do"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Doubt(why) => write!(f, "in doubt: {why}"),
        }
    }
}

impl From<Result<Told>> for Said {
    fn from(result: Result<Told>) -> Self {
        let say = |error: &Error| format!("{:?}: {error}", error.kind());
        match result {
            Ok(Told::Nothing) => Self::Nothing,
            Ok(told) => Self::Done(told),
            Err(error) if error.maybe_applied() => Self::Doubt(say(&error)),
            Err(error) => Self::Failed(say(&error)),
        }
    }
}
