//! The model of a server, for what has to be written somewhere.

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{bucket, buckets};
use serde_json::json;

/// With this, which is a path with a bucket and perhaps a collection in it.
pub(super) fn at(path: &str) -> MemoryServer {
    let server = MemoryServer::new();
    let mut names = path.split('/').skip(2).step_by(2);
    if let Some(of) = names.next() {
        server.send(buckets().create(of, &json!({}))).expect("a bucket");
        if let Some(name) = names.next() {
            server.send(bucket(of).collections().create(name, &json!({}))).expect("a collection");
        }
    }
    server
}
