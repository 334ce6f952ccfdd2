//! The proxy that breaks connections: each cut does what it says, to the client and to a real server.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::time::Duration;

use kinto_tests::{Backend, Cut, Cutter, Ending, KintoServer};

type Outcome = Result<(), Box<dyn Error>>;

/// Of the account `cuts`, whose password is `cuts`.
const AUTHORIZATION: &str = "Authorization: Basic Y3V0czpjdXRz\r\n";

/// A client that knows where its answers end, but not that one may try again.
struct Client {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(url: &str) -> io::Result<Self> {
        let host = url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let stream = TcpStream::connect(&host)?;
        // A cut that does not come is a failure, not a silence.
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { host, stream: BufReader::new(stream) })
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    /// Sends a request with these headers, each with the end of its line.
    fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> io::Result<()> {
        self.write(&request(&self.host, method, path, headers, body))
    }

    /// The head of the next answer.
    fn head(&mut self) -> io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(head)
    }

    /// The next answer, which has a body.
    fn answer(&mut self) -> io::Result<String> {
        let head = self.head()?;
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
        let mut body = vec![0; length.ok_or(ErrorKind::InvalidData)?];
        self.stream.read_exact(&mut body)?;
        Ok(head + &String::from_utf8_lossy(&body))
    }

    /// All that comes until the connection ends.
    fn rest(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn request(host: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} /v1{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// One request on a connection of its own, and its answer.
fn ask(url: &str, method: &str, path: &str, headers: &str, body: &str) -> io::Result<String> {
    let mut client = Client::connect(url)?;
    client.send(method, path, headers, body)?;
    client.answer()
}

/// The shared server, and the path of the records of a collection on it that everybody may write to.
fn records(test: &str) -> Result<(&'static str, String), Box<dyn Error>> {
    let url = KintoServer::shared(Backend::Memory).ok_or("there is always one")?.url();
    // Whether it was there already shows in the next request.
    ask(url, "PUT", "/accounts/cuts", "", r#"{"data": {"password": "cuts"}}"#)?;
    let bucket = format!("/buckets/cuts-{test}-{}", process::id());
    for path in [&bucket, &format!("{bucket}/collections/c")] {
        let answer = ask(url, "PUT", path, AUTHORIZATION, r#"{"permissions": {"write": ["system.Everyone"]}}"#)?;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    Ok((url, format!("{bucket}/collections/c/records")))
}

/// Whether the server has the record.
fn is_there(url: &str, path: &str) -> io::Result<bool> {
    let answer = ask(url, "GET", path, "", "")?;
    assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 404"), "{answer}");
    Ok(answer.starts_with("HTTP/1.1 200"))
}

#[test]
fn each_cut_does_what_it_says() -> Outcome {
    let (url, records) = records("each")?;
    // What is done, whether the server then has the record, and how what the client gets begins.
    let cases = [
        (Cut::BeforeRequest, false, ""),
        (Cut::InRequest(0), false, ""),
        (Cut::InRequest(40), false, ""),
        (Cut::InRequest(usize::MAX), false, ""),
        (Cut::HalfForwarded(0), false, ""),
        (Cut::HalfForwarded(40), false, ""),
        // All but the last byte.
        (Cut::HalfForwarded(usize::MAX), false, ""),
        (Cut::AfterRequest, true, ""),
        (Cut::InAnswer(0), true, ""),
        (Cut::InAnswer(17), true, "HTTP/1.1 201 Crea"),
        (Cut::InAnswer(usize::MAX), true, "HTTP/1.1 201 Created\r\n"),
    ];
    for ending in [Ending::Close, Ending::Reset] {
        let cutter = Cutter::start(url, ending, move |head| cases[head.number].0);
        for (number, (cut, there, seen)) in cases.into_iter().enumerate() {
            let path = format!("{records}/{ending:?}-{number}");
            let mut client = Client::connect(&cutter.url())?;
            client.send("PUT", &path, "", "{}")?;
            let rest = client.rest();
            // It was written before the client could see it.
            let passage = cutter.log().pop().ok_or("nothing in the log")?;
            match (ending, &rest) {
                (Ending::Reset, Err(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{cut:?}"),
                (Ending::Close, Ok(rest)) => match cut {
                    Cut::InAnswer(usize::MAX) => assert!(rest.starts_with(seen) && rest.ends_with('}'), "{rest}"),
                    _ => assert_eq!(rest, seen, "{cut:?}"),
                },
                _ => return Err(format!("{ending:?}, {cut:?}: {rest:?}").into()),
            }
            assert_eq!(is_there(url, &path)?, there, "{ending:?}, {cut:?}");
            assert_eq!((passage.head.number, passage.cut), (number, cut));
            assert_eq!(passage.head.method, "PUT");
            assert_eq!(passage.head.path, format!("/v1{path}"));
            assert_eq!(passage.answered, there.then_some(201), "{ending:?}, {cut:?}");
        }
    }
    Ok(())
}

#[test]
fn a_write_that_was_done_is_answered_503() -> Outcome {
    let (url, records) = records("unavailable")?;
    let cutter = Cutter::start(url, Ending::Reset, |head| if head.number < 2 { Cut::Unavailable } else { Cut::None });
    let mut client = Client::connect(&cutter.url())?;
    client.send("PUT", &format!("{records}/a"), "", "{}")?;
    let answer = client.answer()?;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 0\r\n"), "{answer}");
    assert!(is_there(url, &format!("{records}/a"))?);
    // The connection stays, and no body of a 503 stands in the way of what follows.
    client.send("HEAD", &format!("{records}/a"), "", "")?;
    assert!(client.head()?.starts_with("HTTP/1.1 503 "));
    client.send("GET", &format!("{records}/a"), "", "")?;
    assert!(client.answer()?.starts_with("HTTP/1.1 200 "));
    let answered: Vec<_> = cutter.log().into_iter().map(|passage| passage.answered).collect();
    assert_eq!(answered, [Some(201), Some(200), Some(200)]);
    Ok(())
}

#[test]
fn what_is_not_cut_gets_through_on_one_connection() -> Outcome {
    let (url, records) = records("through")?;
    let cutter = Cutter::start(url, Ending::Reset, |_| Cut::None);
    let mut client = Client::connect(&cutter.url())?;
    let long = "x".repeat(100_000);
    let path = format!("{records}/long");
    client.send("PUT", &path, "", &format!(r#"{{"data": {{"text": "{long}"}}}}"#))?;
    assert!(client.answer()?.starts_with("HTTP/1.1 201 "));
    client.send("GET", &path, "", "")?;
    assert!(client.answer()?.contains(&long));

    // Without a body, whatever its headers say.
    client.send("HEAD", &path, "", "")?;
    let head = client.head()?;
    let etag = head.lines().find_map(|line| line.strip_prefix("Etag: ")).ok_or("no ETag")?;

    // In chunks, in more than one piece, and with the beginning of the next request right behind it.
    let head = format!("PUT /v1{records}/chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.write(&format!("{head}c\r\n{{\"data\": {{\"t"))?;
    let next = request("x", "GET", &format!("{records}/chunks"), "", "");
    client.write(&format!("\r\n7\r\n\": 1}} }}\r\n0\r\n\r\n{next}"))?;
    assert!(client.answer()?.starts_with("HTTP/1.1 201 "));
    assert!(client.answer()?.contains(r#""t":1"#));

    // Who asks for the end gets it, and the answer before. So does who did not ask, when the server wants it.
    client.send("GET", &records, "Connection: close\r\n", "")?;
    let answer = client.rest()?;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with('}'), "{answer}");
    let mut client = Client::connect(&cutter.url())?;
    client.send("GET", &path, &format!("If-None-Match: {etag}\r\n"), "")?;
    let head = client.rest()?;
    assert!(head.starts_with("HTTP/1.1 304 ") && head.contains("\r\nConnection: close\r\n"), "{head}");

    let log = cutter.log();
    assert_eq!(log.len(), 7);
    assert!(log.iter().enumerate().all(|(number, passage)| passage.head.number == number));
    Ok(())
}

#[test]
fn a_request_is_cut_before_all_of_it_is_written() -> Outcome {
    let (url, records) = records("early")?;
    let cuts = [(Cut::BeforeRequest, 0), (Cut::InRequest(500), 500), (Cut::HalfForwarded(500), 501)];
    for ending in [Ending::Close, Ending::Reset] {
        let cutter = Cutter::start(url, ending, move |head| cuts[head.number].0);
        for (cut, count) in cuts {
            let mut client = Client::connect(&cutter.url())?;
            let all = request("x", "PUT", &format!("{records}/a"), "", &format!("{:>1000}", "{}"));
            let head = all.find("\r\n\r\n").ok_or("no head")? + 4;
            // The client waits with the rest, in vain.
            client.write(&all[..head.max(count)])?;
            match client.rest() {
                Ok(rest) => assert_eq!((ending, rest), (Ending::Close, String::new()), "{cut:?}"),
                Err(error) => {
                    assert_eq!((ending, error.kind()), (Ending::Reset, ErrorKind::ConnectionReset), "{cut:?}")
                }
            }
        }
    }
    assert!(!is_there(url, &format!("{records}/a"))?);
    Ok(())
}

#[test]
fn what_is_still_written_after_a_cut_is_swallowed_or_refused() -> Outcome {
    let (url, records) = records("long")?;
    let long = "x".repeat(20_000_000);
    for cut in [Cut::BeforeRequest, Cut::InRequest(50_000), Cut::HalfForwarded(50_000)] {
        for ending in [Ending::Close, Ending::Reset] {
            let cutter = Cutter::start(url, ending, move |_| cut);
            let mut client = Client::connect(&cutter.url())?;
            let written = client.send("PUT", &format!("{records}/a"), "", &long);
            match ending {
                Ending::Close => assert!(written.is_ok() && client.rest()?.is_empty(), "{cut:?}: {written:?}"),
                _ => assert!(written.is_err(), "{cut:?}"),
            }
        }
    }
    Ok(())
}

#[test]
fn a_server_that_is_gone_is_a_cut() -> Outcome {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let cutter = Cutter::start(&format!("http://127.0.0.1:{port}/v1"), Ending::Close, |_| Cut::Unavailable);
    let mut client = Client::connect(&cutter.url())?;
    client.send("GET", "/", "", "")?;
    assert_eq!(client.rest()?, "");
    assert_eq!(cutter.log()[0].answered, None);
    Ok(())
}

#[test]
fn nothing_is_left_of_one_that_is_dropped() -> Outcome {
    let (url, _) = records("dropped")?;
    for ending in [Ending::Close, Ending::Reset] {
        let cutter = Cutter::start(url, ending, |head| if head.number == 0 { Cut::None } else { Cut::AfterRequest });
        let address = cutter.url();
        let [mut idle, mut cut] = [Client::connect(&address)?, Client::connect(&address)?];
        idle.send("GET", "/", "", "")?;
        idle.answer()?;
        cut.send("GET", "/", "", "")?;
        // Until the cut; the client's own end stays open.
        assert!(matches!(cut.rest().as_deref(), Ok("") | Err(_)));
        drop(cutter);
        assert!(matches!(idle.rest().as_deref(), Ok("") | Err(_)));
        assert!(Client::connect(&address).is_err(), "somebody still listens");
    }
    Ok(())
}

#[test]
fn a_plan_that_panics_fails_its_test() -> Outcome {
    let (url, _) = records("panicking")?;
    let cutter = Cutter::start(url, Ending::Close, |_| panic!("as intended"));
    let mut client = Client::connect(&cutter.url())?;
    client.send("GET", "/", "", "")?;
    assert_eq!(client.rest()?, "");
    assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(cutter))).is_err());
    Ok(())
}
