//! Many operations at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use kinto_protocol::{Flow, Result};

use crate::client::Client;

impl Client {
    /// Sends many operations, at most so many at the same time, and gives each one's outcome, in their order.
    ///
    /// Each of them obeys the same rules as if it was sent alone, and all share the gate that `Backoff` closes and the
    /// budget of retries. No order is kept between them on the server. A small number is best: a Kinto server has few
    /// processes, and writes to one collection keep each other waiting.
    ///
    /// The operations are asked for as they are needed. Without threads to be had, the calling one does the work.
    ///
    /// ```no_run
    /// # use kinto_blocking::{Client, bucket};
    /// # let client = Client::builder("http://localhost:8888/v1").build()?;
    /// let posts = bucket("blog").collection("posts").records();
    /// for post in client.send_all(["a", "b", "c"].map(|id| posts.get(id)), 4) {
    ///     println!("{}", post?.data["title"]);
    /// }
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    pub fn send_all<F: Flow>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send>,
        concurrency: usize,
    ) -> Vec<Result<F::Output>> {
        let queue = Mutex::new(flows.into_iter().enumerate());
        let outcomes = Mutex::new(Vec::new());
        // In a call of its own: nobody holds the queue while sending.
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = |first| {
            let mut task = first;
            while let Some((number, flow)) = task {
                let outcome = self.send(flow);
                outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
                task = next();
            }
        };
        thread::scope(|scope| {
            // No more threads than there is work for.
            for _ in 1..concurrency {
                let Some(first) = next() else { break };
                // Should there be no thread to be had, the work is not lost with it.
                let task = Arc::new(Mutex::new(Some(first)));
                let taken = Arc::clone(&task);
                let work = &work;
                let begin = move || work(taken.lock().unwrap_or_else(PoisonError::into_inner).take());
                if thread::Builder::new().name("kinto-send".to_owned()).spawn_scoped(scope, begin).is_err() {
                    work(task.lock().unwrap_or_else(PoisonError::into_inner).take());
                    break;
                }
            }
            work(next());
        });
        let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.sort_unstable_by_key(|(number, _)| *number);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }
}
