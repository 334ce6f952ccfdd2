//! The two front-ends, used as their documentation says.

use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use kinto_bench::{Article, id};
use kinto_protocol::{Auth, Batch, Event, Export, Object, Operation, Outcome, PlanSync, Resource, Status, bucket};
use tokio::runtime::Runtime;

use crate::by_hand::wanted;
use crate::work::{Client, FLIGHT, Failure, Place, Work, all};
use crate::yardsticks::runtime;

/// How often an answer came.
#[derive(Clone, Default)]
struct Trips(Arc<AtomicUsize>);

impl Trips {
    fn observer(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let count = Arc::clone(&self.0);
        move |event| {
            if matches!(event, Event::Answered { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn taken(&self) -> Option<usize> {
        Some(self.0.swap(0, Ordering::Relaxed))
    }
}

fn auth() -> Auth {
    Auth::basic("bench", "a long password")
}

fn articles(place: &Place) -> Resource<Article> {
    bucket("bench").collection(&place.collection).records().typed()
}

/// Operations on one object after the other.
fn one(articles: &Resource<Article>, n: usize) -> impl Operation<Output = Object<Article>> + 'static {
    articles.get(id(n % 1_000))
}

fn other(articles: &Resource<Article>, n: usize) -> impl Operation<Output = Object<Article>> + 'static {
    articles.create(id(n % 1_000), &Article::new(7))
}

/// What is to be written, made before.
fn contents(count: usize) -> Vec<(String, Article)> {
    (0..count).map(|n| (id(n), Article::new(n))).collect()
}

fn batch(articles: &Resource<Article>, contents: &[(String, Article)]) -> Batch {
    contents.iter().map(|(id, article)| articles.replace(id, article).overwrite()).collect()
}

fn export(place: &Place) -> Export {
    bucket("bench").collection(&place.collection).export()
}

fn plan(
    articles: &Resource<Article>,
    times: usize,
) -> PlanSync<impl Iterator<Item = (String, Article)> + Send + use<>> {
    articles.sync(wanted(times))
}

fn done(outcome: &Outcome, count: usize) -> Result<(), Failure> {
    if let Some(error) = outcome.stopped() {
        return Err(error.to_string().into());
    }
    all(outcome.summary().count(Status::Done), count)
}

/// kinto-blocking.
pub(crate) struct Blocking {
    client: Option<kinto_blocking::Client>,
    trips: Trips,
}

impl Blocking {
    pub(crate) fn new() -> Self {
        Self { client: None, trips: Trips::default() }
    }
}

impl Client for Blocking {
    fn work(&mut self, work: Work, times: usize, place: &Place) -> Result<Option<usize>, Failure> {
        if self.client.is_none() {
            let builder = kinto_blocking::Client::builder(&place.url).auth(auth());
            let builder =
                if matches!(work, Work::Writes(_)) { builder.observer(self.trips.observer()) } else { builder };
            self.client = Some(builder.build()?);
        }
        let Some(client) = &self.client else { return Ok(None) };
        let articles = articles(place);
        match work {
            Work::Get => (0..times).try_for_each(|n| client.send(one(&articles, n)).map(|it| drop(black_box(it))))?,
            Work::Put => (0..times).try_for_each(|n| client.send(other(&articles, n)).map(|it| drop(black_box(it))))?,
            Work::Batch(size) => {
                let contents = contents(size);
                for _ in 0..times / size {
                    done(&client.send(batch(&articles, &contents))?, size)?;
                }
            }
            Work::Writes(at_once) => {
                done(&client.send(batch(&articles, &contents(times)).requests(25).concurrency(at_once))?, times)?;
                return Ok(self.trips.taken());
            }
            Work::List => all(client.send(articles.list())?.items.len(), times)?,
            Work::Stream => all(client.items(articles.list()).filter_map(Result::ok).count(), times)?,
            Work::Flight => {
                let answers = client.send_all((0..times).map(|n| one(&articles, n)), FLIGHT);
                all(answers.iter().filter(|it| it.is_ok()).count(), times)?;
            }
            // The collection itself is one of them.
            Work::Export => all(usize::try_from(client.export_to(export(place), io::sink())?)?, times + 1)?,
            Work::Plan => all(client.send(plan(&articles, times))?.changes().count(), times.div_ceil(100))?,
        }
        Ok(None)
    }
}

/// kinto-async, on a runtime of one thread.
pub(crate) struct Asynchronous {
    client: Option<kinto_async::Client>,
    runtime: Runtime,
    trips: Trips,
}

impl Asynchronous {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { client: None, runtime: runtime()?, trips: Trips::default() })
    }
}

impl Client for Asynchronous {
    fn work(&mut self, work: Work, times: usize, place: &Place) -> Result<Option<usize>, Failure> {
        if self.client.is_none() {
            let builder = kinto_async::Client::builder(&place.url).auth(auth());
            let builder =
                if matches!(work, Work::Writes(_)) { builder.observer(self.trips.observer()) } else { builder };
            self.client = Some(builder.build()?);
        }
        let Some(client) = &self.client else { return Ok(None) };
        let articles = articles(place);
        self.runtime.block_on(async {
            match work {
                Work::Get => {
                    for n in 0..times {
                        black_box(client.send(one(&articles, n)).await?);
                    }
                }
                Work::Put => {
                    for n in 0..times {
                        black_box(client.send(other(&articles, n)).await?);
                    }
                }
                Work::Batch(size) => {
                    let contents = contents(size);
                    for _ in 0..times / size {
                        done(&client.send(batch(&articles, &contents)).await?, size)?;
                    }
                }
                Work::Writes(at_once) => {
                    done(
                        &client.send(batch(&articles, &contents(times)).requests(25).concurrency(at_once)).await?,
                        times,
                    )?;
                    return Ok(self.trips.taken());
                }
                Work::List => all(client.send(articles.list()).await?.items.len(), times)?,
                Work::Stream => {
                    let (mut items, mut count) = (client.items(articles.list()), 0);
                    while let Some(item) = items.next().await {
                        black_box(item?);
                        count += 1;
                    }
                    all(count, times)?;
                }
                Work::Flight => {
                    let answers = client.send_all((0..times).map(|n| one(&articles, n)), FLIGHT).await;
                    all(answers.iter().filter(|it| it.is_ok()).count(), times)?;
                }
                Work::Export => {
                    all(usize::try_from(client.export_to(export(place), tokio::io::sink()).await?)?, times + 1)?;
                }
                Work::Plan => all(client.send(plan(&articles, times)).await?.changes().count(), times.div_ceil(100))?,
            }
            Ok(None)
        })
    }
}
