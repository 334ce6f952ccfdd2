//! Files: their names, the form that they are sent in, and what comes back.
//!
//! The first line is the name, the second the media type, the third the text of a field, and the rest is the file.

use kinto_protocol::{Attachment, Request, bucket};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::bench::Bench;
use super::{answers, flows};

/// A record that is not there yet, on a server that takes files, and what is said of the file then.
const ANSWERS: &[u8] = br#"200

{"capabilities": {"attachments": {"base_url": "https://files.example/att/"}}}
%%
404
"#;

/// The file that others here ask for.
pub(super) fn hello() -> Attachment {
    let described = json!({
        "filename": "x.txt",
        "location": "https://files.example/att/x.txt",
        "hash": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "mimetype": "text/plain",
        "size": 5,
    });
    serde_json::from_value(described).expect("a file")
}

pub(super) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn run(bytes: &[u8]) {
    let (name, rest) = answers::line(bytes);
    let (media_type, rest) = answers::line(rest);
    let (field, content) = answers::line(rest);
    let [name, media_type, field] = [name, media_type, field].map(String::from_utf8_lossy);
    let file = bucket("b").collection("c").attachment("a");
    let upload = file.upload(&*name).any_extension().always().data(&json!({"text": field}));
    let upload = if media_type.is_empty() { upload } else { upload.media_type(&*media_type) };
    let sent = Bench::sent(upload.content(content.to_vec()), bytes, ANSWERS);
    for request in sent.iter().filter(|request| request.method() == http::Method::POST) {
        look_at_form(request, &name, &media_type, &json!({"text": field}).to_string(), content);
    }
    // The same name, as the server says it, and where it says that the file is.
    let mut described = hello();
    described.filename = name.to_string();
    look_at_name(&described);
    described.location = media_type.to_string();
    described.size = content.len() as u64;
    described.hash = sha256(content);
    let mut bench = Bench::new("once", ANSWERS).hears(bytes);
    bench.elsewhere = true;
    drop(bench.read(described.download().allow_missing_hash()));
    // The file in pieces, from a server that cannot make up its mind.
    let head = b"200\n\n{\"capabilities\": {\"attachments\": {\"base_url\": \"https://files.example/att/\"}}}%%\n";
    described.location = "https://files.example/att/x.txt".to_owned();
    for text in [content, &bytes[..bytes.len() / 2]] {
        let mut bench = Bench::new("", &[head, b"200\netag: \"x\"\n\n".as_slice(), text].concat()).hears(bytes);
        flows::download_by_pieces(&mut bench, &described);
        let mut bench = Bench::new("", &[head, text].concat()).hears(bytes);
        flows::download_by_pieces(&mut bench, &described);
    }
}

/// A form that any server reads as these parts, and no others.
fn look_at_form(request: &Request, name: &str, media_type: &str, data: &str, content: &[u8]) {
    let kind = request.headers()[http::header::CONTENT_TYPE].to_str().expect("a media type");
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a form");
    let line = format!("\r\n--{boundary}");
    // So that the first is like all others.
    let body = [b"\r\n", &request.body()[..]].concat();
    let mut parts = Vec::new();
    let mut rest = body.as_slice();
    while let Some(at) = rest.windows(line.len()).position(|window| window == line.as_bytes()) {
        parts.push(&rest[..at]);
        rest = &rest[at + line.len()..];
    }
    assert_eq!(rest, b"--\r\n", "it ends with its last part");
    let [before, fields @ .., file] = &parts[..] else { panic!("a form without a part") };
    assert_eq!((before.len(), fields.len()), (0, 1), "one field, and the file");
    let head = b"\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n".as_slice();
    assert_eq!(fields[0], [head, data.as_bytes()].concat());
    let end = file.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of a head");
    assert_eq!(&file[end + 4..], content, "the file");
    let head = std::str::from_utf8(&file[2..end]).expect("a head");
    let lines: Vec<&str> = head.split("\r\n").collect();
    let [disposition, kind] = lines[..] else { panic!("other lines in {head:?}") };
    assert!(!head.contains(|c: char| c.is_control() && c != '\r' && c != '\n'), "{head:?}");
    let quoted = disposition.strip_prefix("Content-Disposition: form-data; name=\"attachment\"; filename=\"");
    let quoted = quoted.and_then(|rest| rest.strip_suffix('"')).expect("a name");
    assert_eq!(unquoted(quoted), name, "the name that was given");
    let kind = kind.strip_prefix("Content-Type: ").expect("a media type");
    assert!(media_type.is_empty() || kind == media_type, "{kind:?}");
}

/// A quoted string, as HTTP has it.
fn unquoted(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        assert_ne!(character, '"', "it ends here: {text}");
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

/// A name that leads nowhere.
pub(super) fn look_at_name(file: &Attachment) {
    let name = file.safe_name();
    let bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '\u{202e}');
    assert!(!name.is_empty() && name.len() <= 200 && !name.contains(bad), "{name:?}");
    assert!(!name.starts_with('.') && !name.ends_with(['.', ' ']), "{name:?}");
    let mut again = file.clone();
    again.filename.clone_from(&name);
    assert_eq!(again.safe_name(), name, "a safe name is safe");
}
