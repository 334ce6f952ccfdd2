//! `attach` and `fetch`.

use std::path::{Path, PathBuf};

use kinto_blocking::{RecordFile, bucket};
use serde_json::json;

use crate::carry_out::Doing;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::place::Place;

/// Attaches a file to a record, or takes it away
#[derive(clap::Args)]
#[command(after_help = "\
The very same file is not sent again.

Examples:
  kinto attach /blog/posts/hello photo.jpg
  kinto attach /blog/posts/hello --remove")]
pub(crate) struct Attach {
    /// The record
    path: String,
    /// The file
    #[arg(required_unless_present = "remove")]
    file: Option<PathBuf>,
    /// Under another name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Its media type, where the name does not tell it
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// Takes the file away
    #[arg(long, conflicts_with = "file")]
    remove: bool,
    /// Of any kind, where the server is known to take them all
    #[arg(long)]
    any_extension: bool,
    #[command(flatten)]
    doing: Doing,
}

/// Fetches the files that are attached to a record, or to all records of a collection
#[derive(clap::Args)]
#[command(after_help = "\
What is here already and the same is not fetched. Size and SHA-256 are checked.

Examples:
  kinto fetch /blog/posts/hello
  kinto fetch /blog/posts --into photos")]
pub(crate) struct Fetch {
    /// The record, or the collection
    path: String,
    /// The folder: of a collection, each record has one in it
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    into: PathBuf,
    /// Puts it in the place of another file of that name
    #[arg(long)]
    overwrite: bool,
}

impl Attach {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        context.no_curl()?;
        let place = context.place(&self.path)?;
        let file = of(&place)?;
        let client = context.client()?;
        if self.remove {
            if self.doing.dry_run {
                let Some(there) = client.send(file.get())? else { return Ok(Outcome::Done) };
                context.output.line(&format!("- {place}: {}", there.safe_name()))?;
                return Ok(Outcome::Changes);
            }
            context.confirm(&format!("Take the file of {place} away?"), self.doing.yes)?;
            context.send(file.remove())?;
            context.say(&format!("{place}: removed"));
            return Ok(Outcome::Done);
        }
        let Some(path) = &self.file else { return Err(Failure::Usage("no file".to_owned())) };
        let own = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = self.name.clone().or(own).ok_or_else(|| Failure::Usage(format!("{} is no file", path.display())))?;
        if self.doing.dry_run {
            std::fs::File::open(path).map_err(|error| Failure::Local(format!("{}: {error}", path.display())))?;
            context.output.line(&format!("+ {place}: {name}"))?;
            return Ok(Outcome::Changes);
        }
        let progress = context.progress();
        let bar = progress.clone();
        let mut upload = file.upload(name).progress(move |sent, all| bar.set(sent, all));
        if self.any_extension {
            upload = upload.any_extension();
        }
        if let Some(media_type) = &self.media_type {
            upload = upload.media_type(media_type);
        }
        let uploaded = client.upload_file(upload, path);
        progress.end();
        let uploaded = uploaded?;
        let how = if uploaded.skipped { "there already" } else { "attached" };
        context.say(&format!("{place}: {} ({} bytes) {how}", uploaded.attachment.filename, uploaded.attachment.size));
        Ok(Outcome::Done)
    }
}

impl Fetch {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let place = context.place(&self.path)?;
        if let Place::Collection(of, collection) = &place {
            let client = context.client()?;
            let records = bucket(of).collection(collection);
            let ids = client.items(records.records().list().fields(["id"]));
            let ids = ids.collect::<kinto_blocking::Result<Vec<_>>>()?;
            let (mut failed, mut first) = (0, None);
            for record in &ids {
                let fetched = self.one(context, &records.attachment(&record.id), &self.into.join(&record.id), true);
                // One that cannot be fetched keeps none of the others from being.
                if let Err(failure) = fetched {
                    if matches!(failure, Failure::Enough) {
                        return Err(failure);
                    }
                    context.say(&failure.to_string());
                    failed += 1;
                    first = first.or(Some(failure));
                }
            }
            return match first {
                None => Ok(Outcome::Done),
                Some(first) => Err(first.of_many(format!("{failed} of {} files were not fetched", ids.len()))),
            };
        }
        self.one(context, &of(&place)?, &self.into, false)?;
        Ok(Outcome::Done)
    }

    fn one(&self, context: &mut Context, file: &RecordFile, folder: &Path, may_be_none: bool) -> Result<(), Failure> {
        let client = context.client()?;
        let Some(attachment) = context.send(file.get())? else {
            return if may_be_none { Ok(()) } else { Err(Failure::Local(format!("{} has no file", self.path))) };
        };
        let local = |error: std::io::Error| Failure::Local(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(local)?;
        if may_be_none && folder.symlink_metadata().map_err(local)?.is_symlink() {
            return Err(Failure::Local(format!("{} leads elsewhere: nothing is written there", folder.display())));
        }
        let path = folder.join(attachment.safe_name());
        let progress = context.progress();
        let bar = progress.clone();
        let mut download = attachment.download().progress(move |here, all| bar.set(here, all));
        if self.overwrite {
            download = download.overwrite();
        }
        let fetched = client.download_file(download, &path);
        progress.end();
        let how = if fetched?.skipped { "here already" } else { "fetched" };
        let shown = json!({"path": path, "size": attachment.size, "hash": attachment.hash, "outcome": how});
        context.output.line(&shown.to_string())
    }
}

fn of(place: &Place) -> Result<RecordFile, Failure> {
    match place {
        Place::Record(of, collection, id) => Ok(bucket(of).collection(collection).attachment(id)),
        other => Err(Failure::Usage(format!("{other} is no record"))),
    }
}
