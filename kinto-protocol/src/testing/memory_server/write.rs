//! Reading and writing single objects.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::object::JsonMap;
use crate::resource::Kind;
use crate::testing::memory_server::answer::Answer;
use crate::testing::memory_server::conditions::Conditions;
use crate::testing::memory_server::fields::Row;
use crate::testing::memory_server::filter::Query;
use crate::testing::memory_server::place::{Place, check_id};
use crate::testing::memory_server::store::{Acl, Store, Stored};

/// One object, who asks for it, and what is demanded of it.
pub(super) struct Asked<'a> {
    pub(super) place: &'a Place,
    pub(super) path: &'a str,
    pub(super) who: &'a str,
    pub(super) query: Query,
    pub(super) conditions: Conditions,
}

/// What may stand in the body of a write.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    permissions: Option<BTreeMap<String, Option<Vec<String>>>>,
}

impl Body {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Answer> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| Answer::invalid("body", None, &format!("Invalid JSON: {error}")))?;
        let body: Self = serde_json::from_value(value)
            .map_err(|error| Answer::invalid("body", None, &format!("Unrecognized keys in mapping: {error}")))?;
        match &body.data {
            Some(data) if !data.is_object() => Err(Answer::invalid("body", Some("data"), "is not a mapping")),
            _ => Ok(body),
        }
    }

    /// Its data without what is the server's, the id that stands in them, and the timestamp that is wished for.
    fn take_data(&mut self) -> (Option<JsonMap>, Option<Value>, Option<i64>) {
        let Some(Value::Object(mut data)) = self.data.take() else { return (None, None, None) };
        let id = data.remove("id");
        let wished = data.remove("last_modified").and_then(|at| at.as_i64());
        (Some(data), id, wished)
    }

    fn acl(&self, place: &Place) -> Result<Acl, Answer> {
        let mut acl = Acl::new();
        for (name, whom) in self.permissions.iter().flatten() {
            check_permission(name, place.kind)?;
            if let Some(whom) = whom {
                acl.insert(name.clone(), whom.iter().cloned().collect::<BTreeSet<String>>());
            }
        }
        Ok(acl)
    }
}

/// Whether objects of this kind know that permission.
pub(super) fn check_permission(name: &str, kind: Kind) -> Result<(), Answer> {
    let known: &[&str] = match kind {
        Kind::Bucket => &["read", "write", "collection:create", "group:create"],
        Kind::Collection => &["read", "write", "record:create"],
        Kind::Group | Kind::Record | Kind::Account => &["read", "write"],
    };
    if known.contains(&name) {
        return Ok(());
    }
    let why = format!("\"{name}\" is not one of {}", known.join(", "));
    Err(Answer::invalid("body", Some("permissions"), &why))
}

impl Store {
    /// GET and HEAD.
    pub(super) fn read(&mut self, asked: &Asked<'_>) -> Result<Answer, Answer> {
        let (id, object) = self.existing(asked)?;
        self.meets(asked, &id, &object)?;
        if asked.conditions.is_known(object.at) {
            return Err(Answer::not_modified(object.at));
        }
        if let Some(fields) = &asked.query.fields {
            let row = Row { id: &id, at: object.at, data: Some(&object.data) };
            return Ok(Answer::new(200, json!({"data": row.shown(Some(fields))})).at(object.at));
        }
        Ok(shown(200, &id, &object, asked.who))
    }

    /// PUT.
    pub(super) fn replace(&mut self, asked: &Asked<'_>, mut body: Body) -> Result<Answer, Answer> {
        let id = asked.place.id.clone().unwrap_or_default();
        let there = self.object(asked.path, &id).cloned();
        match &there {
            Some(object) => self.meets(asked, &id, object)?,
            None if !asked.conditions.hold_for_nothing() => return Err(self.unmet(asked)),
            None => {}
        }
        let named = body.acl(asked.place)?;
        let (data, own, wished) = body.take_data();
        same_id(own, &id)?;
        let object = Stored {
            at: 0,
            data: match (data, &there) {
                (Some(data), _) => complete(data, asked.place.kind)?,
                (None, Some(there)) => there.data.clone(),
                (None, None) => JsonMap::new(),
            },
            permissions: match &there {
                Some(there) if named.is_empty() => there.permissions.clone(),
                _ => named,
            },
        };
        let status = if there.is_some() { 200 } else { 201 };
        Ok(self.write(status, asked, &id, object, (wished, there.map(|there| there.at))))
    }

    /// POST to a list.
    pub(super) fn add(&mut self, asked: &Asked<'_>, mut body: Body) -> Result<Answer, Answer> {
        let named = body.acl(asked.place)?;
        let (data, own, wished) = body.take_data();
        let id = match own {
            None => self.new_id(asked.place.kind),
            Some(Value::String(id)) => check_id(&id).map(|()| id).map_err(|why| Answer::invalid("path", None, why))?,
            Some(_) => return Err(Answer::invalid("path", None, "Invalid object id")),
        };
        // What is there is given, and nothing is written.
        if let Some(there) = self.object(asked.path, &id).cloned() {
            self.meets(asked, &id, &there)?;
            return Ok(shown(200, &id, &there, asked.who));
        }
        if !asked.conditions.hold_for_nothing() {
            return Err(self.unmet(asked));
        }
        let data = complete(data.unwrap_or_default(), asked.place.kind)?;
        let object = Stored { at: 0, data, permissions: named };
        Ok(self.write(201, asked, &id, object, (wished, None)))
    }

    /// PATCH, of one of two kinds.
    pub(super) fn patch(&mut self, asked: &Asked<'_>, mut body: Body, merges: bool) -> Result<Answer, Answer> {
        let (id, mut object) = self.existing(asked)?;
        self.meets(asked, &id, &object)?;
        if body.data.is_none() && body.permissions.is_none() {
            return Err(Answer::invalid("body", None, "Provide at least one of data or permissions"));
        }
        let named = body.acl(asked.place)?;
        let (data, own, wished) = body.take_data();
        same_id(own, &id)?;
        for (name, value) in data.unwrap_or_default() {
            if merges {
                merge(&mut object.data, name, value)?;
            } else {
                object.data.insert(name, value);
            }
        }
        object.data = complete(object.data, asked.place.kind)?;
        object.permissions.extend(named);
        let at = object.at;
        Ok(self.write(200, asked, &id, object, (wished, Some(at))))
    }

    /// DELETE.
    pub(super) fn remove(&mut self, asked: &Asked<'_>) -> Result<Answer, Answer> {
        let (id, object) = self.existing(asked)?;
        self.meets(asked, &id, &object)?;
        let at = self.delete(asked.path, &id, asked.query.last_modified);
        Ok(Answer::new(200, json!({"data": {"id": id, "last_modified": at, "deleted": true}})).at(at))
    }

    pub(super) fn existing(&self, asked: &Asked<'_>) -> Result<(String, Stored), Answer> {
        let id = asked.place.id.clone().unwrap_or_default();
        match self.object(asked.path, &id) {
            Some(object) => Ok((id, object.clone())),
            None => Err(Answer::missing(asked.place.name(), &id)),
        }
    }

    #[allow(clippy::unused_self, reason = "it stands beside what it is about")]
    pub(super) fn meets(&self, asked: &Asked<'_>, id: &str, object: &Stored) -> Result<(), Answer> {
        if asked.conditions.hold(object.at) {
            return Ok(());
        }
        Err(Answer::precondition_failed(object.at, Some(object.shown(id))))
    }

    fn unmet(&mut self, asked: &Asked<'_>) -> Answer {
        Answer::precondition_failed(self.list(asked.path).at, None)
    }

    /// Whoever writes an object may write it again.
    pub(super) fn write(
        &mut self,
        status: u16,
        asked: &Asked<'_>,
        id: &str,
        mut object: Stored,
        (wished, there): (Option<i64>, Option<i64>),
    ) -> Answer {
        object.permissions.entry("write".into()).or_default().insert(asked.who.to_owned());
        object.permissions.retain(|_, whom| !whom.is_empty());
        object.at = self.stamp(asked.path, wished, there);
        let answer = shown(status, id, &object, asked.who);
        self.put(asked.path, id, object);
        answer
    }

    fn new_id(&mut self, kind: Kind) -> String {
        self.made += 1;
        match kind {
            Kind::Record => format!("00000000-0000-4000-8000-{:012x}", self.made),
            _ => format!("made{:04}", self.made),
        }
    }
}

fn shown(status: u16, id: &str, object: &Stored, who: &str) -> Answer {
    Answer::new(status, json!({"data": object.shown(id), "permissions": object.visible(who)})).at(object.at)
}

pub(super) fn same_id(own: Option<Value>, id: &str) -> Result<(), Answer> {
    match own {
        Some(own) if own != id => Err(Answer::invalid("body", None, "Object id does not match existing object")),
        _ => Ok(()),
    }
}

/// With what the server adds: a group has members.
pub(super) fn complete(mut data: JsonMap, kind: Kind) -> Result<JsonMap, Answer> {
    if kind == Kind::Group {
        let members = data.entry("members").or_insert_with(|| json!([]));
        let is_user = |member: &Value| member.as_str().is_some_and(|who| !who.starts_with('/'));
        if !members.as_array().is_some_and(|members| members.iter().all(is_user)) {
            return Err(Answer::invalid("body", Some("data.members"), "is not a list of users"));
        }
    }
    Ok(data)
}

/// As a JSON Merge Patch says: `null` takes a field away, and objects are merged. Over what is no object, servers fail.
fn merge(into: &mut JsonMap, name: String, value: Value) -> Result<(), Answer> {
    match value {
        Value::Null => _ = into.remove(&name),
        Value::Object(fields) => {
            let Value::Object(inner) = into.entry(name).or_insert_with(|| json!({})) else {
                return Err(Answer::broken());
            };
            for (name, value) in fields {
                merge(inner, name, value)?;
            }
        }
        value => _ = into.insert(name, value),
    }
    Ok(())
}
