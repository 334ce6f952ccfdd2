//! A server of raw bytes, for what a real one does not do: break off, stall, answer nonsense.

use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// What to do with a connection after a request was read from it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Answer {
    /// Send these bytes and read the next request.
    Keep(Vec<u8>),
    /// Send these bytes and close.
    Close(Vec<u8>),
    /// Send these bytes and leave the connection open, silent, until the client goes.
    Stall(Vec<u8>),
    /// Send these bytes and reset the connection, as a host does that has forgotten it.
    Reset(Vec<u8>),
    /// Send the first bytes at once and each of the others after so much time, again and again, until the client goes.
    Drip(Vec<u8>, Vec<u8>, Duration),
}

impl Answer {
    /// A whole answer with a JSON body, on a connection that stays.
    pub fn json(status: u16, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        Self::Keep([head.as_bytes(), body.as_bytes()].concat())
    }
}

/// A server that answers each request with what a closure says. It records the requests, bodies included.
#[derive(Debug)]
pub struct Stub {
    url: String,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl Stub {
    /// Starts it on a free port. The closure gets the number of the request, from 0, and its text.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub fn start(answer: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(free(), answer)
    }

    /// Starts it on a port that was opened before.
    ///
    /// # Panics
    ///
    /// When it was not.
    pub fn on(listener: TcpListener, answer: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        // A client that goes away ends its connection and nothing else.
        Self::listen(listener, move |_, mut connection, seen| {
            let _ = serve(&mut connection, seen, &answer);
        })
    }

    /// Starts one that does with each connection what this says, which gets its number, from 0. No requests are recorded.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub fn raw(connected: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        Self::listen(free(), move |number, connection, _| connected(number, connection))
    }

    fn listen(listener: TcpListener, connected: impl Fn(usize, TcpStream, &Seen) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("a bound socket has an address");
        let (seen, connected) = (Arc::<Seen>::default(), Arc::new(connected));
        let watching = Arc::clone(&seen);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let number = watching.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, connected) = (Arc::clone(&watching), Arc::clone(&connected));
                thread::spawn(move || connected(number, connection, &seen));
            }
        });
        Self { url: format!("http://{address}/v1"), seen }
    }

    /// The URL of an API on it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The requests so far: head and body, as they came.
    pub fn requests(&self) -> Vec<String> {
        self.requests_after(0)
    }

    /// Those that came after so many.
    pub fn requests_after(&self, earlier: usize) -> Vec<String> {
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner)[earlier..].to_vec()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

fn free() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

fn serve(connection: &mut TcpStream, seen: &Seen, answer: &dyn Fn(usize, &str) -> Answer) -> Option<()> {
    loop {
        let request = read(connection)?;
        let number = {
            let mut requests = seen.requests.lock().unwrap_or_else(PoisonError::into_inner);
            requests.push(request.clone());
            requests.len() - 1
        };
        match answer(number, &request) {
            Answer::Keep(bytes) => connection.write_all(&bytes).ok()?,
            Answer::Close(bytes) => {
                connection.write_all(&bytes).ok()?;
                return connection.shutdown(Shutdown::Both).ok();
            }
            Answer::Stall(bytes) => {
                connection.write_all(&bytes).ok()?;
                while connection.read(&mut [0; 512]).ok()? > 0 {}
                return None;
            }
            Answer::Reset(bytes) => {
                connection.write_all(&bytes).ok()?;
                // With what is left to be sent thrown away, closing it is a reset.
                return SockRef::from(&*connection).set_linger(Some(Duration::ZERO)).ok();
            }
            Answer::Drip(first, drops, pause) => {
                connection.write_all(&first).ok()?;
                for drop in drops.iter().cycle() {
                    thread::sleep(pause);
                    connection.write_all(&[*drop]).ok()?;
                }
            }
        }
    }
}

/// One request: its head, and as much body as its `Content-Length` says, or until the last chunk.
fn read(connection: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let in_chunks = head.contains("transfer-encoding: chunked");
            let whole = if in_chunks { bytes.ends_with(b"\r\n0\r\n\r\n") } else { true };
            if whole && bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        match connection.read(&mut chunk).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
