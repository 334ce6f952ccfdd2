//! What can be cloned, sent and shared: checked by the compiler.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use kinto_async::{
    Attributes, Auth, Bucket, Call, Client, ClientBuilder, Collection, Conditional, Count, Delete, DeleteAll,
    DeleteIfPresent, Deletion, Details, EachStream, Entry, Error, ErrorKind, Event, Exchange, Exists, FailureKind,
    Field, Filter, Get, GetHeartbeat, GetIfChanged, GetOrCreate, GetOrCreated, GetServerInfo, GroupData, Head,
    Heartbeat, IdRule, ItemStream, JsonPatch, Limits, List, ListIfChanged, ListTimestamp, Listing, Merge, Moment,
    Object, ObjectRef, OnBackoff, PageStream, Pages, PatchObject, Path, Permissions, Policy, Precondition, Put, Reply,
    RequestLine, Resource, ServerError, ServerInfo, Session, SessionBuilder, Timestamp, Tombstone, TransportError,
    bucket, server_info,
};
use serde::Deserialize;

/// What is kept, passed around and used from many tasks.
fn value<T: Clone + Send + Sync + 'static>() {}

/// The same for what there is one of.
fn shared<T: Send + Sync + 'static>() {}

/// What moves from task to task, but belongs to one at a time.
fn sent<T: Send + 'static>() {}

fn is_sent<T: Send>(_: &T) {}

/// A type of the caller's that can do nothing but be read: it is neither `Clone` nor `Sync`.
#[derive(Debug, Deserialize)]
struct Plain {
    _n: Cell<u8>,
}

#[test]
fn what_is_shared() {
    value::<Client>();
    value::<Session>();
    shared::<ClientBuilder>();
    shared::<SessionBuilder>();
    value::<Auth>();
    value::<Policy>();
    value::<Limits>();
    value::<OnBackoff>();
    value::<IdRule>();
    value::<Moment>();
}

#[test]
fn addresses_whatever_is_there() {
    value::<Bucket>();
    value::<Collection>();
    value::<Path>();
    value::<ObjectRef>();
    value::<Resource>();
    value::<Resource<GroupData>>();
    value::<Resource<Plain>>();
    // An address holds nothing of the type that it is of.
    value::<Resource<Rc<()>>>();
}

#[test]
fn operations_whatever_they_read() {
    value::<Call>();
    value::<Get<Plain>>();
    value::<GetIfChanged<Plain>>();
    value::<Head>();
    value::<Exists>();
    value::<Count>();
    value::<ListTimestamp>();
    value::<Put<Plain>>();
    value::<PatchObject<Plain, Attributes>>();
    value::<PatchObject<Plain, Merge>>();
    value::<PatchObject<Plain, JsonPatch>>();
    value::<Delete>();
    value::<DeleteIfPresent>();
    value::<GetServerInfo>();
    value::<GetHeartbeat>();
    value::<Filter>();
    value::<Field>();
    value::<Permissions>();
    value::<Precondition>();
    value::<Timestamp>();
    value::<Attributes>();
    value::<Merge>();
    value::<JsonPatch>();
}

#[test]
fn flows_and_cursors() {
    value::<List<Object>>();
    value::<List<Entry>>();
    value::<ListIfChanged<Object>>();
    shared::<Pages<Object>>();
    shared::<Pages<Object<Plain>>>();
    shared::<DeleteAll>();
    sent::<List<Object<Plain>>>();
    sent::<GetOrCreate<Plain>>();
    sent::<Exchange<List<Object<Plain>>>>();
    sent::<PageStream<Object<Plain>>>();
    sent::<ItemStream<Entry<Plain>>>();
    sent::<EachStream<'static, Object<Plain>>>();
}

#[test]
fn outcomes() {
    value::<Object>();
    value::<Entry>();
    value::<Listing<Object>>();
    value::<Tombstone>();
    value::<Deletion>();
    value::<Conditional<Object>>();
    value::<GetOrCreated<String>>();
    value::<Heartbeat>();
    value::<Reply>();
    value::<ServerInfo>();
    value::<ServerError>();
    value::<Details>();
    value::<RequestLine>();
    value::<ErrorKind>();
    value::<FailureKind>();
    value::<Event<'static>>();
    // These hold causes that cannot be cloned.
    shared::<Error>();
    shared::<TransportError>();
    fn is_cause<T: Into<Box<dyn std::error::Error + Send + Sync>>>() {}
    is_cause::<Error>();
    is_cause::<TransportError>();
}

#[test]
fn futures_are_sent_whatever_they_read() {
    let client = Client::builder("http://localhost:1/v1").build().unwrap();
    let records = bucket("b").collection("c").records().typed::<Plain>();
    is_sent(&client.send(server_info()));
    is_sent(&client.send(records.get("a")));
    is_sent(&client.send(records.list()));
    is_sent(&client.send(records.get_or_create("a", "")));
    let op = records.get("a");
    is_sent(&client.send(&op));
    let (mut pages, mut list, mut deletion) = (records.list().pages(), records.list(), records.delete_all());
    is_sent(&client.send(&mut pages));
    is_sent(&client.send(&mut list));
    is_sent(&client.send(&mut deletion));
    // The same inside a future of one's own, which lives across them.
    let own = pin!(async {
        let mut pages = records.list().pages();
        while let Ok(Some(page)) = client.send(&mut pages).await {
            drop(page);
        }
    });
    is_sent(&own);
}
