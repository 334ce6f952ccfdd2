//! The transports that others take: ureq, hyper and reqwest, as one sets them up without much thought.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION as NAME, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

use crate::by_hand::{AUTHORIZATION, Wire, get, work};
use crate::work::{Client, FLIGHT, Failure, Place, Work, all};

fn request<B>(method: Method, url: &str, body: B, has_body: bool) -> Result<Request<B>, Failure> {
    let request = Request::builder().method(method).uri(url).header(NAME, AUTHORIZATION);
    let request = if has_body { request.header(CONTENT_TYPE, "application/json") } else { request };
    Ok(request.body(body)?)
}

/// With threads, where several are to be under way.
#[derive(Clone)]
pub(crate) struct ByUreq(ureq::Agent);

impl ByUreq {
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder().max_idle_connections(FLIGHT).max_idle_connections_per_host(FLIGHT);
        Self(config.build().into())
    }
}

impl ByUreq {
    /// What comes is kept until all is there, as that of our clients is.
    fn flight(&self, threads: usize, times: usize, place: &Place) -> Result<(), Failure> {
        let list = format!("{}{}", place.url, place.list());
        let one = |wire: &Self, n| get(wire, &list, n).now_or_never().unwrap_or_else(|| Err("it has to wait".into()));
        let kept = thread::scope(|scope| {
            let one = &one;
            let threads: Vec<_> = (0..threads)
                .map(|_| {
                    let wire = self.clone();
                    scope.spawn(move || (0..times / threads).map(|n| one(&wire, n)).collect::<Result<Vec<_>, _>>())
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| "a thread has panicked")?)
                .collect::<Result<Vec<_>, _>>()
        })?;
        all(kept.iter().map(Vec::len).sum(), times)
    }
}

impl Wire for ByUreq {
    async fn send(&self, method: Method, url: &str, body: Option<Vec<u8>>) -> Result<(HeaderMap, Bytes), Failure> {
        let answer = match body {
            Some(body) => self.0.run(request(method, url, body, true)?)?,
            None => self.0.run(request(method, url, (), false)?)?,
        };
        let (head, mut body) = answer.into_parts();
        Ok((head.headers, body.read_to_vec()?.into()))
    }
}

impl Client for ByUreq {
    fn work(&mut self, what: Work, times: usize, place: &Place) -> Result<Option<usize>, Failure> {
        let threads = match what {
            Work::Flight => FLIGHT,
            Work::Writes(threads) => threads,
            _ => 1,
        };
        // It never waits for anything but its own.
        let done = |wire: &Self, what, times| work(wire, what, times, place).now_or_never().unwrap_or(Ok(None));
        if what == Work::Flight {
            return self.flight(threads, times, place).map(|()| None);
        }
        if threads == 1 || times < threads {
            return done(self, what, times);
        }
        thread::scope(|scope| {
            let done = &done;
            let threads: Vec<_> = (0..threads)
                .map(|_| {
                    let wire = self.clone();
                    scope.spawn(move || done(&wire, Work::Writes(1), times / threads))
                })
                .collect();
            let mut trips = None;
            for thread in threads {
                let made = thread.join().map_err(|_| "a thread has panicked")??;
                trips = made.map(|made| trips.unwrap_or(0) + made);
            }
            Ok(trips)
        })
    }
}

/// What needs a runtime: of one thread, as the figures are easier to read then.
pub(crate) struct InRuntime<W> {
    wire: Arc<W>,
    runtime: Runtime,
}

impl<W> InRuntime<W> {
    pub(crate) fn new(wire: W) -> Result<Self, Failure> {
        Ok(Self { wire: Arc::new(wire), runtime: runtime()? })
    }
}

pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

impl<W: Wire> Client for InRuntime<W> {
    fn work(&mut self, what: Work, times: usize, place: &Place) -> Result<Option<usize>, Failure> {
        self.runtime.block_on(work(&*self.wire, what, times, place))
    }
}

/// hyper with the pool of hyper-util.
pub(crate) struct ByHyper(Legacy<HttpConnector, Full<Bytes>>);

impl ByHyper {
    pub(crate) fn new() -> Self {
        Self(Legacy::builder(TokioExecutor::new()).build_http())
    }
}

impl Wire for ByHyper {
    async fn send(&self, method: Method, url: &str, body: Option<Vec<u8>>) -> Result<(HeaderMap, Bytes), Failure> {
        let has_body = body.is_some();
        let request = request(method, url, Full::from(body.unwrap_or_default()), has_body)?;
        let (head, body) = self.0.request(request).await?.into_parts();
        if !head.status.is_success() {
            return Err(head.status.to_string().into());
        }
        Ok((head.headers, body.collect().await?.to_bytes()))
    }
}

/// reqwest.
pub(crate) struct ByReqwest(reqwest::Client);

impl ByReqwest {
    pub(crate) fn new() -> Self {
        Self(reqwest::Client::new())
    }
}

impl Wire for ByReqwest {
    async fn send(&self, method: Method, url: &str, body: Option<Vec<u8>>) -> Result<(HeaderMap, Bytes), Failure> {
        let mut request = self.0.request(method, url).header(NAME, AUTHORIZATION);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut answer = request.send().await?.error_for_status()?;
        let headers = std::mem::take(answer.headers_mut());
        Ok((headers, answer.bytes().await?))
    }
}
