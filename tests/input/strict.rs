//! HTTP/1.1 requests as bytes: written plainly, and read as strictly as the standard allows.

use http::Method;
use kinto_protocol::Request;

/// A request that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) method: String,
    pub(crate) target: String,
    /// In their order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Read {
    /// The values of a header.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// The only value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The parameters, each decoded by itself.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let pairs = self.query().into_iter().flat_map(|query| query.split('&'));
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decoded(k), decoded(v))).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The bytes of a request, as anybody would write them who checks nothing.
pub(crate) fn written(request: &Request) -> Vec<u8> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let host = request.uri().authority().map_or("", |authority| authority.as_str());
    let mut bytes = format!("{} {target} HTTP/1.1\r\nhost: {host}\r\n", request.method()).into_bytes();
    for (name, value) in request.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let body = request.body();
    if !body.is_empty() || [Method::PUT, Method::POST, Method::PATCH].contains(request.method()) {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// What a request says on the wire.
pub(crate) fn on_the_wire(request: &Request) -> Result<Read, String> {
    only(&written(request))
}

/// The one request that these bytes are.
pub(crate) fn only(bytes: &[u8]) -> Result<Read, String> {
    let (read, rest) = first(bytes)?;
    if rest.is_empty() { Ok(read) } else { Err(format!("{} bytes after the request", rest.len())) }
}

/// The first request, and what comes after it.
fn first(bytes: &[u8]) -> Result<(Read, &[u8]), String> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(bytes).map_err(|error| error.to_string())? else {
        return Err("the head does not end".to_owned());
    };
    lines(&bytes[..head])?;
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    if parsed.version != Some(1) || !method.bytes().all(is_token) || method.is_empty() {
        return Err(format!("no request line: {method:?} {target:?}"));
    }
    is_target(target)?;
    let mut read = Read { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() };
    for header in parsed.headers.iter() {
        if !header.name.bytes().all(is_token) || header.name.is_empty() {
            return Err(format!("a header is named {:?}", header.name));
        }
        if header.value.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err(format!("the header {} holds control characters", header.name));
        }
        let value = String::from_utf8(header.value.to_vec()).map_err(|error| error.to_string())?;
        read.headers.push((header.name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
    }
    if read.header("host").is_none_or(str::is_empty) || read.header("transfer-encoding").is_some() {
        return Err(format!("no single host, or another framing: {read:?}"));
    }
    let length = match read.all("content-length").count() {
        0 => 0,
        1 => read.header("content-length").and_then(number).ok_or("a length that is none")?,
        _ => return Err("several lengths".to_owned()),
    };
    let rest = &bytes[head..];
    read.body = rest.get(..length).ok_or("the body is shorter than its length")?.to_vec();
    Ok((read, &rest[length..]))
}

/// Each line of a head ends with CR LF, and neither of them stands anywhere else.
fn lines(head: &[u8]) -> Result<(), String> {
    for (at, byte) in head.iter().enumerate() {
        let paired = match byte {
            b'\r' => head.get(at + 1) == Some(&b'\n'),
            b'\n' => at > 0 && head[at - 1] == b'\r',
            _ => true,
        };
        if !paired {
            return Err(format!("half an end of a line at {at}"));
        }
    }
    // An empty line is the end.
    let ends = head.windows(4).filter(|four| four == b"\r\n\r\n").count();
    if ends == 1 { Ok(()) } else { Err(format!("{ends} ends of the head")) }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A path of RFC 3986 without steps, and a query. In this, what a caller writes is sent to the letter: servers take
/// more characters than the standard has.
fn is_target(target: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("the target {target:?} {why}"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.starts_with('/') {
        return wrong("is no path");
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte)) {
        return wrong("holds what no path may");
    }
    let escaped = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !path.split('%').skip(1).all(escaped) {
        return wrong("has a % that stands for nothing");
    }
    if decoded(path).split(['/', '\\']).any(|segment| segment == "." || segment == "..") {
        return wrong("has steps");
    }
    if !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return wrong("has a query with spaces, control characters or a fragment");
    }
    Ok(())
}

/// Text as it stands in a URL.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Text that stands so in a URL.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, more @ ..] = rest {
        let digits = more.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|_| *byte == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &more[2..];
            }
            None => {
                bytes.push(*byte);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn the_reader_is_strict() {
    let fine = "PUT /a%20b?c=%22 HTTP/1.1\r\nHost: h\r\nX: \tv \r\nContent-Length: 2\r\n\r\n{}";
    let read = only(fine.as_bytes()).unwrap();
    assert_eq!((read.header("x"), read.body.as_slice()), (Some("v"), &b"{}"[..]));
    assert_eq!(read.parameters(), [("c".to_owned(), "\"".to_owned())]);
    for (from, to) in [
        ("{}", "{}x"),
        ("{}", "{"),
        ("Length: 2", "Length: 02x"),
        ("Length: 2", "Length: +2"),
        ("Host: h\r\n", ""),
        ("Host: h\r\n", "Host: h\r\nHost: h\r\n"),
        ("Host: h", "Transfer-Encoding: chunked\r\nHost: h"),
        ("X: ", "X : "),
        ("X: ", "X\r\n: "),
        ("v ", "v\rw"),
        ("v ", "v\nw"),
        ("v ", "v\0w"),
        ("v ", "v\u{1b}"),
        ("v ", "v\r\n w"),
        ("v ", "v\r\n\r\nGET / HTTP/1.1\r\nHost: h"),
        ("/a%20b", "/a b"),
        ("/a%20b", "/a%2"),
        ("/a%20b", "/a/../b"),
        ("/a%20b", "/a%2F..%2fb"),
        ("/a%20b", "/%5c%2e"),
        ("/a%20b", "http://h/a"),
        ("/a%20b", "/é"),
        ("%22", "#"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("PUT", "P(T"),
    ] {
        assert!(only(fine.replacen(from, to, 1).as_bytes()).is_err(), "{from:?} {to:?}");
    }
    assert_eq!(encoded("a/é~ %"), "a%2F%C3%A9~%20%25");
    assert_eq!(decoded("a%2F%C3%A9~%20%25%2%zz%"), "a/é~ %%2%zz%");
}
