//! Two who follow a collection on PostgreSQL while six others write into it. There a write has its timestamp before it is
//! committed, and those of a batch are committed together, at its end: who goes on from the newest timestamp that was seen
//! never sees them, who has a cursor does.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

use kinto_protocol::{Batch, Cursor, Entry, Object, Policy, Resource, Result, Status, Timestamp};
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
    let (begun, writing) = (Instant::now(), AtomicUsize::new(WRITERS));
    let (naive, follower) = thread::scope(|scope| {
        let naive = scope.spawn(|| Naive::default().follow(&client(), &records, &writing));
        let follower = scope.spawn(|| Follower::default().follow(&client(), &records, &writing));
        for number in 0..WRITERS {
            let (client, records, writing) = (client(), &records, &writing);
            scope.spawn(move || {
                // Also where it fails, so that nobody waits for it.
                let _over = Over(writing);
                (0..rounds).for_each(|round| write(&client, records, number, round));
            });
        }
        (naive.join().unwrap(), follower.join().unwrap())
    });

    let end = server.direct.send(records.list().since(Timestamp::from_millis(0))).unwrap();
    let end: Seen = end.into_iter().map(|entry| stand(&entry)).collect();
    let missed = |seen: &Seen| end.iter().filter(|(id, at)| seen.get(*id) != Some(*at)).count();
    let of_follower: Seen = follower.seen.iter().map(|(id, at)| (id.clone(), *at)).collect();
    let (of_naive, of_follower) = (missed(&naive.seen), missed(&of_follower));
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

struct Over<'a>(&'a AtomicUsize);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A round of one of the writers.
fn write<D: Driver>(client: &D, records: &Resource, number: usize, round: usize) {
    let data = json!({"round": round});
    let id = |n: usize| format!("w{number}-{round}-{n}");
    let batch = |batch: Batch| {
        let summary = client.send(batch).unwrap().summary();
        assert_eq!(summary.count(Status::Done), ROUND, "{summary}");
    };
    match number {
        // One by one: created, changed and deleted.
        0 | 1 => {
            for n in (0..ROUND).step_by(5) {
                for id in [id(n), id(n + 1)] {
                    client.send(records.create(id.as_str(), &data)).unwrap();
                }
                let again: Result<Object> = client.send(records.replace(id(n), &data));
                again.unwrap();
                client.send(records.create(id(n + 2), &data)).unwrap();
                client.send(records.delete(id(n + 1))).unwrap();
            }
        }
        // The same record again and again.
        2 => (0..ROUND).for_each(|_| drop(client.send(records.replace("hot", &data).overwrite()).unwrap())),
        // In batches: created, and every other time deleted.
        3 | 4 => batch((0..ROUND).map(|n| records.create(id(n), &data)).collect()),
        _ if round % 2 == 0 => batch((0..ROUND).map(|n| records.create(id(n), &data)).collect()),
        _ => {
            let before = |n: usize| format!("w{number}-{}-{n}", round - 1);
            batch((0..ROUND).map(|n| records.delete(before(n))).collect());
        }
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
    fn follow<D: Driver>(mut self, client: &D, records: &Resource, writing: &AtomicUsize) -> Self {
        let mut since = Timestamp::from_millis(0);
        loop {
            // Once more when all is written.
            let is_last = writing.load(SeqCst) == 0;
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
    fn follow<D: Driver>(mut self, client: &D, records: &Resource, writing: &AtomicUsize) -> Self {
        let mut cursor = Cursor::default();
        loop {
            let is_last = writing.load(SeqCst) == 0;
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
