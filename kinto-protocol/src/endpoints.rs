//! The path of every endpoint, for those who build requests of their own.
//!
//! The operations use the same paths; nothing here needs to be called to use them. Paths are relative to the API root
//! and percent-encoded. Before anything is sent to a plugin's endpoint, the server is asked (once per session) whether it
//! has the plugin; where it has not, that is an error that names it.
//!
//! ```
//! use kinto_protocol::endpoints;
//!
//! assert_eq!(endpoints::record("blog", "posts", "hello").as_str(), "/buckets/blog/collections/posts/records/hello");
//! assert_eq!(endpoints::account("me@example.com").as_str(), "/accounts/me%40example.com");
//! ```

use crate::address::{bucket as bucket_address, buckets as buckets_address};
use crate::id::Grammar;
use crate::path::Path;
use crate::timestamp::Timestamp;

/// `/`: what the server is and can do, and who the caller is to it.
#[must_use]
pub fn root() -> Path {
    Path::fixed("/")
}

/// `/__heartbeat__`: whether each of the server's parts works.
#[must_use]
pub fn heartbeat() -> Path {
    Path::fixed("/__heartbeat__")
}

/// `/__lbheartbeat__`: whether the process answers, for load balancers.
#[must_use]
pub fn lbheartbeat() -> Path {
    Path::fixed("/__lbheartbeat__")
}

/// `/__version__`: what was deployed.
#[must_use]
pub fn version() -> Path {
    Path::fixed("/__version__")
}

/// `/__api__`: the OpenAPI document.
#[must_use]
pub fn api() -> Path {
    Path::fixed("/__api__")
}

/// `/contribute.json`.
#[must_use]
pub fn contribute() -> Path {
    Path::fixed("/contribute.json")
}

/// `/batch`.
#[must_use]
pub fn batch() -> Path {
    Path::fixed("/batch")
}

/// `/buckets`.
#[must_use]
pub fn buckets() -> Path {
    buckets_address().path().clone()
}

/// `/buckets/{bucket}`.
#[must_use]
pub fn bucket(bucket: &str) -> Path {
    bucket_address(bucket).path().clone()
}

/// `/buckets/{bucket}/collections`.
#[must_use]
pub fn collections(bucket: &str) -> Path {
    bucket_address(bucket).collections().path().clone()
}

/// `/buckets/{bucket}/collections/{collection}`.
#[must_use]
pub fn collection(bucket: &str, collection: &str) -> Path {
    bucket_address(bucket).collection(collection).path().clone()
}

/// `/buckets/{bucket}/groups`.
#[must_use]
pub fn groups(bucket: &str) -> Path {
    bucket_address(bucket).groups().path().clone()
}

/// `/buckets/{bucket}/groups/{group}`.
#[must_use]
pub fn group(bucket: &str, group: &str) -> Path {
    groups(bucket).id(group)
}

/// `/buckets/{bucket}/collections/{collection}/records`.
#[must_use]
pub fn records(bucket: &str, collection: &str) -> Path {
    bucket_address(bucket).collection(collection).records().path().clone()
}

/// `/buckets/{bucket}/collections/{collection}/records/{record}`.
#[must_use]
pub fn record(bucket: &str, collection: &str, record: &str) -> Path {
    records(bucket, collection).id(record)
}

/// `/buckets/{bucket}/collections/{collection}/records/{record}/attachment` (capability `attachments`).
#[must_use]
pub fn attachment(bucket: &str, collection: &str, record: &str) -> Path {
    self::record(bucket, collection, record).join("/attachment").needing("attachments")
}

/// `/buckets/{bucket}/history` (capability `history`).
#[must_use]
pub fn history(bucket: &str) -> Path {
    self::bucket(bucket).join("/history").needing("history")
}

/// `/buckets/{bucket}/snapshot/collections/{collection}@{timestamp}` (capability `history`).
#[must_use]
pub fn snapshot(bucket: &str, collection: &str, at: Timestamp) -> Path {
    self::bucket(bucket).join("/snapshot/collections").id(collection).join(&format!("@{at}")).needing("history")
}

/// `/buckets/{bucket}/collections/{collection}/changeset` (capability `changes`).
#[must_use]
pub fn changeset(bucket: &str, collection: &str) -> Path {
    self::collection(bucket, collection).join("/changeset").needing("changes")
}

/// `/buckets/monitor/collections/changes/changeset`: which collections changed (capability `changes`).
#[must_use]
pub fn monitor_changeset() -> Path {
    changeset("monitor", "changes")
}

/// `/buckets/monitor/collections/changes/records`: the same in its older form (capability `changes`).
#[must_use]
pub fn monitor_records() -> Path {
    records("monitor", "changes").needing("changes")
}

/// `/permissions`: everything the caller was given a permission on (capability `permissions_endpoint`).
#[must_use]
pub fn permissions() -> Path {
    Path::fixed("/permissions").needing("permissions_endpoint")
}

/// `/accounts` (capability `accounts`).
#[must_use]
pub fn accounts() -> Path {
    Path::fixed("/accounts").needing("accounts")
}

/// `/accounts/{name}` (capability `accounts`).
#[must_use]
pub fn account(name: &str) -> Path {
    let mut path = accounts();
    path.segment(name, Grammar::Account);
    path
}

/// `/__flush__`: a POST there empties the server, accounts included, without asking who is calling (capability
/// `flush_endpoint`).
#[must_use]
pub fn flush() -> Path {
    Path::fixed("/__flush__").needing("flush_endpoint")
}

/// `/__counters__` (capability `counters_endpoint`).
#[must_use]
pub fn counters() -> Path {
    Path::fixed("/__counters__").needing("counters_endpoint")
}

/// `/__user_data__/{principal}`.
#[must_use]
pub fn user_data(principal: &str) -> Path {
    let mut path = Path::fixed("/__user_data__");
    path.segment(principal, Grammar::Free);
    path
}

/// `/__broadcasts__` (with capability `changes`).
#[must_use]
pub fn broadcasts() -> Path {
    Path::fixed("/__broadcasts__").needing("changes")
}

/// `/openid/{provider}/login` (capability `openid`).
#[must_use]
pub fn openid_login(provider: &str) -> Path {
    openid(provider, "/login")
}

/// `/openid/{provider}/token` (capability `openid`).
#[must_use]
pub fn openid_token(provider: &str) -> Path {
    openid(provider, "/token")
}

fn openid(provider: &str, end: &str) -> Path {
    let mut path = Path::fixed("/openid").needing("openid");
    path.segment(provider, Grammar::Object);
    path.join(end)
}

/// `/admin/`: a web page (capability `admin`).
#[must_use]
pub fn admin() -> Path {
    Path::fixed("/admin/").needing("admin")
}

/// `/__metrics__`: text for Prometheus.
#[must_use]
pub fn metrics() -> Path {
    Path::fixed("/__metrics__")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::IdRule;

    #[test]
    fn every_path_of_the_protocol() {
        let at = Timestamp::from_millis(7);
        let c = "/buckets/b/collections/c";
        for (path, expected) in [
            (root(), "/".to_owned()),
            (heartbeat(), "/__heartbeat__".to_owned()),
            (lbheartbeat(), "/__lbheartbeat__".to_owned()),
            (version(), "/__version__".to_owned()),
            (api(), "/__api__".to_owned()),
            (contribute(), "/contribute.json".to_owned()),
            (batch(), "/batch".to_owned()),
            (buckets(), "/buckets".to_owned()),
            (bucket("b"), "/buckets/b".to_owned()),
            (collections("b"), "/buckets/b/collections".to_owned()),
            (collection("b", "c"), c.to_owned()),
            (groups("b"), "/buckets/b/groups".to_owned()),
            (group("b", "g"), "/buckets/b/groups/g".to_owned()),
            (records("b", "c"), format!("{c}/records")),
            (record("b", "c", "r"), format!("{c}/records/r")),
            (attachment("b", "c", "r"), format!("{c}/records/r/attachment")),
            (history("b"), "/buckets/b/history".to_owned()),
            (snapshot("b", "c", at), "/buckets/b/snapshot/collections/c@7".to_owned()),
            (changeset("b", "c"), format!("{c}/changeset")),
            (monitor_changeset(), "/buckets/monitor/collections/changes/changeset".to_owned()),
            (monitor_records(), "/buckets/monitor/collections/changes/records".to_owned()),
            (permissions(), "/permissions".to_owned()),
            (accounts(), "/accounts".to_owned()),
            (account("a+b@c.d"), "/accounts/a%2Bb%40c.d".to_owned()),
            (flush(), "/__flush__".to_owned()),
            (counters(), "/__counters__".to_owned()),
            (user_data("/buckets/b/groups/g"), "/__user_data__/%2Fbuckets%2Fb%2Fgroups%2Fg".to_owned()),
            (broadcasts(), "/__broadcasts__".to_owned()),
            (openid_login("auth0"), "/openid/auth0/login".to_owned()),
            (openid_token("auth0"), "/openid/auth0/token".to_owned()),
            (admin(), "/admin/".to_owned()),
            (metrics(), "/__metrics__".to_owned()),
        ] {
            assert_eq!(path.as_str(), expected);
            assert!(path.check(IdRule::Server).is_ok(), "{path}");
        }
    }

    #[test]
    fn no_segment_can_vanish() {
        for path in [
            bucket(""),
            record("b", "c", ".."),
            user_data(""),
            user_data(".."),
            openid_login("."),
            user_data("x/../../buckets/b"),
            openid_token("x/.."),
            snapshot("b", "", Timestamp::from_millis(1)),
        ] {
            assert!(path.check(IdRule::Wide).is_err(), "{path}");
        }
    }
}
