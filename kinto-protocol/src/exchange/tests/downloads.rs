//! Files that are fetched.

use super::attachments::{described, file, hello, record, sha};
use super::*;
use crate::{Attachment, Download, DownloadFile, Fetched, Transfer};

const CONTENT: &[u8] = b"hello";

fn known() -> Attachment {
    serde_json::from_value(described(CONTENT)).unwrap()
}

fn at(location: &str) -> Attachment {
    Attachment { location: location.to_owned(), ..known() }
}

fn whole() -> Outcome {
    answer(200, &[], "hello")
}

/// The file's request.
fn last<T>(run: &Run<T>) -> &Request {
    run.requests.last().unwrap()
}

#[test]
fn a_file_comes_from_where_files_are_and_takes_nothing_there() {
    let session = Session::builder("http://localhost:1/v1").auth(Auth::basic("me", "s3cr3t"));
    let session = session.header("x-api-key", "t0k3n").build().unwrap();
    let mut bench = Bench { session, now: Moment::default() };
    let done = bench.run(file().download(), vec![hello(), record(&described(CONTENT)), whole()]);
    let get = last(&done);
    assert_eq!(get.uri(), "http://files.example/att/x.txt");
    let mut names: Vec<_> = get.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "user-agent"], "and nothing of the caller's");
    assert_eq!(get.headers()["accept-encoding"], "identity");
    let done = done.result.unwrap();
    assert_eq!((&done.content[..], done.attachment), (CONTENT, known()));
    // Where files are is known by then.
    let again = bench.run(known().download(), vec![whole()]);
    assert!(again.result.is_ok());
}

#[test]
fn locations_are_below_the_place_of_files() {
    for (location, uri) in [
        ("http://files.example/att/a/b.txt", "http://files.example/att/a/b.txt"),
        ("a/b.txt", "http://files.example/att/a/b.txt"),
        ("/a/b.txt?sig=%2F", "http://files.example/att/a/b.txt?sig=%2F"),
    ] {
        let done = run(at(location).download(), vec![hello(), whole()]);
        assert_eq!(last(&done).uri(), uri);
    }
    for location in [
        "",
        "/",
        "//evil.example/x",
        "http://evil.example/x",
        "http://files.example/other/x",
        "http://files.example/attic/x",
        "http://files.example/att/",
        "http://files.example/att/../x",
        "http://files.example/att/%2e%2E/x",
        "../v1/",
        "a/../../x",
        "a/..%2fx",
        "a\\..\\x",
        "a b",
        "a#b",
        "a\r\nb",
        "é",
        "file:///etc/passwd",
    ] {
        let refused = run(at(location).download(), vec![hello()]);
        assert_eq!(refused.error().kind(), ErrorKind::Attachment, "{location}");
    }
}

#[test]
fn where_files_are_can_be_said() {
    let done = run(at("a.txt").download().base_url("http://cache.example"), vec![whole()]);
    assert_eq!(last(&done).uri(), "http://cache.example/a.txt");
    for silent in [r#"{"capabilities":{"attachments":{}}}"#, r#"{"capabilities":{"attachments":{"base_url":null}}}"#] {
        let error = run(known().download(), vec![answer(200, &[], silent)]).error();
        assert!(error.kind() == ErrorKind::Attachment && error.to_string().contains("base_url()"), "{error}");
    }
    let bare = answer(200, &[], r#"{"capabilities":{}}"#);
    assert_eq!(run(known().download(), vec![bare]).error().kind(), ErrorKind::Unsupported);
}

#[test]
fn it_is_what_its_record_says_or_an_error() {
    for wrong in ["hullo", "hell", "hello!", ""] {
        let error = run(known().download(), vec![hello(), answer(200, &[], wrong)]).error();
        assert_eq!(error.kind(), ErrorKind::Attachment, "{wrong}: {error}");
    }
    let gone = run(known().download(), vec![hello(), answer(404, &[], "<html>")]).error();
    assert!(gone.is_not_found());
    assert_eq!(gone.request().unwrap().path, "http://files.example/att/x.txt");
    assert_eq!(run(known().download(), vec![hello(), answer(204, &[], "")]).error().kind(), ErrorKind::Protocol);
    assert_eq!(run(known().download(), vec![hello(), answer(206, &[], "hello")]).error().kind(), ErrorKind::Protocol);
    let none = run(file().download(), vec![hello(), record(&serde_json::Value::Null)]).error();
    assert_eq!(none.kind(), ErrorKind::Attachment);
}

#[test]
fn a_record_without_a_hash_is_trusted_only_if_that_is_said() {
    let unchecked = || Attachment { hash: String::new(), ..known() };
    assert_eq!(run(unchecked().download(), vec![]).error().kind(), ErrorKind::Attachment);
    assert!(run(unchecked().download().allow_missing_hash(), vec![hello(), answer(200, &[], "hullo")]).result.is_ok());
    let odd = Attachment { hash: "abc".to_owned(), ..known() };
    assert_eq!(run(odd.download().allow_missing_hash(), vec![]).error().kind(), ErrorKind::Attachment);
    let loud = Attachment { hash: known().hash.to_ascii_uppercase(), ..known() };
    assert!(run(loud.download(), vec![hello(), whole()]).result.is_ok());
}

#[test]
fn in_memory_only_what_may_be() {
    let mut bench = Bench::new(|policy| policy.limits.response_bytes = 80);
    let large = Attachment { size: 81, ..known() };
    let error = bench.run(large.download(), vec![hello()]).error();
    assert!(error.kind() == ErrorKind::TooLarge && error.to_string().contains("download_to"), "{error}");
}

#[test]
fn redirects_lead_on_but_take_nothing_along() {
    let moved = |to: &str| answer(302, &[("location", to)], "");
    let done = run(known().download(), vec![hello(), moved("https://cdn.example/y"), moved("/z"), whole()]);
    assert_eq!(last(&done).uri(), "https://cdn.example/z");
    assert!(!last(&done).headers().contains_key("authorization"));
    // Not from a trusted connection to one that is not.
    let error = run(known().download(), vec![hello(), moved("https://cdn.example/y"), moved("http://cdn.example/z")]);
    assert_eq!(error.error().kind(), ErrorKind::Redirect);
    let session = Session::builder("https://localhost:1/v1").build().unwrap();
    let error = Bench { session, now: Moment::default() }.run(known().download(), vec![hello()]).error();
    assert!(error.kind() == ErrorKind::Attachment && error.to_string().contains("in clear"), "{error}");
}

#[test]
fn what_the_host_of_files_asks_for_is_not_for_the_api() {
    let mut bench = Bench::new(|_| {});
    let slow = answer(200, &[("backoff", "60")], "hello");
    assert!(bench.run(known().download(), vec![hello(), slow]).result.is_ok());
    assert_eq!(bench.session.quiet_until(), Moment::default());
    bench.session.memory().keep_quiet(bench.now.after(Duration::from_secs(60)));
    let done = bench.run(known().download(), vec![whole()]);
    assert!(done.result.is_ok() && done.waits.is_empty());
}

/// What comes of one request for a file: its head, pieces of its body, and whether it ends there.
struct Came(u16, Vec<(&'static str, String)>, Vec<&'static [u8]>, bool);

/// Fetches a file by pieces; also what was written, and what was asked for each time.
fn by_pieces(flow: DownloadFile, answers: Vec<Came>) -> (Result<Fetched>, Vec<u8>, Vec<String>) {
    let mut bench = Bench::new(|_| {});
    assert!(bench.run(known().download(), vec![hello(), whole()]).result.is_ok(), "it is known where files are");
    let mut exchange = bench.session.exchange(flow).by_pieces();
    let (mut now, mut answers, mut written, mut asked) = (bench.now, answers.into_iter(), Vec::new(), Vec::new());
    loop {
        match exchange.next(now) {
            Step::Send(request, limits) => {
                let header = |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap());
                asked.push(format!("{} {}", header("range"), header("if-range")));
                let Some(Transfer::In(file)) = exchange.transfer() else { panic!("no file") };
                assert!(limits.total > Duration::from_secs(1_000_000) && limits.idle == Duration::from_secs(60));
                let Came(status, headers, pieces, ends) = answers.next().expect("one more answer");
                let mut response = Response::default();
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                for (name, value) in headers {
                    response.headers_mut().insert(name, value.parse().unwrap());
                }
                let mut outcome = Ok(());
                match file.begin(response.status(), response.headers()) {
                    Ok(true) => {
                        for piece in pieces {
                            match file.piece(piece) {
                                Ok(piece) => written.extend_from_slice(&piece),
                                Err(failure) => outcome = Err(failure),
                            }
                        }
                    }
                    Ok(false) => *response.body_mut() = pieces.concat().into(),
                    Err(failure) => outcome = Err(failure),
                }
                let cut = || TransportError::new(FailureKind::Interrupted, "cut");
                now = now.after(Duration::from_secs(3600));
                exchange.handle(outcome.and(if ends { Ok(response) } else { Err(cut()) }), now);
            }
            Step::Wait(wait) => now = now.after(wait),
            Step::Done(result) => {
                assert!(answers.next().is_none(), "not all answers were asked for");
                return (result, written, asked);
            }
        }
    }
}

fn pieces() -> DownloadFile {
    known().download().by_pieces(None)
}

fn tag(tag: &str) -> Vec<(&'static str, String)> {
    vec![("etag", tag.to_owned())]
}

fn range(from: u64) -> Vec<(&'static str, String)> {
    vec![("content-range", format!("bytes {from}-4/5"))]
}

#[test]
fn what_breaks_off_goes_on_where_it_stopped() {
    let answers = vec![Came(200, tag("\"v\""), vec![b"h", b"e"], false), Came(206, range(2), vec![b"llo"], true)];
    let (result, written, asked) = by_pieces(pieces(), answers);
    assert!(!result.unwrap().skipped);
    assert_eq!((&written[..], &asked[..]), (CONTENT, &["- -".to_owned(), "bytes=2- \"v\"".to_owned()][..]));

    // A server that cannot, or whose file has changed, gives all of it.
    let answers = vec![Came(200, tag("\"v\""), vec![b"he"], false), Came(200, tag("\"w\""), vec![b"hel", b"lo"], true)];
    let (result, written, _) = by_pieces(pieces(), answers);
    assert!(result.is_ok() && written == CONTENT);
    // A weak tag says nothing of bytes; a date does.
    let weak = vec![("etag", "W/\"v\"".to_owned())];
    let answers = vec![Came(200, weak.clone(), vec![b"he"], false), Came(200, weak, vec![b"hello"], true)];
    assert_eq!(by_pieces(pieces(), answers).2, ["- -", "- -"]);
    let dated = vec![("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned())];
    let answers = vec![Came(200, dated, vec![b"he"], false), Came(206, range(2), vec![b"llo"], true)];
    assert_eq!(by_pieces(pieces(), answers).2[1], "bytes=2- Sun, 06 Nov 1994 08:49:37 GMT");
}

#[test]
fn as_long_as_it_comes_further_it_is_asked_for() {
    let part = |from, piece| Came(206, range(from), vec![piece], false);
    let answers = vec![
        Came(200, tag("\"v\""), vec![b"h"], false),
        part(1, b"e"),
        part(2, b"l"),
        part(3, b"l"),
        Came(206, range(4), vec![b"o"], true),
    ];
    let (result, written, asked) = by_pieces(pieces(), answers);
    assert!(result.is_ok() && written == CONTENT && asked.len() == 5);
    let stuck = || Came(206, range(1), vec![], false);
    let first = Came(200, tag("\"v\""), vec![b"h"], false);
    let (result, _, _) = by_pieces(pieces(), vec![first, stuck(), stuck(), stuck(), stuck(), stuck()]);
    let error = result.unwrap_err();
    assert!(error.kind() == ErrorKind::Interrupted && error.attempts() == 3 && !error.maybe_applied(), "{error}");
}

#[test]
fn a_part_that_nobody_asked_for_is_not_taken() {
    for wrong in [range(1), range(3), vec![], vec![("content-range", "lines 2-4".to_owned())]] {
        let answers = vec![Came(200, tag("\"v\""), vec![b"he"], false), Came(206, wrong, vec![b"llo"], true)];
        let (result, written, _) = by_pieces(pieces(), answers);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(written, b"he");
    }
}

#[test]
fn no_more_is_taken_than_there_should_be() {
    let (result, written, _) = by_pieces(pieces(), vec![Came(200, vec![], vec![b"hello", b"!"], true)]);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Attachment);
    assert_eq!(written, CONTENT);
    let (result, ..) = by_pieces(pieces(), vec![Came(404, vec![], vec![b"not here"], true)]);
    assert!(result.unwrap_err().is_not_found());
    let (result, ..) = by_pieces(pieces(), vec![Came(200, vec![], vec![b"hullo"], true)]);
    assert!(result.unwrap_err().to_string().contains("SHA-256"));
}

#[test]
fn what_is_here_already_is_not_fetched() {
    let here = |content: &[u8]| Some((content.len() as u64, sha(content)));
    let (result, _, asked) = by_pieces(known().download().by_pieces(here(CONTENT)), vec![]);
    assert!(result.unwrap().skipped && asked.is_empty());
    let (result, ..) = by_pieces(known().download().by_pieces(here(b"other")), vec![]);
    let error = result.unwrap_err();
    assert!(error.kind() == ErrorKind::Io && error.to_string().contains("overwrite()"), "{error}");
    let overwriting = known().download().overwrite().by_pieces(here(b"other"));
    assert!(by_pieces(overwriting, vec![Came(200, vec![], vec![CONTENT], true)]).0.is_ok());
}

#[test]
fn progress_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let download: Download = known().download().progress(move |got, of| tells.lock().unwrap().push((got, of)));
    let answers = vec![Came(200, tag("\"v\""), vec![b"he"], false), Came(200, vec![], vec![b"hel", b"lo"], true)];
    assert!(by_pieces(download.by_pieces(None), answers).0.is_ok());
    assert_eq!(*told.lock().unwrap(), [(2, Some(5)), (3, Some(5)), (5, Some(5))]);
}

#[cfg(feature = "gzip")]
#[test]
fn what_comes_compressed_all_the_same_is_decoded() {
    use std::io::Write as _;
    let compressed = |plain: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        let bytes: &'static [u8] = encoder.finish().unwrap().leak();
        bytes
    };
    let coded = || vec![("content-encoding", "gzip".to_owned()), ("etag", "\"v\"".to_owned())];
    let hello = compressed(CONTENT);
    let (first, rest) = hello.split_at(12);
    let (result, written, _) = by_pieces(pieces(), vec![Came(200, coded(), vec![first, rest], true)]);
    assert!(result.is_ok() && written == CONTENT);
    // Where it stopped is no place in what is sent.
    let answers = vec![Came(200, coded(), vec![hello], false), Came(200, coded(), vec![hello], true)];
    let (result, written, asked) = by_pieces(pieces(), answers);
    assert!(result.is_ok() && written == CONTENT && asked == ["- -", "- -"]);
    let bomb = compressed(&vec![0; 10_000_000]);
    let (result, written, _) = by_pieces(pieces(), vec![Came(200, coded(), vec![bomb], true)]);
    assert!(result.unwrap_err().kind() == ErrorKind::Attachment && written.is_empty());
    let other = vec![("content-encoding", "br".to_owned())];
    assert_eq!(
        by_pieces(pieces(), vec![Came(200, other, vec![hello], true)]).0.unwrap_err().kind(),
        ErrorKind::Protocol
    );
    let garbage = Came(200, coded(), vec![b"not compressed"], true);
    assert!(by_pieces(pieces(), vec![garbage]).0.is_err());
}
