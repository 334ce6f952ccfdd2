//! Buckets and collections to lines of text and back, also when that is interrupted.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use kinto_protocol::{
    Attributes, Auth, Bucket, EVERYONE, ErrorKind, Export, ExportLine, ExportSoFar, ExportedPermissions, Import,
    Imported, JsonMap, Object, Permissions, Plan, Result, Status, bucket, buckets,
};
use kinto_tests::{Cut, Cutter, Ending, RequestHead};
use serde_json::{Value, json};

use crate::context::{Kinto, PASSWORD, refused};
use crate::driver::{Driver, RUNTIME, Setup};

/// What a front-end does with files.
pub(crate) trait Files: Driver {
    fn export_to(&self, export: Export, to: &mut Vec<u8>) -> Result<u64>;
    fn export_file(&self, export: Export, path: &Path) -> Result<u64>;
    fn import_from(&self, import: Import, from: impl Read + Unpin + Send) -> Result<Imported>;
    fn import_file(&self, import: Import, path: &Path) -> Result<Imported>;

    fn exported(&self, export: Export) -> String {
        let mut text = Vec::new();
        self.export_to(export, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// What came of an import in which nothing failed.
    fn imported(&self, import: Import, text: &str) -> String {
        let imported = self.import_from(import, text.as_bytes()).unwrap();
        assert!(imported.is_success(), "{imported}: {:?}", imported.failures);
        imported.to_string()
    }
}

impl Files for kinto_blocking::Client {
    fn export_to(&self, export: Export, to: &mut Vec<u8>) -> Result<u64> {
        Self::export_to(self, export, to)
    }

    fn export_file(&self, export: Export, path: &Path) -> Result<u64> {
        Self::export_file(self, export, path)
    }

    fn import_from(&self, import: Import, from: impl Read + Unpin + Send) -> Result<Imported> {
        Self::import_from(self, import, io::BufReader::with_capacity(100, from))
    }

    fn import_file(&self, import: Import, path: &Path) -> Result<Imported> {
        Self::import_file(self, import, path)
    }
}

impl Files for kinto_async::Client {
    fn export_to(&self, export: Export, to: &mut Vec<u8>) -> Result<u64> {
        RUNTIME.block_on(Self::export_to(self, export, to))
    }

    fn export_file(&self, export: Export, path: &Path) -> Result<u64> {
        RUNTIME.block_on(Self::export_file(self, export, path))
    }

    fn import_from(&self, import: Import, from: impl Read + Unpin + Send) -> Result<Imported> {
        let from = tokio::io::BufReader::with_capacity(100, Ready(from));
        RUNTIME.block_on(Self::import_from(self, import, from))
    }

    fn import_file(&self, import: Import, path: &Path) -> Result<Imported> {
        RUNTIME.block_on(Self::import_file(self, import, path))
    }
}

/// What can be read without being waited for.
struct Ready<R>(R);

impl<R: Read + Unpin> tokio::io::AsyncRead for Ready<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.0.read(to.initialize_unfilled())?;
        to.advance(length);
        Poll::Ready(Ok(()))
    }
}

/// A bucket with all kinds of things in it.
pub(crate) fn filled<D: Driver>(kinto: &Kinto<D>) -> Bucket {
    let (alice, bucket) = (&kinto.alice, kinto.bucket());
    let staff = format!("/buckets/{}/groups/staff", kinto.id);
    let shared = Permissions::new().read([EVERYONE]).grant("collection:create", [&staff]);
    alice.send(buckets().create(&kinto.id, &json!({"title": "all kinds"})).permissions(shared)).unwrap();
    for (id, members) in [("staff", json!(["account:bob"])), ("nobody", json!([]))] {
        let group = bucket.groups().typed::<Value>();
        alice.send(group.create(id, &json!({"members": members, "note": id}))).unwrap();
    }
    let writers = Permissions::new().write([&staff]).grant("record:create", [EVERYONE]);
    alice
        .send(bucket.collections().create("posts", &json!({"sort": "-x", "schema": {}})).permissions(writers))
        .unwrap();
    alice.send(bucket.collections().create("empty", &json!({}))).unwrap();
    alice.send(bucket.collections().create("batch-s", &json!({}))).unwrap();
    let posts = bucket.collection("posts").records();
    for (id, data) in [
        ("text", json!({"a\nb": "\u{1}\"\\/\u{2028}é😀", "": ""})),
        ("numbers", json!({"n": [0, -1, i64::MIN, 9_007_199_254_740_993_i64, 0.1, 1e-7, 1.5e300]})),
        ("kinds", json!({"null": null, "yes": true, "list": [[], {}], "map": {"a": {"b": null}}})),
        ("0", json!({"path": "/buckets/x", "permissions": {}, "end": {}, "data": {}})),
        ("nothing", json!({})),
    ] {
        alice.send(posts.create(id, &data)).unwrap();
    }
    let read = Permissions::new().read([staff.as_str(), "account:carol"]);
    alice.send(posts.create("shared", &json!({"x": 1})).permissions(read)).unwrap();
    alice.send(bucket.collection("batch-s").records().create("one", &json!({"n": 1}))).unwrap();
    bucket
}

/// The objects of an export by their paths in the bucket, without what another bucket cannot have.
fn objects(text: &str) -> BTreeMap<String, (Value, ExportedPermissions)> {
    let mut objects = BTreeMap::new();
    for line in text.lines() {
        let ExportLine::Object(mut object) = ExportLine::parse(line).unwrap() else { continue };
        let (_, rest) = object.path.split_at("/buckets/".len());
        let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
        if path.is_empty() {
            object.data.retain(|name, _| name != "id" && name != "last_modified");
        }
        let permissions = match object.permissions {
            ExportedPermissions::Visible(all) => {
                let text = serde_json::to_string(&all).unwrap().replace(&format!("/buckets/{id}/"), "/buckets/_/");
                ExportedPermissions::Visible(serde_json::from_str(&text).unwrap())
            }
            others => others,
        };
        objects.insert(path.to_owned(), (object.data.into(), permissions));
    }
    objects
}

pub(crate) fn there_and_back<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let text = kinto.alice.exported(bucket.export().record_permissions().page_size(2));
    let paths: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("{\"path\":\"")?.split('"').next()).collect();
    let within = format!("/buckets/{}", kinto.id);
    let short: Vec<&str> = paths.iter().map(|path| path.strip_prefix(&within).unwrap()).collect();
    let records = ["text", "numbers", "kinds", "0", "nothing", "shared"];
    let mut expected = vec!["", "/groups/nobody", "/groups/staff"].into_iter().map(str::to_owned).collect::<Vec<_>>();
    expected.extend(["/collections/batch-s", "/collections/batch-s/records/one"].map(str::to_owned));
    expected.extend(["/collections/empty", "/collections/posts"].map(str::to_owned));
    expected.extend(records.map(|id| format!("/collections/posts/records/{id}")));
    assert_eq!(short, expected);
    assert!(text.starts_with("{\"format\":\"kinto-export\",\"version\":1,\"server\":\"http"), "{text}");
    assert!(text.ends_with("\n{\"end\":{\"objects\":13}}\n"), "{text}");

    let copy = kinto.other("copy");
    let import = || Import::new().into_bucket(&copy).permissions().keep_timestamps();
    let imported = kinto.alice.import_from(import(), text.as_bytes()).unwrap();
    assert_eq!(imported.to_string(), "13 created", "{:?}", imported.failures);
    let again = kinto.alice.exported(self::bucket(&copy).export().record_permissions());
    assert_eq!(objects(&again), objects(&text));
    assert!(again.contains(&format!("/buckets/{copy}/groups/staff\"")), "groups are those of the copy: {again}");

    // Nothing is written once more, with and without what was asked for.
    for import in [import(), Import::new().into_bucket(&copy), import().delete_extra()] {
        let imported = kinto.alice.import_from(import, text.as_bytes()).unwrap();
        assert_eq!((imported.to_string().as_str(), imported.changed()), ("13 unchanged", 0), "{:?}", imported.failures);
    }
    assert_eq!(kinto.alice.exported(self::bucket(&copy).export().record_permissions()), again);
    // Where it comes from it is there too.
    let imported = kinto.alice.import_from(Import::new().permissions().keep_timestamps(), text.as_bytes()).unwrap();
    assert_eq!(imported.to_string(), "13 unchanged");
}

pub(crate) fn only_what_was_asked_for<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let text = kinto.alice.exported(bucket.export());
    assert!(text.lines().filter(|line| line.contains("/records/")).all(|line| !line.contains(",\"permissions\":{\"w")));
    let copy = kinto.other("copy");
    kinto.alice.imported(Import::new().into_bucket(&copy), &text);
    let again = kinto.alice.exported(self::bucket(&copy).export().record_permissions());
    let (old, new) = (objects(&text), objects(&again));
    assert_eq!(old.len(), new.len());
    let own = ExportedPermissions::Visible(Permissions::new().write(["account:alice"]));
    for ((path, (old, _)), (other, (new, permissions))) in old.iter().zip(&new) {
        let without = |data: &Value| {
            let mut data = data.as_object().unwrap().clone();
            // Made anew by the server, both.
            data.retain(|name, _| name != "last_modified" && name != "schema");
            data
        };
        assert_eq!((path, without(old)), (other, without(new)));
        assert_eq!(*permissions, own, "{path}");
        assert!(path.is_empty() || new["last_modified"].as_i64() > old["last_modified"].as_i64(), "{path}");
    }
}

pub(crate) fn a_collection_under_another_name<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let text = kinto.alice.exported(bucket.collection("posts").export());
    assert_eq!(objects(&text).len(), 7);
    let import = || Import::new().rename_collection("posts", "articles").keep_timestamps();
    let planned = kinto.alice.import_from(import().dry_run(), text.as_bytes()).unwrap();
    assert_eq!(planned.to_string(), "7 created");
    let articles = bucket.collection("articles").records();
    assert!(!kinto.alice.send(bucket.collections().exists("articles")).unwrap(), "a dry run writes nothing");
    assert_eq!(kinto.alice.imported(import(), &text), "7 created");
    let old = kinto.alice.send(bucket.collection("posts").records().list()).unwrap().items;
    let new = kinto.alice.send(articles.list()).unwrap().items;
    for (old, new) in old.iter().zip(&new) {
        let without = |data: &JsonMap| {
            data.iter().filter(|(name, _)| *name != "schema").map(|it| format!("{it:?}")).collect::<Vec<_>>()
        };
        assert_eq!((&old.id, old.last_modified, without(&old.data)), (&new.id, new.last_modified, without(&new.data)));
    }
    assert_eq!(kinto.alice.imported(import().dry_run(), &text), "7 unchanged");

    // What it would be in must be there.
    let import = Import::new().into_bucket(kinto.other("nowhere"));
    let error = refused(kinto.alice.import_from(import, text.as_bytes()));
    assert_eq!(error.status().map(|status| status.as_u16()), Some(403), "{error}");
}

pub(crate) fn what_is_not_visible<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    // By inheritance he may write all that is in it, and sees the permissions of none of that.
    let share = buckets().share(&kinto.id, Permissions::new().write(["account:bob"]));
    kinto.alice.send(share).unwrap();
    let text = kinto.bob.exported(bucket.export().record_permissions());
    assert!(!text.contains("\"permissions\":{}}\n") && text.contains("\"permissions\":null}\n"), "{text}");
    for (path, (_, permissions)) in objects(&text) {
        // As a member of the group he writes posts by name of the group, which is shown.
        let sees = path.is_empty() || path == "collections/posts";
        assert_eq!(matches!(permissions, ExportedPermissions::Visible(_)), sees, "{path}");
        assert_ne!(permissions, ExportedPermissions::NotRead, "{path}");
    }
    // What is not known is left alone.
    let alice = kinto.alice.exported(bucket.export().record_permissions());
    kinto.alice.imported(Import::new().permissions(), &text);
    assert_eq!(kinto.alice.exported(bucket.export().record_permissions()), alice);
}

pub(crate) fn an_interrupted_export_goes_on<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    let export = || bucket.export().page_size(2);
    let whole = kinto.alice.exported(export());
    let ends: Vec<usize> = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
    // Behind each line, before it and in the middle.
    for cut in ends.iter().flat_map(|end| [end - 1, *end, end + 9]).chain([0, 7]) {
        std::fs::write(&path, &whole.as_bytes()[..cut.min(whole.len())]).unwrap();
        assert_eq!(kinto.alice.export_file(export(), &path).unwrap(), 13 * u64::from(cut < whole.len()), "{cut}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole, "{cut}");
    }
    // With permissions, as often as the connection breaks.
    let cutter = Cutter::start(&kinto.url, Ending::Reset, now_and_then);
    let client = by_way_of::<D>(&cutter);
    let export = || bucket.export().record_permissions().page_size(2);
    let path = folder.path().join("b.ndjson");
    let failed = (0..100).take_while(|_| client.export_file(export(), &path).is_err()).count();
    let expected = kinto.alice.exported(export()).replace(&kinto.url, &cutter.url());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    assert!((1..99).contains(&failed), "{failed}");

    // Nothing that is something else is touched.
    for text in ["my notes", &whole.replace(&kinto.url, "http://elsewhere/v1"), "{}\n"] {
        std::fs::write(&path, text).unwrap();
        let error = refused(kinto.alice.export_file(export(), &path));
        assert_eq!(
            (error.kind(), std::fs::read_to_string(&path).unwrap().as_str()),
            (ErrorKind::Input, text),
            "{error}"
        );
    }
}

/// The connection breaks again and again, less often each time.
fn now_and_then(head: &RequestHead) -> Cut {
    let root = (head.number + 1).isqrt();
    if root * root == head.number + 1 { Cut::AfterRequest } else { Cut::None }
}

/// A client of Alice's that sends everything once.
fn by_way_of<D: Driver>(cutter: &Cutter) -> D {
    let mut setup = Setup::of(cutter.url());
    setup.policy.attempts = 1;
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    D::build(setup).unwrap()
}

pub(crate) fn an_interrupted_import_goes_on<D: Files>(kinto: &Kinto<D>) {
    let bucket = kinto.make_bucket();
    kinto.alice.send(bucket.collections().create("c", &json!({}))).unwrap();
    let mut text = kinto.alice.exported(bucket.export());
    let end = text.find("{\"end\"").unwrap();
    let record = |n: usize| {
        let path = format!("/buckets/{}/collections/c/records/r{n}", kinto.id);
        json!({"path": path, "data": {"id": format!("r{n}"), "last_modified": 1000 + n, "n": n}}).to_string() + "\n"
    };
    text.insert_str(end, &(0..250).map(record).collect::<String>());
    let half = text.find("r180\"").unwrap();

    // What it is read from fails.
    let broken = text.as_bytes()[..half].chain(Broken);
    let error = refused(kinto.alice.import_from(Import::new().keep_timestamps(), broken));
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(kinto.alice.send(bucket.collection("c").records().count()).unwrap(), 100);
    // The file is not whole: what it has is imported, and the rest is missed.
    let error = refused(kinto.alice.import_from(Import::new().keep_timestamps(), &text.as_bytes()[..half]));
    assert!(error.to_string().contains("the export breaks off after line"), "{error}");
    let partial = || Import::new().keep_timestamps().partial();
    let imported = kinto.alice.import_from(partial(), &text.as_bytes()[..half]).unwrap();
    assert_eq!(imported.to_string(), "182 unchanged", "{:?}", imported.failures);
    let error = refused(kinto.alice.import_from(partial().delete_extra(), &text.as_bytes()[..half]));
    assert!(error.to_string().contains("nothing is deleted, as the export has no end"), "{error}");

    // The connection breaks again and again, and what was written is not written once more.
    let cutter = Cutter::start(&kinto.url, Ending::Close, now_and_then);
    let client = by_way_of::<D>(&cutter);
    let import = || Import::new().keep_timestamps();
    let failed = (0..100).take_while(|_| client.import_from(import(), text.as_bytes()).is_err()).count();
    assert!((1..99).contains(&failed), "{failed}");
    let list = kinto.alice.send(bucket.collection("c").records().list().sort("n")).unwrap().items;
    let expected = |n: usize| (format!("r{n}"), 1000 + n as i64);
    let found: Vec<_> = list.into_iter().map(|it| (it.id, it.last_modified.as_millis())).collect();
    assert_eq!(found, (0..250).map(expected).collect::<Vec<_>>());
    assert_eq!(kinto.alice.imported(import(), &text), "252 unchanged");
}

/// What cannot be read.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

pub(crate) fn an_import_goes_on_where_it_failed<D: Files>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for n in 0..60 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    let text = kinto.alice.exported(kinto.bucket().collection("c").export());
    let number = AtomicUsize::new(0);
    let cutter = Cutter::start(&kinto.url, Ending::Close, move |head| {
        let breaks = head.path == "/v1/batch" && number.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        if breaks { Cut::BeforeRequest } else { Cut::None }
    });
    let client = by_way_of::<D>(&cutter);
    let mut import = Import::new().rename_collection("c", "d");
    let taken = import.take(text.as_bytes()).unwrap();
    assert_eq!(text[..taken].lines().count(), 3, "up to the first record, which is of another list");
    let mut failed = 0;
    let mut send = |import: &mut Import| {
        while client.send(&mut *import).is_err() {
            failed += 1;
        }
    };
    send(&mut import);
    assert!(!import.is_full());
    assert_eq!(import.take(&text.as_bytes()[taken..]).unwrap(), text.len() - taken);
    import.end().unwrap();
    send(&mut import);
    assert!(failed > 0);
    // Each was counted once.
    assert_eq!(import.into_imported().to_string(), "61 created");
}

pub(crate) fn what_is_extra<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let text = kinto.alice.exported(bucket.export());
    let posts = bucket.collection("posts").records();
    let made = |id: &str| kinto.record(&posts, id, json!({"extra": id}));
    let many: Vec<Object> = (0..7).map(|n| made(&format!("extra{n}"))).collect();
    kinto.alice.send(posts.patch("shared", Attributes::new(&json!({"x": 2})))).unwrap();
    kinto.alice.send(posts.delete("text")).unwrap();
    kinto.alice.send(bucket.collections().create("extra", &json!({}))).unwrap();
    kinto.alice.send(bucket.collection("extra").records().create("in-it", &json!({}))).unwrap();
    kinto.alice.send(bucket.groups().typed::<Value>().create("extra", &json!({}))).unwrap();
    let before = kinto.alice.exported(bucket.export());

    let shown = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&shown);
    let show = move |plan: &Plan| {
        lines.lock().unwrap().extend(plan.changes().map(|edit| edit.to_string().lines().next().unwrap().to_owned()));
    };
    let planned = kinto.alice.import_from(Import::new().delete_extra().dry_run().show(show), text.as_bytes()).unwrap();
    assert_eq!(planned.to_string(), "1 created, 1 updated, 9 deleted, 11 unchanged");
    let mut shown = std::mem::take(&mut *shown.lock().unwrap());
    shown.sort_unstable();
    let expected = ["+ text", "- extra", "- extra", "- extra0", "- extra1", "- extra2", "- extra3", "- extra4"];
    assert_eq!(shown[..8], expected);
    assert_eq!(shown[8..], ["- extra5", "- extra6", "~ shared"]);
    assert_eq!(kinto.alice.exported(bucket.export()), before, "a dry run writes nothing");

    // Nothing is deleted that was not said.
    let imported = kinto.alice.import_from(Import::new(), text.as_bytes()).unwrap();
    assert_eq!(imported.to_string(), "1 created, 1 updated, 11 unchanged");
    assert_eq!(kinto.alice.send(posts.get("extra0")).unwrap().data, many[0].data);
    let told = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&told);
    let import = Import::new().delete_extra().progress(move |so_far| {
        heard.store(usize::try_from(so_far.deleted).unwrap(), Ordering::SeqCst);
    });
    let imported = kinto.alice.import_from(import, text.as_bytes()).unwrap();
    assert_eq!((imported.to_string().as_str(), told.load(Ordering::SeqCst)), ("9 deleted, 13 unchanged", 9));
    let without = |text: &str| {
        let all = objects(text).into_iter();
        all.map(|(path, (mut data, _))| (path, data.as_object_mut().unwrap().remove("last_modified").map(|_| data)))
            .collect::<Vec<_>>()
    };
    assert_eq!(without(&kinto.alice.exported(bucket.export())), without(&text));
}

pub(crate) fn what_the_server_does_not_take<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let text = kinto.alice.exported(bucket.collection("posts").export());
    let strict = json!({"schema": {"type": "object", "properties": {"x": {"type": "string"}}}});
    kinto.alice.send(bucket.collections().create("strict", &strict)).unwrap();
    let text: String = text
        .lines()
        .filter(|line| !line.contains("/collections/posts\",\"data\""))
        .map(|it| format!("{it}\n"))
        .collect();
    let import = Import::new().rename_collection("posts", "strict");
    let imported = kinto.alice.import_from(import, text.as_bytes()).unwrap();
    assert_eq!((imported.to_string().as_str(), imported.is_success()), ("5 created, 1 failed", false));
    let [failure] = &imported.failures[..] else { panic!("{:?}", imported.failures) };
    assert_eq!(failure.path, format!("/buckets/{}/collections/strict/records/shared", kinto.id));
    assert_eq!(failure.status, Status::Invalid);
    assert!(failure.error.as_ref().unwrap().to_string().contains("is not of type 'string'"));
    // A bucket that cannot be had is an error, as nothing that is in it could be.
    kinto.bob.send(buckets().create(kinto.other("bobs"), &json!({}))).unwrap();
    let text = kinto.alice.exported(bucket.export());
    let error = refused(kinto.alice.import_from(Import::new().into_bucket(kinto.other("bobs")), text.as_bytes()));
    assert_eq!(error.status().map(|status| status.as_u16()), Some(403), "{error}");
}

pub(crate) fn changed_while_it_is_exported<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let posts = bucket.collection("posts").records();
    for (name, permissions) in [("copy", false), ("copy-p", true)] {
        let export = || {
            let export = bucket.collection("posts").export().page_size(1);
            if permissions { export.record_permissions() } else { export }
        };
        // When the first record was read, that one is changed.
        let read = |mut export: Export| -> Result<String> {
            let (mut text, mut changed) = (String::new(), false);
            while let Some(lines) = kinto.alice.send(&mut export)? {
                text += std::str::from_utf8(&lines).unwrap();
                if text.contains("/records/") && !changed {
                    changed = true;
                    let id = text.split("/records/").nth(1).unwrap().split('"').next().unwrap();
                    kinto.alice.send(posts.patch(id, Attributes::new(&json!({"changed": name})))).unwrap();
                }
            }
            Ok(text)
        };
        let text = read(export()).unwrap();
        let records: Vec<&str> = text.lines().filter(|line| line.contains("/records/")).collect();
        let (first, last) = (records[0].split('"').nth(3), records[6].split('"').nth(3));
        assert_eq!((records.len(), first), (7, last), "it comes again, at the end, and nothing is missed: {text}");
        assert_eq!(kinto.alice.imported(Import::new().rename_collection("posts", name), &text), "7 created");
        let copies = bucket.collection(name).records();
        let id = last.unwrap().rsplit('/').next().unwrap();
        assert_eq!(kinto.alice.send(copies.get(id)).unwrap().data["changed"], name, "the last line counts");
        assert_eq!(kinto.alice.imported(Import::new().rename_collection("posts", name), &text), "7 unchanged");

        let error = refused(read(export().consistent()));
        assert_eq!(error.kind(), ErrorKind::Pagination, "{error}");
        assert_eq!(kinto.alice.exported(export().consistent()).lines().count(), 9);
    }
}

pub(crate) fn from_one_server_to_another<D: Files>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let other = kinto.with_small_pages();
    kinto.alice.export_file(bucket.export().record_permissions(), &here).unwrap();
    let import = || Import::new().permissions().keep_timestamps();
    let imported = other.alice.import_file(import(), &here).unwrap();
    assert_eq!(imported.to_string(), "13 created", "{:?}", imported.failures);
    other.alice.export_file(bucket.export().record_permissions(), &there).unwrap();
    let [old, new] = [here.clone(), there].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(old.replace(&kinto.url, &other.url), new, "to the byte");
    assert_eq!(other.alice.import_file(import().delete_extra(), &here).unwrap().to_string(), "13 unchanged");
    let mut so_far = ExportSoFar::new();
    so_far.take(new.as_bytes()).unwrap();
    let error = refused(kinto.alice.import_file(Import::new(), &folder.path().join("none")));
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

pub(crate) fn files_are_not_claimed<D: Files>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let file = json!({"filename": "a.txt", "location": "x/a.txt", "hash": "00", "mimetype": "text/plain", "size": 1});
    kinto.record(&records, "a", json!({"n": 1, "attachment": file}));
    kinto.record(&records, "b", json!({"n": 2, "attachment": null}));
    let text = kinto.alice.exported(kinto.bucket().collection("c").export());
    assert!(text.contains("\"attachment\":{\"filename\":\"a.txt\""), "{text}");
    for (name, import, expected) in [
        ("without", Import::new(), json!({"n": 1})),
        ("with", Import::new().claim_files(), json!({"n": 1, "attachment": file})),
    ] {
        kinto.alice.imported(import.rename_collection("c", name), &text);
        let copies = kinto.bucket().collection(name).records();
        assert_eq!(Value::from(kinto.alice.send(copies.get("a")).unwrap().data), expected, "{name}");
        assert_eq!(Value::from(kinto.alice.send(copies.get("b")).unwrap().data), json!({"n": 2}), "{name}");
        let again = kinto.alice.import_from(Import::new().rename_collection("c", name), text.as_bytes()).unwrap();
        assert_eq!(again.to_string(), "3 unchanged", "{name}");
    }
    // Where it comes from, the file stays.
    kinto.alice.send(records.patch("a", Attributes::new(&json!({"n": 5})))).unwrap();
    kinto.alice.imported(Import::new(), &text);
    let restored = kinto.alice.send(records.get("a")).unwrap().data;
    assert_eq!(Value::from(restored), json!({"n": 1, "attachment": file}));
}

pub(crate) fn the_personal_bucket<D: Files>(kinto: &Kinto<D>) {
    let names = [kinto.other("one"), kinto.other("two")];
    let [one, two] = names.map(|name| {
        let kinto = Kinto::<D>::at(kinto.backend, &kinto.url, &[&name]);
        kinto.anonymous.with_auth(Some(Auth::basic(&name, PASSWORD))).unwrap()
    });
    let records = bucket("default").collection("c").records();
    one.send(records.create("a", &json!({"n": 1}))).unwrap();
    let text = one.exported(bucket("default").export());
    assert!(text.contains("{\"path\":\"/buckets/default\",\"data\":{\"id\":\"default\""), "{text}");
    // Whatever is asked for there is made by that.
    assert_eq!(two.imported(Import::new(), &text), "1 created, 2 unchanged");
    assert_eq!(two.send(records.get("a")).unwrap().data, one.send(records.get("a")).unwrap().data);
    assert_eq!(one.imported(Import::new().delete_extra(), &text), "3 unchanged");
}
