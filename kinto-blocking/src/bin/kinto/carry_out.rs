//! Showing plans, and doing what they say.

use std::io::{self, IsTerminal as _, Write as _};

use kinto_blocking::{Client, Edit, EditKind, Plan, Report, Review, Status};

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// What all verbs know that write.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Doing {
    /// Shows what would be done, and does not do it. Ends with status 2 if that is anything
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Deletes without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// A plan, where it is to be carried out, and how.
pub(crate) struct Work {
    pub(crate) client: Client,
    pub(crate) plan: Plan,
    /// What it is about, as people know it.
    pub(crate) what: String,
    pub(crate) doing: Doing,
    /// What is to be reviewed then, and the comment to that.
    pub(crate) review: Option<(Review, String)>,
    /// Whose files the records are to have.
    pub(crate) files: Option<Client>,
}

impl Work {
    pub(crate) fn of(client: Client, plan: Plan, what: String) -> Self {
        Self { client, plan, what, doing: Doing { dry_run: false, yes: false }, review: None, files: None }
    }

    /// Does what the plan says, or shows it.
    pub(crate) fn carry_out(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { client, plan, what, doing, review, files } = self;
        if plan.is_empty() {
            let asked = if review.is_some() { "; no review was asked for" } else { "" };
            context.say(&format!("{what}: {plan}{asked}"));
            return Ok(Outcome::Done);
        }
        if doing.dry_run {
            show(&plan)?;
            context.say(&format!("{what}: {plan}"));
            return Ok(Outcome::Changes);
        }
        if plan.count(EditKind::Delete) > 0 && !context.output.curl() {
            context.confirm(&format!("{what}: {plan}. Go on?"), doing.yes)?;
        }
        let progress = context.progress();
        let bar = progress.clone();
        let mut apply = plan.apply().progress(move |over, all| bar.set(over as u64, Some(all as u64)));
        if let Some(files) = files {
            apply = apply.files_from(files.session());
        }
        if let Some((review, comment)) = review {
            apply = apply.then_request_review(&review, comment);
        }
        let report = context.send_by(&client, apply);
        progress.end();
        told(context, report?, &what)
    }
}

/// Writes what a plan would do to standard output.
pub(crate) fn show(plan: &Plan) -> Result<(), Failure> {
    let mut to = io::stdout().lock();
    let colored = to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    for edit in plan.changes() {
        writeln!(to, "{}", if colored { in_color(edit) } else { edit.to_string() })?;
    }
    Ok(())
}

/// Green, yellow and red, as everywhere.
fn in_color(edit: &Edit) -> String {
    let color = match edit.kind() {
        EditKind::Create => "32",
        EditKind::Delete => "31",
        _ => "33",
    };
    let text = edit.to_string();
    let (first, rest) = text.split_once('\n').map_or((text.as_str(), None), |(first, rest)| (first, Some(rest)));
    let rest = rest.map(|rest| format!("\n{rest}")).unwrap_or_default();
    format!("\x1b[{color}m{first}\x1b[0m{rest}")
}

/// Tells what came of it, and of each that failed why. One failure is a failure, unless the server's refusals are ignored.
fn told(context: &Context, report: Report, what: &str) -> Result<Outcome, Failure> {
    context.say(&format!("{what}: {report}"));
    let failed = report.items().filter(|item| !matches!(item.status(), Status::AlreadySo | Status::NotSent));
    let failed: Vec<_> = failed.filter_map(|item| item.error()).collect();
    if failed.len() > 1 {
        failed.iter().for_each(|error| context.say(&error.to_string()));
    }
    let is_refusal = |error: &kinto_blocking::Error| error.status().is_some_and(|status| status.is_client_error());
    let ignored = context.ignores_refusals() && failed.iter().all(|error| is_refusal(error));
    if !(ignored && report.stopped().is_none()) {
        report.into_result()?;
    }
    Ok(Outcome::Done)
}
