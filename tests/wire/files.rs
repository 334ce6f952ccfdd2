//! Files on their way here: broken off, stalled, without end, and what is left of them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use kinto_protocol::{Attachment, Auth, ErrorKind, Policy};
use kinto_tests::{Answer, Stub};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::driver::{Driver, Setup};

const SHORT: Duration = Duration::from_millis(80);

/// The content of the file, a few pieces long.
pub(crate) fn content() -> String {
    (0..20_000).map(|line| format!("line {line:05}\n")).collect()
}

pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a record says of the file.
fn attachment(content: &str) -> Attachment {
    let (size, hash) = (content.len(), sha256(content.as_bytes()));
    serde_json::from_str(&format!(r#"{{"filename": "a.txt", "location": "a.txt", "hash": "{hash}", "size": {size}}}"#))
        .unwrap()
}

/// A client with credentials, of an API that says that files are at this host.
fn client<D: Driver>(host: &Stub, change: impl FnOnce(&mut Policy)) -> (D, Stub) {
    let base = host.url().trim_end_matches("/v1").to_owned();
    let api = Stub::start(move |_, _| {
        Answer::json(200, &format!(r#"{{"capabilities": {{"attachments": {{"base_url": "{base}/att/"}}}}}}"#))
    });
    let mut setup = Setup::of(api.url()).policy(change);
    setup.auth = Some(Auth::basic("me", "s3cr3t"));
    (setup.client(), api)
}

/// A whole answer, with a tag.
fn whole(content: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: {}\r\n\r\n{content}", content.len()).into_bytes()
}

/// The part that was asked for.
fn rest(request: &str, content: &str) -> Answer {
    let range = request.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-'));
    let from: usize = range.expect("a range").parse().unwrap();
    assert!(request.contains("\r\nif-range: \"v\"\r\n"), "{request}");
    let (rest, last, all) = (&content[from..], content.len() - 1, content.len());
    let head = format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{last}/{all}\r\n");
    Answer::Keep(format!("{head}Content-Length: {}\r\n\r\n{rest}", rest.len()).into_bytes())
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub(crate) fn what_breaks_off_goes_on_where_it_stopped<D: Driver>() {
    let file = content();
    let sent = file.clone();
    let host = Stub::start(move |number, request| match number {
        0 => Answer::Close(whole(&sent)[..100_000].to_vec()),
        _ => rest(request, &sent),
    });
    let (client, api) = client::<D>(&host, |_| {});
    let mut written = Vec::new();
    let fetched = client.download_to(attachment(&file).download(), &mut written).unwrap();
    assert!(!fetched.skipped && written == file.as_bytes());
    assert_eq!(host.requests().len(), 2);
    for request in host.requests() {
        assert!(request.starts_with("GET /att/a.txt HTTP/1.1\r\n"), "{request}");
        assert!(!request.to_lowercase().contains("authorization"), "{request}");
    }
    assert!(api.requests()[0].to_lowercase().contains("\r\nauthorization: basic "));
}

pub(crate) fn what_stalls_goes_on_too<D: Driver>() {
    let file = content();
    let sent = file.clone();
    let host = Stub::start(move |number, request| match number {
        0 => Answer::Stall(whole(&sent)[..100_000].to_vec()),
        1 => rest(request, &sent),
        _ => Answer::Stall(whole(&sent)[..60].to_vec()),
    });
    let (client, _api) = client::<D>(&host, |policy| policy.limits.idle = SHORT);
    let mut written = Vec::new();
    client.download_to(attachment(&file).download(), &mut written).unwrap();
    assert!(written == file.as_bytes());
    // Where nothing comes any more, it ends.
    let error = client.download_to(attachment(&file).download(), Vec::new()).unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && !error.maybe_applied(), "{error}");
}

pub(crate) fn a_file_may_take_longer_than_an_answer<D: Driver>() {
    let file = content();
    let sent = whole(&file);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 4096]);
        for piece in sent.chunks(sent.len() / 6) {
            thread::sleep(SHORT / 2);
            connection.write_all(piece).unwrap();
        }
        let _ = connection.read(&mut [0; 16]);
    });
    let nobody = Stub::start(|_, _| Answer::Close(Vec::new()));
    let setup = Setup::of(nobody.url()).policy(|policy| {
        policy.limits.total = SHORT;
        policy.deadline = SHORT;
    });
    let (client, started, mut written) = (setup.client::<D>(), Instant::now(), Vec::new());
    client.download_to(attachment(&file).download().base_url(host), &mut written).unwrap();
    assert!(written == file.as_bytes() && started.elapsed() > SHORT);
}

pub(crate) fn a_file_without_end_is_left<D: Driver>() {
    let file = content();
    let more = format!("{file}{file}{file}");
    let chunks = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{more}\r\n", more.len());
    let host = Stub::start(move |_, _| Answer::Stall(chunks.clone().into_bytes()));
    let (client, _api) = client::<D>(&host, |policy| policy.attempts = 3);
    let mut written = Vec::new();
    let error = client.download_to(attachment(&file).download(), &mut written).unwrap_err();
    assert!(error.kind() == ErrorKind::Attachment && error.to_string().contains("has more bytes"), "{error}");
    assert!(written.len() <= file.len() && host.requests().len() == 1);
}

pub(crate) fn what_fails_leaves_nothing_behind<D: Driver>() {
    let file = content();
    let wrong = whole(&file.replace("line 19999", "line 99999"));
    let host = Stub::start(move |number, _| match number {
        0 => Answer::json(404, "{}"),
        1 => Answer::Keep(wrong.clone()),
        _ => Answer::Close(Vec::new()),
    });
    let (client, _api) = client::<D>(&host, |_| {});
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.txt");
    for kind in [ErrorKind::Server, ErrorKind::Attachment, ErrorKind::Interrupted] {
        assert_eq!(client.download_file(attachment(&file).download(), &path).unwrap_err().kind(), kind);
        assert!(names(folder.path()).is_empty(), "{kind:?}");
    }
    // What was there before is there still.
    fs::write(&path, "old").unwrap();
    assert!(client.download_file(attachment(&file).download().overwrite(), &path).is_err());
    assert_eq!(
        (names(folder.path()), fs::read_to_string(&path).unwrap()),
        (vec!["a.txt".to_owned()], "old".to_owned())
    );
}

pub(crate) fn a_file_has_its_name_when_it_is_whole<D: Driver>() {
    let file = content();
    let sent = file.clone();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.txt");
    let (watched, there) = (folder.path().to_owned(), path.clone());
    let host = Stub::start(move |number, request| match number {
        0 => Answer::Close(whole(&sent)[..100_000].to_vec()),
        _ => {
            // Half of it is here, under another name.
            assert!(!there.exists());
            let [name] = &names(&watched)[..] else { panic!("not one file") };
            assert!(name.starts_with('.') && name.ends_with(".part"), "{name}");
            rest(request, &sent)
        }
    });
    let (client, _api) = client::<D>(&host, |_| {});
    client.download_file(attachment(&file).download(), &path).unwrap();
    assert_eq!(names(folder.path()), ["a.txt"]);
    assert!(fs::read_to_string(&path).unwrap() == file);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain), "it is a file like any other");
    }
    // It is here: nothing is asked for.
    assert!(client.download_file(attachment(&file).download(), &path).unwrap().skipped);
    assert_eq!(host.requests().len(), 2);
}

pub(crate) fn a_name_that_is_taken<D: Driver>() {
    let file = content();
    let sent = whole(&file);
    let host = Stub::start(move |_, _| Answer::Keep(sent.clone()));
    let (client, _api) = client::<D>(&host, |_| {});
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, "old").unwrap();
    let error = client.download_file(attachment(&file).download(), &path).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && host.requests().is_empty(), "{error}");
    #[cfg(unix)]
    {
        // A link is replaced, and what it leads to is not touched.
        let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        client.download_file(attachment(&file).download().overwrite(), &link).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        // One that leads nowhere is there all the same.
        let nowhere = folder.path().join("nowhere");
        std::os::unix::fs::symlink(folder.path().join("not there"), &nowhere).unwrap();
        assert_eq!(client.download_file(attachment(&file).download(), &nowhere).unwrap_err().kind(), ErrorKind::Io);
        assert!(!folder.path().join("not there").exists());
    }
    client.download_file(attachment(&file).download().overwrite(), &path).unwrap();
    assert!(fs::read_to_string(&path).unwrap() == file);
}

pub(crate) fn what_cannot_be_written<D: Driver>() {
    let file = content();
    let sent = whole(&file);
    let host = Stub::start(move |_, _| Answer::Keep(sent.clone()));
    let (client, _api) = client::<D>(&host, |policy| policy.attempts = 3);
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing").join("a.txt");
    let error = client.download_file(attachment(&file).download(), &missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    let error = client.download_file(attachment(&file).download(), folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    // A place with room for less than all of it.
    let mut small = [0; 1000];
    let before = host.requests().len();
    let error = client.download_to(attachment(&file).download(), std::io::Cursor::new(&mut small[..])).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && !error.maybe_applied(), "{error}");
    assert_eq!(host.requests().len(), before + 1, "the next time it would be the same");
    assert_eq!(small[..], file.as_bytes()[..1000]);
}

/// What is no file has its limits as ever.
pub(crate) fn only_files_are_streamed<D: Driver>() {
    let host = Stub::start(|_, _| Answer::json(500, &"x".repeat(5000)));
    let (client, _api) = client::<D>(&host, |policy| policy.limits.response_bytes = 1000);
    let mut written = Vec::new();
    let error = client.download_to(attachment("x").download(), &mut written).unwrap_err();
    assert!(error.kind() == ErrorKind::TooLarge && written.is_empty(), "{error}");
}
