//! Files that are fetched: into memory, into a writer, into a file, and from where they were when the connection broke.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};
use kinto_protocol::{Download, ErrorKind, Result};
use kinto_tests::{Cut, Cutter, Ending};
use serde_json::json;

use crate::context::{Kinto, refused};
use crate::driver::Driver;
use crate::file_host::FileHost;
use crate::files::{Files, alice, names_in};

/// Of several pieces.
fn large() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

pub(crate) fn into_memory_a_writer_and_a_file<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    for content in [Vec::new(), b"abc".to_vec(), large()] {
        let attachment = files.given("a", "a.json", &content);
        let fetched = ["GET R/a: 200", "GET F.json: 200"];
        let downloaded = files.alice.send(files.record("a").download()).unwrap();
        assert_eq!((&downloaded.attachment, &downloaded.content[..]), (&attachment, &content[..]));
        assert_eq!(files.sent(), fetched);
        let mut written = Vec::new();
        let to_writer = files.alice.download_to(files.record("a").download(), &mut written).unwrap();
        assert_eq!((&to_writer.attachment, to_writer.skipped), (&attachment, false));
        assert_eq!(files.sent(), fetched);
        assert!(written == content);
        let path = files.path("here.json");
        let to_file = files.alice.download_file(files.record("a").download().overwrite(), &path).unwrap();
        assert_eq!(to_file, to_writer);
        assert!(fs::read(&path).unwrap() == content);
        assert_eq!(files.folder(), ["here.json"]);
        files.sent();
        // Who knows what the record says need not ask.
        let known = files.alice.send(attachment.download()).unwrap();
        assert!(known.content == content[..]);
        assert_eq!(files.sent(), ["GET F.json: 200"]);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&files.path("here.json")), mode(&files.write("other", "")), "as of any new file");
    }
}

/// What is here already is not fetched; what is here and is another is not harmed.
pub(crate) fn what_is_here_already<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let attachment = files.given("a", "a.txt", b"abc");
    let path = files.write("here.txt", "abc");
    let at = fs::metadata(&path).unwrap().modified().unwrap();
    for download in [files.record("a").download(), files.record("a").download().overwrite(), attachment.download()] {
        let fetched = files.alice.download_file(download, &path).unwrap();
        assert_eq!((fetched.skipped, fetched.attachment), (true, attachment.clone()));
    }
    assert_eq!(files.sent(), ["GET R/a: 200", "GET R/a: 200"], "not the file");
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), at);

    for other in ["", "abd", "abcd"] {
        fs::write(&path, other).unwrap();
        let error = refused(files.alice.download_file(files.record("a").download(), &path));
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(files.sent(), ["GET R/a: 200"], "not the file");
        let line = error.to_string();
        assert!(
            line.ends_with(
                "there is another file already where this one is to go (give it another name, or overwrite())"
            ),
            "{line}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
        assert_eq!(files.folder(), ["here.txt"]);
        assert!(!files.alice.download_file(files.record("a").download().overwrite(), &path).unwrap().skipped);
        assert_eq!((fs::read_to_string(&path).unwrap(), files.folder()), ("abc".into(), vec!["here.txt".to_owned()]));
        files.sent();
    }
}

pub(crate) fn where_it_cannot_go<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    files.given("a", "a.txt", b"abc");
    let folder = files.path("folder");
    fs::create_dir(&folder).unwrap();
    let file = files.write("file", "x");
    let places = [files.path("missing").join("a.txt"), folder.clone(), file.join("a.txt"), files.path("")];
    for path in places {
        for download in [files.record("a").download(), files.record("a").download().overwrite()] {
            let error = refused(files.alice.download_file(download, &path));
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            let named = path.parent().unwrap().to_string_lossy();
            assert!(error.to_string().contains(&*named), "{error}");
            assert!(!error.is_retryable() && !error.maybe_applied(), "{error:?}");
        }
    }
    assert_eq!(files.folder(), ["file", "folder"]);
    assert_eq!((names_in(&folder), fs::read_to_string(&file).unwrap()), (vec![], "x".into()));

    // A writer that fails.
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "no room"));
            }
            let length = piece.len().min(self.0);
            self.0 -= length;
            Ok(length)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for room in [0, 2] {
        let error = refused(files.alice.download_to(files.record("a").download(), Full(room)));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Io, 1), "{error}");
        assert!(error.to_string().contains("no room"), "{error}");
    }
}

#[cfg(unix)]
pub(crate) fn read_only_folders_and_links<D: Driver>(kinto: &Kinto<D>) {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let files = &Files::of(kinto);
    files.given("a", "a.txt", b"abc");
    let folder = files.path("folder");
    fs::create_dir(&folder).unwrap();
    let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    // Whoever is root may write everywhere.
    let is_root = fs::write(folder.join("probe"), "").is_ok();
    if !is_root {
        let error = refused(files.alice.download_file(files.record("a").download(), &folder.join("a.txt")));
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert_eq!(names_in(&folder), [""; 0]);
    }
    mode(0o755);
    fs::write(folder.join("a.txt"), "abc").unwrap();
    mode(0o555);
    // What is there already needs no room.
    assert!(files.alice.download_file(files.record("a").download(), &folder.join("a.txt")).unwrap().skipped);
    mode(0o755);
    fs::remove_dir_all(&folder).unwrap();

    // A link is replaced, and what it leads to is not touched; nor is it taken for what it leads to.
    let victim = files.write("victim", "precious");
    let link = files.path("link.txt");
    symlink(&victim, &link).unwrap();
    let error = refused(files.alice.download_file(files.record("a").download(), &link));
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    files.alice.download_file(files.record("a").download().overwrite(), &link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    assert_eq!(
        (fs::read_to_string(&link).unwrap(), fs::read_to_string(&victim).unwrap()),
        ("abc".into(), "precious".into())
    );
    // One that leads nowhere is there all the same.
    let nowhere = files.path("nowhere.txt");
    symlink(files.path("missing"), &nowhere).unwrap();
    let error = refused(files.alice.download_file(files.record("a").download(), &nowhere));
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(files.folder(), ["link.txt", "nowhere.txt", "victim"]);
    files.alice.download_file(files.record("a").download().overwrite(), &nowhere).unwrap();
    assert!(fs::symlink_metadata(&nowhere).unwrap().is_file());
    assert_eq!(files.folder(), ["link.txt", "nowhere.txt", "victim"]);
}

/// All ways to fetch a file, into a place where another one is.
fn ways<D: Driver>(files: &Files<D>, download: &Download, path: &Path) -> [Result<()>; 3] {
    [
        files.alice.send(download.clone()).map(drop),
        files.alice.download_to(download.clone(), Vec::new()).map(drop),
        files.alice.download_file(download.clone().overwrite(), path).map(drop),
    ]
}

pub(crate) fn what_is_not_what_it_was<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let content = large();
    let attachment = files.given("a", "a.txt", &content);
    let kept = files.host.on_disk(&attachment.location);
    let path = files.write("here.txt", "precious");
    let mut flipped = content.clone();
    flipped[200_000] ^= 1;
    for (tampered, words) in [
        (flipped, "the SHA-256 of the file is "),
        (content[..200_000].to_vec(), "the file has 200000 bytes, where its record says 400000"),
        (Vec::new(), "the file has 0 bytes, where its record says 400000"),
        ([&content[..], b"x"].concat(), "the file has more bytes, where its record says 400000"),
    ] {
        fs::write(&kept, tampered).unwrap();
        for outcome in ways(files, &files.record("a").download(), &path) {
            let error = refused(outcome);
            assert_eq!(error.kind(), ErrorKind::Attachment, "{error}");
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.to_string().starts_with(&format!("GET {}: ", attachment.location)), "{error}");
            assert!(!error.is_retryable() && !error.maybe_applied());
        }
        assert_eq!(
            (fs::read_to_string(&path).unwrap(), files.folder()),
            ("precious".into(), vec!["here.txt".to_owned()])
        );
        let new = files.path("new.txt");
        assert_eq!(refused(files.alice.download_file(attachment.download(), &new)).kind(), ErrorKind::Attachment);
        assert_eq!(files.folder(), ["here.txt"]);
    }
    fs::remove_file(&kept).unwrap();
    for outcome in ways(files, &files.record("a").download(), &path) {
        let error = refused(outcome);
        assert!(error.is_not_found(), "{error}");
        assert!(error.to_string().starts_with(&format!("GET {}: 404 Not Found", attachment.location)), "{error}");
    }
    assert_eq!((fs::read_to_string(&path).unwrap(), files.folder()), ("precious".into(), vec!["here.txt".to_owned()]));
}

pub(crate) fn what_is_not_attached<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let path = files.write("here.txt", "precious");
    let data = [json!({}), json!({"attachment": null})];
    for data in data {
        files.kinto.alice.send(files.records().replace("a", &data).overwrite()).unwrap();
        assert_eq!(files.alice.send(files.record("a").get()).unwrap(), None);
        for outcome in ways(files, &files.record("a").download(), &path) {
            let error = refused(outcome);
            assert_eq!(error.kind(), ErrorKind::Attachment);
            assert!(error.to_string().ends_with("/records/a: the record has no file attached"), "{error}");
        }
    }
    // An attachment may be anything that its author likes.
    for strange in
        [json!("x"), json!([]), json!({}), json!({"size": -1}), json!({"size": 1, "filename": 1}), json!(true)]
    {
        files.kinto.alice.send(files.records().replace("b", &json!({})).overwrite()).unwrap();
        files.kinto.alice.send(files.records().replace("b", &json!({"attachment": strange})).overwrite()).unwrap();
        assert_eq!(refused(files.alice.send(files.record("b").get())).kind(), ErrorKind::Attachment, "{strange}");
        for outcome in ways(files, &files.record("b").download(), &path) {
            assert_eq!(refused(outcome).kind(), ErrorKind::Attachment, "{strange}");
        }
        // And is replaced and removed all the same.
        assert!(!files.alice.send(files.record("b").upload("b.txt").content("b")).unwrap().skipped);
        assert_eq!(files.alice.send(files.record("b").download()).unwrap().content, "b");
        assert!(files.alice.send(files.record("b").remove()).unwrap().is_some());
    }
    for outcome in ways(files, &files.record("missing").download(), &path) {
        assert!(refused(outcome).is_not_found());
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

/// What breaks off goes on where it stopped, as long as it is the same file.
pub(crate) fn broken_connections<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let content = large();
    for (ending, cuts) in [(Ending::Close, 1), (Ending::Reset, 1), (Ending::Close, 7)] {
        // More often than a request is sent again: each time it comes further.
        let attachment = files.alice.send(files.record("a").upload("a.txt").always().content(content.clone())).unwrap();
        let attachment = attachment.attachment;
        let cutter = Cutter::start(&files.host.url(), ending, move |head| {
            if head.number < cuts { Cut::InAnswer(50_000) } else { Cut::None }
        });
        let download = files.record("a").download().base_url(cutter.url().replace("/v1", "/files"));
        let path = files.path("here.txt");
        let fetched = files.alice.download_file(download.overwrite(), &path).unwrap();
        assert!(!fetched.skipped && fs::read(&path).unwrap() == content);
        assert_eq!(files.folder(), ["here.txt"]);
        let asked = files.host.asked(&attachment.location);
        assert_eq!(asked.len(), cuts + 1);
        let ranges: Vec<u64> = asked.iter().filter_map(|head| from(&head.headers)).collect();
        // A reset takes with it what was under way.
        assert!(ranges.len() == cuts || ending == Ending::Reset, "{ranges:?}");
        assert!(ranges.windows(2).all(|two| two[0] < two[1]) && ranges.iter().all(|at| *at > 0), "{ranges:?}");
        assert!(asked.iter().all(|head| head.headers.contains_key(RANGE) == head.headers.contains_key(IF_RANGE)));
        fs::remove_file(path).unwrap();
    }
}

/// Where a request for a part begins.
fn from(headers: &HeaderMap) -> Option<u64> {
    headers.get(RANGE)?.to_str().unwrap().strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// Half of one file and half of another are none.
pub(crate) fn changed_in_the_middle<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let content = large();
    let attachment = files.given("a", "a.txt", &content);
    let kept = files.host.on_disk(&attachment.location);
    // Of another time, as the host tells versions apart by that.
    let other = content.iter().rev().copied().collect::<Vec<_>>();
    let change = move |back: bool| {
        fs::write(&kept, &other).unwrap();
        let hours = std::time::Duration::from_secs(if back { 7200 } else { 3600 });
        let at = std::time::SystemTime::now() - hours;
        fs::File::options().write(true).open(&kept).unwrap().set_modified(at).unwrap();
    };
    let cutter = Cutter::start(&files.host.url(), Ending::Close, move |head| match head.number {
        0 => Cut::InAnswer(50_000),
        _ => {
            change(head.number > 1);
            Cut::None
        }
    });
    let download = || files.record("a").download().base_url(cutter.url().replace("/v1", "/files"));
    let path = files.path("here.txt");
    let error = refused(files.alice.download_file(download(), &path));
    assert_eq!(error.kind(), ErrorKind::Attachment, "{error}");
    assert_eq!(files.folder(), [""; 0]);
    let asked = files.host.asked(&attachment.location);
    assert!(asked.len() == 2 && from(&asked[1].headers).is_some(), "{asked:?}");
}

pub(crate) fn elsewhere<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let attachment = files.given("a", "a.txt", b"abc");
    // A copy of it, as a cache or another host may have.
    let copies = FileHost::start();
    let folder = files.path("copies");
    fs::create_dir(&folder).unwrap();
    let name = attachment.location.strip_prefix(&files.host.url()).unwrap();
    fs::write(folder.join(name), "abc").unwrap();
    copies.serve(folder.clone());
    let asked = || (files.host.asked(&attachment.location).len(), copies.asked(name).len());
    for (times, url) in [copies.url(), copies.url().trim_end_matches('/').to_owned()].into_iter().enumerate() {
        let downloaded = files.alice.send(files.record("a").download().base_url(&url)).unwrap();
        assert_eq!((&downloaded.content[..], asked()), (&b"abc"[..], (0, times + 1)));
    }
    // Also for somebody who has not heard of the server before.
    let (new, _) = alice::<D>(&files.kinto.url);
    assert_eq!(new.send(attachment.download().base_url(copies.url())).unwrap().content, "abc");
    assert_eq!(asked(), (0, 3));
    fs::write(folder.join(name), "abd").unwrap();
    let error = refused(files.alice.send(attachment.download().base_url(copies.url())));
    assert_eq!(error.kind(), ErrorKind::Attachment);
    copies.assert_told_nothing();

    for wrong in
        ["", "x", "/files", "file:///etc", "ftp://localhost/", "http://", "http://u:p@localhost/", "http://a b/"]
    {
        let error = refused(files.alice.send(attachment.download().base_url(wrong)));
        assert!(matches!(error.kind(), ErrorKind::Attachment | ErrorKind::Input), "{wrong}: {error}");
    }
}

/// On a server that does not say where files are, and on one that says only where they are below a place.
pub(crate) fn by_a_path_alone<D: Driver>(kinto: &Kinto<D>) {
    let untold = &Files::untold(kinto);
    let attachment = untold.given("a", "My file é.b.txt", b"abc");
    assert_eq!(attachment.location, format!("{}/c/My_file_e.b.txt", untold.kinto.id));
    for download in [untold.record("a").download(), attachment.download()] {
        let error = refused(untold.alice.send(download.clone()));
        assert_eq!(error.kind(), ErrorKind::Attachment);
        let line = error.to_string();
        assert!(
            line.ends_with(
                "the file cannot be fetched: the server does not say where it keeps files (say it with base_url())"
            ),
            "{line}"
        );
        let downloaded = untold.alice.send(download.base_url(untold.host.url())).unwrap();
        assert_eq!((downloaded.attachment, &downloaded.content[..]), (attachment.clone(), &b"abc"[..]));
    }
    // Nobody can tell whether it is there.
    untold.sent();
    assert!(!untold.alice.send(untold.record("a").upload("My file é.b.txt").content("abc")).unwrap().skipped);
    assert_eq!(untold.sent(), ["GET R/a: 200", "POST R/a/attachment: 200"]);

    let relative = &Files::relative(kinto);
    let attachment = relative.given("a", "a.txt", b"abc");
    assert!(attachment.location.len() == 40 && !attachment.location.contains('/'), "{}", attachment.location);
    assert_eq!(relative.alice.send(relative.record("a").download()).unwrap().content, "abc");
    assert_eq!(relative.alice.send(attachment.download()).unwrap().content, "abc");
    assert!(relative.alice.send(relative.record("a").upload("a.txt").content("abc")).unwrap().skipped);
    let (new, tells) = alice::<D>(&relative.kinto.url);
    assert_eq!(new.send(attachment.download()).unwrap().content, "abc");
    let url = format!("{}{}", relative.host.url(), attachment.location);
    assert_eq!(tells.try_iter().collect::<Vec<_>>(), ["GET /: 200".to_owned(), format!("GET {url}: 200")]);
}
