//! What a front-end must offer for the scenarios to run with it.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use kinto_protocol::{
    Auth, Bulk, Download, Fetched, Flow, Policy, Request, Resource, Response, Result, Session, Summary, TransportError,
    Upload, Uploaded, Wanted, bucket,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};

/// How a client is to be made.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) auth: Option<Auth>,
    pub(crate) policy: Policy,
    /// The only authorities to be trusted, in PEM.
    pub(crate) roots: Option<String>,
    pub(crate) proxy_from_env: bool,
    pub(crate) allow_insecure_http: bool,
}

impl Setup {
    /// Of nobody, sending everything once. What stalls although it should not ends soon.
    pub(crate) fn of(url: impl Into<String>) -> Self {
        let mut policy = Policy::default();
        policy.attempts = 1;
        policy.first_wait = Duration::from_millis(1);
        policy.limits.connect = Duration::from_secs(2);
        policy.limits.head = Duration::from_secs(2);
        policy.limits.total = Duration::from_secs(4);
        Self { url: url.into(), policy, ..Self::default() }
    }

    pub(crate) fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    pub(crate) fn trusting(mut self, pem: impl Into<String>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    pub(crate) fn client<D: Driver>(self) -> D {
        D::build(self).unwrap()
    }
}

/// A client, whichever front-end it belongs to.
pub(crate) trait Driver: Clone + Send + Sync + Sized + 'static {
    /// What child processes call it.
    const NAME: &str;
    /// Whether HTTP/2 is spoken where the server offers it.
    const HTTP2: bool;

    fn build(setup: Setup) -> Result<Self>;
    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self;
    fn send<F: Flow>(&self, flow: F) -> Result<F::Output>;
    fn send_all<F: Flow>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send>,
        concurrency: usize,
    ) -> Vec<Result<F::Output>>;
    fn send_each<'a, F: Flow + 'static>(
        &'a self,
        flows: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
        concurrency: usize,
    ) -> impl Iterator<Item = Result<F::Output>>;
    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl Iterator<Item = W>) -> Result<Summary>;
    /// With this in place of the wire.
    fn with_transport(url: &str, send: fn(Request) -> Result<Response, TransportError>) -> Self;
    fn upload_from(&self, upload: Upload, content: impl Content) -> Result<Uploaded>;
    fn upload_file(&self, upload: Upload, path: &Path) -> Result<Uploaded>;
    fn download_to(&self, download: Download, to: impl Target) -> Result<Fetched>;
    fn download_file(&self, download: Download, path: &Path) -> Result<Fetched>;
}

/// What can be read in both ways.
pub(crate) trait Content: Read + AsyncRead + Send + 'static {}
impl<T: Read + AsyncRead + Send + 'static> Content for T {}

/// What can be written in both ways.
pub(crate) trait Target: Write + AsyncWrite + Send + Unpin {}
impl<T: Write + AsyncWrite + Send + Unpin> Target for T {}

/// The two front-ends have the same names, so that their clients are made by the same words.
macro_rules! build {
    ($client:ty, $setup:ident) => {{
        let mut builder = <$client>::builder($setup.url).policy($setup.policy);
        if let Some(auth) = $setup.auth {
            builder = builder.auth(auth);
        }
        if let Some(pem) = $setup.roots {
            builder = builder.root_certificates(pem);
        }
        if $setup.proxy_from_env {
            builder = builder.proxy_from_env();
        }
        if $setup.allow_insecure_http {
            builder = builder.allow_insecure_http();
        }
        builder.build()
    }};
}

impl Driver for kinto_blocking::Client {
    const NAME: &str = "blocking";
    const HTTP2: bool = false;

    fn build(setup: Setup) -> Result<Self> {
        build!(Self, setup)
    }

    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self {
        Self::with_policy(self, change)
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        Self::send(self, flow)
    }

    fn send_all<F: Flow>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send>,
        concurrency: usize,
    ) -> Vec<Result<F::Output>> {
        Self::send_all(self, flows, concurrency)
    }

    fn send_each<'a, F: Flow + 'static>(
        &'a self,
        flows: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
        concurrency: usize,
    ) -> impl Iterator<Item = Result<F::Output>> {
        Self::send_each(self, flows, concurrency)
    }

    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl Iterator<Item = W>) -> Result<Summary> {
        Self::pour(self, bulk, records)
    }

    fn with_transport(url: &str, send: fn(Request) -> Result<Response, TransportError>) -> Self {
        Self::with_transport(Session::builder(url).build().unwrap(), send)
    }

    fn upload_from(&self, upload: Upload, content: impl Content) -> Result<Uploaded> {
        Self::upload_from(self, upload, content)
    }

    fn upload_file(&self, upload: Upload, path: &Path) -> Result<Uploaded> {
        Self::upload_file(self, upload, path)
    }

    fn download_to(&self, download: Download, to: impl Target) -> Result<Fetched> {
        Self::download_to(self, download, to)
    }

    fn download_file(&self, download: Download, path: &Path) -> Result<Fetched> {
        Self::download_file(self, download, path)
    }
}

thread_local! {
    /// Where the clients run: each test has its thread. With more than one, a request may come before the connection of
    /// the last one is back in its pool, and open another; with one, it is known how many there are.
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

impl Driver for kinto_async::Client {
    const NAME: &str = "async";
    const HTTP2: bool = true;

    fn build(setup: Setup) -> Result<Self> {
        build!(Self, setup)
    }

    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self {
        Self::with_policy(self, change)
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        wait_for(Self::send(self, flow))
    }

    fn send_all<F: Flow>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send>,
        concurrency: usize,
    ) -> Vec<Result<F::Output>> {
        wait_for(Self::send_all(self, flows, concurrency))
    }

    fn send_each<'a, F: Flow + 'static>(
        &'a self,
        flows: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
        concurrency: usize,
    ) -> impl Iterator<Item = Result<F::Output>> {
        Awaited(Self::send_each(self, flows, concurrency))
    }

    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl Iterator<Item = W>) -> Result<Summary> {
        wait_for(Self::pour(self, bulk, AtHand(records)))
    }

    fn with_transport(url: &str, send: fn(Request) -> Result<Response, TransportError>) -> Self {
        Self::with_transport(Session::builder(url).build().unwrap(), move |request| std::future::ready(send(request)))
    }

    fn upload_from(&self, upload: Upload, content: impl Content) -> Result<Uploaded> {
        wait_for(Self::upload_from(self, upload, content))
    }

    fn upload_file(&self, upload: Upload, path: &Path) -> Result<Uploaded> {
        wait_for(Self::upload_file(self, upload, path))
    }

    fn download_to(&self, download: Download, to: impl Target) -> Result<Fetched> {
        wait_for(Self::download_to(self, download, to))
    }

    fn download_file(&self, download: Download, path: &Path) -> Result<Fetched> {
        wait_for(Self::download_file(self, download, path))
    }
}

/// A stream, waited for.
struct Awaited<S>(S);

impl<S: Stream + Unpin> Iterator for Awaited<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        wait_for(poll_fn(|context| Pin::new(&mut self.0).poll_next(context)))
    }
}

/// An iterator, as a stream that never lets anybody wait.
struct AtHand<I>(I);

impl<I> Unpin for AtHand<I> {}

impl<I: Iterator> Stream for AtHand<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// An answer with a record.
pub(crate) const RECORD: &str = r#"{"data":{"id":"a","last_modified":7}}"#;

pub(crate) fn records() -> Resource {
    bucket("b").collection("c").records()
}

/// A client that sends everything once, with another policy where need be.
pub(crate) fn client<D: Driver>(url: &str, change: impl FnOnce(&mut Policy)) -> D {
    Setup::of(url).policy(change).client()
}
