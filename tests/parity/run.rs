//! Playing a scenario with each driver, and comparing.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kinto_protocol::Auth;
use kinto_tests::{Answer, Stub};

use crate::answers::{Scripted, answer};
use crate::bare::Bare;
use crate::driver::Setup;
use crate::plain::{self, Ids};
use crate::scenario::{Named, Scenario, Told};

/// A wait that the server asked for is a second at least. Nothing else takes that long.
const LONG: Duration = Duration::from_millis(990);

/// All that was seen of one scenario with one driver.
#[derive(PartialEq)]
struct Story {
    requests: Vec<String>,
    events: Vec<String>,
    results: Vec<String>,
    in_time: bool,
}

impl Story {
    /// What it is made of, and how that is called.
    fn parts(&self) -> [(&'static str, Vec<String>); 4] {
        let time = vec![if self.in_time { "in time" } else { "TOO LATE" }.to_owned()];
        let lines = |lines: &Vec<String>| lines.clone();
        [
            ("requests", lines(&self.requests)),
            ("events", lines(&self.events)),
            ("results", lines(&self.results)),
            ("time", time),
        ]
    }

    fn text(&self) -> String {
        self.parts().map(|(_, lines)| lines.join("\n")).join("\n")
    }
}

/// Plays it with all three, and says what differs from each other or from what is expected.
pub(crate) fn compare(scenario: &Scenario) -> Result<(), String> {
    let bare = play::<Bare>(scenario);
    let mut others = vec![
        (kinto_blocking::Client::NAME, play::<kinto_blocking::Client>(scenario)),
        (kinto_async::Client::NAME, play::<kinto_async::Client>(scenario)),
    ];
    let mut wrong = Vec::new();
    if let Some((apart, why)) = scenario.apart {
        match others.iter().position(|(name, _)| *name == apart) {
            Some(at) if others[at].1 == bare => wrong.push(format!("  {apart}: not the same ({why}), and is the same")),
            Some(at) => drop(others.remove(at)),
            None => wrong.push(format!("  {apart}: nobody has this name")),
        }
    }
    for (name, story) in others.iter().map(|(name, story)| (*name, story)).chain([(Bare::NAME, &bare)]) {
        wrong.extend(expected(scenario, story).into_iter().map(|why| format!("  {name}: {why}")));
    }
    for (name, story) in &others {
        for ((part, ours), (_, theirs)) in bare.parts().into_iter().zip(story.parts()) {
            if ours != theirs {
                let lines = |lines: &[String]| lines.join("\n        ");
                let (ours, theirs) = (lines(&ours), lines(&theirs));
                wrong.push(format!("  {part} differ:\n    bare\n        {ours}\n    {name}\n        {theirs}"));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What is not as the scenario says, whether the others do the same or not.
fn expected(scenario: &Scenario, story: &Story) -> Vec<String> {
    let text = story.text();
    let mut wrong = Vec::new();
    for what in scenario.shows.iter().filter(|what| !text.contains(**what)) {
        wrong.push(format!("no {what:?} in\n{text}"));
    }
    let sent = scenario.script.as_ref().map_or(0, Vec::len);
    if story.requests.len() != sent {
        wrong.push(format!("{} requests and {sent} answers", story.requests.len()));
    }
    let told = [&story.events[..], &story.results].concat().concat();
    if told.contains("s3cr3t") || told.contains("bWU6czNjcjN0") {
        wrong.push(format!("the secret is in\n{told}"));
    }
    if !story.in_time {
        wrong.push("it took longer than its limits allow".into());
    }
    wrong
}

fn play<D: Named>(scenario: &Scenario) -> Story {
    let server = Server::of(scenario.script.as_deref());
    let events = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&events);
    let mut setup = Setup::of(&server.url);
    setup.auth = Some(Auth::basic("me", "s3cr3t"));
    setup.policy.attempts = 3;
    setup.policy.first_wait = Duration::from_millis(1);
    setup.observer = Some(Box::new(move |event| lock(&heard).push(plain::event(event))));
    (scenario.setup)(&mut setup);

    let mut told = Told::default();
    let client = D::build(setup);
    let started = Instant::now();
    match client {
        Ok(client) => D::play(&scenario.plays)(&client, &mut told),
        Err(error) => told.of::<()>(Err(error)),
    }
    let in_time = scenario.within.is_none_or(|limit| started.elapsed() < limit);
    let (mut ids, port) = (Ids::default(), server.port());
    let mut hide = |lines: Vec<String>| lines.iter().map(|line| ids.hide(line, port)).collect();
    let events = std::mem::take(&mut *lock(&events));
    Story { requests: hide(server.requests()), events: hide(events), results: hide(told.0), in_time }
}

/// Who answers, and knows when it was asked.
struct Server {
    url: String,
    stub: Option<Stub>,
    arrivals: Arc<Mutex<Vec<Instant>>>,
    expected: usize,
    /// Where nobody listens, the port is held by the other end of a connection, so that nobody else gets it.
    _held: Option<(Stub, TcpStream)>,
}

impl Server {
    fn of(script: Option<&[Scripted]>) -> Self {
        let arrivals = Arc::<Mutex<Vec<Instant>>>::default();
        let Some(script) = script.map(<[_]>::to_vec) else {
            let stub = Stub::start(|_, _| Answer::Close(Vec::new()));
            let host = stub.url().trim_start_matches("http://").trim_end_matches("/v1").to_owned();
            let held = TcpStream::connect(host).unwrap();
            let url = format!("http://{}/v1", held.local_addr().unwrap());
            return Self { url, stub: None, arrivals, expected: 0, _held: Some((stub, held)) };
        };
        let (told, expected) = (Arc::clone(&arrivals), script.len());
        let stub = Stub::start(move |number, request| {
            lock(&told).push(Instant::now());
            // One request too many is seen in their number; the client is not to try it again.
            let Scripted { after, answer } = script.get(number).cloned().unwrap_or_else(|| answer(501, &[], ""));
            thread::sleep(after);
            let host =
                request.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host:").map(str::to_owned));
            located(answer, &format!("http://{}", host.unwrap_or_default().trim()))
        });
        Self { url: stub.url().to_owned(), stub: Some(stub), arrivals, expected, _held: None }
    }

    fn port(&self) -> u16 {
        self.url.trim_end_matches("/v1").rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// The requests, and whether there was a wait before them.
    fn requests(&self) -> Vec<String> {
        let Some(stub) = &self.stub else { return Vec::new() };
        // A client that gave up may be faster than the server's reading.
        let patience = Instant::now() + Duration::from_secs(2);
        while lock(&self.arrivals).len() < self.expected && Instant::now() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        let arrivals = lock(&self.arrivals).clone();
        let mut waits = vec!["at first"];
        waits.extend(arrivals.windows(2).map(|two| if two[1] - two[0] < LONG { "soon" } else { "after a wait" }));
        stub.requests()
            .iter()
            .zip(waits)
            .map(|(request, wait)| format!("{wait}: {}", plain::request(request)))
            .collect()
    }
}

/// An answer that knows where it comes from.
fn located(answer: Answer, origin: &str) -> Answer {
    let put = |bytes: Vec<u8>| match String::from_utf8(bytes) {
        Ok(text) => text.replace("{origin}", origin).into_bytes(),
        Err(error) => error.into_bytes(),
    };
    match answer {
        Answer::Keep(bytes) => Answer::Keep(put(bytes)),
        Answer::Close(bytes) => Answer::Close(put(bytes)),
        Answer::Stall(bytes) => Answer::Stall(put(bytes)),
        other => other,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
