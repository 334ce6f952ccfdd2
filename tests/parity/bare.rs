//! The core without a front-end: a loop, a socket, a clock.

use std::fs::File;
use std::io::{Read, Write};
use std::iter;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use kinto_protocol::{
    Auth, Bulk, BulkStep, Download, FailureKind, Fetched, Flow, Incoming, List, ListItem, Listing, Moment, Policy,
    Response, Result, Session, Step, Summary, Transfer, TransportError, Upload, Uploaded, Wanted,
};

use crate::driver::{Driver, Setup};
use crate::wire;

/// The name that stands in `User-Agent` where a front-end puts its own.
pub(crate) const PRODUCT: &str = "bare/0";

/// A session and no more: the wire is opened anew for each request.
#[derive(Clone)]
pub(crate) struct Bare(Session, Clock);

/// Time, and the waits that were skipped. Sessions are shared between clones and know only one start.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn now(&self) -> Moment {
        static STARTED: OnceLock<Instant> = OnceLock::new();
        let skipped = Duration::from_nanos(self.0.load(Ordering::SeqCst));
        Moment::at(STARTED.get_or_init(Instant::now).elapsed() + skipped)
    }

    fn wait(&self, pause: Duration) {
        if crate::SKIPS_WAITS {
            self.0.fetch_add(u64::try_from(pause.as_nanos()).unwrap(), Ordering::SeqCst);
        } else {
            thread::sleep(pause);
        }
    }
}

impl Driver for Bare {
    fn build(setup: Setup) -> Result<Self> {
        let Setup { url, auth, headers, user_agent, policy, id_rule, observer, roots: _, allow_insecure_http } = setup;
        let mut builder = Session::builder(url).user_agent(PRODUCT).policy(policy).id_rule(id_rule).seed(7);
        if let Some(auth) = auth {
            builder = builder.auth(auth);
        }
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        if let Some(product) = user_agent {
            builder = builder.user_agent(product);
        }
        if let Some(observer) = observer {
            builder = builder.observer(observer);
        }
        if allow_insecure_http {
            builder = builder.allow_insecure_http();
        }
        builder.build().map(|session| Self(session, Clock::default()))
    }

    fn session(&self) -> &Session {
        &self.0
    }

    fn with_policy(&self, change: impl FnOnce(&mut Policy)) -> Self {
        Self(self.0.with_policy(change), self.1.clone())
    }

    fn with_auth(&self, auth: Option<Auth>) -> Result<Self> {
        self.0.with_auth(auth).map(|session| Self(session, self.1.clone()))
    }

    fn with_header(&self, name: &str, value: &str) -> Result<Self> {
        self.0.with_header(name, value).map(|session| Self(session, self.1.clone()))
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        let mut exchange = self.0.exchange(flow);
        loop {
            if let Some(fork) = exchange.fork(self.1.now()) {
                // One after the other: what may be done side by side may be done so.
                fork.parts.into_iter().for_each(|part| drop(self.send(part)));
                continue;
            }
            match exchange.next(self.1.now()) {
                Step::Send(request, limits) => exchange.handle(wire::send(&request, &limits), self.1.now()),
                Step::Wait(pause) => self.1.wait(pause),
                Step::Done(result) => return result,
            }
        }
    }

    fn send_all<F: Flow>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send>,
        _: usize,
    ) -> Vec<Result<F::Output>> {
        flows.into_iter().map(|flow| self.send(flow)).collect()
    }

    fn send_each<'a, F: Flow + 'static>(
        &'a self,
        flows: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
        _: usize,
    ) -> impl Iterator<Item = Result<F::Output>> {
        flows.into_iter().map(|flow| self.send(flow))
    }

    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl IntoIterator<Item = W>) -> Result<Summary> {
        let mut records = records.into_iter();
        bulk.begin();
        loop {
            match bulk.next(&self.0) {
                BulkStep::Input => bulk.input(records.next()),
                BulkStep::Send(part) => drop(self.send(part)),
                BulkStep::Wait => unreachable!("nothing is under way in between"),
                BulkStep::Over => return bulk.outcome(),
            }
        }
    }

    fn pages<I: ListItem + 'static>(&self, list: List<I>) -> impl Iterator<Item = Result<Listing<I>>> {
        let (mut pages, mut over) = (list.pages(), false);
        iter::from_fn(move || {
            if over {
                return None;
            }
            let page = self.send(&mut pages).transpose();
            over = !matches!(page, Some(Ok(_)));
            page
        })
    }

    fn items<I: ListItem + 'static>(&self, list: List<I>) -> impl Iterator<Item = Result<I>> {
        self.pages(list).flat_map(|page| match page {
            Ok(page) => page.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    }

    fn upload_from(&self, upload: Upload, mut content: impl Read + Send + Unpin + 'static) -> Result<Uploaded> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(local)?;
        self.send(upload.content(bytes))
    }

    fn upload_file(&self, upload: Upload, path: &Path) -> Result<Uploaded> {
        self.upload_from(upload, File::open(path).map_err(local)?)
    }

    fn download_to(&self, download: Download, mut to: impl Write + Send + Unpin) -> Result<Fetched> {
        let mut exchange = self.0.exchange(download.by_pieces(None)).by_pieces();
        loop {
            match exchange.next(self.1.now()) {
                Step::Send(request, limits) => {
                    let answer = wire::send(&request, &limits);
                    let answer = match exchange.transfer() {
                        Some(Transfer::In(incoming)) => answer.and_then(|answer| take(answer, &incoming, &mut to)),
                        _ => answer,
                    };
                    exchange.handle(answer, self.1.now());
                }
                Step::Wait(pause) => self.1.wait(pause),
                Step::Done(result) => return result,
            }
        }
    }

    fn download_file(&self, download: Download, path: &Path) -> Result<Fetched> {
        self.download_to(download, File::create(path).map_err(local)?)
    }
}

/// Writes the file that an answer holds, and leaves the rest of it.
fn take(answer: Response, incoming: &Incoming, to: &mut impl Write) -> Result<Response, TransportError> {
    let (head, body) = answer.into_parts();
    if !incoming.begin(head.status, &head.headers)? {
        return Ok(Response::from_parts(head, body));
    }
    to.write_all(&incoming.piece(&body)?).map_err(local)?;
    Ok(Response::from_parts(head, Default::default()))
}

fn local(error: std::io::Error) -> TransportError {
    TransportError::new(FailureKind::Local, error)
}
