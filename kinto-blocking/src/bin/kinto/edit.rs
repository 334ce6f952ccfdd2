//! `edit`.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::process::Command;

use kinto_blocking::Wanted;
use serde_json::Value;

use crate::carry_out::Doing;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::write;

/// Changes an object in an editor, unless somebody else changes it meanwhile
#[derive(clap::Args)]
#[command(after_help = "\
The editor is what VISUAL or EDITOR says, and else vi. What is not saved, or saved as it was, is not written. What cannot be \
written stays in a file, which is named then.

Example:
  EDITOR=nano kinto edit /blog/posts/hello")]
pub(crate) struct Edit {
    /// The place
    path: String,
    #[command(flatten)]
    doing: Doing,
}

impl Edit {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let place = context.place(&self.path)?;
        let (list, id) = place.object()?;
        context.no_curl()?;
        let object = context.client()?.send(list.get(id))?;
        let read = object.last_modified;
        let planner = write::look(context, &list, id)?;
        let before = format!("{:#}\n", Value::Object(object.data));
        let local = |error: io::Error| Failure::Local(format!("the file to be edited: {error}"));
        let mut file = tempfile::Builder::new().prefix("kinto-").suffix(".json").tempfile().map_err(local)?;
        file.write_all(before.as_bytes()).and_then(|()| file.flush()).map_err(local)?;
        let path = file.into_temp_path();
        let after = open(&path).and_then(|()| fs::read_to_string(&path).map_err(local));
        let made = after.and_then(|after| {
            if after == before {
                context.say(&format!("{place}: nothing to do"));
                return Ok(Outcome::Done);
            }
            write::make(context, planner, Wanted::new(id, &parsed(&after)?), &place, (self.doing, Some(read)))
        });
        if made.is_err() && fs::read(&path).is_ok_and(|after| after != before.as_bytes()) {
            let kept = path.keep().map_err(|error| Failure::Local(error.to_string()))?;
            // Work is not lost by being told less. Nobody to read it is no reason to fail in another way.
            let _ = writeln!(io::stderr().lock(), "what was edited is in {}", kept.display());
        }
        made
    }
}

fn parsed(text: &str) -> Result<Value, Failure> {
    let data: Value =
        serde_json::from_str(text).map_err(|error| Failure::Usage(format!("this is no JSON: {error}")))?;
    if data.is_object() { Ok(data) } else { Err(Failure::Usage("this is no JSON object".to_owned())) }
}

/// Opens a file in the editor, and waits until that ends.
fn open(path: &std::path::Path) -> Result<(), Failure> {
    let set = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // With its arguments, as everywhere.
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Command::new(program).args(words).arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Local(format!("{editor} ended with {status}: nothing was written"))),
        Err(error) => Err(Failure::Local(format!("{editor}: {error}"))),
    }
}
