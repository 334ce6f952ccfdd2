//! What a front-end must offer for the scenarios to run with it.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use futures_core::Stream;
use kinto_protocol::{
    Auth, Bulk, Download, Event, Fetched, Flow, IdRule, List, ListItem, Listing, Policy, Result, Session, Summary,
    Upload, Uploaded, Wanted,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// Who is told of events.
pub(crate) type Observer = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// How a client is to be made.
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) auth: Option<Auth>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) user_agent: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) id_rule: IdRule,
    pub(crate) observer: Option<Observer>,
    /// The only authorities to be trusted, in PEM.
    pub(crate) roots: Option<String>,
    pub(crate) allow_insecure_http: bool,
}

impl Setup {
    /// Of nobody, with retries that come soon.
    pub(crate) fn of(url: impl Into<String>) -> Self {
        let mut policy = Policy::default();
        policy.attempts = 5;
        policy.first_wait = std::time::Duration::from_millis(10);
        let id_rule = IdRule::default();
        Self {
            url: url.into(),
            auth: None,
            headers: Vec::new(),
            user_agent: None,
            policy,
            id_rule,
            observer: None,
            roots: None,
            allow_insecure_http: false,
        }
    }
}

/// A client, whichever front-end it belongs to.
pub(crate) trait Driver: Clone + Send + Sync + 'static {
    fn build(setup: Setup) -> Result<Self>;
    fn session(&self) -> &Session;
    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self;
    fn with_auth(&self, auth: Option<Auth>) -> Result<Self>;
    fn with_header(&self, name: &str, value: &str) -> Result<Self>;
    fn send<F: Flow>(&self, flow: F) -> Result<F::Output>;
    #[allow(dead_code, reason = "the tests of parity have this file too, and other ways")]
    fn send_all<F: Flow>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send>,
        concurrency: usize,
    ) -> Vec<Result<F::Output>>;
    #[allow(dead_code, reason = "the tests of parity have this file too, and other ways")]
    fn send_each<'a, F: Flow + 'static>(
        &'a self,
        flows: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
        concurrency: usize,
    ) -> impl Iterator<Item = Result<F::Output>>;
    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl IntoIterator<Item = W>) -> Result<Summary>;
    fn pages<I: ListItem + 'static>(&self, list: List<I>) -> impl Iterator<Item = Result<Listing<I>>>;
    fn items<I: ListItem + 'static>(&self, list: List<I>) -> impl Iterator<Item = Result<I>>;
    #[allow(dead_code, reason = "the tests of parity have this file too")]
    fn upload_from(&self, upload: Upload, content: impl Read + Send + Unpin + 'static) -> Result<Uploaded>;
    #[allow(dead_code, reason = "the tests of parity have this file too")]
    fn upload_file(&self, upload: Upload, path: &Path) -> Result<Uploaded>;
    #[allow(dead_code, reason = "the tests of parity have this file too")]
    fn download_to(&self, download: Download, to: impl Write + Send + Unpin) -> Result<Fetched>;
    #[allow(dead_code, reason = "the tests of parity have this file too")]
    fn download_file(&self, download: Download, path: &Path) -> Result<Fetched>;

    /// The same client, which sends everything once.
    fn once(&self) -> Self {
        self.with_policy(|policy| policy.attempts = 1)
    }
}

/// The two front-ends have the same names, so that their clients are made by the same words.
macro_rules! build {
    ($client:ty, $setup:ident) => {{
        let mut builder = <$client>::builder($setup.url).policy($setup.policy).id_rule($setup.id_rule);
        if let Some(auth) = $setup.auth {
            builder = builder.auth(auth);
        }
        for (name, value) in $setup.headers {
            builder = builder.header(name, value);
        }
        if let Some(product) = $setup.user_agent {
            builder = builder.user_agent(product);
        }
        if let Some(observer) = $setup.observer {
            builder = builder.observer(observer);
        }
        if let Some(pem) = $setup.roots {
            builder = builder.root_certificates(pem);
        }
        if $setup.allow_insecure_http {
            builder = builder.allow_insecure_http();
        }
        builder.build()
    }};
}

impl Driver for kinto_blocking::Client {
    fn build(setup: Setup) -> Result<Self> {
        build!(Self, setup)
    }

    fn session(&self) -> &Session {
        Self::session(self)
    }

    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self {
        Self::with_policy(self, change)
    }

    fn with_auth(&self, auth: Option<Auth>) -> Result<Self> {
        Self::with_auth(self, auth)
    }

    fn with_header(&self, name: &str, value: &str) -> Result<Self> {
        Self::with_header(self, name, value)
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

    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl IntoIterator<Item = W>) -> Result<Summary> {
        Self::pour(self, bulk, records)
    }

    fn pages<I: ListItem + 'static>(&self, list: List<I>) -> impl Iterator<Item = Result<Listing<I>>> {
        Self::pages(self, list)
    }

    fn items<I: ListItem + 'static>(&self, list: List<I>) -> impl Iterator<Item = Result<I>> {
        Self::items(self, list)
    }

    fn upload_from(&self, upload: Upload, content: impl Read + Send + Unpin + 'static) -> Result<Uploaded> {
        Self::upload_from(self, upload, content)
    }

    fn upload_file(&self, upload: Upload, path: &Path) -> Result<Uploaded> {
        Self::upload_file(self, upload, path)
    }

    fn download_to(&self, download: Download, to: impl Write + Send + Unpin) -> Result<Fetched> {
        Self::download_to(self, download, to)
    }

    fn download_file(&self, download: Download, path: &Path) -> Result<Fetched> {
        Self::download_file(self, download, path)
    }
}

/// One runtime for all scenarios, whose threads wait for what runs on it.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"));

impl Driver for kinto_async::Client {
    fn build(setup: Setup) -> Result<Self> {
        build!(Self, setup)
    }

    fn session(&self) -> &Session {
        Self::session(self)
    }

    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self {
        Self::with_policy(self, change)
    }

    fn with_auth(&self, auth: Option<Auth>) -> Result<Self> {
        Self::with_auth(self, auth)
    }

    fn with_header(&self, name: &str, value: &str) -> Result<Self> {
        Self::with_header(self, name, value)
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        RUNTIME.block_on(Self::send(self, flow))
    }

    fn send_all<F: Flow>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send>,
        concurrency: usize,
    ) -> Vec<Result<F::Output>> {
        RUNTIME.block_on(Self::send_all(self, flows, concurrency))
    }

    fn send_each<'a, F: Flow + 'static>(
        &'a self,
        flows: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
        concurrency: usize,
    ) -> impl Iterator<Item = Result<F::Output>> {
        Awaited(Self::send_each(self, flows, concurrency))
    }

    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl IntoIterator<Item = W>) -> Result<Summary> {
        RUNTIME.block_on(Self::pour(self, bulk, AtHand(records.into_iter())))
    }

    fn pages<I: ListItem + 'static>(&self, list: List<I>) -> impl Iterator<Item = Result<Listing<I>>> {
        Awaited(Self::pages(self, list))
    }

    fn items<I: ListItem + 'static>(&self, list: List<I>) -> impl Iterator<Item = Result<I>> {
        Awaited(Self::items(self, list))
    }

    fn upload_from(&self, upload: Upload, content: impl Read + Send + Unpin + 'static) -> Result<Uploaded> {
        RUNTIME.block_on(Self::upload_from(self, upload, AtOnce(content)))
    }

    fn upload_file(&self, upload: Upload, path: &Path) -> Result<Uploaded> {
        RUNTIME.block_on(Self::upload_file(self, upload, path))
    }

    fn download_to(&self, download: Download, to: impl Write + Send + Unpin) -> Result<Fetched> {
        RUNTIME.block_on(Self::download_to(self, download, AtOnce(to)))
    }

    fn download_file(&self, download: Download, path: &Path) -> Result<Fetched> {
        RUNTIME.block_on(Self::download_file(self, download, path))
    }
}

/// What never makes one wait, such as memory.
struct AtOnce<T>(T);

impl<R: Read + Unpin> AsyncRead for AtOnce<R> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.0.read(into.initialize_unfilled())?;
        into.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<W: Write + Unpin> AsyncWrite for AtOnce<W> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(from))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A stream, waited for.
struct Awaited<S>(S);

impl<S: Stream + Unpin> Iterator for Awaited<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        RUNTIME.block_on(poll_fn(|context| Pin::new(&mut self.0).poll_next(context)))
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
