//! Streams of records.

use kinto_protocol::{Bulk, BulkMode, JsonMap, Wanted};
use serde_json::json as data;

use crate::answers::{entries, info, json, lost, page};
use crate::batches::{A, B, C, D};
use crate::driver::Driver;
use crate::plain;
use crate::scenario::{Scenario, Told, records, scenario};

const REFUSED: &str = r#"{"errno":114}"#;

fn numbered(ids: &str) -> impl Iterator<Item = Wanted> {
    ids.chars().map(|id| (id, data!({"n": 1}))).map(|(id, data)| (id.to_string(), data).into())
}

/// Pours these, and tells all that came of it.
fn pour<D: Driver>(client: &D, told: &mut Told, bulk: &mut Bulk, records: impl Iterator<Item = Wanted>) {
    told.of(client.pour(bulk, records).map(|summary| summary.to_string()));
}

fn tell(told: &mut Told, bulk: Bulk) {
    let report = bulk.into_report();
    for failure in report.failures() {
        told.that(format!("{failure}: {}", plain::error(failure.error())));
    }
    told.that((report.taken(), report.summary().to_string(), report.unfinished()));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(
            "a stream of records is poured in chunks",
            [BulkPart, Chunk, Preparation],
            [info("2"), entries(&[(201, A), (201, B)]), entries(&[(201, C), (412, REFUSED)])],
            |client, told| {
                let mut bulk = records().bulk(BulkMode::Create);
                pour(client, told, &mut bulk, numbered("abcd"));
                tell(told, bulk);
            }
        )
        .shows("Ok \"3 done, 1 in conflict\"")
        .shows("number 3, \\\"d\\\", in conflict: Err Server status=Some(412)"),
        scenario!(
            "what cannot be read or sent is told with its position",
            [BulkPart],
            [info("2"), json(201, B)],
            |client, told| {
                let lines = ["{", r#"{"id":"b","title":"b"}"#, r#"{"id":"a/c"}"#];
                let mut bulk = records().bulk(BulkMode::Overwrite);
                let read = lines.into_iter().map(|line| serde_json::from_str::<JsonMap>(line).into());
                pour(client, told, &mut bulk, read);
                tell(told, bulk);
            }
        )
        .shows("Ok \"1 done, 2 invalid\"")
        .shows("number 2, \\\"a/c\\\", invalid: Err Input"),
        scenario!(
            "what is there is read first, and not written where it is the same",
            [Preparation],
            [info("2"), page(&["a", "b"], None), json(201, C)],
            |client, told| {
                let mut bulk = records().bulk(BulkMode::SkipUnchanged);
                let records = [("a", data!({})), ("b", data!({})), ("c", data!({"title": "c"}))];
                pour(client, told, &mut bulk, records.into_iter().map(Wanted::from));
                tell(told, bulk);
            }
        )
        .shows("Ok \"1 done, 2 already so\""),
        scenario!(
            "a stream that is stopped goes on where it stood",
            [BulkPart],
            [
                info("2"),
                entries(&[(201, A), (201, B)]),
                lost(),
                lost(),
                lost(),
                entries(&[(201, C), (412, REFUSED)]),
                json(200, D)
            ],
            |client, told| {
                let mut bulk = records().bulk(BulkMode::Create);
                let mut all = numbered("abcd");
                pour(client, told, &mut bulk, &mut all);
                pour(client, told, &mut bulk, all);
                tell(told, bulk);
            }
        )
        .shows("Err Interrupted status=None errno=None attempts=3 maybe_applied=true")
        .shows("pouring stopped after 2 of 4 records")
        .shows("Ok \"4 done\""),
        scenario!("a stream for nobody", [BulkPart], [], |client, told| {
            let mut bulk = records().bulk(BulkMode::Patch);
            pour(client, told, &mut bulk, numbered("ab"));
            tell(told, bulk);
        })
        .at_nobodys()
        .shows("Err Connect")
        .shows("(0, \"nothing to do\", [])"),
    ]
}
