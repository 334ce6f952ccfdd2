//! Words to say what is expected of a run that is not to be like Python's.

use std::fmt;
use std::time::Duration;

use kinto_protocol::{Error, ErrorKind, Request, Status};
use serde_json::Value;

use crate::batches::own_entries;
use crate::case::{Case, text};
use crate::compare::{self, Difference, What};
use crate::output::{Ended, Output, Stop};
use crate::replay::{self, Manner, Played, Run};

/// Cases that share a reason and an expectation.
pub(crate) struct Rule {
    pub(crate) ids: &'static [&'static str],
    /// Why ours is another, in one sentence.
    pub(crate) why: &'static str,
    pub(crate) check: fn(&Seen<'_>) -> Checked,
}

/// What is wrong, if anything is.
pub(crate) type Checked = Result<(), String>;

/// A case, what came of it, and what differs.
pub(crate) struct Seen<'a> {
    pub(crate) case: &'a Case,
    pub(crate) run: &'a Run,
    pub(crate) differences: &'a [Difference],
}

impl Rule {
    /// The rule about a case.
    pub(crate) fn find(rules: &'static [&'static [Self]], id: &str) -> Option<&'static Self> {
        rules.iter().copied().flatten().find(|rule| rule.ids.contains(&id))
    }
}

impl Seen<'_> {
    /// Drives the case again in another manner, and looks at that.
    pub(crate) fn again(&self, manner: Manner, check: impl Fn(&Seen<'_>) -> Checked) -> Checked {
        let run = replay::run_in(self.case, manner);
        let differences = compare::differences(self.case, &run);
        check(&Seen { case: self.case, run: &run, differences: &differences })
    }

    /// A step.
    pub(crate) fn step(&self, number: usize) -> Result<&Played, String> {
        self.run.steps.get(number).ok_or_else(|| format!("there is no step {number}"))
    }

    fn last(&self) -> &Played {
        self.run.steps.last().expect("a case has a step")
    }

    /// All requests.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &Request> {
        self.run.steps.iter().flat_map(|step| &step.sent)
    }

    /// Exactly these requests went out, to the server of the case; ids as they are, the root left out.
    pub(crate) fn sends(&self, lines: &[&str]) -> Checked {
        let ours: Vec<String> = self.sent().map(line).collect();
        same("requests", &ours.iter().map(String::as_str).collect(), &lines.to_vec())
    }

    /// This would have been sent, and nothing was.
    pub(crate) fn builds(&self, line: &str) -> Checked {
        let built = self.last().built.as_ref().map(self::line);
        same("requests", &self.sent().count(), &0)?;
        same("built", &built.as_deref(), &Some(line))
    }

    /// The last step failed so.
    pub(crate) fn error(&self, kind: ErrorKind) -> Result<&Error, String> {
        match &self.last().outcome {
            Err(Stop::Failed(error)) if error.kind() == kind => Ok(error),
            other => Err(format!("expected an error {kind:?}, got {other:?}")),
        }
    }

    /// The last step failed with this status, after which the write may or may not have been applied.
    pub(crate) fn status(&self, status: u16, maybe_applied: bool) -> Checked {
        let error = self.error(ErrorKind::Server)?;
        same("status", &error.status().map(|status| status.as_u16()), &Some(status))?;
        same("maybe applied", &error.maybe_applied(), &maybe_applied)
    }

    /// It was refused as input, and nothing was sent.
    pub(crate) fn refused(&self) -> Checked {
        let first = self.step(0)?;
        same("requests", &first.sent.len(), &0)?;
        match &first.outcome {
            Err(Stop::Refused(_)) => Ok(()),
            Err(Stop::Failed(error)) if error.kind() == ErrorKind::Input && error.attempts() == 0 => Ok(()),
            other => Err(format!("expected to be refused, got {other:?}")),
        }
    }

    /// The last step gave something.
    pub(crate) fn output(&self) -> Result<&Output, String> {
        self.last().outcome.as_ref().map_err(|stop| format!("expected an output, got {stop:?}"))
    }

    /// The last step was a batch that was sent.
    pub(crate) fn batch(&self) -> Result<&Ended, String> {
        match self.output()? {
            Output::Batch(ended) => Ok(ended),
            other => Err(format!("expected a batch, got {other:?}")),
        }
    }

    /// The operations of the batch ended so, and it came to its end.
    pub(crate) fn ended(&self, statuses: &[Status]) -> Checked {
        let batch = self.batch()?;
        same("stopped", &batch.stopped().map(ToString::to_string), &None)?;
        same("statuses", &batch.statuses(), &statuses.to_vec())
    }

    /// The operations of the batch ended so, and something broke it off.
    pub(crate) fn stopped(&self, kind: ErrorKind, statuses: &[Status]) -> Result<&Error, String> {
        let batch = self.batch()?;
        same("statuses", &batch.statuses(), &statuses.to_vec())?;
        batch.stopped().filter(|error| error.kind() == kind).ok_or_else(|| format!("expected {kind:?}, got {batch:?}"))
    }

    /// The last step gave a list of this many.
    pub(crate) fn lists(&self, count: usize) -> Checked {
        match self.output()? {
            Output::Plain(Value::Array(items)) => same("items", &items.len(), &count),
            Output::AllDeleted(items) => same("deleted", &items.len(), &count),
            other => Err(format!("expected a list, got {other:?}")),
        }
    }

    /// A write whose answer was lost is found to have been applied.
    pub(crate) fn repeated(&self) -> Checked {
        match self.output()? {
            Output::Object(_, true) => Ok(()),
            Output::Deleted(Some(tombstone)) if tombstone.repeated => Ok(()),
            other => Err(format!("expected the outcome of a repeated write, got {other:?}")),
        }
    }

    /// The answer was "not modified", and that is told apart from an empty list.
    pub(crate) fn not_modified(&self) -> Checked {
        match self.step(0)?.outcome {
            Ok(Output::NotModified) => Ok(()),
            ref other => Err(format!("expected not to be modified, got {other:?}")),
        }
    }

    /// Nothing differs but this.
    pub(crate) fn only(&self, what: &[What]) -> Checked {
        match self.differences.iter().find(|difference| !what.contains(&difference.what)) {
            Some(difference) => Err(format!("unexpected difference: {difference}")),
            None => Ok(()),
        }
    }

    /// Nothing differs at all.
    pub(crate) fn same(&self) -> Checked {
        self.only(&[])
    }

    /// The waits of a step, in seconds.
    pub(crate) fn waits(&self, number: usize, seconds: &[u64]) -> Checked {
        let expected: Vec<Duration> = seconds.iter().map(|seconds| Duration::from_secs(*seconds)).collect();
        same("waits", &self.step(number)?.waits, &expected)
    }
}

/// A request in one line: its method, its path below the root, its query, and what is in it if it is a batch.
fn line(request: &Request) -> String {
    if let Some(entries) = own_entries(request) {
        let entries: Vec<String> =
            entries.iter().map(|it| format!("{} {}", text(&it["method"]), text(&it["path"]))).collect();
        return format!("POST /batch: {}", entries.join(", "));
    }
    let uri = request.uri();
    let host = uri.host().filter(|host| *host != "server.test").unwrap_or_default();
    let path = uri.path().strip_prefix("/v1").unwrap_or(uri.path());
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{} {host}{path}{query}", request.method())
}

/// Whether two things are the same.
pub(crate) fn same<T: PartialEq + fmt::Debug>(what: &str, ours: &T, expected: &T) -> Checked {
    if ours == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, got {ours:?}")) }
}
