//! A server that speaks TLS, and breaks it where it is told to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::{KNOWN, NOW};

/// What to do with a connection.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answer each request with these bytes.
    Answer(Vec<u8>),
    /// Answer with these bytes, say that this is the end (`close_notify`), and close.
    End(Vec<u8>),
    /// Answer with these bytes and close, as if the line had been cut.
    Cut(Vec<u8>),
    /// Close after the client's first words.
    HangUp,
    /// Begin an answer to the client's first words, and close.
    HangUpMidway,
    /// Say nothing until the client goes.
    Silence,
}

impl Act {
    /// A whole answer with a JSON body, on a connection that stays.
    pub(crate) fn json(body: &str) -> Self {
        Self::Answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into())
    }
}

/// The server.
pub(crate) struct Secure {
    port: u16,
    connections: Arc<Mutex<Vec<JoinHandle<Seen>>>>,
}

/// What one connection brought.
#[derive(Default)]
pub(crate) struct Seen {
    /// All that came through TLS.
    pub(crate) text: String,
    pub(crate) handshake: bool,
}

impl Secure {
    /// With a certificate that is good for 127.0.0.1.
    pub(crate) fn start(act: Act) -> Self {
        Self::with(KNOWN.server("127.0.0.1", NOW), act)
    }

    pub(crate) fn with(config: ServerConfig, act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Arc::new(config);
        let connections = Arc::<Mutex<Vec<_>>>::default();
        let known = Arc::clone(&connections);
        thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let (config, act) = (Arc::clone(&config), act.clone());
                // Held until the thread is noted: who has met it finds it in the list.
                let mut known = known.lock().unwrap();
                known.push(thread::spawn(move || {
                    let mut seen = Seen::default();
                    // That it broke off is what most of these tests are about.
                    let _ = serve(tcp, config, &act, &mut seen);
                    seen
                }));
            }
        });
        Self { port, connections }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/v1", self.port)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    /// What all connections brought until they ended: the clients must have gone.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let connections = std::mem::take(&mut *self.connections.lock().unwrap());
        connections.into_iter().map(|connection| connection.join().unwrap()).collect()
    }
}

fn serve(mut tcp: TcpStream, config: Arc<ServerConfig>, act: &Act, seen: &mut Seen) -> io::Result<()> {
    match act {
        Act::HangUp => {
            let _ = tcp.read(&mut [0; 16 * 1024])?;
            return tcp.shutdown(Shutdown::Both);
        }
        Act::HangUpMidway => {
            let _ = tcp.read(&mut [0; 16 * 1024])?;
            // The head of a handshake record of 122 bytes, and two bytes of it.
            tcp.write_all(&[22, 3, 3, 0, 122, 2, 0])?;
            return tcp.shutdown(Shutdown::Both);
        }
        Act::Silence => {
            while tcp.read(&mut [0; 512])? > 0 {}
            return Ok(());
        }
        _ => {}
    }
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    seen.handshake = true;
    loop {
        let already = seen.text.len();
        while !is_whole(&seen.text[already..]) {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk)?;
            if count == 0 {
                return Ok(());
            }
            seen.text.push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
        match act {
            Act::Answer(bytes) => stream.write_all(bytes)?,
            Act::End(bytes) => {
                stream.write_all(bytes)?;
                stream.conn.send_close_notify();
                stream.flush()?;
                return stream.sock.shutdown(Shutdown::Both);
            }
            Act::Cut(bytes) => {
                stream.write_all(bytes)?;
                stream.flush()?;
                return stream.sock.shutdown(Shutdown::Both);
            }
            Act::HangUp | Act::HangUpMidway | Act::Silence => unreachable!("these have ended above"),
        }
    }
}

/// Whether it is a head and as much body as its `Content-Length` says.
fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}
