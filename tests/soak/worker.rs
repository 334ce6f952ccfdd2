//! One of those who work at the same time, each in a list of its own, with an exact idea of what must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use kinto_protocol::{
    Attributes, Batch, Cursor, Entry, Error, ErrorKind, Event, Flow, JsonMap, JsonPatch, Outcome, Report, Resource,
    Result, Status, bucket, buckets, field,
};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::driver::Driver;
use crate::place::{Place, bare};
use crate::weather::Weather;

/// So many records are in a list at most, more or less.
const MANY: usize = 120;

/// What a write makes of records: their data, or nothing.
type Change = BTreeMap<String, Option<JsonMap>>;

/// What is counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// By what was done, how often.
    pub(crate) done: BTreeMap<&'static str, u64>,
    /// By kind of error, how often.
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) answers: u64,
    pub(crate) retries: u64,
    /// Writes of which it was said that they may have been carried out, and were, or were not.
    pub(crate) doubts: [u64; 2],
    /// How often everything was compared with what must be there.
    pub(crate) compared: u64,
    /// Of the counters.
    pub(crate) counted: u64,
    pub(crate) perhaps_counted: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: Self) {
        for (name, count) in other.done {
            *self.done.entry(name).or_default() += count;
        }
        for (name, count) in other.failed {
            *self.failed.entry(name).or_default() += count;
        }
        self.answers += other.answers;
        self.retries += other.retries;
        self.doubts = [0, 1].map(|of| self.doubts[of] + other.doubts[of]);
        self.compared += other.compared;
        self.counted += other.counted;
        self.perhaps_counted += other.perhaps_counted;
    }
}

pub(crate) struct Worker<'a, D> {
    name: String,
    client: D,
    place: &'a Place,
    weather: Weather,
    dice: Dice,
    records: Resource,
    /// What must be there.
    model: BTreeMap<String, JsonMap>,
    /// What was heard of by following the changes, and how far.
    copy: BTreeMap<String, JsonMap>,
    cursor: Cursor,
    next: u64,
    heard: Arc<[AtomicU64; 2]>,
    figures: Figures,
    steps: Arc<Mutex<String>>,
}

impl<'a, D: Driver> Worker<'a, D> {
    pub(crate) fn new(name: &str, place: &'a Place, dice: Dice) -> Self {
        let weather = Weather::over(place.url(), dice.clone());
        let heard = Arc::<[AtomicU64; 2]>::default();
        let hears = Arc::clone(&heard);
        let client = place.client_of(weather.url(), move |event: &Event<'_>| match event {
            Event::Answered { .. } => drop(hears[0].fetch_add(1, SeqCst)),
            Event::Retry { .. } => drop(hears[1].fetch_add(1, SeqCst)),
            _ => {}
        });
        let id = place.bucket(name);
        place.direct.send(buckets().create(&id, &json!({}))).unwrap();
        place.direct.send(bucket(&id).collections().create("c", &json!({}))).unwrap();
        place.direct.send(place.counters().create(name, &json!({"visits": 0}))).unwrap();
        Self {
            name: name.to_owned(),
            client,
            place,
            weather,
            dice,
            records: bucket(&id).collection("c").records(),
            model: BTreeMap::new(),
            copy: BTreeMap::new(),
            cursor: Cursor::default(),
            next: 0,
            heard,
            figures: Figures::default(),
            steps: Arc::default(),
        }
    }

    /// Works until it is told to stop, and gives the figures and the fates of its connections.
    pub(crate) fn work(mut self, stop: &AtomicBool) -> (Figures, BTreeMap<&'static str, u64>) {
        let mut step = 0;
        while !stop.load(SeqCst) {
            self.step();
            step += 1;
            if step % 25 == 0 {
                self.compare();
            }
        }
        self.compare();
        self.follow();
        let counter = self.place.truly(|| self.place.counters().get(&self.name));
        let (visits, sure, perhaps) =
            (counter.data["visits"].as_u64().unwrap(), self.figures.counted, self.figures.perhaps_counted);
        assert!((sure..=sure + perhaps).contains(&visits), "{}: {visits} of {sure} and {perhaps}", self.name);
        self.figures.answers = self.heard[0].load(SeqCst);
        self.figures.retries = self.heard[1].load(SeqCst);
        (self.figures, self.weather.struck())
    }

    fn step(&mut self) {
        let room = self.model.len() < MANY;
        match self.dice.below(100) {
            0..12 if room => self.create(),
            12..22 if room => self.add(),
            22..32 => self.rewrite(),
            32..42 => self.patch(),
            42..48 => self.json_patch(),
            48..56 => self.delete(),
            56..58 => self.delete_matching(),
            58..66 => self.read(),
            66..72 => self.list(),
            72..82 => self.batch(),
            82..86 if room => self.side_by_side(),
            86..92 => self.sync(),
            92..96 => self.follow(),
            _ => self.count(),
        }
    }

    fn data(&mut self) -> JsonMap {
        const TEXTS: [&str; 6] = ["", "plain", "Zürich", "日本語", "\"quoted\" \\ back\n", "🦀 \u{200f}rtl"];
        self.next += 1;
        let text = self.dice.pick(&TEXTS);
        let data = json!({"n": self.next, "by": self.name, "text": text, "list": [self.next, null, {"a": 0.1}]});
        map(data)
    }

    fn new_id(&mut self) -> String {
        self.next += 1;
        format!("r{}", self.next)
    }

    /// One of those that are there.
    fn some_id(&mut self) -> Option<String> {
        if self.model.is_empty() {
            return None;
        }
        let at = self.dice.below(self.model.len());
        self.model.keys().nth(at).cloned()
    }

    fn create(&mut self) {
        let (id, data) = (self.new_id(), self.data());
        let result = self.send("create", self.records.create(&id, &data));
        self.judge(&result, [(id, Some(data))].into());
    }

    fn add(&mut self) {
        let data = self.data();
        match self.send("add", self.records.add(&data)) {
            Ok(object) => drop(self.model.insert(object.id, data)),
            Err(error) if error.maybe_applied() => {
                let there = self.settled();
                let mut more = there.iter().filter(|(id, _)| !self.model.contains_key(*id));
                if let Some((id, found)) = more.next() {
                    assert!(*found == data && more.next().is_none(), "{}: {error}", self.name);
                    self.figures.doubts[0] += 1;
                    self.model.insert(id.clone(), data);
                } else {
                    self.figures.doubts[1] += 1;
                }
                self.is(&there);
            }
            Err(_) => {}
        }
    }

    /// Read, changed and written back; or written whatever is there.
    fn rewrite(&mut self) {
        let Some(id) = self.some_id() else { return };
        let data = self.data();
        if self.dice.falls(30) {
            let result = self.send("overwrite", self.records.replace(&id, &data).overwrite());
            return self.judge(&result, [(id, Some(data))].into());
        }
        let Ok(mut object) = self.send("get", self.records.get(&id)) else { return };
        assert_eq!(bare(object.data), self.model[&id], "{}: {id}", self.name);
        object.data = data.clone();
        let result = self.send("update", self.records.update(&object));
        self.judge(&result, [(id, Some(data))].into());
    }

    fn patch(&mut self) {
        let Some(id) = self.some_id() else { return };
        let (mut data, new) = (self.model[&id].clone(), self.data());
        data.insert("n".into(), new["n"].clone());
        data.insert("more".into(), new["text"].clone());
        let attributes = Attributes::new(&json!({"n": new["n"], "more": new["text"]}));
        let result = self.send("patch", self.records.patch(&id, attributes));
        self.judge(&result, [(id, Some(data))].into());
    }

    /// Not to be repeated: it puts one more into a list.
    fn json_patch(&mut self) {
        let Some(id) = self.some_id() else { return };
        let mut data = self.model[&id].clone();
        self.next += 1;
        data["list"].as_array_mut().unwrap().push(self.next.into());
        let result = self.send("JSON Patch", self.records.patch(&id, JsonPatch::new().add("/data/list/-", self.next)));
        self.judge(&result, [(id, Some(data))].into());
    }

    fn delete(&mut self) {
        if self.dice.falls(20) {
            let id = self.new_id();
            let result = self.send("delete what is not there", self.records.delete_if_present(&id));
            return self.judge(&result, Change::new());
        }
        let Some(id) = self.some_id() else { return };
        let result = self.send("delete", self.records.delete(&id));
        self.judge(&result, [(id, None)].into());
    }

    fn delete_matching(&mut self) {
        let Some(id) = self.some_id() else { return };
        let n = self.model[&id]["n"].as_u64().unwrap();
        let gone = self.model.iter().filter(|(_, data)| data["n"].as_u64().unwrap() <= n);
        let gone: Change = gone.map(|(id, _)| (id.clone(), None)).take(MANY).collect();
        let result = self.send("delete those that match", self.records.delete_all().filter(field("n").max(n)));
        if let Ok(tombstones) = &result {
            let told: BTreeSet<&str> = tombstones.iter().map(|tombstone| tombstone.id.as_str()).collect();
            assert!(told.iter().all(|id| gone.contains_key(*id)), "{}: {told:?}", self.name);
        }
        self.judge(&result, gone);
    }

    fn read(&mut self) {
        let Some(id) = self.some_id() else { return };
        if let Ok(object) = self.send("get", self.records.get(&id)) {
            assert_eq!(bare(object.data), self.model[&id], "{}: {id}", self.name);
        }
        let missing = self.new_id();
        if let Ok(found) = self.send("exists", self.records.exists(&missing)) {
            assert!(!found, "{}: {missing}", self.name);
        }
    }

    fn list(&mut self) {
        if let Ok(all) = self.send("list", self.records.list().page_size(17)) {
            let all: BTreeMap<String, JsonMap> = all.items.into_iter().map(|it| (it.id, bare(it.data))).collect();
            self.is(&all);
        }
        if let Ok(count) = self.send("count", self.records.count()) {
            assert_eq!(count, self.model.len() as u64, "{}", self.name);
        }
    }

    fn batch(&mut self) {
        let (mut batch, mut changes) = (Batch::new(), Vec::new());
        let length = 1 + self.dice.below(60);
        let mut taken = BTreeSet::new();
        for _ in 0..length {
            let id = self.some_id().filter(|id| taken.insert(id.clone()));
            let data = self.data();
            match (id, self.dice.below(3)) {
                (Some(id), 0) => {
                    batch.push(self.records.delete(&id));
                    changes.push((id, None));
                }
                (Some(id), 1) => {
                    batch.push(self.records.replace(&id, &data).overwrite());
                    changes.push((id, Some(data)));
                }
                (Some(id), _) => {
                    let mut patched = self.model[&id].clone();
                    patched.insert("n".into(), data["n"].clone());
                    batch.push(self.records.patch(&id, Attributes::new(&json!({"n": data["n"]}))));
                    changes.push((id, Some(patched)));
                }
                (None, _) if self.model.len() + changes.len() < MANY => {
                    let id = self.new_id();
                    batch.push(self.records.create(&id, &data));
                    changes.push((id, Some(data)));
                }
                _ => {}
            }
        }
        let batch = batch.concurrency(1 + self.dice.below(3));
        match self.send("batch", batch) {
            Ok(outcome) => self.judge_each(changes, &statuses(&outcome)),
            Err(error) => self.judge::<()>(&Err(error), changes.into_iter().collect()),
        }
    }

    /// Many requests at the same time, each with an outcome of its own.
    fn side_by_side(&mut self) {
        let changes: Vec<_> = (0..6).map(|_| (self.new_id(), Some(self.data()))).collect();
        let creations: Vec<_> = changes.iter().map(|(id, data)| self.records.create(id, data)).collect();
        let results = self.client.send_all(creations, 3);
        *self.figures.done.entry("side by side").or_default() += 1;
        let statuses: Vec<Status> = results.iter().map(|result| self.status(result)).collect();
        self.judge_each(changes, &statuses);
    }

    fn sync(&mut self) {
        let mut wanted = self.model.clone();
        let mut change = Change::new();
        for _ in 0..self.dice.below(30) {
            let data = self.data();
            match self.some_id() {
                Some(id) if self.dice.falls(30) => drop(change.insert(id, None)),
                Some(id) if self.dice.falls(70) || self.model.len() >= MANY => drop(change.insert(id, Some(data))),
                _ => drop(change.insert(self.new_id(), Some(data))),
            }
        }
        for (id, data) in &change {
            match data {
                Some(data) => drop(wanted.insert(id.clone(), data.clone())),
                None => drop(wanted.remove(id)),
            }
        }
        let Ok(plan) = self.send("plan", self.records.sync(wanted)) else { return };
        assert_eq!(plan.changes().count(), change.len(), "{}: {plan}", self.name);
        match self.send("apply", plan.apply()) {
            Ok(report) => {
                let statuses = of_report(&report);
                let (ids, statuses): (Vec<_>, Vec<_>) = statuses.into_iter().unzip();
                let changes = ids.into_iter().map(|id| (id.clone(), change[&id].clone())).collect();
                self.judge_each(changes, &statuses);
            }
            Err(error) => self.judge::<()>(&Err(error), change),
        }
    }

    /// What changed since the last time: with it, the copy is what is there.
    fn follow(&mut self) {
        let cursor = self.cursor.clone();
        let Ok(changes) = self.send("changes", self.records.changes(&cursor)) else { return };
        if changes.is_full() {
            self.copy.clear();
        }
        for change in changes.items {
            match change {
                Entry::Live(record) => drop(self.copy.insert(record.id, bare(record.data))),
                Entry::Deleted(record) => drop(self.copy.remove(&record.id)),
            }
        }
        self.cursor = changes.cursor;
        self.is(&self.copy);
    }

    /// A counter next to those of the others. One for all would lose some: `If-Match` is no lock on this server.
    fn count(&mut self) {
        let one_more = |data: &mut JsonMap| {
            let visits = data.get("visits").and_then(Value::as_u64).unwrap_or_default();
            data.insert("visits".into(), (visits + 1).into());
        };
        match self.send("modify", self.place.counters().modify(&self.name, one_more)) {
            Ok(_) => self.figures.counted += 1,
            Err(error) if error.maybe_applied() => self.figures.perhaps_counted += 1,
            Err(_) => {}
        }
    }

    fn send<F: Flow>(&mut self, name: &'static str, flow: F) -> Result<F::Output> {
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = name.to_owned();
        *self.figures.done.entry(name).or_default() += 1;
        let result = self.client.send(flow);
        if let Err(error) = &result {
            *self.figures.failed.entry(format!("{:?}", error.kind())).or_default() += 1;
            self.honest(error);
        }
        result
    }

    /// Nobody else writes here: whatever goes wrong is the weather, or the server being killed.
    fn honest(&self, error: &Error) {
        let weather = matches!(
            error.kind(),
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Interrupted | ErrorKind::Deadline | ErrorKind::Stopped
        );
        let status = error.status();
        let overloaded = status.is_some_and(|status| status.is_server_error() || status == StatusCode::CONFLICT);
        assert!(weather || overloaded || error.maybe_applied(), "{}: {error}", self.name);
    }

    fn status<T>(&self, result: &Result<T>) -> Status {
        match result {
            Ok(_) => Status::Done,
            Err(error) => {
                self.honest(error);
                if error.maybe_applied() { Status::Unknown } else { Status::Failed }
            }
        }
    }

    /// Takes one write for done, or not, or finds out.
    fn judge<T>(&mut self, result: &Result<T>, change: Change) {
        match self.status(result) {
            Status::Done => self.apply(change),
            Status::Unknown => self.find_out(&change),
            _ => {}
        }
    }

    /// The same for many, each by itself.
    fn judge_each(&mut self, changes: Vec<(String, Option<JsonMap>)>, statuses: &[Status]) {
        assert_eq!(changes.len(), statuses.len(), "{}", self.name);
        let mut doubtful = Change::new();
        for ((id, data), status) in changes.into_iter().zip(statuses) {
            match status {
                Status::Done | Status::AlreadySo => self.apply([(id, data)].into()),
                Status::Unknown => drop(doubtful.insert(id, data)),
                Status::NotSent | Status::Failed => {}
                other => panic!("{}: {id} is {other:?}, and nobody else writes here", self.name),
            }
        }
        if !doubtful.is_empty() {
            self.find_out(&doubtful);
        }
    }

    fn apply(&mut self, change: Change) {
        for (id, data) in change {
            match data {
                Some(data) => drop(self.model.insert(id, data)),
                None => drop(self.model.remove(&id)),
            }
        }
    }

    /// Each of these may have been carried out: is it as it was before, or as it was to be?
    fn find_out(&mut self, change: &Change) {
        let there = self.settled();
        for (id, wanted) in change {
            let (found, before) = (there.get(id), self.model.get(id));
            let applied = found == wanted.as_ref();
            assert!(applied || found == before, "{}: {id} is {found:?}, neither {wanted:?} nor {before:?}", self.name);
            self.figures.doubts[usize::from(!applied)] += 1;
            match found {
                Some(data) => drop(self.model.insert(id.clone(), data.clone())),
                None => drop(self.model.remove(id)),
            }
        }
        self.is(&there);
    }

    /// What is there, when nothing more can come.
    fn settled(&self) -> BTreeMap<String, JsonMap> {
        self.weather.settle();
        self.place.read(&self.records)
    }

    fn compare(&mut self) {
        let there = self.settled();
        self.is(&there);
        self.figures.compared += 1;
    }

    /// This is all that must be there, no more and no less.
    fn is(&self, there: &BTreeMap<String, JsonMap>) {
        if *there == self.model {
            return;
        }
        let ids: BTreeSet<&String> = there.keys().chain(self.model.keys()).collect();
        let differ = ids.into_iter().filter(|id| there.get(*id) != self.model.get(*id));
        let differ: Vec<_> = differ.map(|id| (id, there.get(id), self.model.get(id))).collect();
        let step = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        panic!("{}, after {step}: what is there and what must be: {differ:#?}", self.name);
    }
}

fn statuses(outcome: &Outcome) -> Vec<Status> {
    let mut all: Vec<_> = outcome.items().map(|item| (item.position(), item.status())).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, status)| status).collect()
}

fn of_report(report: &Report) -> Vec<(String, Status)> {
    report.items().map(|item| (item.id().to_owned(), item.status())).collect()
}

pub(crate) fn map(value: Value) -> JsonMap {
    let Value::Object(map) = value else { panic!("not an object: {value}") };
    map
}
