//! `history`, `at` and `watch`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use kinto_blocking::{Action, Cursor, Entry, Object, Timestamp, bucket, field};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::local;
use crate::place::Place;
use crate::read::data;

/// Who changed what in a bucket, the newest first
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kinto history /blog --limit 20\n  kinto history /blog/posts/hello --user account:alexis"
)]
pub(crate) struct History {
    /// The bucket, or what it is about in it
    path: String,
    /// Only what this user did
    #[arg(long, value_name = "PRINCIPAL")]
    user: Option<String>,
    /// Only create, update or delete
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what was done since this date
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// So many at most
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
}

/// The records of a collection as they were at some time
#[derive(clap::Args)]
#[command(after_help = "\
A DATE is 2026-11-26, 2026-11-26T12:00:00Z, or a timestamp of the server.

Example:
  kinto at 2026-11-26 /blog/posts -o id")]
pub(crate) struct At {
    /// When
    date: String,
    /// The collection
    path: String,
}

/// Writes what changes in a list, as it changes, until it is stopped
#[derive(clap::Args)]
#[command(after_help = "\
Each object that was changed comes as a line with its data, each that was deleted as one with \"deleted\": true. First comes all \
that is there, unless --state tells what was seen already.

Example:
  kinto watch /blog/posts --state posts.cursor")]
pub(crate) struct Watch {
    /// The place
    path: String,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    interval: f64,
    /// A file that remembers what was seen, from one time to the next
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Ends after one look
    #[arg(long)]
    once: bool,
}

impl History {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let place = context.place(&self.path)?;
        let mut list = match &place {
            Place::Root => return Err(Failure::Usage("each bucket has a history of its own: say which".to_owned())),
            Place::Bucket(of)
            | Place::Groups(of)
            | Place::Group(of, _)
            | Place::Collection(of, _)
            | Place::Record(of, ..) => bucket(of).history().list(),
        };
        match &place {
            Place::Collection(_, id) => list = list.filter(field("collection_id").eq(id)),
            Place::Group(_, id) => list = list.filter(field("group_id").eq(id)),
            Place::Record(_, collection, id) => {
                list = list.filter(field("collection_id").eq(collection)).filter(field("record_id").eq(id));
            }
            _ => {}
        }
        if let Some(user) = &self.user {
            list = list.filter(field("user_id").eq(user));
        }
        if let Some(action) = &self.action {
            list = list.filter(field("action").eq(action));
        }
        if let Some(since) = &self.since {
            // Filters on timestamps are for what was deleted as well, which no entry ever is.
            list = list.filter(field("date").min(date(timestamp(since)?)));
        }
        if let Some(limit) = self.limit {
            list = list.limit(limit);
        }
        if context.output.curl() {
            context.send(list)?;
            return Ok(Outcome::Done);
        }
        let entries = context.client()?.items(list).map(|entry| Ok(told(entry?)));
        context.output.list_with(&["date", "user_id", "action", "uri"], entries)?;
        Ok(Outcome::Done)
    }
}

/// An entry of a history, on a line.
fn told(entry: Object<kinto_blocking::Change>) -> Map<String, Value> {
    let action = match entry.data.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
        _ => "other",
    };
    let fields = [
        ("id", json!(entry.id)),
        ("date", json!(entry.data.date)),
        ("user_id", json!(entry.data.user_id)),
        ("action", json!(action)),
        ("uri", json!(entry.data.uri)),
        ("target", json!({"data": entry.data.target.data, "permissions": entry.data.target.permissions})),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl At {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let at = timestamp(&self.date)?;
        let Place::Collection(of, id) = context.place(&self.path)? else {
            return Err(Failure::Usage(format!("{} is no collection", self.path)));
        };
        let snapshot = context.send(bucket(&of).collection(&id).snapshot(at))?;
        context.output.list(snapshot.into_iter().map(|object: Object| Ok(data(object))))?;
        Ok(Outcome::Done)
    }
}

/// A time, as a date or as the server writes it.
fn timestamp(text: &str) -> Result<Timestamp, Failure> {
    // Of this century: 2026 is a year.
    if let Some(millis) = text.parse().ok().filter(|_| text.len() >= 13 || text == "0") {
        return Ok(Timestamp::from_millis(millis));
    }
    let day = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = humantime::parse_rfc3339_weak(&day).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let millis = time.and_then(|time| i64::try_from(time.as_millis()).ok());
    let wrong =
        || format!("\"{text}\" is no date: expected 2026-11-26, 2026-11-26T12:00:00Z, or a timestamp of the server");
    millis.map(Timestamp::from_millis).ok_or_else(|| Failure::Usage(wrong()))
}

/// A time as the entries of a history have it.
fn date(at: Timestamp) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(at.as_millis().clamp(0, LATEST).unsigned_abs());
    humantime::format_rfc3339_micros(time).to_string().trim_end_matches('Z').to_owned()
}

/// The last millisecond of the year 9999.
const LATEST: i64 = 253_402_300_799_999;

impl Watch {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let list = context.place(&self.path)?.list()?;
        let wrong = || Failure::Usage("--interval is to be a number of seconds".to_owned());
        let interval = Duration::try_from_secs_f64(self.interval).map_err(|_| wrong())?;
        let mut cursor = self.state.as_deref().map(load).transpose()?.unwrap_or_default();
        loop {
            let changes = context.send(list.changes(&cursor))?;
            if changes.is_full() && !cursor.is_empty() {
                context.say("all of it was read: what does not come now is not there any more");
            }
            let mut to = io::stdout().lock();
            for entry in changes.items {
                let line = match entry {
                    Entry::Live(object) => Value::Object(data(object)),
                    Entry::Deleted(gone) => {
                        json!({"id": gone.id, "last_modified": gone.last_modified, "deleted": true})
                    }
                };
                writeln!(to, "{line}")?;
            }
            to.flush()?;
            drop(to);
            cursor = changes.cursor;
            if let Some(path) = &self.state {
                local::save(path, format!("{cursor}\n").as_bytes())?;
            }
            if self.once {
                return Ok(Outcome::Done);
            }
            thread::sleep(interval);
        }
    }
}

fn load(path: &Path) -> Result<Cursor, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Cursor::from(text.trim())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Cursor::default()),
        Err(error) => Err(Failure::Local(format!("{}: {error}", path.display()))),
    }
}
