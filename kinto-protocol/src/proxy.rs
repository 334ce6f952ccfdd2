//! Which proxy the environment names for a server.
//!
//! Both front-ends ask here, as the libraries beneath them have rules of their own: one would send what is meant for a
//! proxy of HTTPS in clear to it, another knows no networks in `NO_PROXY`. These are curl's: a variable for each scheme,
//! `ALL_PROXY` where there is none, small letters first.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::session::Session;
use crate::transport_error::{FailureKind, TransportError};

/// A proxy that speaks HTTP, and what it is to be told about who is asking.
#[doc(hidden)]
#[derive(Clone)]
pub struct Proxy {
    url: Zeroizing<String>,
    uri: Uri,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// As it was named, with a user and a password if there were any.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Without them.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// What goes into `Proxy-Authorization`.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    fn parse(text: &str) -> Option<Self> {
        let url = Zeroizing::new(if text.contains("://") { text.to_owned() } else { format!("http://{text}") });
        let rest = url.strip_prefix("http://")?;
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        let uri: Uri = format!("http://{place}").parse().ok()?;
        uri.host().filter(|host| !host.is_empty())?;
        let authorization = match user {
            Some(user) => {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                let decoded = |part| Zeroizing::new(percent_decode_str(part).decode_utf8_lossy().into_owned());
                let both = Zeroizing::new(format!("{}:{}", &*decoded(name), &*decoded(password)));
                let token = Zeroizing::new(format!("Basic {}", &*Zeroizing::new(STANDARD.encode(&*both))));
                let mut value = HeaderValue::from_str(&token).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Some(Self { url: url.clone(), uri, authorization })
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({})", self.uri)
    }
}

impl Session {
    /// The proxy that an environment names for the server of this session. A variable that names none that can be used
    /// is an error, whatever it is for: going without would be a surprise.
    #[doc(hidden)]
    pub fn __proxy(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, TransportError> {
        let named = |names: [&str; 2]| -> Result<Option<Proxy>, TransportError> {
            let Some((name, value)) =
                names.iter().find_map(|name| Some((name, environment(name).filter(|it| !it.is_empty())?)))
            else {
                return Ok(None);
            };
            // It may hold a password, and is not shown.
            let why = || format!("the proxy in the environment variable {name} is not one that begins with http://");
            let proxy = Proxy::parse(&value);
            proxy.map(Some).ok_or_else(|| TransportError::new(FailureKind::Other, why()).not_sent())
        };
        // In a process that answers a request by CGI, `HTTP_PROXY` is what the request's header `Proxy` says.
        let cgi = environment("REQUEST_METHOD").is_some();
        let http = if cgi { named(["http_proxy", "http_proxy"])? } else { named(["http_proxy", "HTTP_PROXY"])? };
        let https = named(["https_proxy", "HTTPS_PROXY"])?;
        let all = named(["all_proxy", "ALL_PROXY"])?;
        let excepted = ["no_proxy", "NO_PROXY"].iter().find_map(|name| environment(name)).unwrap_or_default();
        if is_excepted(self.root().host(), &excepted) {
            return Ok(None);
        }
        Ok(if self.root().is_https() { https } else { http }.or(all))
    }
}

/// Whether a list of exceptions names a host: itself, a domain above it, or a network that it is in.
fn is_excepted(host: &str, list: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    list.split(',').map(|entry| entry.trim().trim_matches(['[', ']']).to_ascii_lowercase()).any(|entry| match address {
        _ if entry == "*" => true,
        Some(address) => entry.parse() == Ok(address) || is_in_network(address, &entry),
        None => {
            let domain = entry.trim_start_matches('.');
            let above = host.strip_suffix(domain).is_some_and(|name| name.is_empty() || name.ends_with('.'));
            !domain.is_empty() && above
        }
    })
}

/// Whether an address is in a network such as `10.0.0.0/8`.
fn is_in_network(address: IpAddr, network: &str) -> bool {
    let Some((start, length)) = network.split_once('/') else { return false };
    let (Ok(start), Ok(length)) = (start.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let shared = |a: u128, b: u128, width: u32| length <= width && (length == 0 || (a ^ b) >> (width - length) == 0);
    match (address, start) {
        (IpAddr::V4(a), IpAddr::V4(b)) => shared(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => shared(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(url: &str, environment: &[(&str, &str)]) -> Result<Option<String>, TransportError> {
        let session = Session::builder(url).build().unwrap();
        let variable =
            |name: &str| environment.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        session.__proxy(variable).map(|proxy| proxy.map(|proxy| proxy.uri().to_string()))
    }

    #[test]
    fn each_scheme_has_its_own_and_all_comes_last() {
        let all = [("HTTP_PROXY", "http://h:1"), ("https_proxy", "s:2"), ("ALL_PROXY", "http://a:3")];
        assert_eq!(chosen("http://x/v1", &all).unwrap().unwrap(), "http://h:1/");
        assert_eq!(chosen("https://x/v1", &all).unwrap().unwrap(), "http://s:2/");
        assert_eq!(chosen("https://x/v1", &all[..1]).unwrap(), None);
        assert_eq!(chosen("https://x/v1", &all[2..]).unwrap().unwrap(), "http://a:3/");
        let both = [("HTTP_PROXY", "http://big:1"), ("http_proxy", "http://small:1")];
        assert_eq!(chosen("http://x/v1", &both).unwrap().unwrap(), "http://small:1/");
        assert_eq!(chosen("http://x/v1", &[("HTTP_PROXY", "http://h:1"), ("REQUEST_METHOD", "GET")]).unwrap(), None);
    }

    #[test]
    fn exceptions() {
        let is = |host: &str, list: &str| is_excepted(host, list);
        assert!(
            is("kinto.example", "*")
                && is("kinto.example", "a, kinto.example")
                && is("a.kinto.example", ".kinto.example")
        );
        assert!(
            !is("kinto.example", "")
                && !is("akinto.example", "kinto.example")
                && !is("kinto.example", "a.kinto.example")
        );
        assert!(
            is("10.1.2.3", "10.0.0.0/8")
                && !is("11.1.2.3", "10.0.0.0/8")
                && is("[::1]", "::1/128")
                && is("1.2.3.4", "0.0.0.0/0")
        );
        assert!(!is("1.2.3.4", "1.2.3.4/99") && is("1.2.3.4", "1.2.3.4"));
    }

    #[test]
    fn what_is_no_proxy_is_an_error_that_does_not_show_it() {
        for value in ["socks5://u:s3cr3t@h:1", "https://u:s3cr3t@h:1", "http://s3cr3t here", "http://"] {
            let error = chosen("https://x/v1", &[("HTTP_PROXY", value)]).unwrap_err().to_string();
            assert!(error.contains("HTTP_PROXY") && !error.contains("s3cr3t"), "{error}");
        }
        let proxy = Proxy::parse("user:p%40ss@h:1").unwrap();
        assert_eq!(proxy.authorization().unwrap(), "Basic dXNlcjpwQHNz");
        assert!(!format!("{proxy:?} {:?}", proxy.authorization()).contains("dXN"));
    }
}
