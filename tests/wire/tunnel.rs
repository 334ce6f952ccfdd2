//! A proxy that understands `CONNECT` and nothing else.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The proxy. It writes down what it was asked, and all that clients sent through it.
pub(crate) struct Tunnel {
    port: u16,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    heads: Vec<String>,
    through: Vec<u8>,
}

/// What it does when it is asked.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Connect to that port of this machine, whatever name was asked for.
    To(u16),
    /// Answer with these bytes, and close.
    Say(&'static str),
    /// Say nothing until the client goes.
    Silence,
}

impl Tunnel {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let notes = Arc::<Mutex<Notes>>::default();
        let written = Arc::clone(&notes);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (manner, notes) = (manner.clone(), Arc::clone(&written));
                // Who goes away ends what belongs to them and nothing else.
                thread::spawn(move || serve(client, &manner, &notes));
            }
        });
        Self { port, notes }
    }

    /// As it stands in the environment.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The same with a user and a password.
    pub(crate) fn url_with(&self, user: &str) -> String {
        format!("http://{user}@127.0.0.1:{}", self.port)
    }

    /// What it was asked: the heads of all requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.notes.lock().unwrap().heads.clone()
    }

    /// What it was asked for: the first lines.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.lines().next().unwrap_or_default().to_owned()).collect()
    }

    /// What clients sent through it.
    pub(crate) fn through(&self) -> String {
        String::from_utf8_lossy(&self.notes.lock().unwrap().through).into_owned()
    }
}

fn serve(mut client: TcpStream, manner: &Manner, notes: &Mutex<Notes>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the head is for the server.
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    notes.lock().unwrap().heads.push(String::from_utf8_lossy(&head).into_owned());
    match manner {
        Manner::To(port) => {
            let mut server = TcpStream::connect(("127.0.0.1", *port))?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            let (mut answers, mut to_client) = (server.try_clone()?, client.try_clone()?);
            thread::spawn(move || {
                let _ = io::copy(&mut answers, &mut to_client);
                let _ = to_client.shutdown(Shutdown::Both);
            });
            let mut chunk = [0; 4096];
            loop {
                let count = client.read(&mut chunk)?;
                if count == 0 {
                    return server.shutdown(Shutdown::Both);
                }
                notes.lock().unwrap().through.extend_from_slice(&chunk[..count]);
                server.write_all(&chunk[..count])?;
            }
        }
        Manner::Say(bytes) => {
            client.write_all(bytes.as_bytes())?;
            client.shutdown(Shutdown::Both)
        }
        Manner::Silence => {
            while client.read(&mut [0; 512])? > 0 {}
            Ok(())
        }
    }
}
