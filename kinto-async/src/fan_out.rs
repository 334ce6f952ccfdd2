//! Many operations at once.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::future::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use kinto_protocol::{Flow, Fork, Result};

use crate::client::Client;

impl Client {
    /// Sends many operations, at most so many at the same time, and gives each one's outcome, in their order.
    ///
    /// Each of them obeys the same rules as if it was sent alone, and all share the gate that `Backoff` closes and the
    /// budget of retries. No order is kept between them on the server. A small number is best: a Kinto server has few
    /// processes, and writes to one collection keep each other waiting.
    ///
    /// The operations are asked for as they are needed. They all run in the calling task. When the future is dropped,
    /// those under way are in doubt, and the others are not sent. Where all outcomes together would be too much for the
    /// memory, [`send_each`](Self::send_each) has few of them at a time.
    ///
    /// ```
    /// # use kinto_async::{Client, bucket};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// let posts = bucket("blog").collection("posts").records();
    /// for post in client.send_all(["a", "b", "c"].map(|id| posts.get(id)), 4).await {
    ///     println!("{}", post?.data["title"]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_all<F: Flow>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send>,
        concurrency: usize,
    ) -> Vec<Result<F::Output>> {
        let numbered = flows.into_iter().enumerate();
        // Boxed, as it is moved several times before it stays where it is.
        let under_way = stream::iter(numbered)
            .map(|(number, flow)| Box::pin(self.send(flow)).map(move |outcome| (number, outcome)));
        // In the order in which they come: a slow one keeps nobody else from beginning.
        let mut coming = under_way.buffer_unordered(concurrency.max(1));
        let mut outcomes = Vec::new();
        while let Some((number, outcome)) = coming.next().await {
            if number >= outcomes.len() {
                outcomes.resize_with(number + 1, || None);
            }
            outcomes[number] = Some(outcome);
        }
        outcomes.into_iter().flatten().collect()
    }

    /// Sends many operations as [`send_all`](Self::send_all) does, and gives each one's outcome as it is asked for, in
    /// their order: in the memory of few outcomes, not of all.
    ///
    /// Nothing is sent before the first outcome is asked for. Then at most so many are under way or wait to be taken.
    /// They all run in the calling task, while the stream is polled: what is done between two outcomes keeps them
    /// waiting, and takes of their time. An error is the outcome of one operation, and keeps no others from being sent.
    /// When the future of the next outcome is dropped, the stream loses nothing; when the stream is dropped, those
    /// under way are in doubt, and no others are begun.
    ///
    /// ```
    /// # use kinto_async::{Client, bucket};
    /// # use futures_util::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// let blog = bucket("blog");
    /// let collections = client.send(blog.collections().list()).await?.items;
    /// let lists = collections.iter().map(|collection| blog.collection(&collection.id).records().list());
    /// let (mut names, mut records) = (collections.iter(), client.send_each(lists, 4));
    /// while let (Some(collection), Some(records)) = (names.next(), records.next().await) {
    ///     println!("{}: {} records", collection.id, records?.items.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_each<'a, F: Flow + 'a>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
        concurrency: usize,
    ) -> EachStream<'a, F::Output> {
        let client = self.clone();
        let under_way = stream::iter(flows).map(move |flow| {
            let client = client.clone();
            async move { client.send(flow).await }
        });
        EachStream(Box::pin(under_way.buffered(concurrency.max(1)).fuse()))
    }

    /// Sends the parts of a flow, boxed, as they are sent in the same way. Not with what each program makes anew for each of
    /// its flows, but in this crate once.
    pub(crate) fn side_by_side(&self, fork: Fork) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move { drop(self.send_all(fork.parts, fork.at_once).await) })
    }
}

/// The outcomes of many operations, see [`Client::send_each`].
#[must_use]
pub struct EachStream<'a, T>(Pin<Box<dyn Stream<Item = Result<T>> + Send + 'a>>);

impl<T> Stream for EachStream<'_, T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.0.as_mut().poll_next(context)
    }
}

impl<T> fmt::Debug for EachStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EachStream").finish_non_exhaustive()
    }
}
