//! `diff`, `sync` and `apply`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use kinto_blocking::{Client, JsonMap, List, Plan, Survey, Wanted, bucket};

use crate::assign;
use crate::carry_out::{Doing, Work};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::local;
use crate::place::Place;
use crate::progress::Progress;
use crate::read::Which;

const SIDES: &str = "\
SOURCE is a place, a file with a line of JSON for each object or one JSON array of them, or - for standard input; TARGET is a \
place. stage:/blog/posts is at the server of the profile stage; ./blog and blog.ndjson are files.";

/// What sync would do, field by field. Ends with status 2 if that is anything
#[derive(clap::Args)]
#[command(after_help = SIDES)]
pub(crate) struct Diff {
    #[command(flatten)]
    sides: Sides,
}

/// Makes a list what another one is, or what is in a file
#[derive(clap::Args)]
#[command(after_help = SYNC_HELP)]
pub(crate) struct Sync {
    #[command(flatten)]
    sides: Sides,
    /// Saves the plan in this file, for apply, and does not do it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "review"])]
    save: Option<PathBuf>,
    /// Asks for a review of the changes, with this comment
    #[arg(long, value_name = "COMMENT")]
    review: Option<String>,
    #[command(flatten)]
    doing: Doing,
}

/// Does what a plan says that sync has saved, unless what it is about was changed since
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kinto sync posts.ndjson /blog/posts --save plan.json\n  kinto apply plan.json")]
pub(crate) struct Apply {
    /// The plan
    plan: PathBuf,
    /// The place that the files of its records come from, if it has any
    #[arg(long, value_name = "SOURCE")]
    files_from: Option<String>,
    #[command(flatten)]
    doing: Doing,
}

#[derive(clap::Args)]
struct Sides {
    /// What is wanted
    source: String,
    /// What is to become so
    target: String,
    #[command(flatten)]
    which: Which,
    /// What the source does not have is deleted from the target. Without, it stays
    #[arg(long)]
    delete: bool,
    /// Only these fields are compared and written
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only_fields: Vec<String>,
    /// Permissions too, of those records whose source shows them
    #[arg(long)]
    permissions: bool,
    /// Timestamps too
    #[arg(long)]
    timestamps: bool,
    /// Files that are attached to records too, where the source is a place
    #[arg(long)]
    attachments: bool,
}

const SYNC_HELP: &str = "\
SOURCE is a place, a file with a line of JSON for each object or one JSON array of them, or - for standard input; TARGET is a \
place. stage:/blog/posts is at the server of the profile stage; ./blog and blog.ndjson are files.

What is the same already is not written, and what others change meanwhile is not overwritten. The same command once more goes \
on where the first one was interrupted.

Examples:
  kinto sync posts.ndjson /blog/posts --dry-run
  kinto sync prod:/main/cfr stage:/drafts/cfr --delete --review \"as in production\"";

impl Diff {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let (client, place, plan, _) = self.sides.plan(context)?;
        let doing = Doing { dry_run: true, yes: false };
        Work { doing, ..Work::of(client, plan, place.to_string()) }.carry_out(context)
    }
}

impl Sync {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        if let Some(path) = &self.save {
            local::is_free(path, "")?;
        }
        let (client, place, plan, files) = self.sides.plan(context)?;
        if let Some(path) = &self.save {
            let text = serde_json::to_vec(&plan).map_err(|error| Failure::Local(format!("the plan: {error}")))?;
            local::save(path, &text)?;
            context.say(&format!("{place}: {plan}; saved in {}", path.display()));
            return Ok(if plan.is_empty() { Outcome::Done } else { Outcome::Changes });
        }
        let review = match (&place, self.review) {
            (Place::Collection(of, id), Some(comment)) => Some((bucket(of).collection(id).review(), comment)),
            (_, Some(_)) => return Err(Failure::Usage(format!("{place}: only collections are reviewed"))),
            (_, None) => None,
        };
        Work { doing: self.doing, review, files, ..Work::of(client, plan, place.to_string()) }.carry_out(context)
    }
}

impl Apply {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let shown = self.plan.display();
        let text = assign::read(&self.plan.to_string_lossy())?;
        let plan: Plan = serde_json::from_str(&text)
            .map_err(|error| Failure::Usage(format!("{shown}: this is no plan: {error}")))?;
        let files = self.files_from.as_deref().map(|source| context.site(source)).transpose()?;
        let (client, files) = (context.client()?, files.map(|(source, _)| source));
        Work { doing: self.doing, files, ..Work::of(client, plan, shown.to_string()) }.carry_out(context)
    }
}

impl Sides {
    /// What is to be done, where, by whose client, and whose files are to be brought.
    fn plan(&self, context: &mut Context) -> Result<(Client, Place, Plan, Option<Client>), Failure> {
        let (client, place) = context.site(&self.target)?;
        let source = self.source(context)?;
        if self.attachments && matches!(source, Source::Lines(..)) {
            return Err(Failure::Usage(format!("{} has no files: only a place has", self.source)));
        }
        if let Source::Lines(..) = &source
            && !self.which.is_all()
        {
            let why = "--filter is about what is on a server: what is in a file is there as a whole";
            return Err(Failure::Usage(why.to_owned()));
        }
        if let Source::Place(_, from) = &source
            && std::mem::discriminant(from) != std::mem::discriminant(&place)
        {
            return Err(Failure::Usage(format!("{from} and {place} are not alike: what is in them is of two kinds")));
        }
        if matches!(place, Place::Root | Place::Bucket(_)) && self.delete {
            let why = format!("what is in {place} has things in it of its own, which would be deleted with it");
            return Err(Failure::Usage(format!("{why}: say rm for those, or cp --delete for all of it")));
        }
        let survey = self.survey(place.list()?.survey())?;
        let files = match &source {
            Source::Place(from, _) if self.attachments => Some(from.clone()),
            _ => None,
        };
        let progress = context.late_progress();
        let plan = self.compare(&client, survey, source, &progress);
        progress.end();
        Ok((client, place, plan?, files))
    }

    fn compare(&self, client: &Client, survey: Survey, source: Source, progress: &Progress) -> Result<Plan, Failure> {
        let mut planner = client.send(survey)?;
        let mut compared = 0;
        source.each(self, |wanted| {
            planner.want(wanted)?;
            compared += 1;
            progress.set(compared, None);
            Ok(())
        })?;
        Ok(planner.finish())
    }

    fn survey(&self, survey: Survey) -> Result<Survey, Failure> {
        let mut survey = self.which.filters()?.into_iter().fold(survey, Survey::filter);
        if !self.delete {
            survey = survey.keep_extra();
        }
        if !self.only_fields.is_empty() {
            survey = survey.only_fields(self.only_fields.iter().cloned());
        }
        if self.permissions {
            survey = survey.permissions();
        }
        if self.attachments {
            survey = survey.attachments();
        }
        Ok(if self.timestamps { survey.keep_timestamps() } else { survey })
    }

    fn source(&self, context: &mut Context) -> Result<Source, Failure> {
        let text = self.source.as_str();
        if text == "-" {
            return Ok(Source::Lines(Box::new(io::stdin().lock()), "standard input".to_owned()));
        }
        if text.starts_with('/') || text.contains(":/") {
            let found = context.site(text).and_then(|(client, place)| place.list().map(|_| (client, place)));
            let (client, place) = found.map_err(|failure| match failure {
                Failure::Usage(why) if Path::new(text).is_file() => {
                    Failure::Usage(format!("{why}. To read the file of this name: - in its place, and < {text}"))
                }
                other => other,
            })?;
            return Ok(Source::Place(client, place));
        }
        let file = File::open(text).map_err(|error| Failure::Local(format!("{text}: {error}")))?;
        Ok(Source::Lines(Box::new(BufReader::new(file)), text.to_owned()))
    }
}

/// What is wanted.
enum Source {
    Place(Client, Place),
    Lines(Box<dyn BufRead>, String),
}

impl Source {
    fn each(self, sides: &Sides, mut want: impl FnMut(Wanted) -> Result<(), Failure>) -> Result<(), Failure> {
        match self {
            Self::Place(client, place) => {
                let resource = place.list()?;
                let list = sides.which.filters()?.into_iter().fold(resource.list(), List::filter);
                if !sides.permissions {
                    return client.items(list).try_for_each(|object| want(object?.into()));
                }
                // Lists do not show permissions.
                let gets = client.items(list).map(|object| object.map(|object| resource.get(object.id)));
                let gets = gets.collect::<kinto_blocking::Result<Vec<_>>>()?;
                client.send_each(gets, AT_ONCE).try_for_each(|object| want(object?.into()))
            }
            Self::Lines(lines, name) => records(lines, &name, want),
        }
    }
}

/// So many records are read side by side for their permissions.
const AT_ONCE: usize = 4;

/// Records out of a file: a line each, or all of them in one array.
fn records(
    mut lines: Box<dyn BufRead>,
    name: &str,
    mut want: impl FnMut(Wanted) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let local = |error: io::Error| Failure::Local(format!("{name}: {error}"));
    let begins = lines.fill_buf().map_err(local)?.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
    if begins == Some(b'[') {
        let all: Vec<JsonMap> =
            serde_json::from_reader(lines).map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
        return all.into_iter().try_for_each(|record| want(record.into()));
    }
    for (number, line) in lines.lines().enumerate() {
        let line = line.map_err(local)?;
        if line.trim().is_empty() {
            continue;
        }
        let at = |why: &dyn std::fmt::Display| Failure::Usage(format!("{name}, line {}: {why}", number + 1));
        let record: JsonMap = serde_json::from_str(&line).map_err(|error| at(&error))?;
        want(record.into()).map_err(|failure| at(&failure))?;
    }
    Ok(())
}
