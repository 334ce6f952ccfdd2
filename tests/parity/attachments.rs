//! Files attached to records.

use kinto_protocol::{Attachment, RecordFile, bucket};
use serde_json::json;

use crate::answers::{Scripted, answer, has, json, json_with, lost};
use crate::scenario::{Scenario, records, scenario};

const HASH: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const BARE: &str = r#"{"data":{"id":"a","last_modified":7,"n":1}}"#;
const REFUSED: &str =
    r#"{"code":400,"errno":107,"error":"Invalid parameters","message":"File extension is not allowed."}"#;
const GONE: &str = r#"{"data":{"id":"a","last_modified":9,"deleted":true}}"#;

fn file() -> RecordFile {
    bucket("b").collection("c").attachment("a")
}

/// What the record says of the file `hello`.
fn described() -> String {
    format!(r#"{{"filename":"a.txt","location":"x/a.txt","hash":"{HASH}","mimetype":"text/plain","size":5}}"#)
}

fn attachment() -> Attachment {
    serde_json::from_str(&described()).unwrap()
}

fn record() -> Scripted {
    json(200, &format!(r#"{{"data":{{"id":"a","last_modified":7,"attachment":{}}}}}"#, described()))
}

fn plugin() -> Scripted {
    has(&["attachments"])
}

fn taken() -> Scripted {
    json_with(201, &[("ETag", "\"9\"")], &described())
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = uploads();
    all.extend(downloads());
    all
}

fn uploads() -> Vec<Scenario> {
    vec![
        scenario!(
            "a file from memory",
            [UploadFile, content],
            [plugin(), json(404, r#"{"errno":110}"#), taken()],
            |client, told| {
                told.of(client.send(file().upload("a.txt").data(&json!({"n": 1})).content("hello")));
            }
        )
        .shows("soon: POST /v1/buckets/b/collections/c/records/a/attachment HTTP/1.1")
        .shows("created: true"),
        scenario!(
            "a file by pieces",
            [UploadFile, by_pieces],
            [plugin(), json(200, BARE), taken(), lost(), record()],
            |client, told| {
                let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
                std::fs::write(&path, "hello").unwrap();
                told.of(client.upload_file(file().upload("a.txt"), &path));
                told.of(client.upload_file(file().upload("a.txt").always(), &path));
            }
        )
        .shows("repeated: false")
        .shows("repeated: true"),
        scenario!(
            "a file whose answer is lost, and that is there",
            [UploadFile],
            [plugin(), json(200, BARE), lost(), record()],
            |client, told| told.of(client.send(file().upload("a.txt").content("hello")))
        )
        .shows("repeated: true"),
        scenario!(
            "a file whose answer is lost, and that is not there",
            [UploadFile],
            [plugin(), json(200, BARE), lost(), json(200, BARE)],
            |client, told| told.of(client.send(file().upload("a.txt").content("hello")))
        )
        .shows("Err Interrupted")
        .shows("maybe_applied=true"),
        scenario!(
            "a file that is refused takes its record with it",
            [UploadFile, create],
            [plugin(), json(201, BARE), json(400, REFUSED), json(200, GONE)],
            |client, told| {
                let create = records().create("a", &json!({"n": 1}));
                told.of(client.send(file().upload("a.txt").together_with(create).content("hello")));
            }
        )
        .shows("soon: DELETE /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("maybe_applied=false"),
        scenario!("a file that cannot be sent", [UploadFile], [], |client, told| {
            told.of(client.send(file().upload("a.exe").content("hello")));
            told.of(client.send(file().upload("../a.txt").content("hello")));
            told.of(client.send(file().upload("a.txt").always().by_pieces(Some(5), None, false)).map(drop));
        })
        .at_nobodys()
        .shows("any_extension()"),
        scenario!(
            "what a record says of its file, and its end",
            [GetAttachment, RemoveAttachment, get, remove],
            [plugin(), record(), record(), answer(204, &[], ""), json(200, BARE)],
            |client, told| {
                told.of(client.send(file().get()));
                told.of(client.send(file().remove()));
                told.of(client.send(file().remove()));
            }
        )
        .shows("soon: DELETE /v1/buckets/b/collections/c/records/a/attachment HTTP/1.1"),
    ]
}

fn downloads() -> Vec<Scenario> {
    vec![
        scenario!(
            "a file into memory, without anything of the caller's",
            [Download, download],
            [plugin(), record(), answer(200, &[], "hello")],
            |client, told| {
                let base = format!("{}/files", client.session().url());
                told.of(client.send(file().download().base_url(base)));
            }
        )
        .shows("GET /v1/files/x/a.txt HTTP/1.1")
        .shows("content: b\"hello\""),
        scenario!(
            "a file into a writer, and one that there is already",
            [DownloadFile, by_pieces],
            [lost(), answer(200, &[], "hello")],
            |client, told| {
                let download = || attachment().download().base_url(format!("{}/files", client.session().url()));
                let mut written = Vec::new();
                told.of(client.download_to(download(), &mut written));
                told.that(String::from_utf8(written));
                told.of(client.send(download().by_pieces(Some((5, HASH.to_owned())))));
                told.of(client.send(download().by_pieces(Some((5, HASH.replace('2', "3"))))));
            }
        )
        .shows("Ok(\"hello\")")
        .shows("skipped: true")
        .shows("overwrite()"),
        scenario!(
            "a file that is another, and one that is not there",
            [Download],
            [answer(200, &[], "hullo"), answer(404, &[], "<html>")],
            |client, told| {
                let download = || attachment().download().base_url(format!("{}/files", client.session().url()));
                told.of(client.send(download()));
                told.of(client.send(download()));
            }
        )
        .shows("Err Attachment")
        .shows("status=Some(404)"),
        scenario!("a file is somewhere else, and not to be trusted", [Download], [plugin()], |client, told| {
            let mut elsewhere = attachment();
            elsewhere.location = "http://evil.example/a.txt".to_owned();
            told.of(client.send(elsewhere.download()));
        })
        .shows("Err Attachment"),
    ]
}
