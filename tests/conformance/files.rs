//! Files of records: what Python's calls of them are in our words, and the forms in which they are sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use kinto_protocol::{Attachment, Downloaded, RecordFile, Request, Session, Upload, Uploaded};
use serde_json::{Value, json};

use crate::case::{Args, Client, text};
use crate::output::{Output, Stop};
use crate::publishing::place;
use crate::python::{Outcome, permissions, plain};
use crate::replay::Stage;

/// Attaches, fetches or removes a file.
pub(crate) fn done(stage: &mut Stage, session: &Session, client: &Client, method: &str, args: &Args) -> Outcome {
    match method {
        "add_attachment" => {
            let file = args.given("filepath").ok_or(Stop::Refused("an upload needs a content"))?;
            let Some(content) = file["text"].as_str() else { return Err(Stop::Refused("there is no such file")) };
            let upload = upload(record(client, args)?, args, &text(&file["name"])).content(content.to_owned());
            stage.send(session, upload).map(Into::into)
        }
        "download_attachment" => {
            let record = args.given("record").ok_or(Stop::Refused("a download needs a file"))?;
            let attachment: Option<Attachment> = serde_json::from_value(record["attachment"].clone()).ok().flatten();
            let attachment = attachment.ok_or(Stop::Refused("there is no file in the record"))?;
            // Where Python takes a name from the record, our users are told to take this.
            let given = args.given("filepath").map(|place| text(&place["name"])).filter(|name| !name.is_empty());
            let name = given.unwrap_or_else(|| attachment.safe_name());
            let downloaded: Downloaded = stage.send(session, attachment.download())?;
            Ok(Output::File { name, content: String::from_utf8_lossy(&downloaded.content).into_owned() })
        }
        "remove_attachment" => {
            let removed: Option<Attachment> = stage.send(session, record(client, args)?.remove())?;
            Ok(Output::Plain(serde_json::to_value(removed).unwrap_or_default()))
        }
        _ => panic!("nothing is done with files by the name {method}"),
    }
}

fn record(client: &Client, args: &Args) -> Result<RecordFile, Stop> {
    let (within, id) = place(client, args, "collection")?;
    let record = args.name("id").ok_or(Stop::Refused("a record needs an id"))?;
    Ok(within.collection(&id).attachment(&record))
}

/// Python looks neither whether the file is there already nor whether the server takes it.
fn upload(record: RecordFile, args: &Args, name: &str) -> Upload {
    let upload = record.upload(args.name("filename").unwrap_or_else(|| name.to_owned())).always().any_extension();
    let upload = args.given("data").map(plain).into_iter().fold(upload, |upload, data| upload.data(&data));
    let upload = args.given("permissions").map(permissions).into_iter().fold(upload, Upload::permissions);
    args.name("mimetype").into_iter().fold(upload, Upload::media_type)
}

impl From<Uploaded> for Output {
    fn from(uploaded: Uploaded) -> Self {
        Self::Plain(serde_json::to_value(uploaded.attachment).unwrap_or_default())
    }
}

/// What a form says, by the names of its parts: what each is said to be, and what is in it.
pub(crate) type Form = BTreeMap<String, (BTreeMap<String, String>, Value)>;

/// Theirs, as it was recorded.
pub(crate) fn their_form(body: &Value) -> Form {
    let parts = body.as_array().into_iter().flatten().map(|part| {
        let headers = part["headers"].as_object().into_iter().flatten();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect();
        named(headers, part.get("json").unwrap_or(&part["text"]).clone())
    });
    parts.collect()
}

/// Ours, as a server reads it. Nothing, if it is none.
pub(crate) fn our_form(request: &Request) -> Option<Form> {
    let boundary = boundary(request)?;
    let body = String::from_utf8(request.body().to_vec()).ok()?;
    let body = body.strip_suffix(&format!("\r\n--{boundary}--\r\n"))?;
    let body = body.strip_prefix(&format!("--{boundary}\r\n"))?;
    let between = format!("\r\n--{boundary}\r\n");
    let parts = body.split(&between).map(|part| {
        let (head, content) = part.split_once("\r\n\r\n")?;
        let headers = head.split("\r\n").filter_map(|line| line.split_once(": "));
        let headers: BTreeMap<_, _> =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let is_file = headers.get("content-disposition")?.contains("filename=");
        let content = if is_file { content.into() } else { serde_json::from_str(content).ok()? };
        Some(named(headers, content))
    });
    parts.collect()
}

/// The boundary that a request tells, if it is a form.
pub(crate) fn boundary(request: &Request) -> Option<&str> {
    let content_type = request.headers().get("content-type")?.to_str().ok()?;
    content_type.strip_prefix("multipart/form-data; boundary=")
}

/// A part by its name.
fn named(headers: BTreeMap<String, String>, content: Value) -> (String, (BTreeMap<String, String>, Value)) {
    let disposition = headers.get("content-disposition").map(String::as_str).unwrap_or_default();
    let name = disposition.split("name=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    (name.to_owned(), (headers, content))
}

#[test]
fn forms_are_read_as_they_are_written() {
    let body = "--0f\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{\"a\":1}\r\n--0f\r\nContent-Disposition: \
                form-data; name=\"attachment\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\na\r\n\r\nb\r\n--0f--\r\n";
    let request = http::Request::post("/").header("content-type", "multipart/form-data; boundary=0f");
    let ours = our_form(&request.body(Bytes::from(body)).expect("a request")).expect("a form");
    let theirs = json!([
        {"headers": {"Content-Disposition": "form-data; name=\"attachment\"; filename=\"a.txt\"",
            "Content-Type": "text/plain"}, "text": "a\r\n\r\nb"},
        {"headers": {"Content-Disposition": "form-data; name=\"data\""}, "json": {"a": 1}},
    ]);
    assert_eq!(ours, their_form(&theirs));
    assert_eq!(our_form(&http::Request::new(Bytes::new())), None);
}
