//! Bodies of successes: objects, lists, documents. What is understood is what was said.

use kinto_protocol::{
    GroupData, JsonMap, ListItem, Result, ServerInfo, Timestamp, accounts, broadcasts, bucket, counters, heartbeat,
    my_permissions, openapi, server_info,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bench::Bench;
use super::flows::records;

/// Fields of the caller's, of any kind, and one that the server makes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[allow(dead_code, reason = "reading them is what is tried")]
struct Typed {
    id: String,
    n: Option<i64>,
    x: f64,
    of: Vec<Option<Box<Self>>>,
    deleted: bool,
}

pub(super) fn run(bytes: &[u8]) {
    let text = [b"200\netag: \"5\"\n\n", bytes].concat();
    let bench = || Bench::new("", &text);
    if let Ok(object) = bench().read(records().get("a")) {
        let said = said(bytes, |body| body.get("data").cloned());
        assert_eq!(Value::Object(object.data.clone()), without_names(&said), "what the server said");
        assert_eq!(
            (said["id"].as_str(), said["last_modified"].as_i64()),
            (Some(object.id.as_str()), Some(object.last_modified.as_millis()))
        );
        let server = super::server::at("/buckets/b/collections/c/records");
        let again = server.send(records().create("again", &object.data)).expect("it can be written back");
        assert_eq!(again.data, object.data, "what was written back");
    }
    list(&bench().read(records().list()), bytes);
    list(&bench().read(records().list().with_deleted()), bytes);
    list(&bench().read(records().list().since(Timestamp::from_millis(1))), bytes);
    list(&bench().read(accounts().list()), bytes);
    list(&bench().read(my_permissions()), bytes);
    list(&bench().read(bucket("b").history().list()), bytes);
    drop(bench().read(records().typed::<Typed>().get("a")));
    drop(bench().read(records().typed::<Typed>().list()));
    drop(bench().read(records().typed::<()>().list().with_deleted()));
    drop(bench().read(records().typed::<GroupData>().get("a")));
    drop(bench().read(records().create("a", &json!({"n": 1}))));
    drop(bench().read(records().delete("a")));
    drop(bench().read(records().delete_all()));
    drop(bench().read(accounts().get("eve")));
    drop(bench().read(bucket("b").collection("c").review().status()));
    drop(bench().read(bucket("b").collection("c").snapshot::<JsonMap>(Timestamp::from_millis(5))));
    drop(bench().read(heartbeat()));
    drop(bench().read(counters()));
    drop(bench().read(broadcasts()));
    drop(bench().read(openapi()));
    if let Ok(info) = bench().read(server_info()) {
        look_at_server(&info);
    }
}

fn said(bytes: &[u8], member: impl FnOnce(&Value) -> Option<Value>) -> Value {
    let body: Value = serde_json::from_slice(bytes).expect("what was understood is JSON");
    member(&body).expect("what was understood is there")
}

fn without_names(data: &Value) -> Value {
    let mut data = data.clone();
    if let Value::Object(members) = &mut data {
        members.remove("id");
        members.remove("last_modified");
    }
    data
}

/// A list is read to its end or is an error.
fn list<I: ListItem>(listing: &Result<kinto_protocol::Listing<I>>, bytes: &[u8]) {
    if let Ok(listing) = listing {
        let said = said(bytes, |body| body.get("data").cloned());
        assert_eq!(Some(listing.items.len()), said.as_array().map(Vec::len), "all of it, and no more");
    }
}

fn look_at_server(info: &ServerInfo) {
    for name in info.capabilities.keys() {
        assert!(info.has(name));
    }
    drop(info.openid_providers());
    drop(info.review_of("b", "c"));
}
