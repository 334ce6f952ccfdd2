//! Users of a server, for programs that the documentation shows.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Auth, bucket, buckets};
use serde_json::json;

use crate::{Answer, Backend, KintoServer, StartError, Stub};

const PASSWORD: &str = "p4ssw0rd";

/// The URL of the [shared](KintoServer::shared) server with [`Backend::Memory`], and a user whom nobody has met there: with
/// an empty `default` bucket.
///
/// # Panics
///
/// When the server cannot be started, or does not want the user.
pub fn newcomer() -> (&'static str, Auth) {
    let Some(server) = KintoServer::shared(Backend::Memory) else { unreachable!("the memory backend is always there") };
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    (server.url(), server.sign_up(&format!("newcomer-{}-{moment}", process::id())))
}

/// A model of a server with a bucket `blog`, in which there is a collection `posts` with three of them: `a`, `b` and `c`.
///
/// # Panics
///
/// When no port can be had.
pub fn blog() -> Stub {
    let (server, posts) = (MemoryServer::new(), bucket("blog").collection("posts").records());
    let written = server.send(buckets().create("blog", &json!({}))).and_then(|_| {
        server.send(bucket("blog").collections().create("posts", &json!({})))?;
        ["a", "b", "c"].iter().try_for_each(|id| server.send(posts.create(*id, &json!({"title": id}))).map(drop))
    });
    assert!(written.is_ok(), "{written:?}");
    Stub::serving(server)
}

impl KintoServer {
    /// Starts a server of its own with [`Backend::Memory`], and a host of the files that are attached to its records, which
    /// Kinto leaves to others.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with_files() -> Result<Self, StartError> {
        let folder = Arc::<OnceLock<PathBuf>>::default();
        let known = Arc::clone(&folder);
        let host = Stub::start(move |_, request| {
            let name = request.split(' ').nth(1).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
            let content = known.get().and_then(|folder| std::fs::read(folder.join(name)).ok());
            let (status, content) = content.map_or((404, Vec::new()), |content| (200, content));
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", content.len());
            let content = if request.starts_with("HEAD ") { Vec::new() } else { content };
            Answer::Keep([head.into_bytes(), content].concat())
        });
        let files = format!("{}/", host.url());
        let server = Self::builder(Backend::Memory).setting("kinto.attachment.base_url", files).start()?;
        if let Some(home) = server.log().as_deref().and_then(std::path::Path::parent) {
            folder.get_or_init(|| home.join("attachments"));
        }
        Ok(server)
    }

    /// Makes an account of this name, and gives its credentials.
    ///
    /// # Panics
    ///
    /// When the server does not want it.
    pub fn sign_up(&self, name: &str) -> Auth {
        let (host, root) = self.url().trim_start_matches("http://").split_once('/').unwrap_or((self.url(), ""));
        let body = format!(r#"{{"data": {{"password": "{PASSWORD}"}}}}"#);
        let head = format!(
            "PUT /{root}/accounts/{name} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut answer = String::new();
        let asked = TcpStream::connect(host).and_then(|mut stream| {
            stream.write_all((head + &body).as_bytes())?;
            stream.read_to_string(&mut answer)
        });
        assert!(asked.is_ok() && answer.starts_with("HTTP/1.1 201"), "no account for {name}: {asked:?} {answer}");
        Auth::basic(name, PASSWORD)
    }
}
