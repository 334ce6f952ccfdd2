//! Asking a server whether it is there, with nothing but a socket.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How long one question may take. A heartbeat is quick, unless the server has hung.
const PATIENCE: Duration = Duration::from_secs(2);

/// A port nobody listens on right now. Somebody else may take it before we do: the caller has to
/// cope.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether the server on `port` answers, and is the one whose version file holds `identity`.
pub(crate) fn is_ready(port: u16, identity: &str) -> bool {
    match get(port, "/v1/__heartbeat__") {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => {
            get(port, "/v1/__version__").is_ok_and(|answer| answer.contains(identity))
        }
        // A server that was set up to be past its end of service says so to everything.
        Ok(answer) => answer.starts_with("HTTP/1.1 410"),
        Err(_) => false,
    }
}

/// The whole answer to a GET, as it comes.
fn get(port: u16, path: &str) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
