//! What a scenario is given: a server, clients for it, and a corner of its own.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use kinto_protocol::{
    Auth, Bucket, Call, Error, Filter, JsonMap, Path, Permissions, Reply, Resource, Result, bucket, buckets, endpoints,
    field,
};
use kinto_tests::{Backend, KintoServer};
use serde_json::{Value, json};

use crate::driver::{Driver, Setup};
use crate::servers::{Server, server};

pub(crate) const PASSWORD: &str = "p4ss wörd:1";

/// The server, clients of it, and the id of a bucket that nobody else has.
pub(crate) struct Kinto<D> {
    pub(crate) backend: Backend,
    pub(crate) url: String,
    pub(crate) admin: D,
    pub(crate) alice: D,
    pub(crate) bob: D,
    pub(crate) anonymous: D,
    pub(crate) id: String,
    /// The server, if it is one of those that scenarios share.
    pub(crate) server: Option<Server>,
    /// Where the model is served whose pages are small, if this is about models.
    model: Option<fn() -> String>,
}

/// Runs a scenario on the server that it shares with others, or not at all where that cannot be had.
pub(crate) fn run<D: Driver>(backend: Backend, scenario: fn(&Kinto<D>)) {
    if let Some(server) = server(backend) {
        scenario(&Kinto::on(backend, server, &["admin", "alice", "bob"]));
    }
}

impl<D: Driver> Kinto<D> {
    /// A context on this server, which stays as long, where these accounts are made.
    pub(crate) fn on(backend: Backend, server: Server, accounts: &[&str]) -> Self {
        let url = server.url().to_owned();
        Self { server: Some(server), ..Self::at(backend, &url, accounts) }
    }

    /// A context on the server at this URL, where these accounts are made.
    pub(crate) fn at(backend: Backend, url: &str, accounts: &[&str]) -> Self {
        let anonymous = D::build(Setup::of(url)).unwrap();
        {
            let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
            for name in accounts {
                if made.insert(((*name).to_owned(), url.to_owned())) {
                    sign_up(&anonymous, name);
                }
            }
        }
        Self::of(backend, url, anonymous)
    }

    /// A context on a model of a server, and where to find another one that gives three objects a page.
    pub(crate) fn of_models(url: &str, small: fn() -> String) -> Self {
        Self { model: Some(small), ..Self::of(Backend::Memory, url, D::build(Setup::of(url)).unwrap()) }
    }

    fn of(backend: Backend, url: &str, anonymous: D) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        static START: LazyLock<u128> =
            LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis()));

        let of = |name: &str| anonymous.with_auth(Some(Auth::basic(name, PASSWORD))).unwrap();
        Self {
            backend,
            url: url.to_owned(),
            admin: of("admin"),
            alice: of("alice"),
            bob: of("bob"),
            // Unique on a server that runs on from one test run to the next, too.
            id: format!("t{}-{}", *START, COUNTER.fetch_add(1, Ordering::Relaxed)),
            anonymous,
            server: None,
            model: None,
        }
    }

    /// The same on a server of another kind: it gives three objects a page, takes itself for another host, and shows
    /// all buckets to its administrator.
    pub(crate) fn with_small_pages(&self) -> Self {
        static SERVERS: [OnceLock<KintoServer>; 4] = [const { OnceLock::new() }; 4];
        if let Some(small) = self.model {
            return Self::of_models(&small(), small);
        }
        let server = SERVERS[self.backend as usize].get_or_init(|| {
            let builder = KintoServer::builder(self.backend)
                .setting("kinto.paginate_by", "3")
                .setting("kinto.http_scheme", "https")
                .setting("kinto.http_host", "internal.example:9")
                .setting("kinto.bucket_read_principals", "account:admin")
                .setting("kinto.bucket_write_principals", "account:admin");
            builder.start().unwrap()
        });
        Self::at(self.backend, server.url(), &["admin", "alice"])
    }

    pub(crate) fn is_memory(&self) -> bool {
        !self.backend.is_postgresql()
    }

    /// The address of the bucket of this scenario.
    pub(crate) fn bucket(&self) -> Bucket {
        bucket(&self.id)
    }

    /// Another id of a bucket that nobody else has.
    pub(crate) fn other(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    /// Makes the bucket, of Alice's.
    pub(crate) fn make_bucket(&self) -> Bucket {
        self.alice.send(buckets().create(&self.id, &json!({}))).unwrap();
        self.bucket()
    }

    /// Makes the bucket and the collection `c` in it, of Alice's.
    pub(crate) fn records(&self) -> Resource {
        let bucket = self.make_bucket();
        self.alice.send(bucket.collections().create("c", &json!({}))).unwrap();
        bucket.collection("c").records()
    }

    /// One resource of each kind.
    pub(crate) fn kinds(&self) -> [Kind; 4] {
        let records = self.records();
        let kind = |name, resource| Kind { name, resource, mark: self.id.clone() };
        [
            kind("bucket", buckets()),
            kind("collection", self.bucket().collections()),
            kind("group", self.bucket().groups().typed()),
            kind("record", records),
        ]
    }

    /// A record whose data is this.
    pub(crate) fn record(&self, records: &Resource, id: &str, data: Value) -> kinto_protocol::Object {
        self.alice.send(records.create(id, &data)).unwrap()
    }
}

/// The accounts that were made, and the URLs of their servers.
static MADE: LazyLock<Mutex<HashSet<(String, String)>>> = LazyLock::new(Mutex::default);

/// There are none at this URL any more.
pub(crate) fn forget_accounts(url: &str) {
    MADE.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, at)| at != url);
}

fn sign_up<D: Driver>(anonymous: &D, name: &str) {
    let call = Call::new(Method::PUT, endpoints::account(name)).json(&json!({"data": {"password": PASSWORD}})).unwrap();
    match anonymous.send(call) {
        Ok(reply) => assert_eq!(reply.status(), StatusCode::CREATED),
        // There since an earlier run.
        Err(error) => assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED), "{error}"),
    }
}

/// One of the four kinds of objects. What is made of it carries a mark, as the list of buckets is everybody's.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) resource: Resource,
    mark: String,
}

impl Kind {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// An id of this scenario's.
    pub(crate) fn id(&self, id: &str) -> String {
        if self.is("bucket") { format!("{}-{id}", self.mark) } else { id.to_owned() }
    }

    /// This data, and all that the server makes of it.
    pub(crate) fn data(&self, data: Value) -> JsonMap {
        let mut data = map(data);
        data.insert("mark".into(), self.mark.clone().into());
        if self.is("group") {
            data.entry("members").or_insert_with(|| json!([]));
        }
        data
    }

    /// What is marked.
    pub(crate) fn own(&self) -> Filter {
        field("mark").eq(&self.mark)
    }
}

/// The members of a JSON object.
pub(crate) fn map(value: Value) -> JsonMap {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

/// The permissions of what this user made.
pub(crate) fn written_by(name: &str) -> Option<Permissions> {
    Some(Permissions::new().write([format!("account:{name}")]))
}

/// The error, where there must be one.
pub(crate) fn refused<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(error) => error,
    }
}

/// The status of the server's error, where there must be one, and its number.
pub(crate) fn status<T>(result: Result<T>) -> (u16, Option<u16>) {
    let error = refused(result);
    let status = error.status().unwrap_or_else(|| panic!("not the server's: {error}"));
    (status.as_u16(), error.errno())
}

/// A request as anybody's HTTP client would send it.
pub(crate) fn raw(method: Method, path: &Path, query: &str) -> Call {
    Call::new(method, path.clone()).query(query)
}

/// The same with a body.
pub(crate) fn raw_json(method: Method, path: &Path, body: Value) -> Call {
    Call::new(method, path.clone()).json(&body).unwrap()
}

/// The body of an answer.
pub(crate) fn body(reply: &Reply) -> Value {
    reply.json().unwrap()
}

/// The ids in the body of a list, in alphabetical order.
pub(crate) fn ids_in(reply: &Reply) -> Vec<String> {
    let body = body(reply);
    let mut ids: Vec<String> =
        body["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}
