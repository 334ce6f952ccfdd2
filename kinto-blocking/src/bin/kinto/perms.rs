//! `perms`.

use std::collections::BTreeMap;

use clap::Subcommand;
use kinto_blocking::{Permissions, bucket};
use serde_json::{Map, Value, json};

use crate::carry_out::Doing;
use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Who may do what with an object
#[derive(clap::Args)]
#[command(after_help = "\
Permissions are read and write; of buckets also collection:create and group:create, of collections record:create. Principals are \
account:NAME, /buckets/BUCKET/groups/GROUP, system.Authenticated or system.Everyone.

Examples:
  kinto perms ls /blog/posts
  kinto perms add /blog/posts read system.Everyone
  kinto perms rm /blog/posts write account:alexis")]
pub(crate) struct Perms {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A line for each permission and principal, and for each who is in a group
    Ls {
        /// The place
        path: String,
    },
    /// Gives a permission, and leaves all others
    Add(Change),
    /// Takes a permission away, and leaves all others
    Rm(Change),
}

#[derive(clap::Args)]
struct Change {
    /// The place
    path: String,
    /// The permission
    permission: String,
    /// To or from whom
    #[arg(required = true)]
    principals: Vec<String>,
    #[command(flatten)]
    doing: Doing,
}

impl Perms {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        match self.what {
            What::Ls { path } => list(context, &path),
            What::Add(change) => change.run(context, true),
            What::Rm(change) => change.run(context, false),
        }
    }
}

fn list(context: &mut Context, path: &str) -> Result<Outcome, Failure> {
    let place = context.place(path)?;
    let (list, id) = place.object()?;
    let permissions = context.send(list.get(id))?.permissions.ok_or_else(|| invisible(path))?;
    let client = context.client()?;
    // A group may be named by several permissions.
    let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rows: Vec<Map<String, Value>> = Vec::new();
    for (permission, whom) in permissions.iter() {
        for who in whom {
            rows.push(row(permission, who, None));
            let Some((of, group)) = who.strip_prefix("/buckets/").and_then(|rest| rest.split_once("/groups/")) else {
                continue;
            };
            if !members.contains_key(who) {
                // Who may see the permissions need not see the group.
                let found = client.send(bucket(of).groups().get(group)).map(|group| group.data.members);
                members.insert(who.to_owned(), found.unwrap_or_default());
            }
            rows.extend(members[who].iter().map(|member| row(permission, member, Some(who))));
        }
    }
    context.output.list_with(&["permission", "principal", "by"], rows.into_iter().map(Ok))?;
    Ok(Outcome::Done)
}

fn row(permission: &str, who: &str, by: Option<&str>) -> Map<String, Value> {
    let fields = [("permission", json!(permission)), ("principal", json!(who)), ("by", json!(by))];
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn invisible(path: &str) -> Failure {
    Failure::Local(format!("the permissions of {path} are not visible: only those named in its own write see them"))
}

impl Change {
    fn run(self, context: &mut Context, give: bool) -> Result<Outcome, Failure> {
        let place = context.place(&self.path)?;
        let (list, id) = place.object()?;
        let permissions = Permissions::new().grant(self.permission.as_str(), self.principals.iter().cloned());
        if self.doing.dry_run {
            let there = context.client()?.send(list.get(id))?.permissions.ok_or_else(|| invisible(&self.path))?;
            let has = |who: &String| there.of(&self.permission).any(|other| other == who);
            let changes: Vec<&String> = self.principals.iter().filter(|who| has(who) != give).collect();
            for who in &changes {
                context.output.line(&format!("{} {} {who}", if give { '+' } else { '-' }, self.permission))?;
            }
            return Ok(if changes.is_empty() { Outcome::Done } else { Outcome::Changes });
        }
        let change = if give { list.share(id, permissions) } else { list.unshare(id, permissions) };
        context.send(change)?;
        context.say(&format!("{place}: done"));
        Ok(Outcome::Done)
    }
}
