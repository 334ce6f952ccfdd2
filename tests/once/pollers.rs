//! Two who follow a collection on PostgreSQL while six others write into it. There a write has its timestamp before it is
//! committed, and those of a batch are committed together, at its end: who goes on from the newest timestamp that was seen
//! never sees them, who has a cursor does.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use kinto_protocol::{Batch, Cursor, Entry, JsonMap, Policy, Put, Resource, Status, Timestamp};
use serde_json::json;

use crate::driver::{Driver, Setup};
use crate::place::Server;

const WRITERS: usize = 6;
/// What each of them writes in a round: one by one or as a batch, which the server takes as a whole.
const ROUND: usize = 25;

/// Where each object stood when it was seen last; `None` where it was deleted.
type Seen = BTreeMap<String, Option<Timestamp>>;

pub(crate) fn who_misses_what_is_committed_late<D: Driver>() {
    let Some(server) = Server::postgresql() else { return };
    println!("{}", under_writers::<D>(&server, 4));
}

pub(crate) fn twenty_thousand<D: Driver>() {
    let Some(server) = Server::postgresql() else { return };
    println!("{}", under_writers::<D>(&server, 134));
}

fn under_writers<D: Driver>(server: &Server, rounds: usize) -> String {
    let records = server.records();
    let client =
        || D::build(Setup { url: server.url().to_owned(), policy: Policy::default(), observer: None }).unwrap();
    let (begun, pace) = (Instant::now(), Pace::default());
    let (naive, follower) = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|number| (number, client(), pace.writer())).collect();
        let naive = scope.spawn(|| Naive::default().follow(&client(), &records, &pace));
        let follower = scope.spawn(|| Follower::default().follow(&client(), &records, &pace));
        for (number, client, writer) in writers {
            let records = &records;
            scope.spawn(move || (0..rounds).for_each(|round| write(&client, records, (number, &writer), round)));
        }
        (naive.join().unwrap(), follower.join().unwrap())
    });

    let end = server.direct.send(records.list().since(Timestamp::from_millis(0))).unwrap();
    let end: Seen = end.into_iter().map(|entry| stand(&entry)).collect();
    let missed = |seen: &Seen| end.iter().filter(|(id, at)| seen.get(*id) != Some(*at)).count();
    let (of_naive, of_follower) = (missed(&naive.seen), missed(&follower.seen));
    let told = format!(
        "{} writes of {} records in {:.1} s: the cursor misses {of_follower} of them, {} polls, {} changes, of which {} \
         were committed late; who goes on from the newest timestamp misses {of_naive}, {} polls",
        WRITERS * ROUND * rounds,
        end.len(),
        begun.elapsed().as_secs_f32(),
        follower.polls,
        follower.told.len(),
        follower.late,
        naive.polls,
    );
    assert!(of_follower == 0 && follower.late > 0, "{told}");
    assert!(of_naive > 0, "nothing was committed late: {told}");
    assert_eq!(follower.seen.len(), end.len(), "nothing else was told: {told}");
    told
}

/// Has something polled whenever something was written, and once more in the end.
#[derive(Default)]
struct Pace {
    /// How many requests were answered, and how many are still writing.
    state: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Pace {
    /// So many requests between two polls.
    const STEP: usize = 4;

    fn writer(&self) -> Writer<'_> {
        self.lock().1 += 1;
        Writer(self)
    }

    /// Waits for something to poll for. Whether it is the last time.
    fn next(&self, polled: &mut usize) -> bool {
        let is_idle = |state: &mut (usize, usize)| state.1 > 0 && state.0 < *polled + Self::STEP;
        let state = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        *polled = state.0;
        state.1 == 0
    }

    fn lock(&self) -> MutexGuard<'_, (usize, usize)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Writer<'a>(&'a Pace);

impl Writer<'_> {
    fn has_written(&self) {
        self.0.lock().0 += 1;
        self.0.changed.notify_all();
    }
}

/// Also where it fails, so that nobody waits for it.
impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.0.lock().1 -= 1;
        self.0.changed.notify_all();
    }
}

/// A round of one of the writers.
fn write<D: Driver>(client: &D, records: &Resource, (number, writer): (usize, &Writer<'_>), round: usize) {
    let data = json!({"round": round});
    let id = |n: usize| format!("w{number}-{round}-{n}");
    let one = |put: Put<JsonMap>| {
        client.send(put).unwrap();
        writer.has_written();
    };
    let batch = |batch: Batch| {
        let summary = client.send(batch).unwrap().summary();
        assert_eq!(summary.count(Status::Done), ROUND, "{summary}");
        writer.has_written();
    };
    match number {
        // One by one: created, changed and deleted.
        0 | 1 => {
            for n in (0..ROUND).step_by(5) {
                (n..n + 3).for_each(|n| one(records.create(id(n), &data)));
                one(records.replace(id(n), &data));
                client.send(records.delete(id(n + 1))).unwrap();
            }
        }
        // The same record again and again.
        2 => (0..ROUND).for_each(|_| one(records.replace("hot", &data).overwrite())),
        // In batches: created, and every other time deleted.
        5 if round % 2 == 1 => {
            let before = |n: usize| format!("w{number}-{}-{n}", round - 1);
            batch((0..ROUND).map(|n| records.delete(before(n))).collect());
        }
        _ => batch((0..ROUND).map(|n| records.create(id(n), &data)).collect()),
    }
}

fn stand(entry: &Entry) -> (String, Option<Timestamp>) {
    match entry {
        Entry::Live(record) => (record.id.clone(), Some(record.last_modified)),
        Entry::Deleted(tombstone) => (tombstone.id.clone(), None),
    }
}

/// Goes on from the timestamp of the list, which is the newest of it.
#[derive(Default)]
struct Naive {
    seen: Seen,
    polls: usize,
}

impl Naive {
    fn follow<D: Driver>(mut self, client: &D, records: &Resource, pace: &Pace) -> Self {
        let (mut since, mut polled) = (Timestamp::from_millis(0), 0);
        loop {
            let is_last = pace.next(&mut polled);
            let changes = client.send(records.list().since(since)).unwrap();
            since = changes.timestamp.unwrap();
            self.seen.extend(changes.items.iter().map(stand));
            self.polls += 1;
            if is_last {
                return self;
            }
        }
    }
}

#[derive(Default)]
struct Follower {
    seen: Seen,
    told: HashSet<(String, Timestamp)>,
    late: usize,
    polls: usize,
}

impl Follower {
    fn follow<D: Driver>(mut self, client: &D, records: &Resource, pace: &Pace) -> Self {
        let (mut cursor, mut polled) = (Cursor::default(), 0);
        loop {
            let is_last = pace.next(&mut polled);
            let changes = client.send(records.changes(&cursor)).unwrap();
            assert_eq!(changes.is_full(), cursor.is_empty(), "{:?}", changes.full);
            for entry in &changes.items {
                let (id, at) = (entry.id().to_owned(), entry.last_modified());
                self.late += usize::from(cursor.timestamp().is_some_and(|newest| at < newest));
                assert!(self.told.insert((id.clone(), at)), "{id} {at} is told twice");
            }
            self.seen.extend(changes.items.iter().map(stand));
            self.polls += 1;
            // Saved and loaded.
            cursor = Cursor::from(changes.cursor.to_string().as_str());
            if is_last {
                return self;
            }
        }
    }
}
