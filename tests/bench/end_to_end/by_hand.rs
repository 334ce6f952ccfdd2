//! The yardsticks: the same work on a bare transport, with one's own types, by somebody in a hurry. Nothing is retried,
//! and little is checked.

use std::collections::HashMap;
use std::hint::black_box;
use std::io;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderMap, Method};
use kinto_bench::{Article, Flats, Written, batch_body, decode_batch, id, put_body};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::work::{FLIGHT, Failure, Place, Work, all};

/// Who the benchmarks are to the server.
pub(crate) const AUTHORIZATION: &str = "Basic YmVuY2g6YSBsb25nIHBhc3N3b3Jk";

/// Moves bytes.
pub(crate) trait Wire {
    /// Headers and body of the answer to a request, which is at this path or at a URL of its own.
    async fn send(&self, method: Method, url: &str, body: Option<Vec<u8>>) -> Result<(HeaderMap, Bytes), Failure>;
}

/// Does it one after the other, or in flight where the wire can do that in one task.
pub(crate) async fn work<W: Wire>(wire: &W, work: Work, times: usize, place: &Place) -> Result<Option<usize>, Failure> {
    let list = format!("{}{}", place.url, place.list());
    match work {
        Work::Get => {
            for n in 0..times {
                black_box(get(wire, &list, n).await?);
            }
        }
        Work::Put => {
            for n in 0..times {
                let url = format!("{list}/{}", id(n % 1_000));
                let (_, body) = wire.send(Method::PUT, &url, Some(put_body(&Article::new(7)))).await?;
                let _: Written = serde_json::from_slice(&body)?;
            }
        }
        Work::Batch(size) => {
            let articles: Vec<_> = (0..size).map(|n| (id(n), Article::new(n))).collect();
            for _ in 0..times / size {
                batch(wire, place, &articles).await?;
            }
        }
        Work::Writes(at_once) => {
            let articles: Vec<_> = (0..times).map(|n| (id(n), Article::new(n))).collect();
            let batches = stream::iter(articles.chunks(25)).map(|chunk| batch(wire, place, chunk));
            let written: Vec<_> = batches.buffer_unordered(at_once).collect().await;
            let trips = written.len();
            written.into_iter().collect::<Result<Vec<()>, _>>()?;
            return Ok(Some(trips));
        }
        Work::List => {
            let mut records = Vec::new();
            pages(wire, &list, |page: Flats| records.extend(page.data)).await?;
            all(records.len(), times)?;
        }
        Work::Stream => {
            let mut count = 0;
            pages(wire, &list, |page: Flats| count += page.data.iter().filter(|it| !it.id.is_empty()).count()).await?;
            all(count, times)?;
        }
        Work::Flight => {
            let answers = stream::iter(0..times).map(|n| get(wire, &list, n)).buffer_unordered(FLIGHT);
            // Kept until all are there, as those of our clients are.
            let answers: Vec<_> = answers.collect().await;
            all(answers.iter().filter(|it| it.is_ok()).count(), times)?;
        }
        Work::Export => {
            let (mut count, mut to) = (0, io::sink());
            let mut next = Some(list);
            while let Some(url) = next {
                let (headers, body) = wire.send(Method::GET, &url, None).await?;
                count += export(&body, &place.list(), &mut to)?;
                next = next_page(&headers)?;
            }
            all(count, times)?;
        }
        Work::Plan => {
            let mut there = HashMap::new();
            pages(wire, &list, |page: Flats| {
                there.extend(page.data.into_iter().map(|record| (record.id.clone(), record.article())));
            })
            .await?;
            let changed = wanted(times).filter(|(id, article)| there.get(id) != Some(article)).count();
            all(changed, times.div_ceil(100))?;
        }
    }
    Ok(None)
}

/// What is to be there: one in a hundred is another than it is.
pub(crate) fn wanted(count: usize) -> impl Iterator<Item = (String, Article)> + Send {
    (0..count).map(|n| {
        let mut article = Article::new(n);
        if n.is_multiple_of(100) {
            article.title.push('!');
        }
        (id(n), article)
    })
}

/// One record.
pub(crate) async fn get<W: Wire>(wire: &W, list: &str, n: usize) -> Result<Written, Failure> {
    let (_, body) = wire.send(Method::GET, &format!("{list}/{}", id(n % 1_000)), None).await?;
    Ok(serde_json::from_slice(&body)?)
}

async fn batch<W: Wire>(wire: &W, place: &Place, articles: &[(String, Article)]) -> Result<(), Failure> {
    let body = batch_body(&place.list(), articles);
    let (_, body) = wire.send(Method::POST, &format!("{}/batch", place.url), Some(body)).await?;
    all(decode_batch(&body).ok_or("not all were written")?.len(), articles.len())
}

async fn pages<W: Wire, T: serde::de::DeserializeOwned>(
    wire: &W,
    list: &str,
    mut take: impl FnMut(T),
) -> Result<(), Failure> {
    let mut next = Some(list.to_owned());
    while let Some(url) = next {
        let (headers, body) = wire.send(Method::GET, &url, None).await?;
        take(serde_json::from_slice(&body)?);
        next = next_page(&headers)?;
    }
    Ok(())
}

fn next_page(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    Ok(headers.get("next-page").map(|next| next.to_str()).transpose()?.map(str::to_owned))
}

/// Each record on a line of its own, as it came.
fn export(body: &[u8], list: &str, to: &mut impl io::Write) -> Result<usize, Failure> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Id<'a> {
        id: &'a str,
    }
    let page: Page<'_> = serde_json::from_slice(body)?;
    for record in &page.data {
        let Id { id } = serde_json::from_str(record.get())?;
        writeln!(to, "{{\"path\":\"{list}/{id}\",\"data\":{record}}}")?;
    }
    Ok(page.data.len())
}
