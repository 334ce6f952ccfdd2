//! Streams of records, poured into a list.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope};

use kinto_protocol::{Bulk, BulkPart, BulkStep, Result, Summary, Wanted};

use crate::client::Client;

impl Client {
    /// Writes the records of an iterator, which may be endless, in few requests and bounded memory: see [`Bulk`].
    ///
    /// The iterator is asked on the calling thread, and only while there is room: when the server is slow, it waits. Chunks
    /// that go [side by side](Bulk::concurrency) are sent on threads of their own, and all of these are over when this
    /// returns. A chunk goes when it is full or the iterator has ended: for one that has a record now and then, let
    /// [`requests`](Bulk::requests) be few. What another thread makes comes through a channel, whose receiver is an iterator.
    ///
    /// ```
    /// # use kinto_blocking::{BulkMode, Client, JsonMap, bucket};
    /// # use std::io::{self, BufRead};
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// # let file = &b"{\"id\": \"d\", \"title\": \"d\"}\nno JSON\n"[..];
    /// let mut bulk = bucket("blog").collection("posts").records().bulk(BulkMode::SkipUnchanged).concurrency(3);
    /// let lines = file.lines().map(|line| serde_json::from_str::<JsonMap>(&line?).map_err(io::Error::from));
    /// let poured = client.pour(&mut bulk, lines);
    /// let report = bulk.into_report();
    /// println!("{report}"); // 1 done, 1 invalid
    /// for failure in report.failures() {
    ///     println!("line {}: {}", failure.position() + 1, failure.error());
    /// }
    /// poured?;
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What stopped it: no connection, an overloaded server, or [`Bulk::stop_after`] so many failures. Pouring once more with
    /// the same bulk and what is left of the iterator (given as `&mut` or [`by_ref`](Iterator::by_ref)) goes on. What fails for
    /// one record is told by [`Bulk::into_report`].
    pub fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl IntoIterator<Item = W>) -> Result<Summary> {
        let mut records = records.into_iter();
        let (over, overs) = mpsc::channel();
        bulk.begin();
        thread::scope(|scope| {
            loop {
                match bulk.next(self.session()) {
                    BulkStep::Input => bulk.input(records.next()),
                    BulkStep::Send(part) => {
                        self.send_part(part, bulk.at_once() > 1, scope, &over);
                        overs.try_iter().for_each(here_too);
                    }
                    BulkStep::Wait => overs.recv().map_or((), here_too),
                    BulkStep::Over => return bulk.outcome(),
                }
            }
        })
    }

    /// Sends a part on a thread of its own or, without one to be had, on this one.
    fn send_part<'scope>(
        &'scope self,
        part: BulkPart,
        beside: bool,
        scope: &'scope Scope<'scope, '_>,
        over: &Sender<thread::Result<()>>,
    ) {
        let task = Arc::new(Mutex::new(Some(part)));
        // What came of it the bulk knows.
        let work = |task: &Mutex<Option<BulkPart>>| {
            let part = task.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(part.map(|part| self.send(part)));
        };
        let (taken, over) = (Arc::clone(&task), over.clone());
        let elsewhere = move || {
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(&taken)));
            // Nobody waits for it where this thread's scope is unwinding.
            over.send(outcome).unwrap_or_default();
        };
        let thread = thread::Builder::new().name("kinto-send".to_owned());
        if !beside || thread.spawn_scoped(scope, elsewhere).is_err() {
            work(&task);
        }
    }
}

/// Whoever panics on another thread would have panicked here.
fn here_too(outcome: thread::Result<()>) {
    if let Err(panic) = outcome {
        panic::resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinto_protocol::{BulkMode, Request, Response, Session, TransportError, bucket};
    use std::panic::catch_unwind;

    fn bulk() -> Bulk {
        bucket("b").collection("c").records().bulk(BulkMode::Create).concurrency(2)
    }

    fn client(send: fn(Request) -> std::result::Result<Response, TransportError>) -> Client {
        Client::with_transport(Session::builder("http://localhost:1/v1").build().unwrap(), send)
    }

    #[test]
    #[should_panic(expected = "of the transport")]
    fn a_panic_elsewhere_is_one_here() {
        let _ = client(|_| panic!("of the transport")).pour(&mut bulk(), [("a", ())]);
    }

    #[test]
    fn a_panic_of_the_iterator_loses_nothing() {
        let client = client(|request| match request.uri().path() {
            "/v1/" => Ok(Response::new(r#"{"settings": {"batch_max_requests": 2}}"#.into())),
            _ => Ok(Response::new(r#"{"data": {"id": "x", "last_modified": 7}}"#.into())),
        });
        let mut bulk = bulk();
        let broken = || client.pour(&mut bulk, std::iter::repeat_with(|| -> (&str, ()) { panic!("of the iterator") }));
        assert!(catch_unwind(AssertUnwindSafe(broken)).is_err());
        let records = [("a", serde_json::json!({}))];
        assert_eq!(client.pour(&mut bulk, records).unwrap().to_string(), "1 done");
        assert_eq!(bulk.into_report().taken(), 1);
    }
}
