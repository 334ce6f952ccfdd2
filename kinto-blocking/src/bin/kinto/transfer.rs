//! `export` and `import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::PathBuf;
use std::time::SystemTime;

use kinto_blocking::{Import, Imported, bucket};

use crate::carry_out::{self, Doing};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::place::Place;
use crate::progress::Progress;

/// Writes a bucket or a collection with all that is in it, as lines of JSON
#[derive(clap::Args)]
#[command(after_help = "\
The memory it takes does not grow with what is exported. A file that has the beginning of the same export goes on behind it, when \
--resume says so.

Examples:
  kinto export /blog blog.ndjson
  kinto export /blog | gzip > blog.ndjson.gz")]
pub(crate) struct Export {
    /// The bucket or collection
    path: String,
    /// The file; without, standard output
    file: Option<PathBuf>,
    /// The permissions of records too, each of which is read by itself
    #[arg(long)]
    permissions: bool,
    /// Goes on behind what is in the file
    #[arg(long, requires = "file")]
    resume: bool,
}

/// Brings to a server what is in an export
#[derive(clap::Args)]
#[command(after_help = "\
What is the same already is not written, so that the same command once more goes on where it was interrupted.

Examples:
  kinto import blog.ndjson --dry-run
  kinto import blog.ndjson --into blog-copy
  zcat blog.ndjson.gz | kinto import -")]
pub(crate) struct ImportFile {
    /// The file; - for standard input
    file: String,
    /// Into a bucket of this name
    #[arg(long, value_name = "BUCKET")]
    into: Option<String>,
    /// A collection under another name; several times if need be
    #[arg(long, value_name = "OLD=NEW")]
    rename: Vec<String>,
    /// Permissions too
    #[arg(long)]
    permissions: bool,
    /// Timestamps too
    #[arg(long)]
    timestamps: bool,
    /// What is on the server and not in the export is deleted
    #[arg(long)]
    delete: bool,
    /// The export may be without an end, as one that was interrupted
    #[arg(long, conflicts_with = "delete")]
    partial: bool,
    #[command(flatten)]
    doing: Doing,
}

impl Export {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let (client, place) = context.site(&self.path)?;
        let mut export = match &place {
            Place::Bucket(id) => bucket(id).export(),
            Place::Collection(of, id) => bucket(of).collection(id).export(),
            other => return Err(Failure::Usage(format!("{other} is neither a bucket nor a collection"))),
        };
        export = export.at(SystemTime::now());
        if self.permissions {
            export = export.record_permissions();
        }
        if context.output.curl() {
            context.send_by(&client, &mut export)?;
            return Ok(Outcome::Done);
        }
        let Some(path) = &self.file else {
            let objects = client.export_to(export, io::stdout().lock())?;
            context.say(&format!("{place}: {objects} exported"));
            return Ok(Outcome::Done);
        };
        if !self.resume && path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0) {
            let why = format!("{} is there already: remove it, or go on behind it with --resume", path.display());
            return Err(Failure::Usage(why));
        }
        let objects = client.export_file(export, path)?;
        context.say(&format!("{place}: {objects} exported to {}", path.display()));
        Ok(Outcome::Done)
    }
}

impl ImportFile {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let import = self.import(context)?;
        if self.delete && !self.doing.dry_run {
            let question = format!("Delete what is on the server and not in {}?", self.file);
            context.confirm(&question, self.doing.yes)?;
        }
        let local = |error: io::Error| Failure::Local(format!("{}: {error}", self.file));
        let from: Box<dyn BufRead> = match self.file.as_str() {
            "-" => Box::new(io::stdin().lock()),
            path => Box::new(BufReader::new(File::open(path).map_err(local)?)),
        };
        let client = context.client()?;
        // What is shown would be between its lines.
        let progress = if self.doing.dry_run { Progress::new(false) } else { context.progress() };
        let (bar, all) = (progress.clone(), objects(&self.file));
        let over = |so_far: &Imported| so_far.created + so_far.updated + so_far.unchanged + so_far.failed;
        let import = import.progress(move |so_far| bar.set(over(so_far), all));
        let imported = client.import_from(import, from);
        progress.end();
        let imported = imported?;
        for failure in &imported.failures {
            let why = failure.error.as_ref().map_or_else(|| format!("{:?}", failure.status), ToString::to_string);
            context.say(&format!("{}: {why}", failure.path));
        }
        context.say(&format!("{}: {imported}", self.file));
        if !imported.is_success() && !context.ignores_refusals() {
            return Err(Failure::Local(format!("{}: {} of the objects failed", self.file, imported.failed)));
        }
        Ok(if self.doing.dry_run && imported.changed() > 0 { Outcome::Changes } else { Outcome::Done })
    }

    fn import(&self, context: &Context) -> Result<Import, Failure> {
        if context.output.curl() {
            return Err(Failure::Usage(
                "what an import sends depends on what is there: it is no single request".to_owned(),
            ));
        }
        let mut import = Import::new();
        if let Some(bucket) = &self.into {
            import = import.into_bucket(bucket);
        }
        for names in &self.rename {
            let wrong = || Failure::Usage(format!("\"{names}\" names no two collections: expected OLD=NEW"));
            let (old, new) = names.split_once('=').ok_or_else(wrong)?;
            import = import.rename_collection(old, new);
        }
        for (wanted, with) in [
            (self.permissions, Import::permissions as fn(Import) -> Import),
            (self.timestamps, Import::keep_timestamps),
            (self.delete, Import::delete_extra),
            (self.partial, Import::partial),
            (self.doing.dry_run, Import::dry_run),
        ] {
            import = if wanted { with(import) } else { import };
        }
        if self.doing.dry_run {
            // What cannot be shown is counted all the same.
            import = import.show(|plan| _ = carry_out::show(plan));
        }
        Ok(import)
    }
}

/// How many objects are in a file. It is a line each, and one before and one behind them.
///
/// To read it twice takes little beside sending it once. What is no file cannot be read twice.
fn objects(path: &str) -> Option<u64> {
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|about| about.is_file()))?;
    let (mut file, mut piece, mut lines) = (file, vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut piece).ok()? {
            0 => return Some(u64::saturating_sub(lines, 2)),
            length => lines += piece[..length].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
}
