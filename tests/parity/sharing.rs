//! Giving and taking single permissions, and members of groups.

use kinto_protocol::{EVERYONE, Permissions, bucket};

use crate::answers::{RECORD, existing, json, lost};
use crate::scenario::{Scenario, records, scenario};

const SHARED: &str =
    r#"{"data":{"id":"a","last_modified":7},"permissions":{"read":["account:x","system.Everyone"],"write":["me"]}}"#;
const HIDDEN: &str = r#"{"data":{"id":"a","last_modified":7},"permissions":{}}"#;
const GROUP: &str = r#"{"data":{"id":"g","last_modified":7,"members":["account:a","account:b"],"title":"t"}}"#;
const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#;

fn everybody() -> Permissions {
    Permissions::new().read([EVERYONE])
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = permissions();
    all.extend(members());
    all
}

fn permissions() -> Vec<Scenario> {
    vec![
        scenario!("share", [share, Share], [json(200, RECORD), json(200, SHARED)], |client, told| {
            told.of(client.send(records().share("a", everybody().write(["account:y"]))));
        })
        .shows("at first: GET /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("soon: PATCH /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("if-match: \"7\"")
        .shows("{\"permissions\":{\"read\":[\"system.Everyone\"],\"write\":[\"account:y\",\"me\"]}}")
        .shows("data: (), permissions: Some("),
        scenario!(
            "unshare, and the others stay",
            [unshare, Share],
            [json(200, SHARED), json(200, RECORD)],
            |client, told| {
                told.of(client.send(records().unshare("a", everybody())));
            }
        )
        .shows("{\"permissions\":{\"read\":[\"account:x\"]}}"),
        scenario!(
            "what is so already is not written",
            [share, unshare],
            [json(200, SHARED), json(200, SHARED)],
            |client, told| {
                told.of(client.send(records().share("a", everybody())));
                told.of(client.send(records().unshare("a", Permissions::new().read(["account:nobody"]))));
            }
        ),
        scenario!(
            "what is not visible is not changed",
            [share, unshare],
            [json(200, HIDDEN), json(200, HIDDEN)],
            |client, told| {
                told.of(client.send(records().share("a", everybody())));
                told.of(client.send(records().unshare("a", everybody())));
            }
        )
        .shows("Err Input status=None errno=None")
        .shows("maybe_applied=false")
        .shows("its permissions are not visible to the caller"),
        scenario!("share what is not there", [share], [json(404, MISSING)], |client, told| {
            told.of(client.send(records().share("a", everybody())));
        })
        .shows("Err Server status=Some(404) errno=Some(110) attempts=1 maybe_applied=false"),
        scenario!(
            "share, and another was faster",
            [Share],
            [json(200, RECORD), existing(2), json(200, RECORD), json(200, SHARED)],
            |client, told| told.of(client.send(records().share("a", everybody())))
        )
        .shows("retry: GET /buckets/b/collections/c/records/a: after 1")
        .shows("Ok Object"),
        scenario!(
            "share, and others are always faster",
            [Share],
            [json(200, RECORD), existing(2), json(200, RECORD), existing(3)],
            |client, told| told.of(client.send(records().share("a", everybody())))
        )
        .setup(|setup| setup.policy.conflicts = 1)
        .shows("Err Server status=Some(412) errno=Some(114)")
        .shows("others were faster 2 times"),
        scenario!(
            "share, and the answer is lost: it is given once",
            [Share],
            [json(200, RECORD), lost(), existing(2), json(200, SHARED), json(200, SHARED)],
            |client, told| told.of(client.send(records().share("a", everybody())))
        )
        .shows("Ok Object"),
    ]
}

fn members() -> Vec<Scenario> {
    vec![
        scenario!("add members", [add_members], [json(200, GROUP), json(200, GROUP)], |client, told| {
            told.of(client.send(bucket("b").groups().add_members("g", ["account:b", "account:c"])));
        })
        .shows("at first: GET /v1/buckets/b/groups/g HTTP/1.1")
        .shows("soon: PUT /v1/buckets/b/groups/g HTTP/1.1")
        .shows("if-match: \"7\"")
        .shows("{\"data\":{\"members\":[\"account:a\",\"account:b\",\"account:c\"],\"title\":\"t\"}}"),
        scenario!("remove members", [remove_members], [json(200, GROUP), json(200, GROUP)], |client, told| {
            told.of(client.send(bucket("b").groups().remove_members("g", ["account:b", "account:z"])));
        })
        .shows("{\"data\":{\"members\":[\"account:a\"],\"title\":\"t\"}}"),
        scenario!(
            "members that are so already",
            [add_members, remove_members],
            [json(200, GROUP), json(200, GROUP)],
            |client, told| {
                told.of(client.send(bucket("b").groups().add_members("g", ["account:a"])));
                told.of(client.send(bucket("b").groups().remove_members("g", ["account:z"])));
            }
        ),
        scenario!(
            "add members, and another was faster",
            [add_members],
            [json(200, GROUP), existing(2), json(200, GROUP), json(200, GROUP)],
            |client, told| told.of(client.send(bucket("b").groups().add_members("g", ["account:c"])))
        )
        .shows("Ok Object"),
    ]
}
