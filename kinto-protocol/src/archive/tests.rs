//! Lines, and what is made of them.

use serde_json::{Value, json};

use super::*;
use crate::archive::export_so_far::Last;
use crate::archive::lines::Lines;
use crate::archive::place::{Names, Place};
use crate::{ErrorKind, JsonMap, Permissions, bucket};

const HEADER: &str = r#"{"format":"kinto-export","version":1,"server":"http://localhost/v1","path":"/buckets/b","record_permissions":false}"#;

fn map(value: Value) -> JsonMap {
    value.as_object().unwrap().clone()
}

fn again(line: &ExportLine) -> ExportLine {
    let bytes = line.to_bytes().unwrap();
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1, "one line each");
    assert_eq!(bytes.last(), Some(&b'\n'));
    ExportLine::parse(std::str::from_utf8(&bytes).unwrap()).unwrap()
}

#[test]
fn all_that_json_can_say_comes_back() {
    let deep = (1..110).fold(json!([]), |inner, _| json!([inner]));
    for data in [
        json!({}),
        json!({"null": null, "yes": true, "no": false, "text": "", "list": [], "map": {}}),
        json!({"path": "x", "data": {}, "permissions": {}, "end": {}, "format": "kinto-export", "version": 2}),
        json!({"a\nb\r\n\u{2028}": "\u{0}\u{7f}\u{85}\u{2029}\"\\/", "😀": "e\u{301}é\u{fffd}\u{10ffff}"}),
        json!({"n": [0, -0.0, i64::MIN, u64::MAX, 0.1, 1e-300, 1.797_693_134_862_315_7e308, 5e-324, 1e22]}),
        json!({"digits": "123456789012345678901234567890"}),
        json!({"deleted": true, "deep": deep}),
    ] {
        let object = ExportedObject::new("/buckets/b".into(), map(data), ExportedPermissions::NotRead);
        let line = ExportLine::Object(object);
        assert_eq!(again(&line), line);
    }
}

#[test]
fn permissions_that_are_not_seen_are_not_none() {
    let some = Permissions::new().read(["system.Everyone"]).grant("record:create", ["/buckets/b/groups/g"]);
    for (permissions, text) in [
        (ExportedPermissions::NotRead, None),
        (ExportedPermissions::NotVisible, Some(r#","permissions":null}"#)),
        (
            ExportedPermissions::Visible(some),
            Some(r#","permissions":{"read":["system.Everyone"],"record:create":["/buckets/b/groups/g"]}}"#),
        ),
    ] {
        let line = ExportLine::Object(ExportedObject::new("/buckets/b".into(), JsonMap::new(), permissions));
        let written = String::from_utf8(line.to_bytes().unwrap()).unwrap();
        assert_eq!(written, format!("{{\"path\":\"/buckets/b\",\"data\":{{}}{}\n", text.unwrap_or("}")));
        assert_eq!(again(&line), line);
    }
    let others = r#"{"path":"/buckets/b","data":{},"permissions":{}}"#;
    let ExportLine::Object(object) = ExportLine::parse(others).unwrap() else { panic!() };
    assert_eq!(object.permissions, ExportedPermissions::NotVisible);
}

#[test]
fn what_is_not_known_is_kept() {
    for text in [
        r#"{"format":"kinto-export","version":1,"server":"s","path":"/buckets/b","record_permissions":true,"later":[1]}"#,
        r#"{"path":"/buckets/b","data":{"id":"b"},"permissions":null,"later":{"a":1}}"#,
        r#"{"end":{"objects":3,"later":null}}"#,
    ] {
        let line = ExportLine::parse(text).unwrap();
        assert_eq!(line.to_bytes().unwrap(), format!("{text}\n").as_bytes());
    }
}

#[test]
fn what_is_no_line_is_refused() {
    for (text, why) in [
        (r#"{"format":"kinto-export","version":2}"#, "version 2, and only version 1 is known"),
        (r#"{"format":"kinto-export"}"#, "version null"),
        (r#"{"format":"kinto-export","version":"1"}"#, "version \"1\""),
        (r#"{"format":"tar","version":1}"#, "of the format \"tar\""),
        (r#"{"path":"/buckets/b","data":{"n":123456789012345678901}}"#, "more than 64 bits"),
        (r#"{"path":"/buckets/b"}"#, "missing field `data`"),
        (r#"{"path":"/buckets/b","data":[]}"#, "no line of an export"),
        (r#"{"path":"/buckets/b","data":{},"permissions":[]}"#, "no line of an export"),
        (r#"{"end":3}"#, "no line of an export"),
        ("[]", "no line of an export"),
        ("{", "no line of an export"),
        ("", "no line of an export"),
    ] {
        let error = ExportLine::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{text}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
    let deep = (0..130).fold(json!([]), |inner, _| json!([inner]));
    let object = ExportedObject::new("/buckets/b".into(), map(json!({"deep": deep})), ExportedPermissions::NotRead);
    assert!(ExportLine::Object(object).to_bytes().unwrap_err().to_string().contains("nested"));
}

#[test]
fn paths_have_one_spelling() {
    for path in
        ["/buckets/b", "/buckets/b/groups/g", "/buckets/b/collections/c", "/buckets/b/collections/c/records/%C3%A9%40"]
    {
        assert_eq!(Place::parse(path).unwrap().path(), path);
    }
    for path in [
        "",
        "/",
        "/buckets",
        "/buckets/",
        "buckets/b",
        "/buckets/b/",
        "/buckets/b/collections",
        "/buckets/b/records/r",
        "/accounts/a",
        "/buckets/..",
        "/buckets/b/collections/../records/r",
        "/buckets/b/collections/%2e%2e",
        "/buckets/%62",
        "/buckets/b%2Fgroups",
        "/buckets/b?x",
        "/buckets/%ff",
        "/buckets/b/collections/c/records/r/attachment",
    ] {
        assert_eq!(Place::parse(path).unwrap_err().kind(), ErrorKind::Input, "{path}");
    }
    let within = |a: &str, b: &str| Place::parse(a).unwrap().is_within(&Place::parse(b).unwrap());
    assert!(within("/buckets/b/collections/c/records/r", "/buckets/b"));
    assert!(within("/buckets/b/collections/c/records/r", "/buckets/b/collections/c"));
    assert!(within("/buckets/b/groups/g", "/buckets/b") && within("/buckets/b", "/buckets/b"));
    assert!(!within("/buckets/b", "/buckets/b/collections/c"));
    assert!(!within("/buckets/b/groups/g", "/buckets/b/collections/g"));
    assert!(!within("/buckets/c/collections/b", "/buckets/b"));
}

#[test]
fn other_names() {
    let names = Names { bucket: Some("new".into()), collections: vec![("c".into(), "d".into())] };
    let renamed = |path: &str| names.of(&Place::parse(path).unwrap()).path();
    assert_eq!(renamed("/buckets/b/collections/c/records/c"), "/buckets/new/collections/d/records/c");
    assert_eq!(renamed("/buckets/b/groups/c"), "/buckets/new/groups/c");
    let permissions = Permissions::new().read(["/buckets/b/groups/g", "/buckets/bb/groups/g", "account:b"]);
    let expected = Permissions::new().read(["/buckets/new/groups/g", "/buckets/bb/groups/g", "account:b"]);
    assert_eq!(names.in_permissions(&permissions, "b"), expected);
}

#[test]
fn lines_come_in_any_pieces() {
    let text = b"one\ntwo\r\n\nthree";
    for size in 1..text.len() {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for mut piece in text.chunks(size) {
            while !piece.is_empty() {
                let (taken, line) = lines.take(piece).unwrap();
                found.extend(line);
                piece = &piece[taken..];
            }
        }
        assert_eq!(found, [&b"one\n"[..], b"two\r\n", b"\n"], "{size}");
        assert_eq!((lines.number, lines.rest().as_slice()), (3, &b"three"[..]));
    }
    let mut lines = Lines::default();
    let error = (0..17).find_map(|_| lines.take(&vec![b'x'; 1024 * 1024]).err()).unwrap();
    assert!(error.to_string().contains("line 1 is longer"), "{error}");
}

fn so_far(text: &str) -> crate::Result<ExportSoFar> {
    let mut so_far = ExportSoFar::new();
    text.as_bytes().chunks(7).try_for_each(|piece| so_far.take(piece))?;
    Ok(so_far)
}

#[test]
fn where_it_goes_on() {
    let record = r#"{"path":"/buckets/b/collections/c/records/r","data":{"id":"r","last_modified":42}}"#;
    let state = |text: &str| so_far(text).unwrap().state().unwrap();
    assert!(state("").is_none() && state(&HEADER[..40]).is_none());
    assert!(matches!(state(&format!("{HEADER}\n{{\"pa")), Some((_, Last::Header))));
    assert!(matches!(state(&format!("{HEADER}\n{record}\n{{\"end\":{{\"objects\":1}}}}\n")), Some((_, Last::End))));
    let text = format!("{HEADER}\n{record}\n");
    let half = format!("{text}{}", &record[..50]);
    assert_eq!(so_far(&half).unwrap().kept(), text.len() as u64);
    let Some((_, Last::Object { place, at, objects })) = state(&half) else { panic!() };
    assert_eq!((place.id(), at.as_millis(), objects), ("r", 42, 1));
}

#[test]
fn nothing_else_is_cut_off() {
    for text in ["notes", "{}\n", "{\"format\":\"kinto-expor\"}", &format!("\n{HEADER}\n"), "\0\0\0"] {
        let error = so_far(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{text}: {error}");
    }
}

#[test]
fn only_the_same_goes_on() {
    let there = so_far(&format!("{HEADER}\n")).unwrap();
    assert!(bucket("b").export().resume(&there).is_ok());
    for (export, why) in [
        (bucket("c").export(), "an export of /buckets/b without permissions of records, and not this of /buckets/c"),
        (bucket("b").collection("c").export(), "and not this of /buckets/b/collections/c"),
        (bucket("b").export().record_permissions(), "and not this of /buckets/b"),
        (bucket("b").export().consistent(), "cannot be made consistent"),
    ] {
        let error = export.resume(&there).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn what_an_import_takes() {
    let bucket = r#"{"path":"/buckets/b","data":{"id":"b","last_modified":1}}"#;
    let end = r#"{"end":{"objects":1}}"#;
    let take = |text: &str| -> crate::Result<()> {
        let mut import = Import::new();
        assert_eq!(import.take(text.as_bytes())?, text.len());
        import.end()
    };
    take(&format!("{HEADER}\r\n\n{bucket}\n{end}\n\n")).unwrap();
    take(&format!("{HEADER}\n{bucket}\n{end}")).unwrap();
    for (text, why) in [
        (String::new(), "this is no export"),
        (format!("{bucket}\n"), "line 1: this is no export"),
        (format!("{HEADER}\n{HEADER}\n"), "line 2: another export begins here"),
        (format!("{HEADER}\n{end}\n{bucket}\n"), "line 3: something comes after the end"),
        (format!("{HEADER}\n{}\n", bucket.replace("/buckets/b", "/buckets/c")), "/buckets/c is not in /buckets/b"),
        (format!("{HEADER}\n{}\n", bucket.replace("\"id\":\"b\"", "\"id\":\"c\"")), "/buckets/b has another id"),
        (HEADER.replace("/buckets/b", "/buckets/b/groups/g") + "\n", "there are no exports of /buckets/b/groups/g"),
        (HEADER.replace("\"version\":1", "\"version\":7") + "\n", "version 7"),
        (format!("{HEADER}\n{}\n", "\u{e9}".repeat(3)), "line 2: it is no line of an export"),
    ] {
        let error = take(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{text}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
    // Whole, but for a letter, and without an end: it does not break off.
    let mut import = Import::new();
    import.take(&[format!("{HEADER}\n{bucket}\n").as_bytes(), b"{\"path\":\"\xff\"}"].concat()).unwrap();
    let error = import.end().unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("UTF-8"), "{error}");
}

#[test]
fn an_import_is_full_after_a_hundred_of_one_list() {
    let record = |id: usize, of: &str| {
        format!("{{\"path\":\"/buckets/b/collections/{of}/records/r{id}\",\"data\":{{\"id\":\"r{id}\"}}}}\n")
    };
    let mut text = format!("{HEADER}\n");
    (0..250).for_each(|id| text += &record(id, "c"));
    let mut import = Import::new();
    let taken = import.take(text.as_bytes()).unwrap();
    assert!(import.is_full());
    assert_eq!(text[..taken].lines().count(), 101);
    assert_eq!(import.take(b"x").unwrap(), 0);

    let mut import = Import::new();
    let text = format!("{HEADER}\n{}{}{}", record(1, "c"), record(1, "c"), record(1, "d"));
    assert_eq!(import.take(text.as_bytes()).unwrap(), text.len());
    assert!(import.is_full(), "another list begins");
}
