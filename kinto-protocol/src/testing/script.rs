//! Scripted answers.

use std::fmt::{self, Write as _};
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::flow::Flow;
use crate::session::{Request, Response, Session};
use crate::testing::answer::{Answer, Counters};
use crate::testing::asked::Asked;
use crate::testing::batch::{entries, entry};
use crate::testing::discreet;
use crate::testing::double::{Answering, TestDouble, drive};
use crate::testing::expected::{Expect, Expected};
use crate::transport_error::TransportError;

/// What a program is expected to ask, and what it is answered: for tests of programs, without a network.
///
/// The expected request is the operation itself, so that no test writes down paths. Method, path, parameters, conditions
/// and body are compared, the last as JSON. What is in a batch counts as if it had been sent by itself, unless the script
/// has something to say of `/batch`.
///
/// ```
/// use kinto_protocol::testing::{Answer, Script};
/// use kinto_protocol::{Result, Timestamp, bucket};
/// use serde_json::json;
/// # use Script as Client; // either client has the same words
///
/// /// The program.
/// fn finish(client: &Client, id: &str) -> Result<()> {
///     let todos = bucket("default").collection("todos").records();
///     let todo = client.send(todos.get(id))?;
///     client.send(todos.replace(id, &json!({"title": todo.data["title"], "done": true})).if_match(todo.last_modified))?;
///     Ok(())
/// }
///
/// // The test. With a client: `let client = Client::testing(&script);`
/// let todos = bucket("default").collection("todos").records();
/// let script = Script::new();
/// script.expect(todos.get("milk"), Answer::object(&json!({"title": "Buy milk", "last_modified": 7})));
/// let done = json!({"title": "Buy milk", "done": true});
/// script.expect(todos.replace("milk", &done).if_match(Timestamp::from_millis(7)), Answer::done());
/// finish(&script, "milk")?;
/// script.finish();
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
///
/// What the server is, which the library asks for by itself before batches and plugins (`GET /`), need not be expected: the
/// script answers as a server with all plugins would, unless it names that as well. Predicates are not asked about it.
///
/// A client sends again what failed, as always, so that what is answered with 503 has to be expected as often as the policy
/// says; it does so at once, unless the answer asks it to wait.
///
/// A request that nobody expected, or one out of turn, is a panic at once, which says what was expected, what came, how they
/// differ, and what had come before. It is one and no error, since an error could be handled by the program under test.
///
/// What was expected and never came is a panic in [`finish`](Self::finish) or, if a test forgets that, when the script is
/// dropped. What a client holds of it does not count, so that this is at the end of the test, on its own thread.
#[derive(Debug)]
pub struct Script {
    session: Session,
    shared: Arc<Shared>,
    finished: bool,
}

struct Shared {
    root: String,
    /// Whether what comes is compared without its secrets.
    discreet: bool,
    in_any_order: bool,
    /// What it says of itself.
    hello: Answer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    expected: Vec<Once>,
    allowed: Vec<(Expected, Answer)>,
    seen: Vec<(Asked, String)>,
    counters: Counters,
    /// What went wrong, even if the program has not noticed.
    failure: Option<String>,
}

struct Once {
    expected: Expected,
    answer: Answer,
    came: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// One whose requests have to come in the order in which they are expected.
    ///
    /// # Panics
    ///
    /// Never: what it is made of is as it should be.
    #[must_use]
    pub fn new() -> Self {
        let session = Session::builder("https://script.invalid/v1").seed(1).build();
        Self::of(session.unwrap_or_else(|error| unreachable!("{error}")), false)
    }

    /// With a session of its own.
    pub(super) fn of(session: Session, discreet: bool) -> Self {
        // What is sent again is sent soon: a test that waits is no good.
        let session = session.with_policy(|policy| policy.first_wait = Duration::ZERO);
        let (root, state) = (session.url(), Mutex::default());
        let shared = Shared { hello: hello(&root), root, discreet, in_any_order: false, state };
        Self { session, shared: Arc::new(shared), finished: false }
    }

    /// The same where the order does not matter: for programs that do several things at once.
    ///
    /// # Panics
    ///
    /// If it was handed to somebody already.
    #[must_use]
    pub fn in_any_order(mut self) -> Self {
        let Some(shared) = Arc::get_mut(&mut self.shared) else { panic!("in_any_order() comes before all else") };
        shared.in_any_order = true;
        self
    }

    /// This has to be asked for, once, and is answered with that.
    ///
    /// # Panics
    ///
    /// If it cannot be sent.
    #[track_caller]
    pub fn expect(&self, request: impl Expect, answer: impl Into<Answer>) {
        let expected = request.expected(&self.session).at(Location::caller());
        self.then(expected, answer.into());
    }

    pub(super) fn then(&self, expected: Expected, answer: Answer) {
        self.shared.lock().expected.push(Once { expected, answer, came: false });
    }

    /// This may be asked for at any time, as often as one likes, and is answered with that. What is
    /// [expected](Self::expect) comes first.
    ///
    /// # Panics
    ///
    /// If it cannot be sent.
    #[track_caller]
    pub fn allow(&self, request: impl Expect, answer: impl Into<Answer>) {
        let expected = request.expected(&self.session).at(Location::caller());
        self.shared.lock().allowed.push((expected, answer.into()));
    }

    /// The session for whoever plays it: anonymous, without waits of its own, and with the same ids each time.
    #[must_use]
    pub fn session(&self) -> Session {
        self.session.clone()
    }

    /// The requests that came, those of batches one by one.
    #[must_use]
    pub fn seen(&self) -> Vec<Asked> {
        self.shared.lock().seen.iter().map(|(asked, _)| asked.clone()).collect()
    }

    /// Sends an operation, or has a longer conversation, and gives its outcome, without any client. Waits take no time.
    ///
    /// # Errors
    ///
    /// As those of a client.
    pub fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        self.send_by(&self.session, flow)
    }

    /// The same by a session that is given: with credentials, or another policy.
    ///
    /// # Errors
    ///
    /// As those of a client.
    pub fn send_by<F: Flow>(&self, session: &Session, flow: F) -> Result<F::Output> {
        drive(session, flow, &|request| self.shared.answer(request))
    }

    /// All that was expected has come.
    ///
    /// # Panics
    ///
    /// If not, and says what is missing; or if anything else came, even where the program under test did not tell.
    pub fn finish(mut self) {
        self.finished = true;
        self.shared.check();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !self.finished && !thread::panicking() {
            self.shared.check();
        }
    }
}

impl TestDouble for Script {
    fn session(&self) -> Session {
        Self::session(self)
    }

    fn answering(&self) -> Answering {
        let shared = Arc::clone(&self.shared);
        Answering::new(move |request| shared.answer(request))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Result<Response, TransportError> {
        let mut asked = Asked::of(request, &self.root);
        if self.discreet {
            discreet::hide_own(&mut asked, request);
        }
        let answered = {
            let state = &mut *self.lock();
            let answered = match entries(&asked, &self.root).filter(|_| !state.knows_batches()) {
                Some(entries) => state.batch(entries, self),
                None => state.one(&asked, self),
            };
            if let Err(failure) = &answered {
                state.failure.get_or_insert_with(|| failure.clone());
            }
            answered
        };
        answered.unwrap_or_else(|failure| panic!("{failure}"))
    }

    fn check(&self) {
        let complaint = {
            let state = self.lock();
            state.failure.clone().or_else(|| state.missing())
        };
        if let Some(complaint) = complaint {
            panic!("{complaint}");
        }
    }
}

/// What comes back, or why the test has failed.
type Answered<T> = Result<Result<T, TransportError>, String>;

impl State {
    fn knows_batches(&self) -> bool {
        let expected = self.expected.iter().filter(|once| !once.came).map(|once| &once.expected);
        expected.chain(self.allowed.iter().map(|(expected, _)| expected)).any(Expected::is_batch)
    }

    fn one(&mut self, asked: &Asked, script: &Shared) -> Answered<Response> {
        let mut open = self.expected.iter_mut().filter(|once| !once.came);
        let expected = if script.in_any_order {
            open.find(|once| once.expected.differences(asked).is_empty())
        } else {
            open.next().filter(|once| once.expected.differences(asked).is_empty())
        };
        let answer = if let Some(once) = expected {
            once.came = true;
            &once.answer
        } else {
            let mut allowed = self.allowed.iter();
            let found = allowed.find(|(allowed, _)| allowed.differences(asked).is_empty()).map(|(_, answer)| answer);
            // A replay knows what it was.
            let found = found.or_else(|| (asked.line() == "GET /" && !script.discreet).then_some(&script.hello));
            found.ok_or_else(|| self.surprised(asked, script.in_any_order))?
        };
        let answer = answer.to(asked, &mut self.counters);
        let told = match &answer {
            Ok(response) => response.status().as_u16().to_string(),
            Err(failure) => failure.to_string(),
        };
        self.seen.push((asked.clone(), told));
        Ok(answer)
    }

    /// Each of its requests in turn.
    fn batch(&mut self, entries: Vec<Asked>, script: &Shared) -> Answered<Response> {
        let mut responses = Vec::new();
        for asked in entries {
            match self.one(&asked, script)? {
                Ok(response) => responses.push(entry(&asked, &response)),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        let body = json!({"responses": responses}).to_string();
        Ok(Ok(Response::new(body.into())))
    }

    fn surprised(&self, asked: &Asked, in_any_order: bool) -> String {
        let mut text = "this request was not expected:\n".to_owned();
        indented(&mut text, asked);
        let open = || self.expected.iter().enumerate().filter(|(_, once)| !once.came);
        let nearest = if in_any_order {
            open().min_by_key(|(_, once)| once.expected.differences(asked).len())
        } else {
            open().next()
        };
        match nearest {
            None if self.expected.is_empty() => text.push_str("\nnothing was expected\n"),
            None => text.push_str("\nnothing more was expected\n"),
            Some((number, once)) => {
                let which = if in_any_order { "the nearest of what was expected" } else { "this one was" };
                _ = writeln!(text, "\n{which}, number {} of {}:", number + 1, self.expected.len());
                indented(&mut text, &once.expected);
                text.push_str("\nthey differ in\n");
                once.expected.differences(asked).iter().for_each(|line| indented(&mut text, line));
            }
        }
        self.tell(&mut text);
        text
    }

    fn missing(&self) -> Option<String> {
        let open: Vec<_> = self.expected.iter().enumerate().filter(|(_, once)| !once.came).collect();
        if open.is_empty() {
            return None;
        }
        let mut text = format!("{} of {} expected requests did not come:\n", open.len(), self.expected.len());
        for (number, once) in open {
            indented(&mut text, &format_args!("{}. {}", number + 1, once.expected));
        }
        self.tell(&mut text);
        Some(text)
    }

    /// What has come.
    fn tell(&self, text: &mut String) {
        text.push_str(if self.seen.is_empty() { "\nnothing had come before\n" } else { "\nwhat had come before:\n" });
        for (number, (asked, told)) in self.seen.iter().enumerate() {
            indented(text, &format_args!("{}. {}: {told}", number + 1, asked.line()));
        }
    }
}

fn indented(text: &mut String, what: &(impl fmt::Display + ?Sized)) {
    what.to_string().lines().for_each(|line| _ = writeln!(text, "    {line}"));
}

/// A server with all plugins.
fn hello(root: &str) -> Answer {
    let plugins = [
        "accounts",
        "admin",
        "changes",
        "counters_endpoint",
        "default_bucket",
        "flush_endpoint",
        "history",
        "openid",
        "permissions_endpoint",
        "signer",
    ];
    let mut capabilities: Map<String, Value> = plugins.into_iter().map(|name| (name.to_owned(), json!({}))).collect();
    let base_url = format!("{}/attachments/", root.strip_suffix("/v1").unwrap_or(root));
    capabilities.insert("attachments".to_owned(), json!({"base_url": base_url}));
    Answer::status(200).json(&json!({
        "project_name": "kinto",
        "url": format!("{root}/"),
        "settings": {"batch_max_requests": 25, "readonly": false, "explicit_permissions": true},
        "capabilities": capabilities,
    }))
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let open = state.expected.iter().filter(|once| !once.came).count();
        f.debug_struct("Shared").field("open", &open).field("seen", &state.seen.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
