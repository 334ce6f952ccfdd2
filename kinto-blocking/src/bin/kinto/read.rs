//! `ls` and `get`.

use kinto_blocking::{Field, Filter, List, Object, field};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// What is in a place: buckets, collections, groups or records
#[derive(clap::Args)]
#[command(after_help = "\
Conditions of --filter are NAME=VALUE, and with != < <= > >= in place of =; NAME~TEXT for texts that have it in them; NAME? for \
what has the field, and !NAME for what lacks it. Values are JSON, or else texts: n=1, title=Hello, tags='[\"a\"]'.

Examples:
  kinto ls /
  kinto ls /blog/posts --filter 'date>=\"2026\"' --sort -date --limit 10
  kinto ls /blog/posts -o csv --fields id,title > posts.csv")]
pub(crate) struct Ls {
    /// The place; without, that which --bucket and --collection name, or else the server
    path: Option<String>,
    #[command(flatten)]
    which: Which,
    /// By this field, or from the largest with - before it; several, separated by commas
    #[arg(long, value_name = "NAMES", allow_hyphen_values = true)]
    sort: Option<String>,
    /// So many at most
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Only how many there are
    #[arg(long, conflicts_with_all = ["sort", "limit"])]
    count: bool,
}

/// Which of a list.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// Only those that meet this condition; all of them, where there are several
    #[arg(long, value_name = "CONDITION")]
    filter: Vec<String>,
}

/// One object with its permissions
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kinto get /blog/posts/hello -o json")]
pub(crate) struct Get {
    /// The place
    path: String,
}

impl Ls {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let place = match &self.path {
            Some(path) => context.place(path)?,
            None => context.here()?,
        };
        let resource = place.list()?;
        let filters = self.which.filters()?;
        if self.count {
            let count = filters.into_iter().fold(resource.count(), kinto_blocking::Count::filter);
            let count = context.send(count)?;
            context.output.line(&count.to_string())?;
            return Ok(Outcome::Done);
        }
        let mut list = filters.into_iter().fold(resource.list(), List::filter);
        for key in self.sort.iter().flat_map(|sort| sort.split(',')) {
            list = list.sort(key);
        }
        if let Some(limit) = self.limit {
            list = list.limit(limit);
        }
        let fields = context.output.fields();
        if !fields.is_empty() {
            list = list.fields(fields.iter().cloned());
        }
        if context.output.curl() {
            context.send(list)?;
            return Ok(Outcome::Done);
        }
        let client = context.client()?;
        let objects = client.items(list).map(|object| Ok(data(object?)));
        context.output.list(objects)?;
        Ok(Outcome::Done)
    }
}

impl Get {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let place = context.place(&self.path)?;
        let (resource, id) = place.object()?;
        let mut object = context.send(resource.get(id))?;
        let permissions = object.permissions.take().map(|permissions| ("permissions", json!(permissions)));
        context.output.object(data(object), permissions.as_slice())?;
        Ok(Outcome::Done)
    }
}

/// All that the server says of an object but its permissions.
pub(crate) fn data(object: Object) -> Map<String, Value> {
    let mut data = object.data;
    data.insert("id".to_owned(), object.id.into());
    data.insert("last_modified".to_owned(), json!(object.last_modified));
    data
}

impl Which {
    pub(crate) fn is_all(&self) -> bool {
        self.filter.is_empty()
    }

    pub(crate) fn filters(&self) -> Result<Vec<Filter>, Failure> {
        self.filter.iter().map(|condition| filter(condition)).collect()
    }
}

/// A condition, as it is written.
fn filter(condition: &str) -> Result<Filter, Failure> {
    let wrong = || {
        let why = format!("\"{condition}\" is no condition: expected NAME=VALUE, or != < <= > >= ~ in place of =");
        Failure::Usage(format!("{why}, or NAME? or !NAME"))
    };
    let named = |name: &str| if name.is_empty() { Err(wrong()) } else { Ok(field(name)) };
    if let Some(name) = condition.strip_prefix('!').filter(|name| !name.contains(OPERATORS)) {
        return Ok(named(name)?.has(false));
    }
    if let Some(name) = condition.strip_suffix('?').filter(|name| !name.contains(OPERATORS)) {
        return Ok(named(name)?.has(true));
    }
    let at = condition.find(OPERATORS).ok_or_else(wrong)?;
    let (name, rest) = condition.split_at(at);
    type Make = fn(Field, Value) -> Filter;
    const MAKES: [(&str, Make); 7] = [
        ("!=", |field, value| field.not(value)),
        ("<=", |field, value| field.max(value)),
        (">=", |field, value| field.min(value)),
        ("<", |field, value| field.lt(value)),
        (">", |field, value| field.gt(value)),
        ("=", |field, value| field.eq(value)),
        ("~", |field, value| field.like(value.as_str().unwrap_or(&value.to_string()))),
    ];
    let make = MAKES.iter().find_map(|(sign, make)| rest.strip_prefix(sign).map(|value| (make, value)));
    let (make, value) = make.ok_or_else(wrong)?;
    Ok(make(named(name)?, serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

const OPERATORS: [char; 5] = ['=', '!', '<', '>', '~'];
