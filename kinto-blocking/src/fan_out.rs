//! Many operations at once.

use std::collections::VecDeque;
use std::fmt;
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use kinto_protocol::{Flow, Fork, Result};

use crate::client::Client;

impl Client {
    /// Sends many operations, at most so many at the same time, and gives each one's outcome, in their order.
    ///
    /// Each of them obeys the same rules as if it was sent alone, and all share the gate that `Backoff` closes and the
    /// budget of retries. No order is kept between them on the server. A small number is best: a Kinto server has few
    /// processes, and writes to one collection keep each other waiting.
    ///
    /// The operations are asked for as they are needed. Without threads to be had, the calling one does the work. Where
    /// all outcomes together would be too much for the memory, [`send_each`](Self::send_each) has few of them.
    ///
    /// ```
    /// # use kinto_blocking::{Client, bucket};
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
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

    /// Sends many operations as [`send_all`](Self::send_all) does, and gives each one's outcome as it is asked for, in
    /// their order: in the memory of few outcomes, not of all.
    ///
    /// Nothing is sent before the first outcome is asked for. Then at most so many are under way or wait to be taken,
    /// each on a thread of its own; one at a time needs none. An error is the outcome of one operation, and keeps no
    /// others from being sent. When the iterator is dropped, those under way come to their end all the same, in the
    /// background, and no others are begun.
    ///
    /// ```
    /// # use kinto_blocking::{Client, bucket};
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// let blog = bucket("blog");
    /// let collections = client.send(blog.collections().list())?.items;
    /// let lists = collections.iter().map(|collection| blog.collection(&collection.id).records().list());
    /// for (collection, records) in collections.iter().zip(client.send_each(lists, 4)) {
    ///     println!("{}: {} records", collection.id, records?.items.len());
    /// }
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    pub fn send_each<'a, F: Flow + 'static>(
        &self,
        flows: impl IntoIterator<Item = F, IntoIter: Send + 'a>,
        concurrency: usize,
    ) -> EachIter<'a, F::Output> {
        let client = self.clone();
        let begin = move |flow| if concurrency > 1 { client.begin(flow) } else { Begun::Over(Some(client.send(flow))) };
        let to_begin = flows.into_iter().map(begin).fuse();
        EachIter { to_begin: Box::new(to_begin), begun: VecDeque::new(), ahead: concurrency.max(1) }
    }

    /// Sends the parts of a flow. Not with what each program makes anew for each of its flows, but in this crate once.
    pub(crate) fn side_by_side(&self, fork: Fork) {
        self.send_all(fork.parts, fork.at_once);
    }

    /// Sends it on a thread of its own or, without one to be had, on this one.
    fn begin<F: Flow + 'static>(&self, flow: F) -> Begun<F::Output> {
        let (client, task) = (self.clone(), Mutex::new(Some(flow)));
        let work = Arc::new(move || {
            let flow = task.lock().unwrap_or_else(PoisonError::into_inner).take();
            flow.map(|flow| client.send(flow))
        });
        let elsewhere = Arc::clone(&work);
        match thread::Builder::new().name("kinto-send".to_owned()).spawn(move || elsewhere()) {
            Ok(thread) => Begun::There(thread),
            Err(_) => Begun::Over(work()),
        }
    }
}

/// The outcomes of many operations, see [`Client::send_each`].
#[must_use]
pub struct EachIter<'a, T> {
    to_begin: Box<dyn Iterator<Item = Begun<T>> + Send + 'a>,
    begun: VecDeque<Begun<T>>,
    ahead: usize,
}

/// An operation that is being sent. There is always an outcome.
enum Begun<T> {
    There(JoinHandle<Option<Result<T>>>),
    Over(Option<Result<T>>),
}

impl<T> Iterator for EachIter<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while self.begun.len() < self.ahead {
            let Some(begun) = self.to_begin.next() else { break };
            self.begun.push_back(begun);
        }
        match self.begun.pop_front()? {
            // Whoever panics there would have panicked here.
            Begun::There(thread) => thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic)),
            Begun::Over(outcome) => outcome,
        }
    }
}

impl<T> fmt::Debug for EachIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EachIter").field("begun", &self.begun.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinto_protocol::{Request, Response, Session, TransportError, server_info};

    #[test]
    #[should_panic(expected = "of the transport")]
    fn a_panic_elsewhere_is_one_here() {
        let session = Session::builder("http://localhost:1/v1").build().unwrap();
        let broken = |_: Request| -> std::result::Result<Response, TransportError> { panic!("of the transport") };
        let client = Client::with_transport(session, broken);
        let _ = client.send_each([server_info(), server_info()], 2).next();
    }
}
