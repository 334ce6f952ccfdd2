//! `export` and `import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kinto_blocking::{Client, Import, Imported, YamlTree, bucket};

use crate::assign;
use crate::carry_out::{self, Doing};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::local;
use crate::place::Place;
use crate::progress::Progress;

/// Writes a bucket or a collection with all that is in it, as lines of JSON or as a tree in YAML
#[derive(clap::Args)]
#[command(after_help = "\
Lines of JSON take no more memory for more of them. A file that has the beginning of the same export goes on behind it, when \
--resume says so. A file that ends in .yaml or .yml is a tree in YAML, the way kinto-wizard has them, for configurations.

Examples:
  kinto export /blog blog.ndjson
  kinto export /blog blog.yaml
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
    /// A tree in YAML, whatever the file is called
    #[arg(long, conflicts_with = "resume")]
    yaml: bool,
}

/// Brings to a server what is in an export
#[derive(clap::Args)]
#[command(after_help = "\
What is the same already is not written, so that the same command once more goes on where it was interrupted. A file that ends in \
.yaml or .yml is a tree in YAML, the way kinto-wizard has them: what it does not name stays as it is.

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
    /// A tree in YAML, whatever the file is called
    #[arg(long, conflicts_with = "partial")]
    yaml: bool,
    #[command(flatten)]
    doing: Doing,
}

impl Export {
    pub(crate) fn run(mut self, context: &mut Context) -> Result<Outcome, Failure> {
        self.file = self.file.filter(|path| path != Path::new("-"));
        let (client, place) = context.site(&self.path)?;
        let mut export = match &place {
            Place::Bucket(id) => bucket(id).export(),
            Place::Collection(of, id) => bucket(of).collection(id).export(),
            other => return Err(Failure::Usage(format!("{other} is neither a bucket nor a collection"))),
        };
        if self.permissions {
            export = export.record_permissions();
        }
        if context.output.curl() {
            context.send_by(&client, &mut export)?;
            return Ok(Outcome::Done);
        }
        let as_tree = self.yaml || self.file.as_deref().is_some_and(is_yaml);
        if as_tree && self.resume {
            let why = "a tree in YAML is written as a whole: there is nothing to resume";
            return Err(Failure::Usage(why.to_owned()));
        }
        if let Some(path) = self.file.as_deref().filter(|_| !self.resume) {
            local::is_free(path, if as_tree { "" } else { ", or go on behind it with --resume" })?;
        }
        // Not between the lines that are written to the same terminal.
        let apart = self.file.is_some() || !io::stdout().is_terminal();
        let progress = if apart { context.progress() } else { Progress::new(false) };
        let bar = progress.clone();
        let export = export.at(SystemTime::now()).progress(move |objects| bar.set(objects, None));
        let exported = if as_tree { self.tree(&client, export) } else { self.lines(&client, export) };
        progress.end();
        let what = exported?.map_or_else(|| "exported".to_owned(), |objects| format!("{objects} exported"));
        let to = self.file.as_ref().map(|path| format!(" to {}", path.display())).unwrap_or_default();
        context.say(&format!("{place}: {what}{to}"));
        Ok(Outcome::Done)
    }

    /// How many objects there were.
    fn lines(&self, client: &Client, export: kinto_blocking::Export) -> Result<Option<u64>, Failure> {
        Ok(Some(match &self.file {
            Some(path) => client.export_file(export, path)?,
            None => {
                let mut to = Piped { to: io::stdout().lock(), is_broken: false };
                let exported = client.export_to(export, &mut to);
                if to.is_broken {
                    return Err(Failure::Enough);
                }
                exported?
            }
        }))
    }

    /// A tree is in memory as a whole, and counts nothing.
    fn tree(&self, client: &Client, export: kinto_blocking::Export) -> Result<Option<u64>, Failure> {
        let tree = client.send(export.into_tree())?.to_string();
        match &self.file {
            Some(path) => local::save(path, tree.as_bytes())?,
            None => io::stdout().lock().write_all(tree.as_bytes())?,
        }
        Ok(None)
    }
}

/// Knows whether whoever reads has seen enough.
struct Piped<W> {
    to: W,
    is_broken: bool,
}

impl<W: io::Write> io::Write for Piped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes);
        self.is_broken |= written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

impl ImportFile {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let import = self.import(context, self.doing.dry_run)?;
        if self.delete && !self.doing.dry_run && !self.doing.yes {
            let question = self.question(context)?;
            context.confirm(&question, false)?;
        }
        let client = context.client()?;
        // What is shown would be between its lines.
        let progress = if self.doing.dry_run { Progress::new(false) } else { context.progress() };
        let (bar, all) = (progress.clone(), if self.is_tree() { None } else { objects(&self.file) });
        let over = |so_far: &Imported| so_far.created + so_far.updated + so_far.unchanged + so_far.failed;
        let import = import.progress(move |so_far| bar.set(over(so_far), all));
        let imported = self.send(&client, import);
        progress.end();
        let imported = imported?;
        for failure in &imported.failures {
            let why = failure.error.as_ref().map_or_else(|| format!("{:?}", failure.status), ToString::to_string);
            context.say(&format!("{}: {why}", failure.path));
        }
        context.say(&format!("{}: {imported}", self.file));
        if !imported.is_success() && !context.ignores_refusals() {
            let why = format!("{}: {} of the objects failed", self.file, imported.failed);
            return Err(Failure::of_some(why, imported.failures.iter().find_map(|failure| failure.error.as_ref())));
        }
        Ok(if self.doing.dry_run && imported.changed() > 0 { Outcome::Changes } else { Outcome::Done })
    }

    fn open(&self) -> Result<Box<dyn BufRead>, Failure> {
        if self.file == "-" {
            return Ok(Box::new(io::stdin().lock()));
        }
        let file = File::open(&self.file).map_err(|error| Failure::Local(format!("{}: {error}", self.file)))?;
        Ok(Box::new(BufReader::new(file)))
    }

    /// How many would be deleted, where that can be read twice.
    fn question(&self, context: &mut Context) -> Result<String, Failure> {
        if self.file == "-" {
            return Ok("Delete what is on the server and not in what comes in?".to_owned());
        }
        let (import, client) = (self.import(context, true)?.show(|_| ()), context.client()?);
        let imported = self.send(&client, import)?;
        let others = imported.changed() - imported.deleted;
        let others = if others > 0 { format!(", {others} to be written") } else { String::new() };
        Ok(format!("{}: {} to be deleted{others}. Go on?", self.file, imported.deleted))
    }

    fn send(&self, client: &Client, import: Import) -> Result<Imported, Failure> {
        if self.is_tree() {
            return Ok(client.send(import.tree(YamlTree::parse(&assign::read(&self.file)?)?))?);
        }
        Ok(client.import_from(import, self.open()?)?)
    }

    fn is_tree(&self) -> bool {
        self.yaml || is_yaml(Path::new(&self.file))
    }

    fn import(&self, context: &Context, dry_run: bool) -> Result<Import, Failure> {
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
            (dry_run, Import::dry_run),
        ] {
            import = if wanted { with(import) } else { import };
        }
        if dry_run {
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
