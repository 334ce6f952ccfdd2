//! Files that are attached to records.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::attachment::hex;
use crate::{Permissions, RecordFile, Timestamp, Transfer, Upload, Uploaded};

const HERE: &str = "/v1/buckets/b/collections/c/records/a";

pub(super) fn file() -> RecordFile {
    bucket("b").collection("c").attachment("a")
}

pub(super) fn sha(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// What the server says of itself.
pub(super) fn hello() -> Outcome {
    answer(200, &[], r#"{"capabilities":{"attachments":{"base_url":"http://files.example/att/"}}}"#)
}

/// What a record says of a file.
pub(super) fn described(content: &[u8]) -> serde_json::Value {
    json!({"filename": "a.txt", "location": "http://files.example/att/x.txt", "hash": sha(content),
        "mimetype": "text/plain", "size": content.len()})
}

/// The record with this file.
pub(super) fn record(attachment: &serde_json::Value) -> Outcome {
    let data = json!({"id": "a", "last_modified": 5, "n": 1, "attachment": attachment});
    answer(200, &[], &json!({"data": data, "permissions": {"write": ["me"]}}).to_string())
}

fn none() -> Outcome {
    answer(404, &[], r#"{"errno":110}"#)
}

/// The answer to a file that was taken.
fn taken(status: u16, content: &[u8]) -> Outcome {
    answer(status, &[("etag", "\"9\"")], &described(content).to_string())
}

fn refused() -> Outcome {
    answer(400, &[], r#"{"errno":107,"message":"File extension is not allowed."}"#)
}

fn lost() -> Outcome {
    fails(FailureKind::Interrupted)
}

fn upload() -> Upload {
    file().upload("a.txt")
}

fn uploaded(run: Run<Uploaded>) -> Uploaded {
    run.result.unwrap()
}

#[test]
fn a_file_is_a_form() {
    let done = run(
        upload().data(&json!({"n": 2})).permissions(Permissions::new().read(["you"])).content("hello"),
        vec![hello(), none(), taken(201, b"hello")],
    );
    assert_eq!(done.lines(), ["GET /v1/", &format!("GET {HERE}"), &format!("POST {HERE}/attachment")]);
    let post = &done.requests[2];
    let kind = post.headers()["content-type"].to_str().unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    assert_eq!(
        std::str::from_utf8(post.body()).unwrap().replace(boundary, "X").replace("\r\n", "\n"),
        "--X\nContent-Disposition: form-data; name=\"data\"\n\n{\"n\":2}\n\
         --X\nContent-Disposition: form-data; name=\"permissions\"\n\n{\"read\":[\"you\"]}\n\
         --X\nContent-Disposition: form-data; name=\"attachment\"; filename=\"a.txt\"\nContent-Type: text/plain\n\n\
         hello\n--X--\n"
    );
    assert!(post.headers().contains_key("authorization"));
    let uploaded = uploaded(done);
    assert_eq!(uploaded.attachment.location, "http://files.example/att/x.txt");
    assert_eq!(uploaded.last_modified, Some(Timestamp::from_millis(9)));
    assert!(uploaded.created && !uploaded.skipped && !uploaded.repeated);
}

#[test]
fn what_is_there_is_not_sent_again() {
    let there = || record(&described(b"hello"));
    let kept = run(upload().content("hello"), vec![hello(), there(), answer(200, &[("content-length", "5")], "")]);
    let probe = &kept.requests[2];
    assert_eq!((probe.method(), probe.uri().to_string()), (&Method::HEAD, "http://files.example/att/x.txt".to_owned()));
    assert!(!probe.headers().contains_key("authorization"), "{probe:?}");
    let kept = uploaded(kept);
    assert!(kept.skipped && !kept.created && kept.last_modified == Some(Timestamp::from_millis(5)));

    // It is said to be there, and is not, or not all of it; or nobody can tell.
    for probe in [answer(404, &[], ""), answer(200, &[("content-length", "4")], ""), fails(FailureKind::Tls)] {
        let sent = run(upload().content("hello"), vec![hello(), there(), probe, taken(200, b"hello")]);
        assert!(!uploaded(sent).skipped);
    }
    let elsewhere = json!({"filename": "a.txt", "location": "http://evil.example/x", "hash": sha(b"hello"), "size": 5});
    let sent = run(upload().content("hello"), vec![hello(), record(&elsewhere), taken(200, b"hello")]);
    assert!(!uploaded(sent).skipped);

    // Another content, name or media type is another file.
    for other in [
        upload().content("hullo"),
        file().upload("b.txt").content("hello"),
        upload().media_type("text/x").content("hello"),
    ] {
        let sent = run(other, vec![hello(), there(), none()]);
        assert_eq!(sent.requests.len(), 3);
    }
    // Nobody asks.
    assert_eq!(run(upload().always().content("hello"), vec![hello(), taken(200, b"hello")]).requests.len(), 2);
}

#[test]
fn the_record_of_a_file_that_stays_is_changed() {
    let there = || record(&described(b"hello"));
    let (size, whole) = ([("content-length", "5")], "");
    let nothing = upload().data(&json!({"n": 1})).content("hello");
    let done = run(nothing, vec![hello(), there(), answer(200, &size, whole)]);
    assert!(uploaded(done).skipped, "it is so already");
    let change = upload().data(&json!({"n": 2})).content("hello");
    let changed = answer(200, &[("etag", "\"6\"")], RECORD);
    let done = run(change, vec![hello(), there(), answer(200, &size, whole), changed]);
    assert_eq!(done.lines()[3], format!("PATCH {HERE}"));
    assert_eq!(done.requests[3].body(), r#"{"data":{"n":2}}"#);
    let done = uploaded(done);
    assert!(done.skipped && done.last_modified == Some(Timestamp::from_millis(6)));
}

#[test]
fn who_cannot_read_may_still_be_allowed_to_create() {
    for status in [401, 403, 404] {
        let done = run(upload().content("x"), vec![hello(), answer(status, &[], "{}"), taken(201, b"x")]);
        assert!(uploaded(done).created, "{status}");
    }
    let error = run(upload().content("x"), vec![hello(), answer(400, &[], "{}")]).error();
    assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST));
}

#[test]
fn a_lost_answer_is_looked_up() {
    let ours = run(upload().content("x"), vec![hello(), none(), lost(), record(&described(b"x"))]);
    assert_eq!(ours.lines()[2..], [format!("POST {HERE}/attachment"), format!("GET {HERE}")]);
    let ours = uploaded(ours);
    assert!(ours.repeated && ours.attachment.size == 1);

    for found in [record(&serde_json::Value::Null), record(&described(b"y")), none(), lost()] {
        let once =
            Bench::new(|policy| policy.attempts = 1).run(upload().content("x"), vec![hello(), none(), lost(), found]);
        let error = once.error();
        assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{error}");
        assert_eq!(error.request().unwrap().to_string(), "POST /buckets/b/collections/c/records/a/attachment");
    }
    // What was there before is no sign of anything.
    let before = vec![hello(), record(&described(b"x")), none(), lost(), record(&described(b"x"))];
    assert!(run(upload().content("x"), before).error().maybe_applied());
    // A server in distress, and a success that cannot be read.
    for odd in [answer(503, &[], ""), answer(200, &[], "<html>")] {
        let done = run(upload().content("x"), vec![hello(), none(), odd, record(&described(b"x"))]);
        assert!(uploaded(done).repeated);
    }
    let error = run(upload().content("x"), vec![hello(), none(), answer(503, &[], ""), none()]).error();
    assert!(error.status() == Some(StatusCode::SERVICE_UNAVAILABLE) && error.maybe_applied(), "{error}");
}

#[test]
fn the_server_must_have_what_was_sent() {
    let error = run(upload().content("hello"), vec![hello(), none(), taken(201, b"hell")]).error();
    assert!(error.kind() == ErrorKind::Attachment && error.maybe_applied(), "{error}");
    assert!(error.to_string().contains("the server has 4 bytes"), "{error}");
}

#[test]
fn what_would_be_refused_is_not_sent() {
    for name in ["a.exe", "a", "", "a/b.txt", "a\r\n.txt"] {
        let refused = run(file().upload(name).content("x"), vec![]);
        assert!(refused.requests.is_empty());
        assert_eq!(refused.error().kind(), ErrorKind::Input, "{name}");
    }
    let daring = file().upload("a.exe").any_extension().always().content("x");
    let error = run(daring, vec![hello(), refused()]).error();
    assert!(!error.maybe_applied() && error.status() == Some(StatusCode::BAD_REQUEST));
    let array = upload().data(&json!([1])).content("x");
    assert_eq!(run(array, vec![]).error().kind(), ErrorKind::Input);
    let other_id = upload().data(&json!({"id": "b"})).content("x");
    assert_eq!(run(other_id, vec![]).error().kind(), ErrorKind::Input);
    let error = run(upload().media_type("a\r\nb").always().content("x"), vec![]).error();
    assert_eq!(error.kind(), ErrorKind::Input);
}

#[test]
fn the_loss_of_the_old_file_is_told() {
    let error = run(upload().content("y"), vec![hello(), record(&described(b"x")), refused()]).error();
    assert!(error.to_string().contains("has deleted the file that was there"), "{error}");
    let error = run(upload().content("y"), vec![hello(), none(), refused()]).error();
    assert!(!error.to_string().contains("deleted"), "{error}");
    // What is aborted in favour of others has begun so, too. Where nobody looked, nobody knows.
    let aborted = || answer(409, &[], r#"{"errno":122}"#);
    let mut once = Bench::new(|policy| policy.attempts = 1);
    let error = once.run(upload().content("y"), vec![hello(), record(&described(b"x")), aborted()]).error();
    assert!(error.is_conflict() && error.to_string().contains("has deleted the file that was there"), "{error}");
    let error = once.run(upload().always().content("y"), vec![aborted()]).error();
    assert!(error.to_string().contains("if there was a file, the server has deleted it"), "{error}");
    let error = once.run(upload().content("y"), vec![none(), refused()]).error();
    assert!(!error.to_string().contains("deleted"), "{error}");
}

#[test]
fn both_or_neither() {
    let both = || upload().together_with(records().create("a", &json!({"n": 1}))).content("x");
    let done = run(both(), vec![hello(), answer(201, &[], RECORD), taken(200, b"x")]);
    assert_eq!(done.requests[1].headers()["if-none-match"], "*");
    assert!(uploaded(done).created);

    let undone = run(both(), vec![hello(), answer(201, &[], RECORD), refused(), answer(200, &[], GONE)]);
    assert_eq!(undone.lines().last().unwrap(), &format!("DELETE {HERE}"));
    assert_eq!(undone.requests.last().unwrap().headers()["if-match"], "\"7\"");
    let error = undone.error();
    assert!(!error.maybe_applied() && error.status() == Some(StatusCode::BAD_REQUEST), "{error}");
    assert!(error.to_string().contains("the record is as it was"), "{error}");

    let stuck = run(both(), vec![hello(), answer(201, &[], RECORD), refused(), answer(412, &[], "{}")]);
    let error = stuck.error();
    assert!(error.maybe_applied() && error.to_string().contains("could not be put back"), "{error}");

    // The first half fails: there is no second.
    let error = run(both(), vec![hello(), answer(412, &[], "{}")]).error();
    assert!(error.is_precondition_failed() && !error.maybe_applied());
}

const GONE: &str = r#"{"data":{"id":"a","last_modified":9,"deleted":true}}"#;

#[test]
fn what_was_replaced_comes_back() {
    let before = || record(&described(b"old"));
    let replace = || upload().together_with(records().replace("a", &json!({"n": 2}))).content("x");
    let written = || answer(200, &[], r#"{"data":{"id":"a","last_modified":8,"n":2}}"#);
    let undone = run(replace(), vec![hello(), before(), written(), refused(), answer(200, &[], RECORD)]);
    let put = undone.requests.last().unwrap();
    assert_eq!((put.method(), put.headers()["if-match"].to_str().unwrap()), (&Method::PUT, "\"8\""));
    let body: serde_json::Value = serde_json::from_slice(put.body()).unwrap();
    assert_eq!(body["data"], json!({"n": 1, "attachment": described(b"old")}));
    assert_eq!(body["permissions"], json!({"write": ["me"]}));
    let error = undone.error();
    assert!(error.to_string().contains("the record is as it was"), "{error}");
    assert!(error.to_string().contains("has deleted the file that was there"), "{error}");

    // Nobody knows whether it was taken: nothing is undone.
    let doubt = run(replace(), vec![hello(), before(), written(), lost(), written()]);
    assert_eq!(doubt.lines().last().unwrap(), &format!("GET {HERE}"));
    assert!(doubt.error().maybe_applied());
    // The server is done with it, and nothing came of it.
    let unavailable = answer(503, &[], "");
    let undone = run(replace(), vec![hello(), before(), written(), unavailable, written(), answer(200, &[], RECORD)]);
    assert_eq!(undone.lines().last().unwrap(), &format!("PUT {HERE}"));
    assert!(!undone.error().maybe_applied());
}

#[test]
fn both_are_of_one_record() {
    let other = upload().together_with(records().create("b", &json!({}))).content("x");
    assert_eq!(run(other, vec![]).error().kind(), ErrorKind::Input);
    let unknown = upload().together_with(records().add(&json!({}))).content("x");
    assert_eq!(run(unknown, vec![]).error().kind(), ErrorKind::Input);
}

#[test]
fn without_the_plugin_nothing_is_sent() {
    let bare = answer(200, &[], r#"{"capabilities":{}}"#);
    let error = run(upload().content("x"), vec![bare]).error();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("\"attachments\""), "{error}");
}

#[test]
fn a_file_is_removed_where_there_is_one() {
    let removed = run(file().remove(), vec![hello(), record(&described(b"x")), answer(204, &[], "")]);
    assert_eq!(removed.lines()[2], format!("DELETE {HERE}/attachment"));
    assert_eq!(removed.result.unwrap().unwrap().size, 1);
    let nothing = run(file().remove(), vec![hello(), record(&serde_json::Value::Null)]);
    assert_eq!(nothing.result.unwrap(), None);
    assert!(run(file().remove(), vec![hello(), none()]).error().is_not_found());
    let odd = run(file().remove(), vec![hello(), record(&json!({"size": -1})), answer(204, &[], "")]);
    assert!(odd.result.unwrap().is_some());
    assert_eq!(run(file().get(), vec![hello(), record(&json!({"size": -1}))]).error().kind(), ErrorKind::Attachment);
}

/// Sends a file by pieces, each attempt of it reading as much as there is.
fn by_pieces(flow: crate::UploadFile, content: &[u8], answers: Vec<Outcome>) -> (Result<Uploaded>, usize) {
    let bench = Bench::new(|_| {});
    let mut exchange = bench.session.exchange(flow).by_pieces();
    let (mut now, mut answers, mut sent) = (bench.now, answers.into_iter(), 0);
    loop {
        match exchange.next(now) {
            Step::Send(request, limits) => {
                let outcome = answers.next().expect("one more answer");
                let told = match exchange.transfer() {
                    Some(Transfer::Out(file)) => {
                        assert!(request.body().is_empty() && limits.total > Duration::from_secs(1_000_000));
                        assert_eq!(limits.head, Duration::from_secs(30 + (file.length().unwrap_or(0) >> 24)));
                        let connected = outcome.as_ref().err().is_none_or(TransportError::may_have_been_sent);
                        if connected {
                            file.begin()
                        };
                        sent += usize::from(connected);
                        let read =
                            || content.chunks(2).try_for_each(|piece| file.piece(piece)).and_then(|()| file.end());
                        if connected { read() } else { Ok(()) }
                    }
                    _ => Ok(()),
                };
                // A file may take longer than any deadline.
                let took = if exchange.transfer().is_some() { 3600 } else { 1 };
                now = now.after(Duration::from_secs(took));
                exchange.handle(told.and(outcome), now);
            }
            Step::Wait(wait) => now = now.after(wait),
            Step::Done(result) => {
                assert!(answers.next().is_none(), "not all answers were asked for");
                return (result, sent);
            }
        }
    }
}

#[test]
fn pieces_are_sent_again_only_if_they_can_be_read_again() {
    let busy = || answer(429, &[], "{}");
    let again = upload().always().by_pieces(Some(5), None, false);
    let (result, sent) = by_pieces(again, b"hello", vec![hello(), busy(), taken(200, b"hello")]);
    assert_eq!((result.unwrap().attachment.size, sent), (5, 2));
    let once = || upload().by_pieces(None, None, true);
    let (result, sent) = by_pieces(once(), b"hello", vec![hello(), busy()]);
    let error = result.unwrap_err();
    assert!(error.status() == Some(StatusCode::TOO_MANY_REQUESTS) && !error.maybe_applied() && sent == 1, "{error}");
    // Nobody has read anything.
    let refused = Err(TransportError::new(FailureKind::Connect, "refused"));
    let (result, sent) = by_pieces(once(), b"hello", vec![hello(), refused, taken(200, b"hello")]);
    assert!(result.is_ok() && sent == 1);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_sent() {
    for size in [4, 6] {
        let upload = upload().always().by_pieces(Some(size), None, false);
        let (result, _) = by_pieces(upload, b"hello", vec![hello(), taken(200, b"hello")]);
        let error = result.unwrap_err();
        assert!(error.kind() == ErrorKind::Io && !error.maybe_applied(), "{error}");
    }
}

#[test]
fn a_server_may_think_about_a_large_file() {
    let bench = Bench::new(|_| {});
    let large = upload().always().by_pieces(Some(2 << 30), None, false);
    let mut exchange = bench.session.exchange(large).by_pieces();
    let Step::Send(..) = exchange.next(bench.now) else { panic!("no request") };
    exchange.handle(hello(), bench.now);
    let Step::Send(_, limits) = exchange.next(bench.now) else { panic!("no file") };
    assert_eq!(limits.head, Duration::from_secs(30 + 128));
}

#[test]
fn what_cannot_move_pieces_says_so() {
    let pieces = upload().by_pieces(Some(5), None, false);
    let error = run(pieces, vec![hello()]).error();
    assert!(error.kind() == ErrorKind::Input && error.to_string().contains("upload_from"), "{error}");
}
