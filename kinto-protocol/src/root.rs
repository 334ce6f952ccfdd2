//! The URL of an API: the one origin that credentials go to.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::error::{Error, Result};
use crate::path;

/// The URL of an API, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at the end.
    prefix: String,
}

impl Root {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let url = url.trim_matches(' ');
        // Never shown: it may hold a password.
        let wrong = |why: &str| {
            Err(Error::input(format!("the URL of the server cannot be used: {why}"))
                .hint("it should look like https://kinto.example/v1"))
        };
        let Some((scheme, rest)) = url.split_once("://") else {
            return wrong("it does not begin with https:// or http://");
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::HTTPS,
            "http" => Scheme::HTTP,
            _ => return wrong("it does not begin with https:// or http://"),
        };
        if url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return wrong("it holds spaces, backslashes or control characters");
        }
        if rest.contains('@') {
            return wrong("it holds a user or an @; credentials go into auth");
        }
        if rest.contains(['?', '#']) {
            return wrong("it has a query or a fragment");
        }
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let Ok(authority) = authority.to_ascii_lowercase().parse::<Authority>() else {
            return wrong("the name of its host is not a valid one");
        };
        if !is_host(authority.host()) {
            return wrong("the name of its host is not a valid one");
        }
        if port(&authority).is_err() {
            return wrong("its port is not a number up to 65535");
        }
        let prefix = prefix.trim_end_matches('/');
        if prefix.split('/').skip(1).any(str::is_empty) {
            return wrong("its path holds empty segments");
        }
        if let Some(why) = path::fault(prefix) {
            return wrong(&format!("in its path, {why}"));
        }
        if format!("{prefix}/").parse::<PathAndQuery>().is_err() {
            return wrong("its path is too long");
        }
        Ok(Self { scheme, authority, prefix: prefix.to_owned() })
    }

    /// The URL of a path below the root.
    pub(crate) fn uri(&self, path: &str, query: &str) -> Result<Uri> {
        let mut target = String::with_capacity(self.prefix.len() + path.len() + query.len() + 1);
        target.push_str(&self.prefix);
        target.push_str(path);
        if !query.is_empty() {
            target.push('?');
            target.push_str(query);
        }
        self.at(target)
    }

    fn at(&self, target: String) -> Result<Uri> {
        // Of what the URL would not show, a filter for instance, nothing may get lost.
        if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(Error::input("the path and query hold characters that must be percent-encoded"));
        }
        let target = PathAndQuery::from_maybe_shared(Bytes::from(target))
            .map_err(|error| Error::input("the path and query cannot be part of a URL").caused_by(error.into()))?;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(target);
        Uri::from_parts(parts).map_err(|error| Error::input("the path cannot be part of a URL").caused_by(error.into()))
    }

    /// Where a `Location` leads, if that is this origin: same scheme, host and port.
    pub(crate) fn follow(&self, location: &str) -> Option<Uri> {
        let location = location.split('#').next().unwrap_or_default();
        if location.starts_with('/') && !location.starts_with("//") {
            return self.at(location.to_owned()).ok();
        }
        let uri: Uri = location.parse().ok()?;
        let same = self.is_at(&uri) && !uri.authority()?.as_str().contains('@');
        same.then(|| self.at(uri.path_and_query()?.as_str().to_owned()).ok())?
    }

    /// A place that the server names and that need not be at this origin, such as a file's: no part of the API, so that
    /// neither credentials nor headers of the caller's go there.
    #[cfg(feature = "_elsewhere")]
    pub(crate) fn elsewhere(&self, url: &str) -> Result<Uri, &'static str> {
        let uri = absolute(url)?;
        if self.is_https() && uri.scheme() != Some(&Scheme::HTTPS) {
            return Err("it would go over the network in clear, although the API does not");
        }
        Ok(uri)
    }

    /// Whether this is where the API is: what it asks of its callers holds there too.
    pub(crate) fn is_at(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&self.scheme)
            && uri.authority().is_some_and(|authority| {
                authority.host().eq_ignore_ascii_case(self.authority.host())
                    && self.port_of(authority) == self.port_of(&self.authority)
            })
    }

    fn port_of(&self, authority: &Authority) -> Option<u16> {
        let default = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        Some(port(authority).ok()?.unwrap_or(default))
    }

    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether what is sent can be read on the way.
    pub(crate) fn is_in_clear(&self) -> bool {
        let host = self.authority.host().trim_matches(['[', ']']);
        let local = host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        self.scheme == Scheme::HTTP && !local
    }
}

/// Whether this can be the name or the address of a host.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    !host.is_empty() && host.len() <= 253 && !host.contains(']') && host.split('.').all(|label| label.len() <= 63)
}

/// A URL of its own, `http` or `https`, without a user.
fn absolute(url: &str) -> Result<Uri, &'static str> {
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\')) {
        return Err("it holds characters that must be percent-encoded");
    }
    let uri: Uri = url.parse().map_err(|_| "it is not a URL")?;
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("it does not begin with https:// or http://");
    };
    if authority.as_str().contains('@') {
        return Err("it names a user");
    }
    if port(authority).is_err() || authority.host().is_empty() {
        return Err("it names no host that can be reached");
    }
    Ok(uri)
}

/// Where a `Location` leads from a place that is no part of the API: anywhere, but not from a trusted connection to none.
pub(crate) fn onward(from: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let target = if location.starts_with("//") {
        absolute(&format!("{scheme}:{location}"))
    } else if location.starts_with('/') {
        absolute(&format!("{scheme}://{authority}{location}"))
    } else {
        absolute(location)
    };
    target.ok().filter(|target| scheme == "http" || target.scheme_str() == Some("https"))
}

/// The port that is written out, if there is one.
fn port(authority: &Authority) -> Result<Option<u16>, &'static str> {
    // Where there is a user, the host is not at the beginning; whoever looks at the port has refused that, or will.
    let Some(rest) = authority.as_str().strip_prefix(authority.host()) else { return Ok(None) };
    let digits = rest.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match (rest, digits) {
        ("", _) => Ok(None),
        (_, Some(digits)) => digits.parse().map(Some).map_err(|_| "it is not a number up to 65535"),
        // Such as what comes after the address of `[::1]x`.
        (_, None) => Err("it is not a number"),
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        Root::parse(url).unwrap().to_string()
    }

    #[test]
    fn urls_are_normalised_once() {
        assert_eq!(shown("https://kinto.example/v1"), "https://kinto.example/v1");
        assert_eq!(shown(" HTTPS://Kinto.Example:8443/prefix/v1// "), "https://kinto.example:8443/prefix/v1");
        assert_eq!(shown("http://[::1]:8888/v1/"), "http://[::1]:8888/v1");
        assert_eq!(shown("http://localhost:8888"), "http://localhost:8888");
        let root = Root::parse("http://[::1]:8888/v1/").unwrap();
        assert_eq!(root.uri("/", "").unwrap(), "http://[::1]:8888/v1/");
        assert_eq!(root.uri("/buckets", "a=1").unwrap(), "http://[::1]:8888/v1/buckets?a=1");
    }

    #[test]
    fn other_urls_are_refused_and_not_shown() {
        for url in [
            "",
            "kinto.example/v1",
            "ftp://kinto.example/v1",
            "file:///v1",
            "https://",
            "https:///v1",
            "http://a b/v1",
            "http://u:s3cr3t@kinto.example/v1",
            "http://kinto.example/v1?s3cr3t",
            "http://kinto.example/v1#s3cr3t",
            "http://kinto.example\\@s3cr3t/v1",
            "http://kinto.example/v1\r\nX: s3cr3t",
            "http://kinto.example:99999/v1",
            "http://kinto.example:/v1",
            "http://[]/v1",
            "http://[kinto]/v1",
            "http://[::1/v1",
            "http://[::1]x/v1",
            "http://kinto.example:+80/v1",
            "http://::1/v1",
            "http://kinto.example/../v1",
            "http://kinto.example/%2E%2e/v1",
            "http://kinto.example/a%2F..%2Fv1",
            "http://kinto.example/%zz/v1",
            "http://kinto.example/\u{e9}/v1",
            "http://kinto.example/{v1}",
            "http://kinto.example//v1",
            "http://kintô.example/v1",
            "http://kinto.example/v1/é",
            "http://kinto[]/v1",
            "http://[kinto]/v1",
            "http://[::1]x/v1",
            "http://[::1]:80[]/v1",
            &format!("http://{}.example/v1", "x".repeat(64)),
        ] {
            let error = Root::parse(url).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Input);
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn redirects_stay_at_the_origin() {
        let root = Root::parse("https://kinto.example/v1").unwrap();
        for (location, target) in [
            ("https://kinto.example/v1/x", "https://kinto.example/v1/x"),
            ("https://KINTO.example:443/y?z=1#f", "https://kinto.example/y?z=1"),
            ("/v1/", "https://kinto.example/v1/"),
        ] {
            assert_eq!(root.follow(location).unwrap(), target);
        }
        for elsewhere in [
            "http://kinto.example/v1/x",
            "https://kinto.example:8443/v1",
            "https://evil.example/v1",
            "//evil.example/v1",
            "https://kinto.example@evil.example/",
            "https://u@kinto.example/",
            "file:///etc",
            "javascript:x",
            "",
            "x",
            "?x",
        ] {
            assert_eq!(root.follow(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    #[cfg(feature = "_elsewhere")]
    fn other_places_are_never_less_guarded_than_the_api() {
        let root = Root::parse("https://kinto.example/v1").unwrap();
        assert_eq!(root.elsewhere("https://cdn.example/a?b").unwrap(), "https://cdn.example/a?b");
        for refused in [
            "http://cdn.example/a",
            "ftp://cdn.example/a",
            "file:///etc/passwd",
            "//cdn.example/a",
            "/a",
            "",
            "https://u:p@cdn.example/a",
            "https://cdn.example/a b",
            "https://cdn.example/a\r\nX: 1",
            "https://cdn.example\\@evil.example/",
            "https://cdn.example:99999/",
        ] {
            assert!(root.elsewhere(refused).is_err(), "{refused}");
        }
        let open = Root::parse("http://localhost:8888/v1").unwrap();
        assert!(open.elsewhere("http://cdn.example/a").is_ok());
        assert!(open.is_at(&"http://LOCALHOST:8888/x".parse().unwrap()));
        assert!(!open.is_at(&"http://localhost/x".parse().unwrap()));
    }

    #[test]
    fn redirects_from_elsewhere_lead_anywhere_but_into_the_clear() {
        let from: Uri = "https://cdn.example/a/b".parse().unwrap();
        for (location, target) in [
            ("https://other.example/x#f", "https://other.example/x"),
            ("//other.example/x", "https://other.example/x"),
            ("/x?y", "https://cdn.example/x?y"),
        ] {
            assert_eq!(onward(&from, location).unwrap(), target);
        }
        for refused in ["http://cdn.example/a/b", "x", "", "javascript:x", "https://u@other.example/"] {
            assert_eq!(onward(&from, refused), None, "{refused}");
        }
    }

    #[test]
    fn what_is_in_clear() {
        for local in [
            "http://localhost:1/v1",
            "http://127.0.0.1/v1",
            "http://[::1]/v1",
            "http://x.localhost/",
            "https://kinto.example/v1",
        ] {
            assert!(!Root::parse(local).unwrap().is_in_clear(), "{local}");
        }
        assert!(Root::parse("http://kinto.example/v1").unwrap().is_in_clear());
        assert!(Root::parse("http://10.0.0.1/v1").unwrap().is_in_clear());
    }
}
