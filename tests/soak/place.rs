//! A server that is killed and started again, and what is there in truth.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use http::Method;
use kinto_protocol::{Auth, Call, Event, Flow, JsonMap, Resource, bucket, buckets, endpoints};
use kinto_tests::{Backend, KintoServer};
use serde_json::json;

use crate::driver::{Driver, Setup};

const ACCOUNT: &str = "soak";

pub(crate) struct Place {
    pub(crate) kinto: KintoServer,
    /// A client without weather.
    pub(crate) direct: kinto_blocking::Client,
}

impl Place {
    pub(crate) fn start() -> Self {
        let builder = KintoServer::builder(Backend::Postgresql);
        // Who meets others need not wait for seconds.
        let kinto = builder.setting("kinto.retry_after_seconds", "0").start().unwrap();
        let direct = kinto_blocking::Client::builder(kinto.url()).auth(Auth::basic(ACCOUNT, ACCOUNT)).build().unwrap();
        let account = Call::new(Method::PUT, endpoints::account(ACCOUNT)).json(&json!({"data": {"password": ACCOUNT}}));
        direct.with_auth(None).unwrap().send(account.unwrap()).unwrap();
        let place = Self { kinto, direct };
        place.direct.send(buckets().create("shared", &json!({}))).unwrap();
        place.direct.send(bucket("shared").collections().create("counters", &json!({}))).unwrap();
        place
    }

    pub(crate) fn url(&self) -> &str {
        self.kinto.url()
    }

    /// A client in the weather. It is not patient: what takes long is to be met often.
    pub(crate) fn client_of<D: Driver>(&self, url: &str, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> D {
        let mut setup = Setup::of(url);
        setup.auth = Some(Auth::basic(ACCOUNT, ACCOUNT));
        setup.policy.attempts = 4;
        setup.policy.conflicts = 30;
        setup.policy.first_wait = Duration::from_millis(30);
        setup.policy.longest_wait = Duration::from_secs(1);
        setup.policy.deadline = Duration::from_secs(20);
        setup.policy.limits.connect = Duration::from_secs(1);
        setup.policy.limits.head = Duration::from_millis(1_500);
        setup.policy.limits.total = Duration::from_secs(3);
        setup.observer = Some(Box::new(observer));
        D::build(setup).unwrap()
    }

    /// The bucket of one of the workers. Two who write into one at the same moment keep each other waiting.
    pub(crate) fn bucket(&self, worker: &str) -> String {
        format!("of-{worker}")
    }

    pub(crate) fn counters(&self) -> Resource {
        bucket("shared").collection("counters").records()
    }

    /// What this gives, without weather. A killed server comes back.
    pub(crate) fn truly<F: Flow>(&self, flow: impl Fn() -> F) -> F::Output {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.direct.send(flow()) {
                Ok(output) => return output,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn read(&self, records: &Resource) -> BTreeMap<String, JsonMap> {
        let all = self.truly(|| records.list());
        all.items.into_iter().map(|object| (object.id, bare(object.data))).collect()
    }
}

/// Without what the server makes of its own.
pub(crate) fn bare(mut data: JsonMap) -> JsonMap {
    for name in ["id", "last_modified", "schema"] {
        data.remove(name);
    }
    data
}
