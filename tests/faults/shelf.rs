//! A record with a file, the server that keeps the file, and a folder that it is to go to.

use std::fs;
use std::path::PathBuf;

use kinto_protocol::{Attachment, Download, RecordFile, bucket};
use kinto_tests::{Answer, Stub};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::driver::{Driver, Setup};
use crate::place::Place;

/// A header of the caller's, whose value is for the API alone.
pub(crate) const OWN: (&str, &str) = ("X-Own", "0wn-v4lue");

pub(crate) struct Shelf<D> {
    pub(crate) it: Place<D>,
    /// Says where files are, and what a record says of its file.
    pub(crate) api: Stub,
    /// Keeps the files.
    pub(crate) host: Stub,
    folder: TempDir,
}

impl<D: Driver> Shelf<D> {
    /// With what a record says of its file, and what the server of files does.
    pub(crate) fn of(file: &Attachment, serve: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(json!(file), |_| {}, serve)
    }

    /// The same with whatever a record may say, and another client.
    pub(crate) fn with(
        said: Value,
        change: impl FnOnce(&mut Setup),
        serve: impl Fn(usize, &str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let host = Stub::start(serve);
        let base = format!("{}/files/", host.url().trim_end_matches("/v1"));
        let api = Stub::start(move |_, request| match request.split(' ').nth(1) {
            Some("/v1/") => {
                Answer::json(200, &json!({"capabilities": {"attachments": {"base_url": base}}}).to_string())
            }
            _ => Answer::json(200, &json!({"data": {"id": "a", "last_modified": 7, "attachment": said}}).to_string()),
        });
        let it = Place::with(api.url(), |setup| {
            setup.headers.push((OWN.0.to_owned(), OWN.1.to_owned()));
            change(setup);
        });
        Self { it, api, host, folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is in the folder, whether it is meant to be seen or not.
    pub(crate) fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }

    /// Nothing of the caller's but the name of the program has come to where the files are.
    pub(crate) fn assert_host_was_told_nothing(&self) {
        for request in self.host.requests() {
            assert_tells_nothing(&request);
        }
    }
}

pub(crate) fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn assert_tells_nothing(request: &str) {
    let lower = request.to_lowercase();
    assert!(request.starts_with("GET "), "{request}");
    for header in ["authorization", "cookie", "referer", "x-own", OWN.1] {
        assert!(!lower.contains(header), "{request}");
    }
}

pub(crate) fn record_file() -> RecordFile {
    bucket("b").collection("c").attachment("a")
}

pub(crate) fn download() -> Download {
    record_file().download()
}

/// The content of a file, a few pieces long.
pub(crate) fn content() -> String {
    (0..20_000).map(|line| format!("line {line:05}\n")).collect()
}

pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a record says of it.
pub(crate) fn attachment(content: &[u8]) -> Attachment {
    let (size, hash) = (content.len(), sha256(content));
    serde_json::from_value(json!({"filename": "a.txt", "location": "a.txt", "hash": hash, "size": size})).unwrap()
}

/// All of it in one answer, with a tag.
pub(crate) fn served(content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: {}\r\n\r\n", content.len());
    [head.as_bytes(), content].concat()
}

/// The part that was asked for.
pub(crate) fn rest(request: &str, content: &str) -> Answer {
    let range = request.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-'));
    let from: usize = range.expect("a range").parse().unwrap();
    assert!(request.contains("\r\nif-range: \"v\"\r\n"), "{request}");
    let (rest, last, all) = (&content[from..], content.len() - 1, content.len());
    let head = format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{last}/{all}\r\n");
    Answer::Keep(format!("{head}Content-Length: {}\r\n\r\n{rest}", rest.len()).into_bytes())
}
