//! Lists: how Python reads them, and those that plugins give.

use kinto_protocol::{History, List, ListItem, bucket, field, my_permissions};
use serde_json::{Value, json};

use crate::case::{Args, Client, text};
use crate::filters;
use crate::output::{Item, Output, Stop};
use crate::python::{Outcome, Way, timestamp};

/// A list with the options among the arguments, read as Python reads it.
pub(crate) fn listed<I: ListItem + Item>(way: Way<'_>, args: &Args, is_generator: bool, list: List<I>) -> Outcome {
    let Way::Sent(stage, session) = way else { return Err(Stop::Refused("a list is of many pages")) };
    let size = args.given("_limit").and_then(|limit| text(limit).parse().ok());
    // The generator of Python gives pages, and has no option for their number.
    let pages = args.number("pages").filter(|_| !is_generator);
    let mut list = filters::apply(list, args);
    list = match size {
        // Python's `_limit` alone reads one page.
        Some(size) if pages.is_none() && !is_generator => list.limit(size),
        Some(size) => list.page_size(size),
        None => list,
    };
    if let Some(at) = args.given("if_none_match") {
        return stage.send(session, list.if_changed_since(timestamp(at)?)).map(Output::from);
    }
    if !is_generator && pages.is_none() {
        return stage.send(session, list).map(Output::from);
    }
    // Python reads one page even when it is asked for none.
    let most = pages.map_or(u32::MAX, |pages| pages.max(1));
    let (mut pages, mut read, mut items) = (list.pages(), Vec::new(), Vec::new());
    for _ in 0..most {
        let Some(page) = stage.send(session, &mut pages)? else { break };
        let page: Vec<Value> = page.into_iter().map(Item::item).collect();
        items.extend(page.iter().cloned());
        read.push(json!({"data": page}));
    }
    Ok(Output::Plain(if is_generator { read } else { items }.into()))
}

/// The history of the bucket.
pub(crate) fn history(client: &Client, args: &Args) -> Result<History, Stop> {
    let id = args.name("bucket").or_else(|| client.bucket.clone()).ok_or(Stop::Refused("a bucket needs an id"))?;
    Ok(bucket(&id).history())
}

/// What the caller was given. Python sorts it by id, and has filters in a dictionary of their own.
pub(crate) fn granted(way: Way<'_>, args: &Args) -> Outcome {
    let excluded = args.given("exclude_resource_names").and_then(Value::as_array).filter(|names| !names.is_empty());
    let mut list = my_permissions().sort("id");
    if let Some(names) = excluded {
        list = list.filter(field("resource_name").exclude(names));
    }
    let filters = args.given("params").map(Args::of).unwrap_or_default();
    listed(way, &filters, false, list)
}
