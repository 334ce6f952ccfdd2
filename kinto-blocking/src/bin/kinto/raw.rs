//! `raw` and `batch`.

use std::io::Write as _;

use http::Method;
use kinto_blocking::{Batch, Call, Path, Reply, Status, Ticket};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::assign;
use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Sends any request, and writes the body of the answer
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinto raw GET /__heartbeat__
  kinto raw GET '/buckets/blog/collections?_limit=2'
  kinto raw PUT /buckets/blog --data '{\"data\": {\"title\": \"A blog\"}}'")]
pub(crate) struct Raw {
    /// GET, POST, …
    method: String,
    /// The path below the root of the API as it stands in a URL, and parameters after a ?
    path: String,
    /// The body, as JSON; @FILE from a file, @- from standard input
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// A header; several times if need be
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Shows a request that may write, and does not send it. Ends with status 2 then
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Deletes without asking
    #[arg(short, long)]
    yes: bool,
}

/// Sends many requests, as few as the server takes them in
#[derive(clap::Args)]
#[command(after_help = "\
Each line is a request: {\"method\": \"PUT\", \"path\": \"/buckets/blog\", \"body\": {\"data\": {}}, \"headers\": {}}. A line of the \
output tells of each what came of it, in the same order.

Example:
  kinto batch requests.ndjson")]
pub(crate) struct ManyRaw {
    /// The file; - for standard input
    file: String,
    /// How many batches are under way at the same time, in any order
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    concurrency: usize,
    /// Shows the requests that may write, and sends none. Ends with status 2 if there are any
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Deletes without asking
    #[arg(short, long)]
    yes: bool,
}

impl Raw {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let mut call = call(&self.method, &self.path)?;
        if let Some(data) = &self.data {
            let text = data.strip_prefix('@').map_or_else(|| Ok(data.clone()), assign::read)?;
            call = call.json(&assign::json(&text, "--data")?)?;
        }
        for header in &self.header {
            let wrong = || Failure::Usage(format!("\"{header}\" is no header: expected NAME: VALUE"));
            let (name, value) = header.split_once(':').ok_or_else(wrong)?;
            call = call.header(name.trim(), value.trim())?;
        }
        if self.dry_run && writes(&call) {
            context.output.line(&call.to_string())?;
            return Ok(Outcome::Changes);
        }
        if call.method() == Method::DELETE && !context.output.curl() {
            context.confirm(&format!("Delete {}?", call.path()), self.yes)?;
        }
        let reply = context.send(call)?;
        let mut to = std::io::stdout().lock();
        to.write_all(reply.body())?;
        if !reply.body().is_empty() && !reply.body().ends_with(b"\n") {
            writeln!(to)?;
        }
        Ok(Outcome::Done)
    }
}

/// A line of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    method: String,
    path: String,
    #[serde(default)]
    body: Option<Map<String, Value>>,
    #[serde(default)]
    headers: Map<String, Value>,
}

impl ManyRaw {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let text = assign::read(&self.file)?;
        let mut batch = Batch::new().concurrency(self.concurrency);
        let mut tickets: Vec<Ticket<Reply>> = Vec::new();
        let (mut outcome, mut deletions) = (Outcome::Done, 0);
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = |why: &dyn std::fmt::Display| Failure::Usage(format!("{}, line {}: {why}", self.file, number + 1));
            let line: Line = serde_json::from_str(line).map_err(|error| at(&error))?;
            let call = line.call().map_err(|failure| at(&failure))?;
            if self.dry_run && writes(&call) {
                context.output.line(&call.to_string())?;
                outcome = Outcome::Changes;
            }
            deletions += usize::from(call.method() == Method::DELETE);
            tickets.push(batch.push(call));
        }
        if self.dry_run {
            return Ok(outcome);
        }
        if deletions > 0 && !context.output.curl() {
            context.confirm(
                &format!("{}: {deletions} of {} requests delete. Go on?", self.file, tickets.len()),
                self.yes,
            )?;
        }
        let mut outcome = context.send(batch)?;
        context.say(&outcome.summary().to_string());
        let statuses: Vec<_> = outcome.items().map(|item| item.status()).collect();
        let refused =
            |status| matches!(status, Status::Conflict | Status::Missing | Status::Forbidden | Status::Invalid);
        let mut first = None;
        for (ticket, status) in tickets.into_iter().zip(&statuses) {
            let told = match outcome.take(ticket) {
                Ok(reply) => json!({"status": reply.status().as_u16(), "body": body(&reply)}),
                Err(error) => {
                    first = first.or_else(|| Some(Failure::of_some(String::new(), Some(&error))));
                    json!({"outcome": format!("{status:?}"), "status": error.status().map(|it| it.as_u16()), "error": error.to_string()})
                }
            };
            context.output.line(&told.to_string())?;
        }
        if let Some(stopped) = outcome.stopped() {
            return Err(Failure::of_some(stopped.to_string(), Some(stopped)));
        }
        let failed = statuses.iter().filter(|status| !matches!(status, Status::Done | Status::AlreadySo));
        let (failed, ignored) = failed.fold((0, true), |(count, all), status| (count + 1, all && refused(*status)));
        if failed > 0 && !(ignored && context.ignores_refusals()) {
            let why = format!("{failed} of {} requests failed", statuses.len());
            return Err(first.map_or_else(|| Failure::Local(why.clone()), |first| first.of_many(why.clone())));
        }
        Ok(Outcome::Done)
    }
}

impl Line {
    fn call(&self) -> Result<Call, Failure> {
        let mut made = call(&self.method, &self.path)?;
        if let Some(body) = &self.body {
            made = made.json(body)?;
        }
        for (name, value) in &self.headers {
            let value = value.as_str().ok_or_else(|| Failure::Usage(format!("the header {name} is no text")))?;
            made = made.header(name, value)?;
        }
        Ok(made)
    }
}

fn call(method: &str, path: &str) -> Result<Call, Failure> {
    let wrong = || Failure::Usage(format!("\"{method}\" is no method"));
    let method: Method = method.to_ascii_uppercase().parse().map_err(|_| wrong())?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Ok(Call::new(method, path.parse::<Path>()?).query(query))
}

fn writes(call: &Call) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS].contains(call.method())
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(reply.body()).unwrap_or(Value::Null)
}
