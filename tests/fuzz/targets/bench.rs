//! Drives flows with answers of a text, with time as a variable, and watches what must hold whatever is answered.

use std::error::Error as _;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Uri};
use kinto_protocol::{
    Auth, Bulk, BulkStep, Error, Exchange, Flow, Moment, OnBackoff, Policy, Request, Response, Result, Session, Step,
    Summary, Transfer, TransportError, Wanted,
};

use super::answers::{self, Answer};

/// What nobody may be told, except by the right server: of the one, and of the other. Each as it is sent, and as it is known.
const SECRETS: [&[&str]; 2] = [&["pa55-0f-h3re", "bWU6cGE1NS0wZi1oM3Jl", "k3y-0f-h3re"], &["t0ken-0f-th3re"]];

/// Where the servers are. The files of the first are at a third place.
const HERE: &str = "https://here.example/v1";
const THERE: &str = "https://there.example/v1";

/// The headers that may go to places which a server only names.
const PLAIN: [&str; 5] = ["accept", "accept-encoding", "if-range", "range", "user-agent"];

/// Longer than this no error speaks, whatever a server says.
const LONGEST_ERROR: usize = 8_000;

/// As many steps as a conversation can have at most. By the policy here a request is sent 9 times at most, a list has 20
/// pages at most, and nothing here has more than 30 requests or lists.
const MOST_STEPS: usize = 9 * 20 * 30;

pub(super) struct Bench {
    pub(super) here: Session,
    pub(super) there: Session,
    /// Whether what is sent now may lead to places that a server only names.
    pub(super) elsewhere: bool,
    /// Whether what is sent now can take back what it wrote.
    pub(super) undoes: bool,
    answers: Vec<Answer>,
    given: usize,
    now: Moment,
    steps: usize,
    beside: bool,
    /// Whether a server knows secrets by heart and tells them, so that what it tells may hold them.
    echo: bool,
    told: Arc<Mutex<String>>,
    any: Seen,
    kept: Option<Vec<Request>>,
}

/// What became of the requests so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// A write was sent.
    write: bool,
    /// A write was answered with a success.
    written: bool,
    /// It was not said whether a write was carried out.
    doubt: bool,
    /// Something was said after that.
    cleared: bool,
    /// Anything was answered with a success.
    accepted: bool,
    /// Anything was answered with 412.
    failed_precondition: bool,
}

impl Bench {
    /// With these words for settings.
    pub(super) fn new(words: &str, text: &[u8]) -> Self {
        let has = |word| words.split_ascii_whitespace().any(|one| one == word);
        let mut policy = Policy::default();
        policy.attempts = if has("once") { 1 } else { 3 };
        policy.conflicts = 4;
        policy.deadline = Duration::from_secs(20);
        policy.redirects = 2;
        policy.pages = 20;
        policy.limits.response_bytes = 1 << 16;
        if has("impatient") {
            policy.on_backoff = OnBackoff::Fail;
        }
        let told = Arc::new(Mutex::new(String::new()));
        let observed = Arc::clone(&told);
        let here = Session::builder(HERE).auth(Auth::basic("me", SECRETS[0][0])).header("x-api-key", SECRETS[0][2]);
        let here = here.observer(move |event| {
            let mut told = observed.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() < 10_000 {
                told.push_str(&format!("{event:?}"));
            }
        });
        let here = here.policy(policy.clone()).seed(7).build().expect("a session");
        let there = Session::builder(THERE).auth(Auth::bearer(SECRETS[1][0])).policy(policy).seed(8);
        let there = there.build().expect("a session");
        let holds = |secret: &&str| text.windows(secret.len()).any(|window| window == secret.as_bytes());
        // A backslash or a compressed body may hide one.
        let hides = text.contains(&b'\\') || text.windows(10).any(|window| window.eq_ignore_ascii_case(b"x-compress"));
        Self {
            here,
            there,
            elsewhere: false,
            undoes: false,
            answers: answers::all(text),
            given: 0,
            now: Moment::at(Duration::from_secs(1)),
            steps: 0,
            beside: has("beside"),
            echo: hides || SECRETS.iter().copied().flatten().any(holds),
            told,
            any: Seen::default(),
            kept: None,
        }
    }

    /// What the caller asks for may hold these words, too.
    pub(super) fn hears(mut self, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        self.echo |= text.contains(['\\', '%']) || SECRETS.iter().copied().flatten().any(|it| text.contains(it));
        self
    }

    /// Sends a flow that reads.
    pub(super) fn read<F: Flow<Output: Debug>>(&mut self, flow: F) -> Result<F::Output> {
        let session = self.here.clone();
        self.send(&session, flow)
    }

    /// Sends a flow that writes: it can only succeed if a server said so, or if its own work was found where an answer was
    /// lost.
    pub(super) fn write<F: Flow<Output: Debug>>(&mut self, flow: F) -> Result<F::Output> {
        let result = self.read(flow);
        if result.is_ok() {
            let seen = self.any;
            assert!(seen.accepted || (seen.doubt && seen.failed_precondition), "who says that it was done? {seen:?}");
        }
        result
    }

    /// Sends a flow by any session.
    pub(super) fn send<F: Flow<Output: Debug>>(&mut self, session: &Session, flow: F) -> Result<F::Output> {
        self.drive(session.exchange(flow), session, None)
    }

    /// The requests of a flow that gets these answers, whatever comes of it.
    pub(super) fn sent<F: Flow<Output: Debug>>(flow: F, asked: &[u8], text: &[u8]) -> Vec<Request> {
        let mut bench = Self::new("once", text).hears(asked);
        bench.kept = Some(Vec::new());
        drop(bench.read(flow));
        bench.kept.unwrap_or_default()
    }

    /// Sends a flow that moves a file, with what is to be sent, and where what comes is to be written.
    pub(super) fn send_by_pieces<F: Flow<Output: Debug>>(
        &mut self,
        flow: F,
        file: &[u8],
        to: &mut Vec<u8>,
    ) -> Result<F::Output> {
        let session = self.here.clone();
        self.drive(session.exchange(flow).by_pieces(), &session, Some((file, to)))
    }

    /// Pours a stream, one part after the other.
    pub(super) fn pour(&mut self, bulk: &mut Bulk, mut records: impl Iterator<Item = Wanted>) -> Result<Summary> {
        let session = self.here.clone();
        bulk.begin();
        let result = loop {
            self.step();
            match bulk.next(&session) {
                BulkStep::Input => bulk.input(records.next()),
                BulkStep::Send(part) => drop(self.send(&session, part)),
                BulkStep::Wait => panic!("nothing is under way in between"),
                BulkStep::Over => break bulk.outcome(),
            }
        };
        self.look_through(&result);
        result
    }

    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < MOST_STEPS, "endless: {} answers, {:?}", self.given, self.now);
    }

    fn drive<F: Flow<Output: Debug>>(
        &mut self,
        mut exchange: Exchange<F>,
        session: &Session,
        mut file: Option<(&[u8], &mut Vec<u8>)>,
    ) -> Result<F::Output> {
        let mut seen = Seen::default();
        let mut before: Option<(Uri, bool)> = None;
        loop {
            if self.beside
                && let Some(fork) = exchange.fork(self.now)
            {
                assert!(fork.at_once > 0, "parts that nobody may send");
                for part in fork.parts {
                    self.step();
                    drop(self.send(session, part));
                }
            }
            self.step();
            match exchange.next(self.now) {
                Step::Send(request, limits) => {
                    assert!(!limits.total.is_zero() && !limits.head.is_zero(), "no time for an answer");
                    self.look_at(&request, before.take());
                    let Step::Send(again, _) = exchange.next(self.now) else { panic!("it was not sent yet") };
                    assert_eq!((request.method(), request.uri()), (again.method(), again.uri()), "asked twice");
                    let answer = self.answer(&request);
                    let answer = match (exchange.transfer(), &mut file) {
                        (Some(transfer), Some((from, to))) => move_file(&transfer, answer, from, to),
                        _ => answer,
                    };
                    note(&mut seen, &request, &answer);
                    note(&mut self.any, &request, &answer);
                    let redirects = answer
                        .as_ref()
                        .is_ok_and(|answer| matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308));
                    before = Some((request.uri().clone(), redirects));
                    exchange.handle(answer, self.now);
                }
                Step::Wait(wait) => {
                    assert!(!wait.is_zero(), "a wait that is none");
                    self.now = self.now.after(wait);
                }
                Step::Done(result) => {
                    self.look_through(&result);
                    if let Err(error) = &result {
                        self.blame(error, seen);
                    }
                    return result;
                }
            }
        }
    }

    /// The next answer. After the last, they begin again: it is for the client to come to an end.
    fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        if let Some(kept) = &mut self.kept {
            kept.push(request.clone());
        }
        let answer = &self.answers[self.given % self.answers.len()];
        let answered = answer.give(self.given);
        self.now = self.now.after(Duration::from_millis(answer.millis));
        self.given += 1;
        answered
    }

    /// What goes where.
    fn look_at(&self, request: &Request, before: Option<(Uri, bool)>) {
        let uri = request.uri();
        let text = uri.to_string();
        let below = |root: &str| text.strip_prefix(root).is_some_and(|rest| rest.starts_with(['/', '?']));
        // The root of the API, or a place on its server that this redirected to.
        let at = |root: &str| below(root.trim_end_matches("/v1"));
        let foreign = if at(HERE) {
            &SECRETS[1..]
        } else if at(THERE) {
            &SECRETS[..1]
        } else {
            &SECRETS[..]
        };
        for (name, value) in request.headers() {
            for secret in foreign.iter().copied().flatten() {
                let value = String::from_utf8_lossy(value.as_bytes());
                let own_words = self.echo && PLAIN.contains(&name.as_str());
                assert!(own_words || !value.contains(secret), "{text} is told {name}: {value}");
            }
        }
        if !at(HERE) && !at(THERE) {
            assert!(self.elsewhere, "a request to {text}");
            assert!(matches!(*request.method(), Method::GET | Method::HEAD), "{text}");
            assert!(request.body().is_empty(), "a body for {text}");
            assert!(request.headers().get(AUTHORIZATION).is_none(), "{text}");
            let strange = request.headers().keys().find(|name| !PLAIN.contains(&name.as_str()));
            assert!(strange.is_none(), "{text} is told {strange:?}");
        }
        if let Some((from, true)) = before
            && from.host() != Some("here.example")
        {
            assert!(from.scheme_str() != Some("https") || uri.scheme_str() == Some("https"), "{from} led to {text}");
        }
        self.look_for_secrets(&text);
        self.look_for_secrets(&format!("{request:?}"));
    }

    /// What is told of an outcome.
    fn look_through<T: Debug>(&self, result: &Result<T>) {
        match result {
            Ok(output) => self.look_for_secrets(&format!("{output:?}")),
            Err(error) => look_into(error),
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_for_secrets(&told);
        told.clear();
    }

    fn look_for_secrets(&self, text: &str) {
        if self.echo {
            return;
        }
        if let Some(secret) = SECRETS.iter().copied().flatten().find(|secret| text.contains(**secret)) {
            panic!("{secret} is told in {text}");
        }
    }

    /// Whether an error says of a write what can be said.
    fn blame(&self, error: &Error, seen: Seen) {
        if error.maybe_applied() {
            assert!(self.any.write, "nothing was written: {error}");
            return;
        }
        assert!(!seen.written || self.undoes, "something was written: {error}");
        assert!(!seen.doubt || seen.cleared, "something may have been written: {error}");
    }
}

/// What an error tells: one line, and not too long.
pub(super) fn look_at_line(error: &Error) {
    let line = error.to_string();
    assert!(!line.contains(char::is_control), "more than a line: {line:?}");
    assert!(line.len() < LONGEST_ERROR, "too long: {line}");
}

/// The same, and nothing that nobody may know. What the caller says of its own accord is not looked for.
pub(super) fn look_into(error: &Error) {
    look_at_line(error);
    let line = error.to_string();
    let mut all = format!("{line} {error:?}");
    if let Some(server) = error.server() {
        let (info, message) = (server.info().unwrap_or_default(), server.message().unwrap_or_default());
        all.push_str(&format!("{server} {info} {message} {:?}", server.details()));
    }
    let mut source = error.source();
    while let Some(cause) = source {
        all.push_str(&cause.to_string());
        source = cause.source();
    }
    // What a server says of the other one is no secret of its own, and an id is what it is.
    let all = error.request().map_or(all.clone(), |request| all.replace(&request.to_string(), ""));
    for secret in SECRETS[0] {
        assert!(!all.contains(secret), "{secret} is told in {all}");
    }
}

/// Whether people could be shown what is not meant for them: what moves the cursor of a terminal.
pub(super) fn look_for_control(text: &str) {
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "control characters in {text:?}");
}

/// Whether a request can change anything.
fn is_write(request: &Request) -> bool {
    let writes = |body: &[u8]| {
        let text = String::from_utf8_lossy(body);
        ["PUT", "POST", "PATCH", "DELETE"].iter().any(|method| text.contains(&format!("\"method\":\"{method}\"")))
    };
    match *request.method() {
        Method::GET | Method::HEAD => false,
        Method::POST if request.uri().path().ends_with("/batch") => writes(request.body()),
        _ => true,
    }
}

fn note(seen: &mut Seen, request: &Request, answer: &Result<Response, TransportError>) {
    let write = is_write(request);
    seen.write |= write;
    match answer {
        Ok(answer) => {
            let status = answer.status();
            seen.accepted |= status.is_success();
            seen.failed_precondition |= status == http::StatusCode::PRECONDITION_FAILED;
            seen.cleared |= seen.doubt && !status.is_server_error();
            seen.written |= write && status.is_success();
            let lost = matches!(status.as_u16(), 500 | 502..=504 | 506..);
            if write && lost {
                (seen.doubt, seen.cleared) = (true, false);
            }
        }
        Err(failure) if write && failure.may_have_been_sent() => (seen.doubt, seen.cleared) = (true, false),
        Err(_) => {}
    }
}

/// Moves a file as a driver does, in pieces of odd sizes.
fn move_file(
    transfer: &Transfer,
    answer: Result<Response, TransportError>,
    from: &[u8],
    to: &mut Vec<u8>,
) -> Result<Response, TransportError> {
    match transfer {
        Transfer::Out(file) => {
            file.begin();
            for piece in from.chunks(3) {
                file.piece(piece)?;
            }
            file.end()?;
            answer
        }
        Transfer::In(file) => {
            let answer = answer?;
            if !file.begin(answer.status(), answer.headers())? {
                return Ok(answer);
            }
            let (parts, body) = answer.into_parts();
            for piece in body.chunks(3) {
                to.extend_from_slice(&file.piece(piece)?);
            }
            assert_eq!(to.len() as u64, file.got(), "what is written is what is counted");
            Ok(Response::from_parts(parts, Vec::new().into()))
        }
        _ => answer,
    }
}
