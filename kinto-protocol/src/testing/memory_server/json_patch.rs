//! PATCH in the language of JSON Patch.

use std::collections::BTreeSet;

use json_patch::Patch;
use serde_json::{Value, json};

use crate::testing::memory_server::answer::Answer;
use crate::testing::memory_server::store::{Acl, Store, Stored};
use crate::testing::memory_server::write::{Asked, check_permission, complete, same_id};

pub(super) const MEDIA_TYPE: &str = "application/json-patch+json";

impl Store {
    /// PATCH by steps, of which all are taken or none.
    pub(super) fn json_patch(&mut self, asked: &Asked<'_>, steps: &[u8]) -> Result<Answer, Answer> {
        let (id, object) = self.existing(asked)?;
        self.meets(asked, &id, &object)?;
        let mut document = document(&id, &object, asked.who);
        let failed =
            |why: &dyn std::fmt::Display| Answer::invalid("body", None, &format!("JSON Patch operation failed: {why}"));
        json_patch::patch(&mut document, &parse(steps)?).map_err(|error| failed(&error))?;
        let Value::Object(mut data) = document["data"].take() else { return Err(failed(&"data is no mapping")) };
        same_id(data.remove("id"), &id)?;
        let wished = data.remove("last_modified").and_then(|at| at.as_i64()).filter(|at| *at != object.at);
        let data = complete(data, asked.place.kind)?;
        // As servers do, all permissions are written as the caller saw them.
        let permissions = acl(&document["permissions"], asked)?;
        let at = object.at;
        Ok(self.write(200, asked, &id, Stored { at, data, permissions }, (wished, Some(at))))
    }
}

/// What is patched: principals are members, so that they can be named in a path.
fn document(id: &str, object: &Stored, who: &str) -> Value {
    let mut permissions = json!({"read": {}, "write": {}});
    if let Value::Object(visible) = object.visible(who) {
        for (name, whom) in visible {
            let whom = whom.as_array().into_iter().flatten().filter_map(Value::as_str);
            permissions[name] = whom.map(|principal| (principal.to_owned(), Value::from(principal))).collect();
        }
    }
    json!({"data": object.shown(id), "permissions": permissions})
}

fn parse(steps: &[u8]) -> Result<Patch, Answer> {
    let wrong = |error: serde_json::Error| Answer::invalid("body", None, &error.to_string());
    let mut steps: Value = serde_json::from_slice(steps).map_err(wrong)?;
    for step in steps.as_array_mut().into_iter().flatten() {
        // A principal is added without a value.
        let is_principal = step["path"].as_str().is_some_and(|path| path.starts_with("/permissions/"));
        if let (true, Some(step)) = (is_principal, step.as_object_mut()) {
            step.entry("value").or_insert_with(|| "".into());
        }
    }
    serde_json::from_value(steps).map_err(wrong)
}

fn acl(permissions: &Value, asked: &Asked<'_>) -> Result<Acl, Answer> {
    let mut acl = Acl::new();
    for (name, whom) in permissions.as_object().into_iter().flatten() {
        check_permission(name, asked.place.kind)?;
        let whom: BTreeSet<String> = match whom {
            Value::Object(whom) => whom.keys().cloned().collect(),
            Value::Array(whom) => whom.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => return Err(Answer::invalid("body", Some("permissions"), "is no list of principals")),
        };
        acl.insert(name.clone(), whom);
    }
    Ok(acl)
}
