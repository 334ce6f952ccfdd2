//! A tree out of nodes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::archive::lines::at_line;
use crate::archive::place::Place;
use crate::archive::tree::document::{Content, Node};
use crate::archive::tree::{BucketTree, CollectionTree, Own, YamlTree};
use crate::error::{Error, Result};
use crate::id::IdRule;
use crate::object::JsonMap;
use crate::permissions::Permissions;
use crate::resource::Kind;

/// The parts of something, by name.
type Parts = Vec<(String, Node)>;

pub(super) fn tree(node: Node) -> Result<YamlTree> {
    let line = node.line;
    let mut buckets = None;
    for (name, node) in parts(node, "the tree")? {
        match name.as_str() {
            "buckets" => buckets = Some(objects(node, Place::bucket, bucket)?),
            _ => return Err(unknown(&name, &node, "the tree", "buckets")),
        }
    }
    let buckets = buckets.ok_or_else(|| at_line(line)(Error::input("it is no tree: it has no member \"buckets\"")))?;
    Ok(YamlTree { buckets })
}

fn bucket(node: Node, place: &Place) -> Result<BucketTree> {
    let mut bucket = BucketTree::default();
    for (name, node) in object(node, place)? {
        match name.as_str() {
            "groups" => bucket.groups = Some(objects(node, |id| place.group(id), member)?),
            "collections" => bucket.collections = Some(objects(node, |id| place.collection(id), collection)?),
            _ => own(&mut bucket.own, &name, node, place, "data, permissions, groups and collections")?,
        }
    }
    Ok(bucket)
}

fn collection(node: Node, place: &Place) -> Result<CollectionTree> {
    let mut collection = CollectionTree::default();
    for (name, node) in object(node, place)? {
        match name.as_str() {
            "records" => collection.records = Some(objects(node, |id| place.record(id), member)?),
            _ => own(&mut collection.own, &name, node, place, "data, permissions and records")?,
        }
    }
    Ok(collection)
}

/// A group or a record.
fn member(node: Node, place: &Place) -> Result<Own> {
    let mut member = Own::default();
    object(node, place)?
        .into_iter()
        .try_for_each(|(name, node)| own(&mut member, &name, node, place, "data and permissions"))?;
    Ok(member)
}

/// The data or the permissions of an object.
fn own(own: &mut Own, name: &str, node: Node, place: &Place, known: &str) -> Result<()> {
    match name {
        "data" => own.data = Some(data(node, place)?),
        // Empty ones are how the wizard writes that it does not know them: they take nothing from anybody.
        "permissions" => own.permissions = Some(permissions(node, place)?).filter(|named| !named.is_empty()),
        _ => return Err(unknown(name, &node, &place.path(), known)),
    }
    Ok(())
}

fn data(node: Node, place: &Place) -> Result<JsonMap> {
    let line = node.line;
    let data = parts(node, &format!("the data of {}", place.path()))?;
    let data: JsonMap = data.into_iter().map(|(name, node)| (name, node.into_value())).collect();
    let id = data.get("id").filter(|id| *id != place.id());
    // The personal bucket has another id than that by which it is asked for.
    if id.is_some() && !(place.kind() == Kind::Bucket && place.id() == "default") {
        return Err(at_line(line)(Error::input(format!("the data of {} say that it has another id", place.path()))));
    }
    Ok(data)
}

fn permissions(node: Node, place: &Place) -> Result<Permissions> {
    let what = format!("the permissions of {}", place.path());
    let named = parts(node, &what)?;
    named.into_iter().try_fold(Permissions::new(), |all, (name, node)| {
        let no_list = || at_line(node.line)(Error::input(format!("\"{name}\" among {what} must be a list of texts")));
        let Content::List(nodes) = &node.content else { return Err(no_list()) };
        let text = |node: &Node| match &node.content {
            Content::Scalar(Value::String(text)) => Ok(text.clone()),
            _ => Err(no_list()),
        };
        Ok(all.grant(&name, nodes.iter().map(text).collect::<Result<Vec<_>>>()?))
    })
}

/// The objects of a list, by their ids.
fn objects<T>(
    node: Node,
    place: impl Fn(&str) -> Place,
    read: impl Fn(Node, &Place) -> Result<T>,
) -> Result<BTreeMap<String, T>> {
    let what = format!("what stands in {}", place("x").list().path());
    let read = |(id, node): (String, Node)| {
        let place = place(&id);
        place.list().object_path(&id).check(IdRule::Wide).map_err(at_line(node.line))?;
        read(node, &place).map(|object| (id, object))
    };
    parts(node, &what)?.into_iter().map(read).collect()
}

/// The parts of an object. None are said of one that is only named.
fn object(node: Node, place: &Place) -> Result<Parts> {
    if node.is_null() { Ok(Parts::new()) } else { parts(node, &place.path()) }
}

fn parts(node: Node, what: &str) -> Result<Parts> {
    let about = at_line(node.line);
    match node.content {
        Content::Map(members) => Ok(members),
        Content::Scalar(Value::Null) => {
            let error = Error::input(format!("{what} must be a map of names, and nothing stands there"));
            Err(about(error.hint("write {} for an empty one, or leave it out to say nothing of it")))
        }
        _ => Err(about(Error::input(format!("{what} must be a map of names")))),
    }
}

fn unknown(name: &str, node: &Node, what: &str, known: &str) -> Error {
    let why = format!("\"{}\" is not known of {what}, of which {known} can be told", name.escape_debug());
    at_line(node.line)(Error::input(why))
}
