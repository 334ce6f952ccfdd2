//! Names of files: what others call them, and what has the name here already.

use std::fs;
use std::path::{Component, Path};

use kinto_protocol::ErrorKind;
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::driver::Driver;
use crate::place::Place;
use crate::row::{Row, rows};
use crate::shelf::{Shelf, attachment, download, names, record_file, served};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        A02 { paths_become_names; wire a_path_of_the_server_s_leads_nowhere }
        A03 { odd_names_become_plain_ones; wire odd_names_are_written_to }
        A07 {; wire what_is_there_is_not_overwritten_unless_it_is_asked_for }
        A08 {; wire a_link_is_not_written_through }
        A13 {; wire nothing_is_written_beside_the_file }
    }
}

const PATHS: [&str; 12] = [
    "../../x",
    "../x.txt",
    "/etc/passwd",
    "//host/share",
    "a/../../b",
    "sub/folder/x.txt",
    "./x",
    "~/.ssh/authorized_keys",
    "C:\\Windows\\win.ini",
    "\\\\host\\share\\x",
    "..\\x",
    "a.txt:stream",
];

fn odd_names() -> Vec<String> {
    let odd = [
        "..",
        ".",
        "",
        " ",
        "...",
        "a\0b.txt",
        "a\nb\r\n.txt",
        "\u{1b}[2J.txt",
        "a\\b",
        ".bashrc",
        "..a",
        "nul",
        "CON",
        "COM1.txt",
        "aux .txt",
        "lpt9",
        "trailing. . .",
        "x?*<>|\".txt",
        "\u{202e}gpj.exe",
        "-rf",
    ];
    odd.iter().map(|name| (*name).to_owned()).chain(["x".repeat(5000), format!("{}.txt", "é".repeat(2500))]).collect()
}

/// What a client makes of a name that a record has.
fn made<D: Driver>(name: &str) -> String {
    let mut file = attachment(b"abc");
    name.clone_into(&mut file.filename);
    let shelf = Shelf::<D>::of(&file, |_, _| Answer::Keep(served("abc")));
    let read = shelf.it.client.send(record_file().get()).unwrap().unwrap();
    assert_eq!(read.filename, name, "as it was said");
    let made = read.safe_name();
    assert!(matches!(Path::new(&made).components().collect::<Vec<_>>()[..], [Component::Normal(_)]), "{made:?}");
    assert!(!made.is_empty() && made.len() <= 200, "{made:?}");
    assert!(!made.contains(['/', '\\', ':', '\0']) && !made.chars().any(char::is_control), "{made:?}");
    assert!(!made.starts_with(['.', ' ']) && !made.ends_with(['.', ' ']), "{made:?}");
    made
}

fn paths_become_names<D: Driver>() {
    for name in PATHS {
        made::<D>(name);
    }
}

fn odd_names_become_plain_ones<D: Driver>() {
    for name in odd_names() {
        let made = made::<D>(&name);
        let stem = made.split('.').next().unwrap().trim_end().to_ascii_lowercase();
        assert!(!["con", "nul", "aux", "com1", "lpt9"].contains(&stem.as_str()), "{made:?}");
    }
    assert!(made::<D>(&format!("{}.txt", "é".repeat(2500))).ends_with("é.txt"));
    assert_eq!(made::<D>("a.txt"), "a.txt");
}

/// Whatever the record says, the file goes where the caller says.
fn written<D: Driver>(name: &str) {
    let mut file = attachment(b"abc");
    name.clone_into(&mut file.filename);
    let shelf = Shelf::<D>::of(&file, |_, _| Answer::Keep(served("abc")));
    let (inner, client) = (shelf.path("inner"), &shelf.it.client);
    fs::create_dir(&inner).unwrap();
    client.download_file(download(), &inner.join("mine")).unwrap();
    assert_eq!((shelf.names(), names(&inner)), (vec!["inner".to_owned()], vec!["mine".to_owned()]), "{name:?}");
    let named = file.safe_name();
    client.download_file(download(), &inner.join(&named)).unwrap();
    let mut expected = vec!["mine".to_owned(), named.clone()];
    expected.sort();
    assert_eq!((shelf.names(), names(&inner)), (vec!["inner".to_owned()], expected), "{name:?}");
    assert_eq!(fs::read_to_string(inner.join(named)).unwrap(), "abc");
}

fn a_path_of_the_server_s_leads_nowhere<D: Driver>() {
    PATHS.iter().for_each(|name| written::<D>(name));
}

fn odd_names_are_written_to<D: Driver>() {
    odd_names().iter().for_each(|name| written::<D>(name));
}

fn what_is_there_is_not_overwritten_unless_it_is_asked_for<D: Driver>() {
    let shelf = Shelf::<D>::of(&attachment(b"abc"), |_, _| Answer::Keep(served("abc")));
    let path = shelf.path("here");
    for other in ["", "abd", "abcd"] {
        fs::write(&path, other).unwrap();
        let before = shelf.host.requests().len();
        let error = shelf.it.client.download_file(download(), &path).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Io, false), "{error}");
        assert!(error.to_string().contains("overwrite()"), "{error}");
        assert_eq!((shelf.names(), fs::read_to_string(&path).unwrap()), (vec!["here".to_owned()], other.to_owned()));
        assert_eq!(shelf.host.requests().len(), before, "it is not even asked for");
        assert!(!shelf.it.client.download_file(download().overwrite(), &path).unwrap().skipped);
        assert_eq!((shelf.names(), fs::read_to_string(&path).unwrap()), (vec!["here".to_owned()], "abc".to_owned()));
    }
    // The very file is not fetched again, overwritten or not.
    let before = shelf.host.requests().len();
    for download in [download(), download().overwrite()] {
        assert!(shelf.it.client.download_file(download, &path).unwrap().skipped);
    }
    assert_eq!(shelf.host.requests().len(), before);

    // One that appears while it is on its way is not overwritten either, and one that is to be overwritten is there whole
    // until the other is.
    for overwrites in [false, true] {
        let mine = tempfile::TempDir::new().unwrap();
        let path = mine.path().join("here");
        let met = path.clone();
        let shelf = Shelf::<D>::of(&attachment(b"abc"), move |_, _| {
            fs::write(&met, "theirs").unwrap();
            Answer::Keep(served("abc"))
        });
        let download = if overwrites { download().overwrite() } else { download() };
        let outcome = shelf.it.client.download_file(download, &path);
        let expected = if overwrites { "abc" } else { "theirs" };
        assert_eq!(outcome.map_err(|error| error.kind()).is_ok(), overwrites);
        assert_eq!((names(mine.path()), fs::read_to_string(&path).unwrap()), (vec!["here".into()], expected.into()));
    }
}

#[cfg(unix)]
fn a_link_is_not_written_through<D: Driver>() {
    use std::os::unix::fs::symlink;
    let shelf = Shelf::<D>::of(&attachment(b"abc"), |_, _| Answer::Keep(served("abc")));
    let (victim, link) = (shelf.path("victim"), shelf.path("link"));
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, &link).unwrap();
    let error = shelf.it.client.download_file(download(), &link).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    shelf.it.client.download_file(download().overwrite(), &link).unwrap();
    assert_eq!(
        (fs::read_to_string(&victim).unwrap(), fs::read_to_string(&link).unwrap()),
        ("precious".into(), "abc".into())
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_file(), "it took the link's place");
    // One that leads to nothing makes nothing there.
    let (nothing, nowhere) = (shelf.path("nothing"), shelf.path("nowhere"));
    symlink(&nothing, &nowhere).unwrap();
    assert_eq!(shelf.it.client.download_file(download(), &nowhere).unwrap_err().kind(), ErrorKind::Io);
    assert!(!nothing.exists() && fs::symlink_metadata(&nowhere).unwrap().is_symlink());
    shelf.it.client.download_file(download().overwrite(), &nowhere).unwrap();
    assert!(!nothing.exists() && fs::symlink_metadata(&nowhere).unwrap().is_file());
    // A folder is not replaced by a file.
    let folder = shelf.path("folder");
    fs::create_dir(&folder).unwrap();
    let error = shelf.it.client.download_file(download().overwrite(), &folder).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && folder.is_dir(), "{error}");
    assert_eq!(shelf.names(), ["folder", "link", "nowhere", "victim"]);
}

#[cfg(not(unix))]
fn a_link_is_not_written_through<D: Driver>() {
    // Only few may make links there; the file is made under another name and renamed as anywhere.
    a_path_of_the_server_s_leads_nowhere::<D>();
}

fn nothing_is_written_beside_the_file<D: Driver>() {
    let mut said = json!(attachment(b"abc"));
    said["original"] = json!({"filename": "../x.json", "metadata": "../y.json"});
    let shelf = Shelf::<D>::with(said, |_| {}, |_, _| Answer::Keep(served("abc")));
    let (inner, client) = (shelf.path("inner"), &shelf.it.client);
    fs::create_dir(&inner).unwrap();
    let fetched = client.download_file(download(), &inner.join("here")).unwrap();
    // What the record says of it is given to the caller, and nobody else.
    assert!(fetched.attachment.other.contains_key("original"));
    assert_eq!((shelf.names(), names(&inner)), (vec!["inner".to_owned()], vec!["here".to_owned()]));
    // A record without a file is no reason to write one.
    let bare = Stub::start(|_, _| Answer::json(200, crate::answers::RECORD));
    let it = Place::<D>::at(bare.url());
    let error = it.client.download_file(record_file().download(), &inner.join("none")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Attachment | ErrorKind::Unsupported), "{error}");
    assert_eq!(names(&inner), ["here"]);
}
