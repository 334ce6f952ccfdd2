//! Streams of records, poured into a list.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_core::Stream;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use kinto_protocol::{Bulk, BulkStep, Result, Summary, Wanted};

use crate::client::Client;

/// After so many records others have their turn, should neither the stream nor the server ever let them wait.
const IN_A_ROW: usize = 256;

impl Client {
    /// Writes the records of a stream, which may be endless, in few requests and bounded memory: see [`Bulk`].
    ///
    /// The stream is polled only while there is room: when the server is slow, it waits. A chunk goes when it is full, and
    /// also when the stream has nothing more for now and another may be [under way](Bulk::concurrency). All of it runs in the
    /// calling task.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use kinto_async::{BulkMode, Client, bucket};
    /// use futures_util::stream; // which makes a stream of an iterator
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// let mut bulk = bucket("blog").collection("posts").records().bulk(BulkMode::SkipUnchanged).concurrency(3);
    /// let posts = stream::iter((0..100).map(|n| (format!("post-{n}"), BTreeMap::from([("number", n)]))));
    /// let poured = client.pour(&mut bulk, posts).await;
    /// let report = bulk.into_report();
    /// println!("{report}"); // 100 done
    /// for failure in report.failures() {
    ///     println!("{}: {}", failure.position(), failure.error());
    /// }
    /// poured?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # When it is dropped
    ///
    /// Nothing more is sent, and no record that was taken from the stream is lost: the bulk knows which were not sent and
    /// which are in doubt. Pouring once more with the same bulk goes on with those, and then with the stream, if that was
    /// given as `&mut`.
    ///
    /// # Errors
    ///
    /// What stopped it: no connection, an overloaded server, or [`Bulk::stop_after`] so many failures. Pouring once more goes
    /// on, as after a drop. What fails for one record is told by [`Bulk::into_report`].
    pub async fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl Stream<Item = W>) -> Result<Summary> {
        let mut records = pin!(records);
        let mut under_way = FuturesUnordered::new();
        let mut in_a_row = 0;
        bulk.begin();
        loop {
            match bulk.next(self.session()) {
                BulkStep::Send(part) => under_way.push(self.send(part)),
                BulkStep::Wait => drop(under_way.next().await),
                BulkStep::Over => return bulk.outcome(),
                BulkStep::Input => {
                    poll_fn(|context| {
                        // Those under way go on meanwhile. What came of them the bulk knows.
                        if let Poll::Ready(Some(_)) = under_way.poll_next_unpin(context) {
                            return Poll::Ready(());
                        }
                        in_a_row = (in_a_row + 1) % IN_A_ROW;
                        if in_a_row == 0 {
                            context.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        match records.as_mut().poll_next(context) {
                            Poll::Ready(record) => bulk.input(record),
                            Poll::Pending if bulk.pause() => {}
                            Poll::Pending => return Poll::Pending,
                        }
                        Poll::Ready(())
                    })
                    .await;
                }
            }
        }
    }
}
