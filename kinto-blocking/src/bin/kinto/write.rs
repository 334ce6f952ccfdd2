//! `put`, `patch` and `rm`.

use kinto_blocking::{Object, Planner, Resource, Timestamp, Wanted};
use serde_json::{Map, Value, json};

use crate::assign;
use crate::carry_out::{Doing, Work};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::place::Place;
use crate::read::Which;

/// Makes an object what is said here, in all its fields
#[derive(clap::Args)]
#[command(after_help = PUT_HELP)]
pub(crate) struct Put {
    /// The place; with --new the list that it is to be in
    path: String,
    /// The fields
    fields: Vec<String>,
    /// A new object, to which an id is given: it is written to standard output
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    doing: Doing,
}

/// Changes some fields of an object, or what one of the two patch formats says
#[derive(clap::Args)]
#[command(after_help = PATCH_HELP)]
pub(crate) struct Patch {
    /// The place
    path: String,
    /// The fields that are to be other; all others stay
    fields: Vec<String>,
    /// The fields are a JSON Merge Patch: objects are merged, and null takes a field away
    #[arg(long)]
    merge: bool,
    /// The operations of a JSON Patch, on {"data": …, "permissions": …}: @FILE, or JSON
    #[arg(long, value_name = "PATCH", conflicts_with_all = ["merge", "fields"])]
    json_patch: Option<String>,
    #[command(flatten)]
    doing: Doing,
}

/// Deletes objects with all that is in them, or the records of a collection that meet a condition
#[derive(clap::Args)]
#[command(after_help = "\
An object is deleted as it was when it was looked at: not if it was changed meanwhile. What comes into a bucket or collection in the \
last moment goes along with it.

Examples:
  kinto rm /blog/posts/hello
  kinto rm /blog/posts --filter draft=true --yes")]
pub(crate) struct Rm {
    /// The places
    #[arg(required = true)]
    paths: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// What is not there is no error
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    doing: Doing,
}

const PUT_HELP: &str = "\
Nothing is written where all is so already, and nothing if the object was changed since it was looked at.

Fields:
  title=Hello       a text
  count:=3          JSON: a number, true, null, '[1, 2]', '{\"a\": 1}'
  text=@file.txt    a text from a file
  map:=@file.json   JSON from a file
  @file.json        all fields of the object in the file; @- from standard input

Examples:
  kinto put /blog
  kinto put /blog/posts/hello title=Hello draft:=true
  kinto put /blog/posts --new title=Another";

const PATCH_HELP: &str = "\
The fields are written as those of put.

Examples:
  kinto patch /blog/posts/hello draft:=false
  kinto patch /blog/posts/hello --merge draft:=null
  kinto patch /blog/posts/hello --json-patch '[{\"op\": \"add\", \"path\": \"/data/tags/-\", \"value\": \"new\"}]'";

impl Put {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let place = context.place(&self.path)?;
        let fields = assign::object(&self.fields)?;
        if self.new {
            return add(context, &place, &fields, self.doing);
        }
        let (list, id) = place.object()?;
        let planner = look(context, &list, id)?;
        make(context, planner, Wanted::new(id, &fields), &place, (self.doing, None))
    }
}

fn add(context: &mut Context, place: &Place, fields: &Map<String, Value>, doing: Doing) -> Result<Outcome, Failure> {
    let list = place.list()?;
    if doing.dry_run {
        context.output.line(&format!("+ (a new id)\n    {}", json!(fields)))?;
        return Ok(Outcome::Changes);
    }
    let made = context.send(list.add(fields))?;
    context.output.line(&made.id)?;
    Ok(Outcome::Done)
}

impl Patch {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let place = context.place(&self.path)?;
        let (list, id) = place.object()?;
        let fields = assign::object(&self.fields)?;
        if fields.is_empty() && self.json_patch.is_none() {
            return Err(Failure::Usage("nothing to change: say which fields, or --json-patch".to_owned()));
        }
        let object = context.client()?.send(list.get(id))?;
        let planner = look(context, &list, id)?;
        let read = object.last_modified;
        let wanted = self.patched(id, object, fields)?;
        make(context, planner, wanted, &place, (self.doing, Some(read)))
    }

    /// What the object is to be.
    fn patched(&self, id: &str, object: Object, fields: Map<String, Value>) -> Result<Wanted, Failure> {
        let wrong = |why: &dyn std::fmt::Display| Failure::Usage(format!("the patch cannot be applied: {why}"));
        let mut document = json!({"data": object.data, "permissions": object.permissions.unwrap_or_default()});
        if let Some(patch) = &self.json_patch {
            let text = patch.strip_prefix('@').map_or_else(|| Ok(patch.clone()), assign::read)?;
            let before = document["permissions"].clone();
            let patch: json_patch::Patch = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
            json_patch::patch(&mut document, &patch).map_err(|error| wrong(&error))?;
            let wanted = Wanted::new(id, &document["data"]);
            // What is not visible is not written, unless the patch is about it.
            if document["permissions"] == before {
                return Ok(wanted);
            }
            let permissions = serde_json::from_value(document["permissions"].take()).map_err(|error| wrong(&error))?;
            return Ok(wanted.permissions(permissions));
        }
        let mut data = document["data"].take();
        if self.merge {
            json_patch::merge(&mut data, &fields.into());
        } else if let Value::Object(data) = &mut data {
            data.extend(fields);
        }
        Ok(Wanted::new(id, &data))
    }
}

/// Looks at what is there of this id.
pub(crate) fn look(context: &mut Context, list: &Resource, id: &str) -> Result<Planner, Failure> {
    // What is looked at is sent in any case: what would be written depends on it.
    Ok(context.client()?.send(list.survey().only([id]).permissions().keep_extra())?)
}

/// Makes an object what it is wanted to be, if it is still as it was when it was read, where that was before.
pub(crate) fn make(
    context: &mut Context,
    mut planner: Planner,
    wanted: Wanted,
    place: &Place,
    (doing, read): (Doing, Option<Timestamp>),
) -> Result<Outcome, Failure> {
    planner.want(wanted)?;
    let (client, plan) = (context.client()?, planner.finish());
    if read.is_some() && plan.changes().any(|edit| edit.last_modified() != read) {
        return Err(Failure::Changed(format!("{place} was changed meanwhile: nothing was written")));
    }
    Work { doing, ..Work::of(client, plan, place.to_string()) }.carry_out(context)
}

impl Rm {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let places = self.paths.iter().map(|path| context.place(path)).collect::<Result<Vec<_>, _>>()?;
        let mut outcome = Outcome::Done;
        for (before, place) in places.iter().enumerate() {
            let one = if self.which.is_all() { self.object(context, place) } else { self.some(context, place) };
            match one {
                Ok(Outcome::Done) => {}
                Ok(changes) => outcome = changes,
                // Those before it are gone.
                Err(Failure::Declined) if before > 0 => {
                    let others = if before + 1 < places.len() { " and what was to come after it" } else { "" };
                    return Err(Failure::Local(format!("{place}{others}: not deleted")));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(outcome)
    }

    fn object(&self, context: &mut Context, place: &Place) -> Result<Outcome, Failure> {
        let (list, id) = place.object()?;
        let client = context.client()?;
        let object = match client.send(list.get(id)) {
            Ok(object) => object,
            Err(error) if self.if_exists && (error.is_not_found() || is_bucket(place) && error.is_forbidden()) => {
                context.say(&format!("{place}: nothing to do"));
                return Ok(Outcome::Done);
            }
            Err(error) => return Err(error.into()),
        };
        let within = match place {
            Place::Bucket(_) | Place::Collection(..) => Some(client.send(place.list()?.count())?),
            _ => None,
        };
        let with = within.map(|count| format!(" with {}", place.counted(count))).unwrap_or_default();
        if self.doing.dry_run {
            context.output.line(&format!("- {place}{with}"))?;
            return Ok(Outcome::Changes);
        }
        if !context.output.curl() {
            context.confirm(&format!("Delete {place}{with}?"), self.doing.yes)?;
        }
        // What is in it has timestamps of its own.
        if within.is_some() && Some(client.send(place.list()?.count())?) != within {
            return Err(Failure::Changed(format!("{place} has something else in it than when it was looked at")));
        }
        let at = object.last_modified;
        context.send(list.delete(id).if_match(at))?;
        context.say(&format!("{place}: deleted{with}"));
        Ok(Outcome::Done)
    }

    /// Those of a list that meet the conditions.
    fn some(&self, context: &mut Context, place: &Place) -> Result<Outcome, Failure> {
        let list = place.list()?;
        let filters = self.which.filters()?;
        let survey = filters.iter().cloned().fold(list.survey(), kinto_blocking::Survey::filter);
        let client = context.client()?;
        // Nothing is wanted.
        let plan = client.send(survey)?.finish();
        Work { doing: self.doing, ..Work::of(client, plan, place.to_string()) }.carry_out(context)
    }
}

fn is_bucket(place: &Place) -> bool {
    matches!(place, Place::Bucket(_))
}
