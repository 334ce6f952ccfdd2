//! The model of a server.
//!
//! ```text
//!  http::Request ─▶ MemoryServer ─▶ http::Response        a batch: each of its requests in turn
//!                     │
//!                   place ─▶ write, or list ─▶ store
//! ```

mod answer;
mod conditions;
mod fields;
mod filter;
mod json_patch;
mod list;
mod place;
mod store;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::auth::Auth;
use crate::error::Result;
use crate::flow::Flow;
use crate::object::JsonMap;
use crate::permissions::EVERYONE;
use crate::resource::Kind;
use crate::session::{Request, Response, Session};
use crate::testing::double::{Answering, TestDouble, drive};

use answer::Answer;
use conditions::Conditions;
use filter::Query;
use place::Place;
use store::{Store, Stored};
use write::Body;

/// A model of a Kinto server, in memory and without a network, for tests of programs that use one.
///
/// It stores buckets, groups, collections and records as a server does: timestamps and tombstones, preconditions, patches,
/// filters, sorting, pages, batches, permissions as they are written and shown, the personal bucket. The tests of this
/// library run against it as they run against real servers. It forbids nothing to anybody, and knows no plugins: what it
/// models and what not is on [a page of its own](crate::testing::what_is_modelled).
///
/// ```
/// use kinto_protocol::testing::MemoryServer;
/// use kinto_protocol::{bucket, buckets};
/// use serde_json::json;
///
/// let server = MemoryServer::new();
/// server.send(buckets().create("shop", &json!({})))?;
/// server.send(bucket("shop").collections().create("prices", &json!({})))?;
/// let prices = bucket("shop").collection("prices").records();
/// server.send(prices.create("milk", &json!({"cents": 129})))?;
/// assert_eq!(server.send(prices.list())?.items[0].data["cents"], 129);
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
///
/// A client of it, of either front-end: `Client::testing(&server)`. Clones are the same server.
#[derive(Clone)]
pub struct MemoryServer {
    page_size: Option<usize>,
    batch_max_requests: usize,
    state: Arc<Mutex<State>>,
}

struct State {
    store: Store,
    seen: Vec<Seen>,
}

/// A request that came, alone or in a batch. `Display` is `PUT /buckets/blog: 201`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path below the root of the API, without parameters.
    pub path: String,
    /// What it was answered with.
    pub status: u16,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.path, self.status)
    }
}

impl TestDouble for MemoryServer {
    fn session(&self) -> Session {
        Self::session(self)
    }

    fn answering(&self) -> Answering {
        let server = self.clone();
        Answering::new(move |request| Ok(server.answer(request)))
    }
}

/// Who asks, and by which URL.
struct Caller {
    /// The principal that they are.
    who: String,
    /// The root of the API, as they write it.
    root: String,
}

/// One request, alone or of a batch.
struct One<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    header: &'a dyn Fn(&str) -> Option<String>,
    body: &'a [u8],
}

impl Default for MemoryServer {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryServer {
    /// A server with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        // In the past, so that nothing it makes is from the future.
        let state = State { store: Store::at(1_600_000_000_000), seen: Vec::new() };
        Self { page_size: None, batch_max_requests: 25, state: Arc::new(Mutex::new(state)) }
    }

    /// So many objects a page at most, whatever is asked for: 10,000.
    #[must_use]
    pub fn page_size(mut self, objects: usize) -> Self {
        self.page_size = Some(objects.max(1));
        self
    }

    /// So many requests a batch at most: 25.
    #[must_use]
    pub fn batch_max_requests(mut self, requests: usize) -> Self {
        self.batch_max_requests = requests;
        self
    }

    /// A session with it, of a user `tester`, who does not wait and gets the same ids each time.
    ///
    /// # Panics
    ///
    /// Never: what it is made of is as it should be.
    #[must_use]
    pub fn session(&self) -> Session {
        let session =
            Session::builder("https://memory.invalid/v1").auth(Auth::basic("tester", "secret")).seed(1).build();
        session.unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// Sends an operation, or has a longer conversation, by a [session](Self::session) of its own, and gives its outcome.
    /// Waits take no time.
    ///
    /// # Errors
    ///
    /// As those of a client.
    pub fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        self.send_by(&self.session(), flow)
    }

    /// The same by a session that is given: with other credentials, another policy, or to see that other servers are told
    /// apart.
    ///
    /// # Errors
    ///
    /// As those of a client.
    pub fn send_by<F: Flow>(&self, session: &Session, flow: F) -> Result<F::Output> {
        drive(session, flow, &|request| Ok(self.answer(request)))
    }

    /// The answer to a request.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Response {
        let header = |name: &str| request.headers().get(name)?.to_str().ok().map(str::to_owned);
        let (uri, method) = (request.uri(), request.method());
        let (root, path) = uri.path().split_once("/v1").unwrap_or(("", uri.path()));
        let host = uri.authority().map(ToString::to_string).or_else(|| header("host")).unwrap_or_default();
        let caller =
            Caller { who: who(&header), root: format!("{}://{host}{root}/v1", uri.scheme_str().unwrap_or("http")) };
        let (query, body) = (uri.query().unwrap_or_default(), request.body().as_ref());
        let one = One { method: method.as_str(), path, query, header: &header, body };
        let answer = match (method.as_str(), path) {
            ("POST", "/batch") => self.batch(&caller, &one).unwrap_or_else(|refusal| refusal),
            _ => self.one(&caller, &one),
        };
        answer.into_response(*method != Method::HEAD)
    }

    /// The requests that came, those of batches one by one.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn info(&self, caller: &Caller) -> Answer {
        let mut info = json!({
            "project_name": "kinto",
            "project_version": "26.5.0",
            "http_api_version": "1.23",
            "url": format!("{}/", caller.root),
            "settings": {
                "batch_max_requests": self.batch_max_requests,
                "readonly": false,
                "explicit_permissions": true,
            },
            "capabilities": {"default_bucket": {"description": "The personal bucket.", "url": ""}},
        });
        if caller.who != EVERYONE {
            let principals = [&caller.who, "system.Authenticated", EVERYONE];
            info["user"] = json!({"id": caller.who, "principals": principals, "bucket": personal(&caller.who)});
        }
        Answer::new(200, info)
    }

    fn batch(&self, caller: &Caller, request: &One<'_>) -> Result<Answer, Answer> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Entry {
            #[serde(default)]
            method: Option<String>,
            path: String,
            #[serde(default)]
            headers: JsonMap,
            #[serde(default)]
            body: Option<JsonMap>,
        }
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Entries {
            requests: Vec<Entry>,
        }
        let entries: Entries = serde_json::from_slice(request.body)
            .map_err(|error| Answer::invalid("body", Some("requests"), &error.to_string()))?;
        let entries = entries.requests;
        if entries.len() > self.batch_max_requests {
            let why = format!("Number of requests is limited to {}", self.batch_max_requests);
            return Err(Answer::invalid("body", Some("requests"), &why));
        }
        if entries.iter().any(|entry| entry.path.contains("/batch")) {
            let why = "Recursive call on /batch endpoint is forbidden.";
            return Err(Answer::invalid("body", Some("requests"), why));
        }
        let mut answers = Vec::with_capacity(entries.len());
        for Entry { method, path, headers, body } in entries {
            let own = |name: &str| {
                let mut headers = headers.iter();
                headers.find_map(|(own, value)| own.eq_ignore_ascii_case(name).then(|| value.as_str()).flatten())
            };
            let header = |name: &str| match own(name) {
                // Whatever it says that its body is.
                _ if name == "content-type" => None,
                Some(value) => Some(value.to_owned()),
                None => (request.header)(name),
            };
            let method = method.as_deref().unwrap_or("GET");
            let path = path.strip_prefix("/v1").unwrap_or(&path);
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let body = body.map_or_else(Vec::new, |body| Value::Object(body).to_string().into_bytes());
            let caller = Caller { who: who(&header), root: caller.root.clone() };
            let answer = self.one(&caller, &One { method, path, query, header: &header, body: &body });
            if answer.status == 304 {
                // So do servers, which leave it open what of the rest was done.
                return Err(Answer::broken());
            }
            answers.push(answer.into_entry(path, method != "HEAD"));
        }
        Ok(Answer::new(200, json!({"responses": answers})))
    }

    fn one(&self, caller: &Caller, one: &One<'_>) -> Answer {
        let mut state = self.lock();
        let answer = self.answered(&mut state.store, caller, one).unwrap_or_else(|refusal| refusal);
        let method = one.method.parse().unwrap_or_default();
        state.seen.push(Seen { method, path: one.path.to_owned(), status: answer.status });
        answer
    }

    fn answered(&self, store: &mut Store, caller: &Caller, one: &One<'_>) -> Result<Answer, Answer> {
        match (one.method, one.path) {
            ("GET" | "HEAD", "/") => return Ok(self.info(caller)),
            ("GET" | "HEAD", "/__heartbeat__") => {
                return Ok(Answer::new(200, json!({"storage": true, "permission": true, "cache": true})));
            }
            ("GET" | "HEAD", "/__lbheartbeat__") => return Ok(Answer::new(200, json!({}))),
            _ => {}
        }
        let who = &caller.who;
        let refused = || if who == EVERYONE { Answer::unauthorized() } else { Answer::forbidden() };
        let mut place = Place::of(one.path)?;
        let query = Query::parse(one.query)?;
        let conditions = Conditions::of(one.header)?;
        if place.bucket() == Some("default") {
            if who == EVERYONE {
                return Err(Answer::unauthorized());
            }
            place.set_bucket(personal(who));
            make_way(store, &place, who);
        }
        for parent in place.parents() {
            let id = parent.id.clone().unwrap_or_default();
            if store.object(&parent.list(), &id).is_none() {
                // That there is no such bucket is not told.
                return Err(if parent.parents().is_empty() { refused() } else { Answer::parent_missing(&id) });
            }
        }
        let path = place.list();
        let Some(id) = &place.id else {
            if one.method == "POST" {
                let asked = write::Asked { place: &place, path: &path, who, query, conditions };
                return store.add(&asked, Body::parse(one.body)?);
            }
            let url = format!("{}{path}", caller.root);
            let asked = list::Asked { path: &path, url, query, conditions, page_size: self.page_size };
            return match one.method {
                "GET" | "HEAD" => store.read_list(&asked, one.method == "HEAD"),
                "DELETE" => store.delete_list(&asked),
                _ => Err(Answer::method_not_allowed()),
            };
        };
        let is_unknown_bucket = place.parents().is_empty() && store.object(&path, id).is_none();
        if is_unknown_bucket && one.method != "PUT" {
            return Err(refused());
        }
        let asked = write::Asked { place: &place, path: &path, who, query, conditions };
        match one.method {
            "GET" | "HEAD" => store.read(&asked),
            "PUT" => store.replace(&asked, Body::parse(one.body)?),
            "PATCH" => match (one.header)("content-type").as_deref() {
                Some(json_patch::MEDIA_TYPE) => store.json_patch(&asked, one.body),
                kind @ (None | Some("application/json" | "application/merge-patch+json")) => {
                    store.patch(&asked, Body::parse(one.body)?, kind == Some("application/merge-patch+json"))
                }
                Some(other) => Err(Answer::unsupported(other)),
            },
            "DELETE" => store.remove(&asked),
            _ => Err(Answer::method_not_allowed()),
        }
    }
}

/// The personal bucket, and a collection in it, are there when they are asked for.
fn make_way(store: &mut Store, place: &Place, who: &str) {
    let mut way = place.parents();
    // Whatever is to become of it.
    if place.id.is_some() && matches!(place.kind, Kind::Bucket | Kind::Collection) {
        way.push(place.clone());
    }
    for place in way {
        let (path, id) = (place.list(), place.id.clone().unwrap_or_default());
        if store.object(&path, &id).is_none() {
            let permissions = [("write".to_owned(), [who.to_owned()].into())].into();
            let at = store.stamp(&path, None, None);
            store.put(&path, &id, Stored { at, data: JsonMap::new(), permissions });
        }
    }
}

/// The principal whom a request says that it is of.
fn who(header: &dyn Fn(&str) -> Option<String>) -> String {
    let Some(authorization) = header("authorization").filter(|text| !text.is_empty()) else {
        return EVERYONE.to_owned();
    };
    let name = || {
        let credentials = STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
        Some(String::from_utf8(credentials).ok()?.split_once(':')?.0.to_owned())
    };
    name().map_or_else(|| format!("bearer:{}", personal(&authorization)), |name| format!("account:{name}"))
}

/// The id of a personal bucket: always the same of the same principal.
fn personal(who: &str) -> String {
    let hash: String = Sha256::digest(who).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..])
}

impl fmt::Debug for MemoryServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryServer").field("seen", &self.lock().seen.len()).finish_non_exhaustive()
    }
}
