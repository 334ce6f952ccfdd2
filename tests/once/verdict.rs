//! Whether what a client said is true.

use std::collections::{BTreeMap, BTreeSet};

use kinto_protocol::JsonMap;

use crate::place::{Objects, Place, Truth, bare};
use crate::plan::Trace;
use crate::write::{Said, Told, Write};

/// What is known of how some writes were sent.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) trace: &'a Trace,
    /// Whether the client may have given up.
    pub(crate) gave_up: bool,
    /// Whether the objects before were made long ago.
    pub(crate) long_ago: bool,
    /// Whether each of them is a request, and the trace shows it.
    pub(crate) alone: bool,
}

/// What became of the objects of a place, as cases are judged one after the other.
pub(crate) struct Judge<'a> {
    place: &'a Place,
    truth: Truth,
    /// The ids that are accounted for.
    known: BTreeSet<String>,
}

impl<'a> Judge<'a> {
    /// Looks at what is there.
    pub(crate) fn at(place: &'a Place) -> Self {
        Self { place, truth: place.truth(), known: BTreeSet::new() }
    }

    /// Whether all of it is true that was said of these writes, which are all that there were to their objects.
    pub(crate) fn judge(&mut self, writes: &[(Write, Said)], evidence: Evidence<'_>) -> Result<(), String> {
        let mut states: BTreeMap<&str, Option<JsonMap>> = BTreeMap::new();
        for (number, (write, said)) in writes.iter().enumerate() {
            let is_last = !writes[number + 1..].iter().any(|(other, _)| other.id == write.id);
            let times = self.times(write, evidence)?;
            credible(self.place.objects, write, said, times, evidence)
                .map_err(|why| complaint(write, said, times, why))?;
            if write.kind.is_nameless() {
                continue;
            }
            let before = || write.object.as_ref().map(|object| bare(object.data.clone()));
            let state = states.entry(&write.id).or_insert_with(before);
            *state = write.kind.after(write.number, state.take(), times);
            if is_last {
                self.compare(write, said, state.as_ref(), times).map_err(|why| complaint(write, said, times, &why))?;
            }
        }
        Ok(())
    }

    /// How often the server has carried it out.
    fn times(&mut self, write: &Write, evidence: Evidence<'_>) -> Result<usize, String> {
        let kind = write.kind;
        let path = write.resource.object_path(&write.id);
        if kind.is_nameless() {
            let written = kind.written(write.number);
            let is_it = |object: &JsonMap| bare(object.clone()) == written;
            let found: Vec<_> = self.truth.objects.iter().filter(|(_, object)| is_it(object)).collect();
            self.known.extend(found.iter().map(|(id, _)| (*id).clone()));
            return Ok(found.len());
        }
        self.known.insert(write.id.clone());
        let seen = evidence.trace.done(kind.method(), path.as_str());
        // A bucket's history goes with it.
        if self.place.objects == Objects::Buckets {
            return Ok(seen);
        }
        // The one that was there before has an entry of its own.
        let made = usize::from(write.object.is_some() && kind.actions() == ["create"]);
        let told = self.truth.done(&path, kind.actions()).checked_sub(made).ok_or("the history is not complete")?;
        if evidence.alone && told != seen {
            return Err(format!("{:?} was done {told} times by the history, {seen} times by the log", write.kind));
        }
        Ok(told)
    }

    /// Whether the object is as it must be.
    fn compare(&self, write: &Write, said: &Said, state: Option<&JsonMap>, times: usize) -> Result<(), String> {
        let there = self.truth.data(&write.id);
        if there.as_ref() != state {
            return Err(format!("there is {there:?} and not {state:?}"));
        }
        if let Some(permissions) = write.kind.permissions().filter(|_| times > 0)
            && self.place.permissions(&write.id).as_ref() != Some(&permissions)
        {
            return Err("its permissions are others".into());
        }
        let Some(object) = self.truth.objects.get(&write.id) else { return Ok(()) };
        match said {
            Said::Done(Told::Object(told)) if object["last_modified"] != told.last_modified.as_millis() => {
                Err(format!("there is {object:?}"))
            }
            Said::Done(Told::Object(told)) if Some(&bare(told.data.clone())) != state => Err("its data is not".into()),
            _ => Ok(()),
        }
    }

    /// Whether there is nothing else.
    pub(crate) fn conclude(self) -> Result<(), String> {
        match self.truth.objects.into_keys().find(|id| !self.known.contains(id)) {
            Some(id) => Err(format!("there is {id}, which nobody has written")),
            None => Ok(()),
        }
    }
}

fn complaint(write: &Write, said: &Said, times: usize, why: impl AsRef<str>) -> String {
    let Write { kind, resource, id, .. } = write;
    let why = why.as_ref();
    format!(
        "{why}: {kind:?} of {}/{id} was carried out {times} times, and what is said of it is {said}",
        resource.path()
    )
}

/// Whether this can be true of a write that was carried out so many times.
fn credible(
    objects: Objects,
    write: &Write,
    said: &Said,
    times: usize,
    evidence: Evidence<'_>,
) -> Result<(), &'static str> {
    let (kind, Evidence { trace, gave_up, long_ago, .. }) = (write.kind, evidence);
    if times > 1 && !kind.is_repeatable() {
        return Err("it was done twice");
    }
    if times > 0 && (kind.is_refused() || kind.is_idle()) {
        return Err("it cannot have been done");
    }
    // The tombstone of a bucket cannot be read, nor told from a bucket of somebody else's.
    let is_hidden = objects == Objects::Buckets && kind.actions() == ["delete"] && trace.is_lost();
    match said {
        Said::Nothing | Said::Doubt(_) if is_hidden => Ok(()),
        Said::Done(_) if times == 0 => Err("it was not done"),
        Said::Done(Told::Object(object)) if object.repeated && !trace.is_lost() => Err("no answer was lost"),
        Said::Done(Told::Deleted(tombstone)) if tombstone.repeated && !trace.is_lost() => Err("no answer was lost"),
        Said::Done(_) => Ok(()),
        Said::Nothing if times > 0 => Err("it was done"),
        Said::Nothing if !kind.is_idle() => Err("there was something to do"),
        Said::Nothing => Ok(()),
        Said::Failed(_) if times > 0 => Err("it was done"),
        Said::Failed(_) if !gave_up && !kind.is_refused() => Err("there was no reason to fail"),
        Said::Failed(_) => Ok(()),
        Said::Doubt(_) if !trace.is_cut() => Err("there is nothing to doubt"),
        Said::Doubt(_) if gave_up || kind.is_sent_once() => Ok(()),
        // A cut before the server has answered and one after that look the same to a client; and what is not there may
        // have been written and deleted again.
        Said::Doubt(_) if kind.is_refused() && !(long_ago && kind.is_refuted_by_age()) => Ok(()),
        Said::Doubt(_) if !trace.is_lost() => Err("no answer was lost"),
        Said::Doubt(_) if kind.is_settled() => Err("it can be known"),
        Said::Doubt(_) => Ok(()),
    }
}
