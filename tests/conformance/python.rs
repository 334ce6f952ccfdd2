//! What a call of the Python client is in our words.

use http::Method;
use kinto_protocol::{
    Attributes, Batch, Call, DeleteAll, Entry, Flow, JsonMap, JsonPatch, List, ListItem, Merge, Object, Operation,
    Outcome as Came, Patch, Permissions, Resource, Session, Timestamp, bucket, buckets, endpoints, server_info,
};
use serde_json::{Map, Value, json};

use crate::case::{Args, Client, text};
use crate::files;
use crate::filters;
use crate::lists;
use crate::output::{Ended, Item, Output, Stop};
use crate::publishing;
use crate::replay::Stage;

pub(crate) type Outcome = Result<Output, Stop>;

/// Does what a method of the Python client does.
pub(crate) fn perform(stage: &mut Stage, session: &Session, client: &Client, method: &str, args: &Args) -> Outcome {
    match method {
        "get_endpoint" => endpoint(client, args),
        "batch" => batch(stage, session, client, args),
        "add_attachment" | "download_attachment" | "remove_attachment" => {
            files::done(stage, session, client, method, args)
        }
        _ => done(Way::Sent(stage, session), client, method, args),
    }
}

/// One operation, sent or put into a batch.
fn done(way: Way<'_>, client: &Client, method: &str, args: &Args) -> Outcome {
    match method {
        "server_info" => return way.operation(server_info()),
        "get_history" => return lists::listed(way, args, false, lists::history(client, args)?.list()),
        "purge_history" => {
            let history = lists::history(client, args)?;
            let purge = filters::conditions(args).fold(history.purge(), DeleteAll::filter);
            return way.flow(purge, || Call::new(Method::DELETE, history.path().clone()));
        }
        "get_permissions" => return lists::granted(way, args),
        "get_changeset" => return publishing::changeset(way, client, args),
        "request_review" | "decline_changes" | "approve_changes" | "rollback_changes" => {
            return publishing::step(way, client, method, args);
        }
        "batch" => return Err(Stop::Refused("a batch is no operation, and goes into no other")),
        _ => {}
    }
    let is_generator = method == "get_paginated_records";
    let (verb, noun) = method.split_once('_').expect("a method is a verb and a noun");
    let mut scene = Scene { way, resource: resource(client, args, noun)?, args, id: None, is_generator };
    if noun.ends_with('s') {
        return match verb {
            "get" => scene.list(),
            "delete" => scene.delete_all(),
            _ => panic!("no list has the method {method}"),
        };
    }
    if noun == "records_timestamp" {
        return scene.timestamp();
    }
    scene.id = scene.id_of(client, noun);
    match verb {
        "create" => scene.create(),
        "update" => scene.update(),
        "patch" => scene.patch(),
        "get" => scene.get(),
        "delete" => scene.delete(),
        _ => panic!("no object has the method {method}"),
    }
}

/// A batch: each operation is put into it by the words with which it is sent alone.
fn batch(stage: &mut Stage, session: &Session, client: &Client, args: &Args) -> Outcome {
    // What is said of the batch holds for all that is in it.
    let client = client.changed(args);
    let mut pushed = Pushed::default();
    for operation in args.get("operations").and_then(Value::as_array).into_iter().flatten() {
        let args = Args::of(&operation["args"]);
        done(Way::Pushed(&mut pushed), &client, &text(&operation["method"]), &args)?;
    }
    if args.is("raise_inside") == Some(true) {
        return Err(Stop::Refused("the program fails before it sends the batch"));
    }
    let mut came = stage.send(session, pushed.batch)?;
    let results = pushed.takers.into_iter().map(|take| take(&mut came)).collect();
    Ok(Output::Batch(Ended { results, came }))
}

/// What becomes of an operation.
pub(crate) enum Way<'a> {
    Sent(&'a mut Stage, &'a Session),
    Pushed(&'a mut Pushed),
}

type Taker = Box<dyn FnOnce(&mut Came) -> kinto_protocol::Result<Output>>;

/// A batch, and who takes the outputs out of its outcome.
#[derive(Default)]
pub(crate) struct Pushed {
    batch: Batch,
    takers: Vec<Taker>,
}

impl Way<'_> {
    pub(crate) fn operation<O>(self, operation: O) -> Outcome
    where
        O: Operation + 'static,
        O::Output: Into<Output> + 'static,
    {
        match self {
            Self::Sent(stage, session) => stage.send(session, operation).map(Into::into),
            Self::Pushed(pushed) => {
                let ticket = pushed.batch.push(operation);
                pushed.takers.push(Box::new(move |came| came.take(ticket).map(Into::into)));
                Ok(Output::Plain(Value::Null))
            }
        }
    }

    /// A conversation, which cannot be put into a batch: there this goes instead.
    pub(crate) fn flow<F: Flow<Output: Into<Output>>, O>(self, flow: F, instead: impl FnOnce() -> O) -> Outcome
    where
        O: Operation + 'static,
        O::Output: Into<Output> + 'static,
    {
        match self {
            Self::Sent(stage, session) => stage.send(session, flow).map(Into::into),
            pushed @ Self::Pushed(_) => pushed.operation(instead()),
        }
    }
}

/// The names of Python's endpoints, each a function of ours.
fn endpoint(client: &Client, args: &Args) -> Outcome {
    let given = |name: &str| args.name(name).unwrap_or_default();
    let b = args.name("bucket").or_else(|| client.bucket.clone()).unwrap_or_default();
    let (c, id) = (given("collection"), given("id"));
    let path = match given("name").as_str() {
        "permissions" => endpoints::permissions(),
        "bucket" => endpoints::bucket(&b),
        "collections" => endpoints::collections(&b),
        "collection" => endpoints::collection(&b, &c),
        "record" => endpoints::record(&b, &c, &id),
        "attachment" => endpoints::attachment(&b, &c, &id),
        "changeset" => endpoints::changeset(&b, &c),
        "snapshot" => endpoints::snapshot(&b, "coll", Timestamp::from_millis(7)),
        name => panic!("no endpoint has the name {name}"),
    };
    Ok(Output::Plain(path.as_str().into()))
}

/// Where an operation goes: arguments come before the options of the client.
fn resource(client: &Client, args: &Args, noun: &str) -> Result<Resource, Stop> {
    let of = |name, default: &Option<String>| args.name(name).or_else(|| default.clone());
    let in_bucket = || of("bucket", &client.bucket).map(|id| bucket(&id)).ok_or(Stop::Refused("a bucket needs an id"));
    Ok(match noun.trim_end_matches('s') {
        "bucket" => buckets(),
        "group" => in_bucket()?.groups().typed(),
        "collection" => in_bucket()?.collections(),
        "record" | "records_timestamp" | "paginated_record" => {
            let collection = of("collection", &client.collection).ok_or(Stop::Refused("a collection needs an id"))?;
            in_bucket()?.collection(&collection).records()
        }
        _ => panic!("no resource is called {noun}"),
    })
}

struct Scene<'a> {
    way: Way<'a>,
    resource: Resource,
    args: &'a Args,
    id: Option<String>,
    is_generator: bool,
}

impl Scene<'_> {
    /// The id: the argument, that of the data or of the original, or what the client is set to.
    fn id_of(&self, client: &Client, noun: &str) -> Option<String> {
        let inside = |name: &str| self.args.given(name)?.get("id").map(text);
        let default = match noun {
            "bucket" => client.bucket.clone(),
            "collection" => client.collection.clone(),
            _ => None,
        };
        self.args.name("id").or_else(|| inside("data")).or_else(|| inside("original")).or(default)
    }

    fn id(&self) -> Result<&str, Stop> {
        self.id.as_deref().ok_or(Stop::Refused("an object needs an id"))
    }

    fn data(&self) -> Option<Value> {
        self.args.given("data").map(plain)
    }

    fn permissions(&self) -> Option<Permissions> {
        self.args.given("permissions").map(permissions)
    }

    fn if_match(&self, objects: &[&str]) -> Result<Option<Timestamp>, Stop> {
        if_match(self.args, objects)
    }

    fn create(self) -> Outcome {
        let data = self.data().unwrap_or_else(|| json!({}));
        let Some(id) = self.id.clone() else {
            if !self.resource.path().as_str().ends_with("/records") {
                return Err(Stop::Refused("only a record gets an id by itself"));
            }
            return self.way.operation(self.resource.add(&data));
        };
        let permissions = self.permissions();
        if self.args.is("if_not_exists") == Some(true) {
            let mut create = self.resource.get_or_create(id.as_str(), &data);
            if let Some(permissions) = permissions {
                create = create.permissions(permissions);
            }
            // What is there already is found in the conflict.
            return self.way.flow(create, || self.resource.create(id, &data));
        }
        let mut create = self.resource.create(id, &data);
        if let Some(permissions) = permissions {
            create = create.permissions(permissions);
        }
        if self.args.is("safe") == Some(false) {
            create = create.overwrite();
        }
        self.way.operation(create)
    }

    fn update(self) -> Outcome {
        let (id, if_match) = (self.id()?, self.if_match(&["data"])?);
        let update = match (self.data(), self.permissions()) {
            (None, Some(permissions)) => self.resource.replace_permissions(id, permissions),
            (data, None) => self.resource.replace(id, &data.unwrap_or_else(|| json!({}))),
            (Some(data), Some(permissions)) => self.resource.replace(id, &data).permissions(permissions),
        };
        // Python's `update` does not look whether there is anything.
        let update = if_match.map_or_else(|| update.clone().overwrite(), |at| update.clone().if_match(at));
        self.way.operation(update)
    }

    fn patch(self) -> Outcome {
        let Some(changes) = self.args.given("changes") else {
            let changes = attributes(self.data(), self.permissions());
            return self.patch_with(changes);
        };
        let (data, shown) = (changes.get("data").map(plain), changes.get("permissions").map(permissions));
        match changes["__type__"].as_str() {
            Some("BasicPatch") => self.patch_with(attributes(data, shown)),
            Some("MergePatch") => {
                let merge = Merge::new(&data.unwrap_or_else(|| json!({})));
                let merge = shown.map_or_else(|| merge.clone(), |shown| merge.clone().permissions(shown));
                self.patch_with(merge)
            }
            Some("JSONPatch") => self.patch_with(json_patch(&changes["operations"])),
            _ => Err(Stop::Refused("a patch is of one of three types")),
        }
    }

    fn patch_with(self, changes: impl Patch + 'static) -> Outcome {
        let patch = self.resource.patch(self.id()?, changes);
        let patch = match self.if_match(&["original", "data"])? {
            Some(at) => patch.if_match(at),
            None => patch,
        };
        self.way.operation(patch)
    }

    fn get(self) -> Outcome {
        let id = self.id()?;
        let query: Vec<_> = self.args.iter().filter(|(name, _)| name.starts_with('_') && *name != "_fields").collect();
        if let [(name, value)] = query[..] {
            // No server makes anything of it, so we have no word for it.
            let call = Call::new(Method::GET, self.resource.object_path(id));
            return self.way.operation(call.query(format!("{name}={}", text(value))));
        }
        let mut get = self.resource.get(id);
        if let Some(fields) = self.args.name("_fields") {
            get = get.fields(fields.split(','));
        }
        self.way.operation(get)
    }

    fn delete(self) -> Outcome {
        let (id, if_match) = (self.id()?, self.if_match(&[])?);
        if self.args.is("if_exists") == Some(true) {
            let mut delete = self.resource.delete_if_present(id);
            if let Some(at) = if_match {
                delete = delete.if_match(at);
            }
            return self.way.operation(delete);
        }
        let mut delete = self.resource.delete(id);
        if let Some(at) = if_match {
            delete = delete.if_match(at);
        }
        self.way.operation(delete)
    }

    fn delete_all(self) -> Outcome {
        let mut delete = self.resource.delete_all();
        if let Some(at) = self.if_match(&[])? {
            delete = delete.if_match(at);
        }
        // One request, that is: a page of it.
        self.way.flow(delete, || Call::new(Method::DELETE, self.resource.path().clone()))
    }

    fn timestamp(self) -> Outcome {
        self.way.operation(self.resource.timestamp())
    }

    fn list(self) -> Outcome {
        if let pushed @ Way::Pushed(_) = self.way {
            // A page of it.
            return pushed.operation(Call::new(Method::GET, self.resource.path().clone()));
        }
        let (since, before) = (self.args.given("_since"), self.args.given("_before"));
        if since.is_none() && before.is_none() {
            let list: List<Object<JsonMap>> = self.resource.list();
            return self.listed(list);
        }
        // Whoever asks for changes gets the deleted ones too.
        let mut list: List<Entry<JsonMap>> = self.resource.list().with_deleted();
        if let Some(at) = since {
            list = list.since(timestamp(at)?);
        }
        if let Some(at) = before {
            list = list.before(timestamp(at)?);
        }
        self.listed(list)
    }

    fn listed<I: ListItem + Item>(self, list: List<I>) -> Outcome {
        lists::listed(self.way, self.args, self.is_generator, list)
    }
}

/// The timestamp of the precondition: the argument, or what is in the objects given; none when it is to be unsafe.
pub(crate) fn if_match(args: &Args, objects: &[&str]) -> Result<Option<Timestamp>, Stop> {
    if args.is("safe") == Some(false) {
        return Ok(None);
    }
    let inside = || objects.iter().find_map(|name| args.given(name)?.get("last_modified"));
    args.given("if_match").or_else(inside).map(timestamp).transpose()
}

/// Python's forms of a timestamp: a number, digits, and digits between quotes.
pub(crate) fn timestamp(value: &Value) -> Result<Timestamp, Stop> {
    text(value).parse().map_err(|_| Stop::Refused("not a timestamp"))
}

/// Data, with what Python writes for its own types: a moment is text.
pub(crate) fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.contains_key("__type__") => members["value"].clone(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

pub(crate) fn permissions(value: &Value) -> Permissions {
    serde_json::from_value(value.clone()).expect("permissions are names and lists")
}

fn attributes(data: Option<Value>, permissions: Option<Permissions>) -> Attributes {
    match (data, permissions) {
        (None, Some(permissions)) => Attributes::only_permissions(permissions),
        (data, None) => Attributes::new(&data.unwrap_or_else(|| json!({}))),
        (Some(data), Some(permissions)) => Attributes::new(&data).permissions(permissions),
    }
}

fn json_patch(operations: &Value) -> JsonPatch {
    operations.as_array().into_iter().flatten().fold(JsonPatch::new(), |patch, operation| {
        let path = text(&operation["path"]);
        // The server takes the value of a permission out of the path, whatever is said.
        let principal = path.rsplit('/').next().unwrap_or_default();
        let value = operation.get("value").cloned().unwrap_or_else(|| principal.into());
        match operation["op"].as_str() {
            Some("add") => patch.add(&path, value),
            Some("replace") => patch.replace(&path, value),
            Some("test") => patch.test(&path, value),
            Some("remove") => patch.remove(&path),
            _ => panic!("no case has the operation {operation}"),
        }
    })
}
