//! The URL of the server: requests go to its host and below its path, or there is no client.

use http::Uri;
use kinto_protocol::{Auth, Session, bucket};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::caller::{SECRET, is_clear};
use crate::hostile::{text, word};
use crate::property::{Fate, holds};
use crate::strict::on_the_wire;

const SCHEMES: &[&str] = &[
    "https://",
    "https://",
    "https://",
    "http://",
    "HTTPS://",
    "hTTp://",
    "",
    "//",
    "ftp://",
    "file://",
    "https:/",
    "https:",
    "https:///",
    "https:\\\\",
    " https://",
    "\thttps://",
    "https ://",
    "ws://",
    "javascript://",
    "http+unix://",
];
const HOSTS: &[&str] = &[
    "kinto.example",
    "kinto.example",
    "Kinto.EXAMPLE",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "[2001:DB8::7]",
    "[::ffff:10.0.0.1]",
    "[fe80::1%25eth0]",
    "[::1",
    "::1",
    "[]",
    "[zz]",
    "[::1]x",
    "0x7f.1",
    "2130706433",
    "127.1",
    "kinto.example.",
    ".",
    "..",
    "",
    "a..b",
    "-",
    "a_b",
    "xn--kint-8qa.example",
    "kintö.example",
    "日本.example",
    "a%20b",
    "%6c%6f",
    "a b",
    "a\tb",
    "a,b",
    "a;b",
    "a'b",
    "a(b)",
    "a*b",
    "a!b",
    "a$b",
    "a=b",
    "a~b",
    "a+b",
    "a\u{ad}b",
    "a\u{200b}b",
    "１２７.0.0.1",
];
const PORTS: &[&str] = &[
    "", "", "", ":443", ":80", ":8888", ":0", ":65535", ":65536", ":", ":-1", ":+1", ":1x", ":00080", ":80:80", ":８",
    ": 80",
];
const USERS: &[&str] = &["user:s3cr3t@", "s3cr3t@", ":s3cr3t@", "user%40x:s3cr3t@", "s3cr3t\\@", "@", "a@s3cr3t@"];
const PATHS: &[&str] = &[
    "/v1",
    "",
    "/",
    "/v1/",
    "/v1//",
    "/a/v1",
    "//v1",
    "/a//v1",
    "/./v1",
    "/../v1",
    "/v1/..",
    "/%2e/v1",
    "/%2E%2e/v1",
    "/.%2e/v1",
    "/%2F../v1",
    "/a%2F..%2fv1",
    "/a%5C..%5cv1",
    "/...",
    "/a.b",
    "/é/v1",
    "/%C3%A9/v1",
    "/a b/v1",
    "/%",
    "/%zz",
    "/%2",
    "/\"v1\"",
    "/{v1}",
    "/<v1>",
    "/a|b",
    "/a^b",
    "/`",
    "/a;b=c",
    "/~a/v1",
    "/@/v1",
    "/:/v1",
    "/*",
    "\\v1",
    "/v1\\",
    "/v1\r\nX: s3cr3t",
    "/v1\0",
    "/\u{202e}v1",
];
const ENDS: &[&str] =
    &["?", "?s3cr3t", "?token=s3cr3t", "#", "#s3cr3t", " ", "  ", "\n", "\r\n", "\u{a0}", " HTTP/1.1\r\nX: s3cr3t"];

fn urls() -> impl Strategy<Value = String> {
    // The first of them is the usual one.
    let of =
        |known: &'static [&'static str]| prop_oneof![2 => Just(known[0]), 1 => select(known)].prop_map(str::to_owned);
    let maybe = |strategy: BoxedStrategy<String>| prop_oneof![6 => Just(String::new()), 1 => strategy];
    let host = prop_oneof![4 => of(HOSTS), 2 => word(), 1 => vec(word(), 1..9).prop_map(|labels| labels.join(".")), 1 => text()];
    let path = prop_oneof![4 => of(PATHS), 1 => text().prop_map(|text| format!("/{text}"))];
    let pieces = (of(SCHEMES), maybe(of(USERS).boxed()), host, of(PORTS), path, maybe(of(ENDS).boxed()));
    let whole = pieces.prop_map(|(scheme, user, host, port, path, end)| [scheme, user, host, port, path, end].concat());
    prop_oneof![12 => whole, 1 => text()]
}

/// What stands between the scheme and the path.
fn authority_of(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").unwrap().1;
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

#[test]
fn to_this_host_and_below_this_path() {
    holds("URLs", &urls(), |url| {
        let session = match Session::builder(url.as_str()).build() {
            Ok(session) => session,
            Err(error) => {
                is_clear(&error)?;
                return Ok(Fate::Refused);
            }
        };
        prop_assert!(
            !url.contains(SECRET) && !url.contains(|c: char| c.is_control() || c == '\\' || c == '@'),
            "{:?}",
            url
        );
        let written = url.trim_matches(' ');
        let (authority, path) = authority_of(written);
        let prefix = path.trim_end_matches('/');

        let request = session.request(&bucket("b").collection("c").records().get("r"));
        let request =
            request.map_err(|error| TestCaseError::fail(format!("nothing can be sent to {url:?}: {error}")))?;
        let read = on_the_wire(&request).map_err(|why| TestCaseError::fail(format!("{url:?}: {why}")))?;
        prop_assert_eq!(&read.target, &format!("{prefix}/buckets/b/collections/c/records/r"));
        let host = authority.to_ascii_lowercase();
        prop_assert_eq!(read.header("host"), Some(host.as_str()));
        prop_assert_eq!(read.header("authorization"), None);
        prop_assert_eq!(session.url(), format!("{}://{host}{prefix}", request.uri().scheme_str().unwrap()));

        // Others are to take it for the same place.
        match url::Url::parse(written) {
            Ok(other) => same_place(&other, request.uri(), &url)?,
            // Browsers want an address where a name ends like one. To all others it is a name that nobody has.
            Err(url::ParseError::InvalidIpv4Address) => {}
            Err(error) => return Err(TestCaseError::fail(format!("{url:?}: {error}"))),
        }
        // What is said of the session leads there as well.
        let again = Session::builder(session.url()).build().unwrap();
        prop_assert_eq!(again.url(), session.url());
        Ok(Fate::Sent)
    });
}

fn same_place(other: &url::Url, uri: &Uri, url: &str) -> Result<(), TestCaseError> {
    prop_assert_eq!(Some(other.scheme()), uri.scheme_str());
    let port = uri.authority().and_then(|it| it.as_str().rsplit_once(':')).and_then(|(_, port)| port.parse().ok());
    prop_assert_eq!(
        other.port_or_known_default(),
        port.or_else(|| Some(if other.scheme() == "https" { 443 } else { 80 }))
    );
    prop_assert!(other.username().is_empty() && other.password().is_none() && other.query().is_none());
    match other.host() {
        Some(url::Host::Domain(name)) => prop_assert_eq!(Some(name), uri.host()),
        Some(url::Host::Ipv6(address)) => {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
            prop_assert_eq!(host.parse::<std::net::Ipv6Addr>().ok(), Some(address));
        }
        // Old spellings, such as 127.1, are what the system makes of them.
        Some(url::Host::Ipv4(address)) => {
            let host = uri.host().unwrap_or_default();
            prop_assert!(host.parse() == Ok(address) || host.parse::<std::net::Ipv4Addr>().is_err(), "{}", url);
        }
        None => return Err(TestCaseError::fail(format!("no host in {url:?}"))),
    }
    Ok(())
}

/// Without TLS, credentials go to this machine alone.
#[test]
fn credentials_in_clear() {
    let urls =
        urls().prop_map(|url| format!("http://{}", url.split_once("://").map_or(url.as_str(), |(_, rest)| rest)));
    holds("URLs without TLS", &urls, |url| {
        let builder = Session::builder(url.as_str());
        let Ok(plain) = builder.build() else { return Ok(Fate::Refused) };
        let uri = plain.request(&kinto_protocol::server_info()).unwrap().uri().clone();
        let host = uri.host().unwrap().trim_matches(['[', ']']).to_owned();
        let name = host == "localhost" || host.ends_with(".localhost");
        let here = name || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        match Session::builder(url.as_str()).auth(Auth::basic("tester", SECRET)).build() {
            Ok(_) => prop_assert!(here, "{}", url),
            Err(error) => {
                prop_assert!(!here, "{}", url);
                is_clear(&error)?;
            }
        }
        Ok(Fate::Sent)
    });
}

/// Too long for any request.
#[test]
fn endless_ones() {
    for url in [
        format!("https://{}/v1", "a".repeat(100_000)),
        format!("https://{}/v1", "a.".repeat(100_000)),
        format!("https://kinto.example/{}", "a".repeat(100_000)),
        format!("https://kinto.example/{}", "a/".repeat(100_000)),
        format!("https://kinto.example:{}/v1", "1".repeat(100_000)),
        "https://".repeat(100_000),
    ] {
        is_clear(&Session::builder(url).build().unwrap_err()).unwrap();
    }
}
