//! What a front-end must offer for the scenarios to run with it.

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::thread;

use futures_core::Stream;
use kinto_protocol::{Auth, Batch, Bulk, Event, Flow, Object, Outcome, Policy, Put, Result, Summary, Wanted};
use tokio::runtime::{Builder, Runtime};

/// The account of everybody here, and its password.
pub(crate) const ACCOUNT: &str = "once";

/// Who is told of events.
pub(crate) type Observer = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// How a client of that account is to be made.
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) policy: Policy,
    pub(crate) observer: Option<Observer>,
}

/// What one of several writers has to do, one thing after the other.
pub(crate) struct Work {
    pub(crate) puts: Vec<Put<kinto_protocol::JsonMap>>,
    pub(crate) batches: Vec<Batch>,
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) puts: Vec<Result<Object>>,
    pub(crate) batches: Vec<Result<Outcome>>,
}

/// A client, whichever front-end it belongs to.
pub(crate) trait Driver: Clone + Send + Sync + 'static {
    /// What tells the two apart.
    const NUMBER: usize;

    fn build(setup: Setup) -> Result<Self>;
    fn send<F: Flow>(&self, flow: F) -> Result<F::Output>;
    fn send_all<F: Flow>(&self, flows: Vec<F>, concurrency: usize) -> Vec<Result<F::Output>>;
    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl Iterator<Item = W>) -> Result<Summary>;

    /// Has each of them do its work, all at the same time.
    fn side_by_side(&self, works: Vec<Work>) -> Vec<Done>;
}

/// The two front-ends have the same names, so that their clients are made by the same words.
macro_rules! build {
    ($client:ty, $setup:ident) => {{
        let auth = Auth::basic(ACCOUNT, ACCOUNT);
        let mut builder = <$client>::builder($setup.url).policy($setup.policy).auth(auth);
        if let Some(observer) = $setup.observer {
            builder = builder.observer(observer);
        }
        builder.build()
    }};
}

impl Driver for kinto_blocking::Client {
    const NUMBER: usize = 0;

    fn build(setup: Setup) -> Result<Self> {
        build!(Self, setup)
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        Self::send(self, flow)
    }

    fn send_all<F: Flow>(&self, flows: Vec<F>, concurrency: usize) -> Vec<Result<F::Output>> {
        Self::send_all(self, flows, concurrency)
    }

    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl Iterator<Item = W>) -> Result<Summary> {
        Self::pour(self, bulk, records)
    }

    fn side_by_side(&self, works: Vec<Work>) -> Vec<Done> {
        let work = |work: Work| Done {
            puts: work.puts.into_iter().map(|put| Self::send(self, put)).collect(),
            batches: work.batches.into_iter().map(|batch| Self::send(self, batch)).collect(),
        };
        thread::scope(|scope| {
            let threads: Vec<_> = works.into_iter().map(|it| scope.spawn(move || work(it))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }
}

/// One runtime for all scenarios.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime"));

impl Driver for kinto_async::Client {
    const NUMBER: usize = 1;

    fn build(setup: Setup) -> Result<Self> {
        build!(Self, setup)
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        RUNTIME.block_on(Self::send(self, flow))
    }

    fn send_all<F: Flow>(&self, flows: Vec<F>, concurrency: usize) -> Vec<Result<F::Output>> {
        RUNTIME.block_on(Self::send_all(self, flows, concurrency))
    }

    fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl Iterator<Item = W>) -> Result<Summary> {
        RUNTIME.block_on(Self::pour(self, bulk, AtHand(records)))
    }

    fn side_by_side(&self, works: Vec<Work>) -> Vec<Done> {
        let work = |client: Self, work: Work| async move {
            let mut done = Done { puts: Vec::new(), batches: Vec::new() };
            for put in work.puts {
                done.puts.push(client.send(put).await);
            }
            for batch in work.batches {
                done.batches.push(client.send(batch).await);
            }
            done
        };
        let tasks: Vec<_> = works.into_iter().map(|it| RUNTIME.spawn(work(self.clone(), it))).collect();
        tasks.into_iter().map(|task| RUNTIME.block_on(task).unwrap()).collect()
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
