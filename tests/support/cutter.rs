//! A proxy that breaks connections by a plan, for what a network does between a client and a real server.

use std::io::{self, ErrorKind, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::message::{Body, Head, Messages};

/// What becomes of one request.
///
/// Counts are of bytes, from the first one of the head. The plan has to know the head: until that is there, nothing is
/// cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cut {
    /// It gets through, and so does its answer. The connection stays for the next one.
    None,
    /// Cut at once. The server hears nothing of it. On a connection that was used before, this is what a client sees
    /// when the server had just closed it for being idle.
    BeforeRequest,
    /// Cut when so much of the request has arrived, or all of it if it is shorter. The server hears nothing of it.
    InRequest(usize),
    /// So much of the request is passed on, but never its last byte; then both connections are cut. The server does
    /// nothing, as it waits for the rest in vain.
    HalfForwarded(usize),
    /// The server has done what was asked and answered. The client sees nothing of that, but a cut.
    AfterRequest,
    /// The server has answered, so much of the answer is passed on (all of it, if it is shorter), then the connection
    /// is cut.
    InAnswer(usize),
    /// The server has done what was asked and answered. The client gets a 503 that asks it to try again at once. The
    /// connection stays.
    Unavailable,
}

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// An orderly end (FIN), as by a server that closes: the client reads all that was passed on, then the end.
    /// Whatever it still writes is swallowed.
    Close,
    /// A reset (RST), as by a host that has lost its memory of the connection: the client gets an error, in reading or
    /// in writing, and may lose what was passed on just before.
    Reset,
}

/// What a plan knows about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHead {
    /// Which one it is on this cutter, from 0, in the order of arrival, whatever the connection.
    pub number: usize,
    /// Its method, such as `PUT`.
    pub method: String,
    /// Its path, with what comes after the question mark.
    pub path: String,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passage {
    /// The request.
    pub head: RequestHead,
    /// What the plan said.
    pub cut: Cut,
    /// The status that the server answered, whether or not the client saw it. None as long as it has not answered:
    /// for ever, if the plan kept the request from it, or if it is gone.
    pub answered: Option<u16>,
}

/// A proxy between a client and a real server that breaks connections by a plan. Ends when dropped.
///
/// It speaks HTTP/1.1 over plain TCP, and changes not a byte of what it passes on. A request is passed on once it is
/// there as a whole, and so is an answer, so that what is written to the log has happened. When the server is gone, the
/// connection is cut as by [`Cut::AfterRequest`].
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Cutter {
    /// Starts one on a free port, in front of the server with this URL. The plan says what becomes of each request.
    ///
    /// # Panics
    ///
    /// When no port can be had, or the URL is not one of plain HTTP on a host that there is.
    pub fn start(url: &str, ending: Ending, plan: impl Fn(&RequestHead) -> Cut + Send + Sync + 'static) -> Self {
        let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("a URL of plain HTTP");
        let server = host.to_socket_addrs().ok().and_then(|mut all| all.next()).expect("a host and a port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State { log: Mutex::default(), open: Mutex::new(Some(Vec::new())) });
        let proxy = Proxy { server, ending, plan, state: Arc::clone(&state) };
        let thread = Some(thread::spawn(move || proxy.accept(&listener)));
        Self { address, state, thread }
    }

    /// The URL of the server's API by way of this.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What became of the requests so far: at each place the one with that number.
    pub fn log(&self) -> Vec<Passage> {
        lock(&self.state.log).clone()
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        let open = lock(&self.state.open).take().unwrap_or_default();
        for stream in open.iter().filter_map(Weak::upgrade) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Nothing else wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        let ended = self.thread.take().map(JoinHandle::join);
        // A plan is part of a test: what it asserts counts.
        assert!(!matches!(ended, Some(Err(_))) || thread::panicking(), "the plan of a cutter panicked");
    }
}

/// What the threads have in common with the cutter.
#[derive(Debug)]
struct State {
    log: Mutex<Vec<Passage>>,
    /// All connections, to wake whoever waits for them. None when the cutter was dropped.
    open: Mutex<Option<Vec<Weak<TcpStream>>>>,
}

impl State {
    /// Keeps a connection in mind; an error when the cutter was dropped.
    fn hold(&self, stream: TcpStream) -> io::Result<Arc<TcpStream>> {
        stream.set_nodelay(true)?;
        let stream = Arc::new(stream);
        let mut open = lock(&self.open);
        let open = open.as_mut().ok_or(ErrorKind::Interrupted)?;
        open.retain(|other| other.strong_count() > 0);
        open.push(Arc::downgrade(&stream));
        Ok(stream)
    }
}

/// How a connection goes on after a request.
enum Then {
    Stay,
    Close,
    Cut,
}

struct Proxy<P> {
    server: SocketAddr,
    ending: Ending,
    plan: P,
    state: Arc<State>,
}

impl<P: Fn(&RequestHead) -> Cut + Send + Sync> Proxy<P> {
    /// Serves until the cutter is dropped, and returns when all connections have ended.
    fn accept(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            for stream in listener.incoming().map_while(Result::ok) {
                let Ok(client) = self.state.hold(stream) else {
                    break;
                };
                scope.spawn(move || self.serve(client));
            }
        });
    }

    /// Serves one connection.
    fn serve(&self, client: Arc<TcpStream>) {
        let mut requests = Messages::new(&client);
        let ending = loop {
            match self.pass(&client, &mut requests) {
                Ok(Then::Stay) => {}
                Ok(Then::Close) => break Ending::Close,
                // One of the two is gone, which the other is to notice.
                Ok(Then::Cut) | Err(_) => break self.ending,
            }
        };
        finish(client, ending);
    }

    /// Passes one request on, and its answer back, as far as the plan allows.
    fn pass(&self, client: &TcpStream, requests: &mut Messages<'_>) -> io::Result<Then> {
        let Some(head) = requests.head()? else {
            return Ok(Then::Close);
        };
        let request = self.arrived(&head)?;
        let cut = (self.plan)(&request);
        lock(&self.state.log)[request.number].cut = cut;
        let body = head.request_body()?;
        match cut {
            Cut::BeforeRequest => return Ok(Then::Cut),
            Cut::InRequest(count) => {
                requests.read_up_to(count, &head, body)?;
                return Ok(Then::Cut);
            }
            Cut::HalfForwarded(count) => {
                let part = requests.read_up_to(count.saturating_add(1), &head, body)?;
                let server = self.connect()?;
                (&*server).write_all(&part[..part.len() - 1])?;
                // The server need not be waited for: it has nothing more to say.
                if self.ending == Ending::Reset {
                    reset(&server)?;
                }
                return Ok(Then::Cut);
            }
            Cut::None | Cut::AfterRequest | Cut::InAnswer(_) | Cut::Unavailable => {}
        }

        let server = self.connect()?;
        (&*server).write_all(&requests.take(&head, body)?)?;
        let mut answers = Messages::new(&server);
        let answer_head = answers.head()?.ok_or(ErrorKind::UnexpectedEof)?;
        let answer_body = answer_head.answer_body(&request.method)?;
        let mut answer = answers.take(&answer_head, answer_body)?;
        lock(&self.state.log)[request.number].answered = Some(answer_head.status()?);
        let mut closing = head.says_close();
        match cut {
            Cut::AfterRequest => return Ok(Then::Cut),
            Cut::InAnswer(count) => {
                answer.truncate(count);
                (&*client).write_all(&answer)?;
                return Ok(Then::Cut);
            }
            Cut::Unavailable => answer = unavailable(&request.method),
            // The server's connection is not kept, but the client's is unless it was told otherwise.
            _ => closing |= answer_head.says_close() || answer_body == Body::Rest,
        }
        (&*client).write_all(&answer)?;
        Ok(if closing { Then::Close } else { Then::Stay })
    }

    /// Gives a request its number, and a place in the log.
    fn arrived(&self, head: &Head) -> io::Result<RequestHead> {
        let mut words = head.words();
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Err(ErrorKind::InvalidData.into());
        };
        let mut log = lock(&self.state.log);
        let head = RequestHead { number: log.len(), method: method.into(), path: path.into() };
        log.push(Passage { head: head.clone(), cut: Cut::None, answered: None });
        Ok(head)
    }

    fn connect(&self) -> io::Result<Arc<TcpStream>> {
        self.state.hold(TcpStream::connect(self.server)?)
    }
}

/// Ends a connection with a client.
fn finish(client: Arc<TcpStream>, ending: Ending) {
    let _ = match ending {
        // Closed with something unread, it would be a reset after all. Lasts until the client closes too, or the
        // cutter is dropped.
        Ending::Close => {
            client.shutdown(Shutdown::Write).and_then(|()| io::copy(&mut &*client, &mut io::sink())).map(drop)
        }
        Ending::Reset => reset(&client),
    };
}

/// Makes the connection end with a reset when it is dropped.
fn reset(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// Kinto's own words for a server that is overloaded or under maintenance.
fn unavailable(method: &str) -> Vec<u8> {
    let body = concat!(
        r#"{"code":503,"errno":201,"error":"Service Unavailable","message":"Service temporary unavailable due to "#,
        r#"overloading/maintenance, please retry later."}"#
    );
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: 0\r\n\r\n",
        body.len()
    );
    let body = if method == "HEAD" { "" } else { body };
    [head, body.into()].concat().into_bytes()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
