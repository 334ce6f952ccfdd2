//! Many operations at once.

use futures_util::stream::{self, StreamExt as _};
use kinto_protocol::{Flow, Result};

use crate::client::Client;

impl Client {
    /// Sends many operations, at most so many at the same time, and gives each one's outcome, in their order.
    ///
    /// Each of them obeys the same rules as if it was sent alone, and all share the gate that `Backoff` closes and the
    /// budget of retries. No order is kept between them on the server. A small number is best: a Kinto server has few
    /// processes, and writes to one collection keep each other waiting.
    ///
    /// The operations are asked for as they are needed. They all run in the calling task. When the future is dropped,
    /// those under way are in doubt, and the others are not sent.
    ///
    /// ```no_run
    /// # use kinto_async::{Client, bucket};
    /// # async fn example() -> Result<(), kinto_async::Error> {
    /// # let client = Client::builder("http://localhost:8888/v1").build()?;
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
        let under_way = stream::iter(numbered).map(|(number, flow)| async move { (number, self.send(flow).await) });
        // In the order in which they come: a slow one keeps nobody else from beginning.
        let mut outcomes: Vec<_> = under_way.buffer_unordered(concurrency.max(1)).collect().await;
        outcomes.sort_unstable_by_key(|(number, _)| *number);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }
}
