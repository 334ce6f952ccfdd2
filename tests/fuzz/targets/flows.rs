//! What the exchange is asked for: about everything that there is.

use kinto_protocol::{
    Attachment, Attributes, Batch, BulkMode, Cursor, Import, JsonMap, JsonPatch, Login, Merge, Object, Permissions,
    Planner, Resource, Timestamp, Verification, Wanted, YamlTree, accounts, bucket, buckets, changed_collections,
    field, heartbeat, my_permissions, server_info, version,
};
use serde_json::json;

use super::bench::{self, Bench};
use super::{changesets, uploads};

/// What the records here hold.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
struct Numbered {
    n: i64,
}

type Run = fn(&mut Bench);

const FLOWS: &[(&str, Run)] = &[
    ("get", |bench| drop(bench.read(records().get("a")))),
    ("get-typed", |bench| drop(bench.read(records().typed::<Numbered>().get("a")))),
    ("head", |bench| drop(bench.read(records().head("a")))),
    ("exists", |bench| drop(bench.read(records().exists("a")))),
    ("list", |bench| drop(bench.read(records().list().sort("-n").filter(field("n").min(1))))),
    ("list-deleted", |bench| drop(bench.read(records().list().with_deleted().consistent()))),
    ("list-if-changed", |bench| drop(bench.read(records().list().if_changed_since(at(5))))),
    ("list-limited", |bench| drop(bench.read(records().list().limit(3).page_size(2)))),
    ("pages", pages),
    ("count", |bench| drop(bench.read(records().count()))),
    ("timestamp", |bench| drop(bench.read(records().timestamp()))),
    ("create", |bench| drop(bench.write(records().create("a", &json!({"n": 1}))))),
    ("create-bucket", |bench| drop(bench.write(buckets().create("b", &json!({}))))),
    ("add", |bench| drop(bench.write(records().add(&json!({"n": 1}))))),
    ("update", |bench| drop(bench.write(records().typed::<Numbered>().update(&known())))),
    ("replace", |bench| drop(bench.write(records().replace("a", &json!({"n": 1}))))),
    ("overwrite", |bench| drop(bench.write(records().create("a", &json!({"n": 1})).overwrite()))),
    ("patch", |bench| drop(bench.write(records().patch("a", Attributes::new(&json!({"n": 1})))))),
    ("patch-known", |bench| drop(bench.write(records().patch(&known(), Attributes::new(&json!({"n": 1})))))),
    ("merge", |bench| drop(bench.write(records().patch(&known(), Merge::new(&json!({"n": null})))))),
    ("json-patch", |bench| drop(bench.write(records().patch("a", JsonPatch::new().add("/data/n", 1))))),
    ("json-patch-known", |bench| drop(bench.write(records().patch(&known(), JsonPatch::new().add("/data/n", 1))))),
    ("modify", |bench| drop(bench.read(records().typed::<Numbered>().modify("a", |it| it.n = 2)))),
    ("count-up", |bench| drop(bench.read(records().typed::<Numbered>().modify("a", |it| it.n = it.n.wrapping_add(1))))),
    ("modify-or-create", |bench| {
        drop(bench.read(records().typed::<Numbered>().modify("a", |it| it.n = 2).or_create(&Numbered { n: 1 })));
    }),
    ("get-or-create", |bench| drop(bench.read(records().get_or_create("a", &json!({"n": 1}))))),
    ("share", |bench| drop(bench.read(records().share("a", readers())))),
    ("unshare", |bench| drop(bench.read(records().unshare("a", readers())))),
    ("permissions", |bench| drop(bench.write(records().replace_permissions("a", readers())))),
    ("members", |bench| drop(bench.write(bucket("b").groups().add_members("g", ["me"])))),
    ("fewer-members", |bench| drop(bench.write(bucket("b").groups().remove_members("g", ["me"])))),
    ("delete", |bench| drop(bench.write(records().delete("a")))),
    ("delete-known", |bench| drop(bench.write(records().delete(&known())))),
    ("delete-if-present", |bench| drop(bench.read(records().delete_if_present("a")))),
    ("delete-all", delete_all),
    ("purge", |bench| drop(bench.write(bucket("b").history().purge()))),
    ("batch", |bench| batch(bench, 1)),
    ("batch-beside", |bench| batch(bench, 2)),
    ("plan", |bench| drop(bench.read(records().survey().permissions()).map(Planner::finish))),
    ("sync", |bench| sync(bench, records().survey())),
    ("sync-timestamps", |bench| sync(bench, records().survey().keep_timestamps().permissions())),
    ("sync-files", sync_files),
    ("bulk-create", |bench| bulk(bench, BulkMode::Create)),
    ("bulk-replace", |bench| bulk(bench, BulkMode::Overwrite)),
    ("bulk-changed", |bench| bulk(bench, BulkMode::SkipUnchanged)),
    ("export", export),
    ("export-tree", |bench| drop(bench.read(bucket("b").export().record_permissions().into_tree()))),
    ("import", import),
    ("import-tree", import_tree),
    ("changes", |bench| changes(bench, &Cursor::default())),
    ("changes-again", changes_again),
    ("change-pages", change_pages),
    ("changeset", |bench| drop(bench.read(collection().changeset::<JsonMap>()))),
    ("changeset-verified", |bench| {
        bench.elsewhere = true;
        let get = collection().verified_changeset::<JsonMap>(&changesets::rooted(), changesets::now());
        drop(bench.read(get.fresh()));
    }),
    ("changeset-told", |bench| {
        let get = collection().verified_changeset::<JsonMap>(&changesets::keyed(), changesets::now());
        drop(bench.read(get.verification(Verification::Warn)));
    }),
    ("changed-collections", |bench| drop(bench.read(changed_collections().in_bucket("b")))),
    ("snapshot", |bench| drop(bench.read(collection().snapshot::<JsonMap>(at(5))))),
    ("history", |bench| drop(bench.read(bucket("b").history().list()))),
    ("account", |bench| drop(bench.write(accounts().create("eve", "another-pa55")))),
    ("password", |bench| drop(bench.write(accounts().change_password("eve", "another-pa55")))),
    ("grants", |bench| drop(bench.read(my_permissions()))),
    ("review", |bench| drop(bench.write(collection().review().request("done")))),
    ("approve", |bench| drop(bench.write(collection().review().approve().if_match(at(5))))),
    ("signed", |bench| drop(bench.read(collection().review().wait_until_signed().times(3)))),
    ("server", |bench| drop(bench.read(server_info()))),
    ("heartbeat", |bench| drop(bench.read(heartbeat()))),
    ("version", |bench| drop(bench.read(version()))),
    ("upload", |bench| drop(bench.write(file().upload("x.txt").always().content("hello")))),
    ("upload-if-other", |bench| {
        bench.elsewhere = true;
        drop(bench.read(file().upload("x.txt").content("hello")));
    }),
    ("upload-together", |bench| {
        bench.undoes = true;
        let put = records().create("a", &json!({"n": 1}));
        drop(bench.read(file().upload("x.txt").together_with(put).content("hello")));
    }),
    ("upload-pieces", |bench| {
        bench.elsewhere = true;
        let upload = file().upload("x.txt").by_pieces(Some(5), None, false);
        drop(bench.send_by_pieces(upload, b"hello", &mut Vec::new()));
    }),
    ("upload-once", |bench| {
        bench.elsewhere = true;
        let upload = file().upload("x.txt").by_pieces(None, None, true);
        drop(bench.send_by_pieces(upload, b"hello", &mut Vec::new()));
    }),
    ("download", download),
    ("download-known", |bench| {
        bench.elsewhere = true;
        drop(bench.read(uploads::hello().download()));
    }),
    ("download-pieces", |bench| download_by_pieces(bench, &uploads::hello())),
    ("attachment", |bench| drop(bench.read(file().get()))),
    ("remove-attachment", |bench| drop(bench.read(file().remove()))),
    ("copy", |bench| copy(bench, false)),
    ("copy-files", |bench| copy(bench, true)),
    ("move", |bench| {
        let there = bench.there.clone();
        drop(bench.read(collection().move_to(&bucket("b2").collection("c2")).at(&there)));
    }),
    ("login", |bench| drop(bench.read(Login::new().begin(49_152, 7)))),
];

/// Runs one of them: that of this name, or any.
pub(super) fn run(name: &str, bench: &mut Bench) {
    let named = FLOWS.iter().find(|(known, _)| *known == name);
    let any = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let (_, run) = named.unwrap_or(&FLOWS[any % FLOWS.len()]);
    run(bench);
}

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FLOWS.iter().map(|(name, _)| *name)
}

fn collection() -> kinto_protocol::Collection {
    bucket("b").collection("c")
}

pub(super) fn records() -> Resource {
    collection().records()
}

fn file() -> kinto_protocol::RecordFile {
    collection().attachment("a")
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn readers() -> Permissions {
    Permissions::new().read(["me"])
}

/// A record as it was read before.
fn known() -> Object<Numbered> {
    let answer = br#"200

{"data": {"id": "a", "last_modified": 7, "n": 1}}"#;
    Bench::new("", answer).read(records().typed().get("a")).expect("a record")
}

fn wanted() -> impl Iterator<Item = Wanted> {
    ["a", "b", "c", "a", "d"].into_iter().enumerate().map(|(n, id)| Wanted::new(id, &json!({"n": n})))
}

fn pages(bench: &mut Bench) {
    let mut pages = records().list().page_size(2).pages();
    let mut failures = 0;
    // As many as a caller may want, and on after an error.
    for _ in 0..25 {
        match bench.read(&mut pages) {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) if failures == 2 => break,
            Err(_) => failures += 1,
        }
    }
}

fn delete_all(bench: &mut Bench) {
    let mut delete = records().delete_all().page_size(2).if_match(at(9));
    if bench.write(&mut delete).is_err() {
        drop(bench.write(&mut delete));
    }
}

fn batch(bench: &mut Bench, at_once: usize) {
    let mut batch = Batch::new().concurrency(at_once).requests(3);
    batch.push(records().create("a", &json!({"n": 1})));
    batch.push(records().patch("b", Attributes::new(&json!({"n": 1}))));
    batch.push(records().delete("c"));
    batch.push(records().get("d"));
    batch.push(records().patch("e", JsonPatch::new().add("/data/n", 1)));
    batch.push(records().delete_if_present("f"));
    batch.push(records().replace("a", &json!({"n": 2})));
    let number = batch.len();
    if bench.read(&mut batch).is_err() {
        drop(bench.read(&mut batch));
    }
    let outcome = batch.into_outcome();
    assert_eq!(outcome.items().count(), number, "an outcome for each");
    outcome.items().filter_map(|item| item.error()).chain(outcome.stopped()).for_each(bench::look_into);
}

fn sync(bench: &mut Bench, survey: kinto_protocol::Survey) {
    let Ok(mut planner) = bench.read(survey) else { return };
    for wanted in wanted() {
        drop(planner.want(wanted));
    }
    let plan = planner.finish();
    bench::look_for_control(&plan.to_string());
    let number = plan.changes().count();
    if let Ok(report) = bench.read(plan.apply().then_request_review(&collection().review(), "all of it")) {
        assert_eq!(report.items().count(), number, "an outcome for each");
        look_at_report(&report);
    }
}

pub(super) fn look_at_report(report: &kinto_protocol::Report) {
    report.items().filter_map(|item| item.error()).chain(report.stopped()).for_each(bench::look_into);
    if let Some(Err(error)) = report.reviewed() {
        bench::look_into(error);
    }
}

fn sync_files(bench: &mut Bench) {
    bench.elsewhere = true;
    let Ok(mut planner) = bench.read(records().survey().attachments()) else { return };
    drop(planner.want(Wanted::new("a", &json!({"n": 1})).file("x.txt", "hello")));
    drop(planner.want(Wanted::new("b", &json!({"n": 1})).file("y.txt", "hello, too")));
    if let Ok(report) = bench.read(planner.finish().apply()) {
        look_at_report(&report);
    }
}

fn bulk(bench: &mut Bench, mode: BulkMode) {
    let mut bulk = records().bulk(mode).requests(2);
    if bench.pour(&mut bulk, wanted()).is_err() {
        drop(bench.pour(&mut bulk, std::iter::empty()));
    }
    let report = bulk.into_report();
    report.failures().iter().map(|failure| failure.error()).chain(report.stopped()).for_each(bench::look_into);
}

fn export(bench: &mut Bench) {
    let mut export = bucket("b").export().page_size(2).record_permissions();
    let mut failures = 0;
    for _ in 0..25 {
        match bench.read(&mut export) {
            Ok(Some(lines)) => assert!(lines.ends_with(b"\n"), "a piece has whole lines"),
            Ok(None) => return assert!(export.is_over()),
            Err(_) if failures == 2 => return,
            Err(_) => failures += 1,
        }
    }
}

const EXPORT: &str = r#"{"format":"kinto-export","version":1,"server":"https://here.example/v1","path":"/buckets/b","record_permissions":false}
{"path":"/buckets/b","data":{"id":"b","last_modified":1},"permissions":{"write":["me"]}}
{"path":"/buckets/b/collections/c","data":{"id":"c","last_modified":2},"permissions":null}
{"path":"/buckets/b/collections/c/records/a","data":{"id":"a","last_modified":3,"n":1}}
{"end":{"objects":3}}
"#;

fn import(bench: &mut Bench) {
    let mut import = Import::new().permissions().delete_extra();
    let mut left = EXPORT.as_bytes();
    let mut failures = 0;
    while !left.is_empty() {
        let taken = import.take(left).expect("an export");
        left = &left[taken..];
        while import.is_full() {
            if bench.read(&mut import).is_err() {
                failures += 1;
            }
            if failures == 3 {
                return;
            }
        }
    }
    import.end().expect("a whole export");
    if bench.read(&mut import).is_err() {
        drop(bench.read(&mut import));
    }
    let imported = import.into_imported();
    bench::look_for_control(&imported.to_string());
}

fn import_tree(bench: &mut Bench) {
    let text =
        "buckets: {b: {permissions: {write: [me]}, collections: {c: {data: {n: 1}, records: {a: {data: {n: 1}}}}}}}";
    let tree = YamlTree::parse(text).expect("a tree");
    drop(bench.read(Import::new().permissions().delete_extra().tree(tree)));
}

fn changes(bench: &mut Bench, cursor: &Cursor) {
    if let Ok(changes) = bench.read(records().changes(cursor)) {
        let again: Result<Cursor, _> = serde_json::from_value(json!(changes.cursor));
        assert_eq!(again.expect("a cursor").to_string(), changes.cursor.to_string());
    }
}

fn changes_again(bench: &mut Bench) {
    let Ok(first) = bench.read(records().changes(&Cursor::default())) else { return };
    changes(bench, &first.cursor);
}

fn change_pages(bench: &mut Bench) {
    let mut pages = records().changes(&Cursor::default()).page_size(2).pages();
    for _ in 0..25 {
        let Ok(Some(_)) = bench.read(&mut pages) else { break };
    }
}

fn download(bench: &mut Bench) {
    bench.elsewhere = true;
    if let Ok(done) = bench.read(file().download()) {
        let sha256 = uploads::sha256(&done.content);
        assert!(done.attachment.is(done.content.len() as u64, &sha256), "it is what its record says");
    }
}

pub(super) fn download_by_pieces(bench: &mut Bench, of: &Attachment) {
    bench.elsewhere = true;
    let mut written = Vec::new();
    if bench.send_by_pieces(of.download().by_pieces(None), &[], &mut written).is_ok() {
        assert!(of.is(written.len() as u64, &uploads::sha256(&written)), "it is what its record says");
    }
}

fn copy(bench: &mut Bench, files: bool) {
    bench.elsewhere = files;
    let there = bench.there.clone();
    let copy = collection().copy_to(&bucket("b2").collection("c2")).at(&there).permissions().delete_extra();
    let copy = if files { copy.attachments() } else { copy };
    drop(bench.read(copy));
}
