//! Requests of each class of the retry table.

use kinto_protocol::{Attributes, Call, Class, JsonPatch, Merge, Method, Result, Timestamp};
use serde_json::json;

use crate::driver::Driver;
use crate::place::records;

/// A request, of which only matters whether it succeeds.
pub(crate) struct Asked<D> {
    pub(crate) what: &'static str,
    pub(crate) class: Class,
    pub(crate) send: fn(&D) -> Result<()>,
}

/// Each class in all its forms. They are about a record `a` that was last changed at 7, and a record `new` that is not
/// there.
pub(crate) fn of_all<D: Driver>() -> Vec<Asked<D>> {
    use Class::{Conditional, Once, Repeatable, Safe};
    macro_rules! asked {
        ($($class:ident: $what:literal => $operation:expr),* $(,)?) => {
            vec![$(Asked {
                what: $what,
                class: $class,
                send: |client: &D| client.send($operation).map(drop),
            }),*]
        };
    }
    asked![
        Safe: "get" => records().get("a"),
        Safe: "list" => records().list(),
        Safe: "count" => records().count(),
        Safe: "timestamp" => records().timestamp(),
        Repeatable: "overwrite" => records().replace("a", &json!({"n": 2})).overwrite(),
        Repeatable: "delete" => records().delete("a"),
        Repeatable: "merge" => records().patch("a", Merge::new(&json!({"n": 2}))),
        Repeatable: "patch" => records().patch("a", Attributes::new(&json!({"n": 2}))),
        Conditional: "create" => records().create("new", &json!({"n": 2})),
        Conditional: "add" => records().add(&json!({"n": 2})),
        Conditional: "replace" => records().replace("a", &json!({"n": 2})),
        Conditional: "replace if unchanged" => records().replace("a", &json!({"n": 2})).if_match(AT),
        Conditional: "patch if unchanged" => records().patch("a", Merge::new(&json!({"n": 2}))).if_match(AT),
        Conditional: "delete if unchanged" => records().delete("a").if_match(AT),
        Conditional: "JSON Patch if unchanged" => records().patch("a", JsonPatch::new().add("/data/l/-", 1)).if_match(AT),
        Conditional: "delete all if unchanged" => records().delete_all().if_match(AT),
        Once: "JSON Patch" => records().patch("a", JsonPatch::new().add("/data/l/-", 1)),
        Once: "delete all" => records().delete_all(),
        Once: "POST without an id" => post(),
    ]
}

const AT: Timestamp = Timestamp::from_millis(7);

/// A record whose id the server makes up.
pub(crate) fn post() -> Call {
    Call::new(Method::POST, records().path().clone()).json(&json!({"data": {"n": 2}})).unwrap()
}

/// Those of a class.
pub(crate) fn of<D: Driver>(class: Class) -> Vec<Asked<D>> {
    of_all().into_iter().filter(|asked| asked.class == class).collect()
}

/// All that write.
pub(crate) fn writes<D: Driver>() -> Vec<Asked<D>> {
    of_all().into_iter().filter(|asked| asked.class != Class::Safe).collect()
}
