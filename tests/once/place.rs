//! Where writes go, and what is there in truth: read without a cutter, and from the server's history.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use kinto_blocking::Client;
use kinto_protocol::{Batch, Call, JsonMap, Object, Path, Permissions, Resource, bucket, buckets, endpoints};
use kinto_tests::{Backend, KintoServer};
use serde_json::{Value, json};

use crate::driver::{ACCOUNT, Driver, Setup};
use crate::kinds::map;

/// A server, and a client that nobody cuts.
pub(crate) struct Server {
    pub(crate) kinto: KintoServer,
    pub(crate) direct: Client,
}

impl Server {
    /// One that shows everything on one page.
    pub(crate) fn start(backend: Backend) -> Self {
        // Who meets others need not wait for seconds.
        let builder = KintoServer::builder(backend).setting("kinto.paginate_by", "100000");
        let kinto = builder.setting("kinto.retry_after_seconds", "0").start().unwrap();
        let policy = kinto_protocol::Policy::default();
        let direct = Client::build(Setup { url: kinto.url().to_owned(), policy, observer: None }).unwrap();
        let account = Call::new(Method::PUT, endpoints::account(ACCOUNT)).json(&json!({"data": {"password": ACCOUNT}}));
        direct.with_auth(None).unwrap().send(account.unwrap()).unwrap();
        Self { kinto, direct }
    }

    /// The one of all whose connections are cut.
    pub(crate) fn memory() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| Self::start(Backend::Memory))
    }

    /// One on PostgreSQL, for one at a time, where that can be had.
    pub(crate) fn postgresql() -> Option<MutexGuard<'static, Self>> {
        static SERVER: OnceLock<Option<Mutex<Server>>> = OnceLock::new();
        let server = SERVER.get_or_init(|| match Backend::Postgresql.available() {
            Ok(()) => Some(Mutex::new(Self::start(Backend::Postgresql))),
            // It says that they are left out.
            Err(_) => KintoServer::shared(Backend::Postgresql).map(|_| unreachable!("there are no programs for it")),
        });
        server.as_ref().map(|server| server.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn url(&self) -> &str {
        self.kinto.url()
    }

    /// An id that nothing else has here.
    pub(crate) fn new_id(&self) -> String {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        static START: LazyLock<u128> =
            LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis()));
        format!("o{}-{}", *START, COUNTER.fetch_add(1, Relaxed))
    }

    /// A new bucket with a collection `c`, and the records of that.
    pub(crate) fn records(&self) -> Resource {
        let id = self.new_id();
        self.direct.send(buckets().create(&id, &json!({}))).unwrap();
        self.direct.send(bucket(&id).collections().create("c", &json!({}))).unwrap();
        bucket(&id).collection("c").records()
    }

    /// What is in a list.
    pub(crate) fn list(&self, path: &Path) -> Vec<Value> {
        let mut body: Value = self.direct.send(Call::new(Method::GET, path.clone())).unwrap().json().unwrap();
        let Value::Array(all) = body["data"].take() else { panic!("no list: {body}") };
        all
    }
}

/// Of what kind the objects of a case are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objects {
    Records,
    Groups,
    Collections,
    Buckets,
}

impl Objects {
    pub(crate) const ALL: [Self; 4] = [Self::Records, Self::Groups, Self::Collections, Self::Buckets];
}

/// Where the objects of some cases are, and nothing else.
pub(crate) struct Place {
    pub(crate) server: &'static Server,
    pub(crate) objects: Objects,
    /// The bucket; of buckets, what their ids begin with.
    bucket: String,
    pub(crate) resource: Resource,
}

impl Place {
    pub(crate) fn new(server: &'static Server, objects: Objects) -> Self {
        let id = server.new_id();
        if objects != Objects::Buckets {
            server.direct.send(buckets().create(&id, &json!({}))).unwrap();
        }
        let resource = match objects {
            Objects::Records => {
                server.direct.send(bucket(&id).collections().create("c", &json!({}))).unwrap();
                bucket(&id).collection("c").records()
            }
            Objects::Groups => bucket(&id).groups().typed(),
            Objects::Collections => bucket(&id).collections(),
            Objects::Buckets => buckets(),
        };
        Self { server, objects, bucket: id, resource }
    }

    /// The id of an object here.
    pub(crate) fn id(&self, number: usize) -> String {
        if self.objects == Objects::Buckets { format!("{}-{number}", self.bucket) } else { format!("x{number}") }
    }

    /// Makes objects, of long ago if that is wanted.
    pub(crate) fn make(&self, all: &[(String, JsonMap)], long_ago: bool) -> Vec<Object> {
        let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - Duration::from_secs(7_200);
        let mut batch = Batch::new();
        let mut tickets = Vec::new();
        for (number, (id, data)) in all.iter().enumerate() {
            let mut data = data.clone();
            if long_ago {
                // No two of a list have the same.
                let at = u64::try_from(then.as_millis()).unwrap() + number as u64;
                data.insert("last_modified".into(), at.into());
            }
            tickets.push(batch.push(self.resource.create(id, &data)));
        }
        let mut outcome = self.server.direct.send(batch).unwrap();
        tickets.into_iter().map(|ticket| outcome.take(ticket).unwrap()).collect()
    }

    /// What is here now, and what was done.
    pub(crate) fn truth(&self) -> Truth {
        let is_ours = |id: &str| self.objects != Objects::Buckets || id.starts_with(&format!("{}-", self.bucket));
        let objects = self.server.list(self.resource.path()).into_iter().map(map);
        let objects = objects.map(|object| (object["id"].as_str().unwrap().to_owned(), object));
        let mut truth = Truth { objects: objects.filter(|(id, _)| is_ours(id)).collect(), history: HashMap::new() };
        if self.objects != Objects::Buckets {
            for entry in self.server.list(&endpoints::history(&self.bucket)) {
                let text = |name: &str| entry[name].as_str().unwrap().to_owned();
                *truth.history.entry((text("uri"), text("action"))).or_default() += 1;
            }
        }
        truth
    }

    /// The permissions of an object, as they are now.
    pub(crate) fn permissions(&self, id: &str) -> Option<Permissions> {
        self.server.direct.send(self.resource.get(id)).unwrap().permissions
    }
}

/// What is there, and what was done.
pub(crate) struct Truth {
    /// By their ids, each with what the server adds.
    pub(crate) objects: BTreeMap<String, JsonMap>,
    /// How often something was done to something.
    history: HashMap<(String, String), usize>,
}

impl Truth {
    /// How often any of this was done to the object with this path.
    pub(crate) fn done(&self, path: &Path, actions: &[&str]) -> usize {
        let times = |action: &&str| self.history.get(&(path.as_str().to_owned(), (*action).to_owned()));
        actions.iter().filter_map(times).sum()
    }

    /// The data of an object, without what the server adds.
    pub(crate) fn data(&self, id: &str) -> Option<JsonMap> {
        self.objects.get(id).map(|object| bare(object.clone()))
    }
}

/// Without what the server adds.
pub(crate) fn bare(mut object: JsonMap) -> JsonMap {
    object.remove("id");
    object.remove("last_modified");
    if object.get("members") == Some(&json!([])) {
        object.remove("members");
    }
    object
}
