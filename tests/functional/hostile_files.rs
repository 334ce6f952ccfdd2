//! What the authors of records may say of files: whatever they like.

use std::fs;

use kinto_protocol::{Attachment, ErrorKind};
use serde_json::json;

use crate::context::{Kinto, refused};
use crate::driver::Driver;
use crate::files::{Files, names_in};

/// Whatever the name is, it leads into the folder that it is used in, and the file is the right one.
pub(crate) fn names<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let real = files.given("real", "a.txt", b"abc");
    let folder = files.path("folder");
    fs::create_dir(&folder).unwrap();
    let long = format!("{}.txt", "x".repeat(300));
    let hostile = [
        "../../x",
        "..",
        ".",
        "",
        "/etc/passwd",
        "/",
        "~/.ssh/authorized_keys",
        "C:\\Windows\\win.ini",
        "\\\\host\\share\\x",
        "a/../../b",
        "nul",
        "COM1.txt",
        ".bashrc",
        "-rf",
        "a\nb\r\n.txt",
        "\u{1b}[2J.txt",
        "\u{202e}gpj.exe",
        "a.txt:stream",
        "x?*<>|\".txt",
        "trailing. . .",
        "é".repeat(200).as_str(),
        &long,
        "a\0b.txt",
    ]
    .map(str::to_owned);
    for (number, name) in hostile.iter().enumerate() {
        // PostgreSQL takes no text with a zero in it.
        if name.contains('\0') && !files.kinto.is_memory() {
            continue;
        }
        let mut invented = real.clone();
        invented.filename.clone_from(name);
        let id = format!("r{number}");
        files.kinto.alice.send(files.records().create(&id, &json!({"attachment": &invented}))).unwrap();
        let attachment = files.alice.send(files.record(&id).get()).unwrap().unwrap();
        assert_eq!(&attachment.filename, name);
        let path = folder.join(attachment.safe_name());
        assert_eq!(path.parent(), Some(&*folder), "{name:?}");
        files.alice.download_file(attachment.download(), &path).unwrap();
        assert_eq!(names_in(&folder), [attachment.safe_name()], "{name:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "abc");
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(files.folder(), ["folder"]);
}

/// Whatever the location is, nothing is asked for but what is below the place where the server keeps files.
pub(crate) fn locations<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let real = files.given("real", "a.txt", b"abc");
    let name = real.location.strip_prefix(&files.host.url()).unwrap();
    let host = files.host.url().replace("/files/", "");
    let (_, authority) = host.split_once("://").unwrap();
    let api = files.kinto.url.strip_suffix("/v1").unwrap();
    let path = files.write("here.txt", "precious");
    let hostile = [
        format!("{api}/v1/"),
        format!("{api}/files/{name}"),
        "http://localhost:1/files/x".to_owned(),
        format!("//{authority}/files/{name}"),
        format!("///{name}"),
        format!("/{authority}//{name}"),
        "../v1/".to_owned(),
        format!("../files/{name}"),
        format!("x/../{name}"),
        format!("./{name}"),
        "..".to_owned(),
        ".".to_owned(),
        "/".to_owned(),
        String::new(),
        format!("%2e%2e/files/{name}"),
        format!("x/%2E./{name}"),
        format!("..%2ffiles/{name}"),
        format!("..%5Cfiles/{name}"),
        format!("..\\files\\{name}"),
        "file:///etc/passwd".to_owned(),
        "file:/etc/passwd".to_owned(),
        "javascript:alert(1)".to_owned(),
        "data:text/plain,abc".to_owned(),
        format!("ftp://{authority}/files/{name}"),
        format!("http:/{name}"),
        format!("{host}/filesystem/{name}"),
        format!("{host}/{name}"),
        format!("{host}/files/../{name}"),
        format!("{host}/files//{name}"),
        format!("{host}/files/"),
        format!("{host}/files"),
        format!("{host}@localhost/files/{name}"),
        format!("http://u:p@{authority}/files/{name}"),
        format!("{name} HTTP/1.1\r\nX: y"),
        format!("{name}#x"),
        "?x".to_owned(),
        format!(" {name}"),
        "é.txt".to_owned(),
    ];
    for (number, location) in hostile.iter().enumerate() {
        let mut invented = real.clone();
        invented.location.clone_from(location);
        let id = format!("r{number}");
        files.kinto.alice.send(files.records().create(&id, &json!({"attachment": &invented}))).unwrap();
        let outcomes = [
            files.alice.send(files.record(&id).download()).map(drop),
            files.alice.download_to(files.record(&id).download(), Vec::new()).map(drop),
            files.alice.download_file(files.record(&id).download().overwrite(), &path).map(drop),
            files.alice.send(invented.download()).map(drop),
        ];
        for outcome in outcomes {
            let error = refused(outcome);
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Attachment, false), "{location:?}: {error}");
            assert!(error.to_string().contains("the file cannot be fetched: "), "{location:?}: {error}");
        }
        assert_eq!(files.sent(), vec![format!("GET R/{id}: 200"); 3], "{location:?}");
        // Nor is anything asked there to see whether it is the same.
        let uploaded = files.alice.send(files.record(&id).upload("a.txt").content("abc")).unwrap();
        assert!(!uploaded.skipped && uploaded.attachment.location.starts_with(&files.host.url()));
        assert_eq!(files.sent(), [format!("GET R/{id}: 200"), format!("POST R/{id}/attachment: 200")], "{location:?}");
    }
    files.host.assert_told_nothing();
    assert!(files.host.asked(name).is_empty());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    // These are paths like any others.
    for location in [name.to_owned(), format!("/{name}"), real.location.clone()] {
        let mut same = real.clone();
        same.location = location;
        assert_eq!(files.alice.send(same.download()).unwrap().content, "abc");
    }
}

/// What is said of size and hash is held against what comes.
pub(crate) fn sizes_and_hashes<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let real = files.given("real", "a.txt", b"abc");
    let change = |change: &dyn Fn(&mut Attachment)| {
        let mut changed = real.clone();
        change(&mut changed);
        changed
    };
    let path = files.path("here.txt");
    let without_hash = change(&|it| it.hash.clear());
    let all = [
        change(&|it| it.size = 0),
        change(&|it| it.size = 2),
        change(&|it| it.size = 4),
        change(&|it| it.size = u64::MAX),
        change(&|it| it.hash = "0".repeat(64)),
        change(&|it| it.hash = it.hash[1..].to_owned()),
        change(&|it| it.hash = "é".repeat(32)),
        without_hash.clone(),
    ];
    for (number, wrong) in all.into_iter().enumerate() {
        let id = format!("r{number}");
        files.kinto.alice.send(files.records().create(&id, &json!({"attachment": &wrong}))).unwrap();
        // A size that no memory has is no reason to reserve any.
        let in_memory = refused(files.alice.send(files.record(&id).download()));
        let kind = if wrong.size == u64::MAX { ErrorKind::TooLarge } else { ErrorKind::Attachment };
        assert_eq!(in_memory.kind(), kind, "{in_memory}");
        let error = refused(files.alice.download_file(files.record(&id).download(), &path));
        assert_eq!(error.kind(), ErrorKind::Attachment, "{error}");
        assert_eq!(files.folder(), [""; 0]);
    }
    // Only who says so takes one that cannot be checked, and its size is checked all the same.
    let error = refused(files.alice.send(without_hash.download()));
    let line = error.to_string();
    assert!(
        line.ends_with("no SHA-256 of its file to check it by (if that is as it should be, allow_missing_hash())"),
        "{line}"
    );
    assert_eq!(files.alice.send(without_hash.download().allow_missing_hash()).unwrap().content, "abc");
    let mut short = without_hash;
    short.size = 2;
    assert_eq!(refused(files.alice.send(short.download().allow_missing_hash())).kind(), ErrorKind::Attachment);
    let shouted = change(&|it| it.hash = it.hash.to_uppercase());
    assert_eq!(files.alice.send(shouted.download().allow_missing_hash()).unwrap().content, "abc");
}
