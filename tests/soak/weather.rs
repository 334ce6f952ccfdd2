//! A line to the server in bad weather: it knows bytes and no HTTP, and each connection meets a fate of its own.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::dice::Dice;

/// How often those look up who wait for bytes.
const GLANCE: Duration = Duration::from_millis(20);

/// What becomes of a connection, after so many bytes where there is a number.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Fair,
    /// Each piece is late.
    Slow,
    /// Reset before anything.
    Refused,
    /// Reset while the client writes: the server gets so much.
    ResetUp(usize),
    /// Reset while the server answers: the client gets so much.
    ResetDown(usize),
    /// The end (FIN) while the server answers.
    ClosedDown(usize),
    /// What the client writes gets lost from here on, and nobody says anything.
    StalledUp(usize),
    /// What the server answers gets lost from here on, and nobody says anything.
    StalledDown(usize),
    /// The server's end is closed, and the client's stays, silent.
    HalfOpen(usize),
}

impl Fate {
    fn roll(dice: &mut Dice) -> Self {
        // A connection that stays is used for hundreds of requests: how far it comes is near the beginning or far away.
        let most = dice.pick(&[200, 1_000, 10_000, 60_000]);
        let bytes = dice.below(most);
        match dice.below(100) {
            0..30 => Self::Fair,
            30..50 => Self::Slow,
            50..54 => Self::Refused,
            54..65 => Self::ResetUp(bytes),
            65..78 => Self::ResetDown(bytes),
            78..88 => Self::ClosedDown(bytes),
            88..92 => Self::StalledUp(bytes),
            92..96 => Self::StalledDown(bytes),
            _ => Self::HalfOpen(bytes),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Fair => "fair",
            Self::Slow => "slow",
            Self::Refused => "refused",
            Self::ResetUp(_) => "reset in a request",
            Self::ResetDown(_) => "reset in an answer",
            Self::ClosedDown(_) => "closed in an answer",
            Self::StalledUp(_) => "request swallowed",
            Self::StalledDown(_) => "answer swallowed",
            Self::HalfOpen(_) => "half open",
        }
    }
}

/// The line of one worker.
pub(crate) struct Weather {
    url: String,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    dice: Mutex<Dice>,
    /// Connections whose client has gone or was cut off, and whose server may still be at work.
    draining: AtomicUsize,
    struck: Mutex<BTreeMap<&'static str, u64>>,
    over: AtomicBool,
}

impl Weather {
    /// A line to the server at this URL.
    pub(crate) fn over(server: &str, dice: Dice) -> Self {
        let host = server.trim_start_matches("http://").trim_end_matches("/v1");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let state = Arc::new(State {
            server: host.parse().unwrap(),
            dice: Mutex::new(dice),
            draining: AtomicUsize::new(0),
            struck: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.over.load(SeqCst) {
                    break;
                }
                let state = Arc::clone(&shared);
                thread::spawn(move || state.serve(&client));
            }
        });
        Self { url, state }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the server has done, or will never do, what came on connections that nobody holds any more. What a
    /// client gave up may be carried out until then.
    pub(crate) fn settle(&self) {
        for _ in 0..2 {
            // The client closes, and that is noticed, a little later than it gives up.
            thread::sleep(3 * GLANCE);
            while self.state.draining.load(SeqCst) > 0 {
                thread::sleep(GLANCE);
            }
        }
    }

    /// How many connections met which fate.
    pub(crate) fn struck(&self) -> BTreeMap<&'static str, u64> {
        self.state.struck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Weather {
    fn drop(&mut self) {
        self.state.over.store(true, SeqCst);
        // Who accepts is woken.
        let host = self.url.trim_start_matches("http://").trim_end_matches("/v1");
        let _ = TcpStream::connect(host);
    }
}

/// One connection, seen from both ends.
struct Line<'a> {
    client: &'a TcpStream,
    server: &'a TcpStream,
    fate: Fate,
    /// Nothing is passed on any more.
    cut: AtomicBool,
    phase: Mutex<Phase>,
    state: &'a State,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Open,
    Draining,
    /// The server will do no more of what came here.
    Done,
}

impl State {
    fn strike(&self, fate: Fate) {
        *self.struck.lock().unwrap_or_else(PoisonError::into_inner).entry(fate.name()).or_default() += 1;
    }

    fn serve(&self, client: &TcpStream) {
        let (fate, pauses) = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            (Fate::roll(&mut dice), [dice.clone(), dice.clone()])
        };
        let server = match fate {
            Fate::Refused => None,
            // Where the server is down, it refuses by itself.
            _ => TcpStream::connect(self.server).ok(),
        };
        let Some(server) = server else {
            self.strike(Fate::Refused);
            let _ = SockRef::from(client).set_linger(Some(Duration::ZERO));
            return;
        };
        for stream in [client, &server] {
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(GLANCE)).unwrap();
        }
        let line = Line {
            client,
            server: &server,
            fate,
            cut: AtomicBool::new(false),
            phase: Mutex::new(Phase::Open),
            state: self,
        };
        let [up, down] = pauses;
        thread::scope(|scope| {
            scope.spawn(|| line.up(up));
            line.down(down);
            line.done();
        });
        if matches!(fate, Fate::ResetUp(_) | Fate::ResetDown(_)) {
            let _ = SockRef::from(client).set_linger(Some(Duration::ZERO));
        }
        if matches!(fate, Fate::Fair | Fate::Slow) {
            self.strike(fate);
        }
    }
}

impl Line<'_> {
    /// The client has gone, or is taken for gone: the server is told that no more comes.
    fn drain(&self) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *phase == Phase::Open {
            *phase = Phase::Draining;
            self.state.draining.fetch_add(1, SeqCst);
        }
        let _ = self.server.shutdown(Shutdown::Write);
    }

    /// The server has ended it.
    fn done(&self) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *phase == Phase::Draining {
            self.state.draining.fetch_sub(1, SeqCst);
        }
        *phase = Phase::Done;
        self.cut.store(true, SeqCst);
    }

    fn strike(&self) {
        self.cut.store(true, SeqCst);
        self.state.strike(self.fate);
    }

    /// From the client to the server, until the client goes.
    fn up(&self, mut dice: Dice) {
        let most = match self.fate {
            Fate::ResetUp(bytes) | Fate::StalledUp(bytes) => bytes,
            _ => usize::MAX,
        };
        let (mut piece, mut passed, mut swallowing) = ([0; 4096], 0, false);
        loop {
            let length = match (&*self.client).read(&mut piece) {
                Ok(length @ 1..) => length,
                Err(error) if is_glance(&error) && !self.cut.load(SeqCst) => continue,
                Err(error) if is_glance(&error) && matches!(self.fate, Fate::StalledDown(_) | Fate::HalfOpen(_)) => {
                    continue;
                }
                _ => break,
            };
            if swallowing || self.cut.load(SeqCst) {
                continue;
            }
            self.late(&mut dice);
            let length = length.min(most - passed);
            let _ = self.server.write_all_of(&piece[..length]);
            passed += length;
            if passed == most {
                self.strike();
                if matches!(self.fate, Fate::ResetUp(_)) {
                    break;
                }
                swallowing = true;
                self.cut.store(false, SeqCst);
            }
        }
        self.drain();
    }

    /// From the server to the client, until the server goes: then all that it was given is done.
    fn down(&self, mut dice: Dice) {
        let most = match self.fate {
            Fate::ResetDown(bytes) | Fate::ClosedDown(bytes) | Fate::StalledDown(bytes) | Fate::HalfOpen(bytes) => {
                bytes
            }
            _ => usize::MAX,
        };
        let (mut piece, mut passed, mut struck) = ([0; 4096], 0, false);
        loop {
            let length = match (&*self.server).read(&mut piece) {
                Ok(length @ 1..) => length,
                Err(error) if is_glance(&error) => continue,
                _ => break,
            };
            if struck {
                continue;
            }
            self.late(&mut dice);
            let length = length.min(most - passed);
            let _ = self.client.write_all_of(&piece[..length]);
            passed += length;
            if passed == most {
                struck = true;
                self.strike();
                match self.fate {
                    Fate::ClosedDown(_) => drop(self.client.shutdown(Shutdown::Write)),
                    Fate::HalfOpen(_) => self.drain(),
                    _ => {}
                }
            }
        }
        if !struck {
            let _ = self.client.shutdown(Shutdown::Write);
        }
    }

    fn late(&self, dice: &mut Dice) {
        if matches!(self.fate, Fate::Slow) {
            thread::sleep(Duration::from_millis(dice.roll() % 20));
        }
    }
}

fn is_glance(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Writing by a shared reference.
trait WriteAll {
    fn write_all_of(&self, bytes: &[u8]) -> std::io::Result<()>;
}

impl WriteAll for TcpStream {
    fn write_all_of(&self, bytes: &[u8]) -> std::io::Result<()> {
        (&mut &*self).write_all(bytes)
    }
}
