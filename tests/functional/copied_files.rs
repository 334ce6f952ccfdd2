//! Files that are copied with their records, between servers that keep them on hosts of their own.

use kinto_protocol::{Attachment, Collection, CopyPart, Difference, ErrorKind, buckets};
use serde::Deserialize as _;
use serde_json::json;

use crate::context::Kinto;
use crate::copies::{other, plainly, somebody, then};
use crate::driver::Driver;
use crate::files::Files;

/// Two servers that keep files, with different backends where there are two.
pub(crate) fn both<D: Driver>(kinto: &Kinto<D>) -> [Files<D>; 2] {
    [Files::of(kinto), Files::of(&other(kinto))]
}

/// A collection with files of different sizes, and a record without one.
pub(crate) fn filled<D: Driver>(kinto: &Kinto<D>) -> Collection {
    let collection = kinto.bucket().collection("c");
    for (n, size) in [0, 1, 70_000].into_iter().enumerate() {
        let id = format!("r{n}");
        let create = collection.records().create(id.as_str(), &json!({"n": n}));
        let upload = collection.attachment(&id).upload(format!("é {n}.txt")).together_with(create).any_extension();
        kinto.alice.send(upload.media_type("text/x-own").content(vec![b'x'; size])).unwrap();
    }
    kinto.record(&collection.records(), "none", json!({"n": 9}));
    collection
}

/// A name, a media type, a size, and how much there is.
pub(crate) type File = (String, String, u64, usize);

/// What is said of each file but for its place, that it is there, and when its record changed.
pub(crate) fn files<D: Driver>(kinto: &Kinto<D>, collection: &Collection) -> Vec<(String, Option<File>, i64)> {
    let records = plainly(&kinto.alice, &collection.records()).into_values();
    let of = |record: kinto_protocol::Object| {
        let file = record.data.get("attachment").filter(|it| !it.is_null()).map(|it| {
            let file = Attachment::deserialize(it).unwrap();
            let content = kinto.alice.send(file.download()).unwrap().content;
            (file.filename, file.mimetype, file.size, content.len())
        });
        (record.id, file, record.last_modified.as_millis())
    };
    records.map(of).collect()
}

pub(crate) fn with_their_records<D: Driver>(kinto: &Kinto<D>) {
    let [from, to] = both(kinto);
    let (here, there) = (&from.kinto, &to.kinto);
    let source = filled(here);
    let target = there.bucket().collection("d");
    // Nobody asked for them: no record claims to have one.
    let copy = || source.copy_to(&target).at(there.alice.session());
    let report = here.alice.send(copy()).unwrap();
    assert_eq!(report.to_string(), "5 created, 3 files not asked for; verified");
    assert!(plainly(&there.alice, &target.records()).values().all(|record| !record.data.contains_key("attachment")));
    there.alice.send(there.bucket().collections().delete("d")).unwrap();

    let copy = || copy().attachments().timestamps();
    let report = here.alice.send(copy().dry_run()).unwrap();
    assert_eq!(report.to_string(), "5 to be created, 3 files to be copied");
    let report = here.alice.send(copy()).unwrap();
    assert_eq!(report.to_string(), "5 created, 3 files copied; verified", "{report:?}");
    assert_eq!(files(there, &target), files(here, &source), "with their timestamps");
    let before = there.alice.send(target.records().timestamp()).unwrap();
    let report = here.alice.send(copy()).unwrap();
    assert_eq!(report.to_string(), "5 unchanged; verified");
    assert_eq!(there.alice.send(target.records().timestamp()).unwrap(), before);

    // One is another, one is gone, and one is new.
    here.alice.send(source.attachment("r0").upload("other.txt").any_extension().content(&b"other"[..])).unwrap();
    here.alice.send(source.attachment("r1").remove()).unwrap();
    here.alice.send(source.attachment("none").upload("new.txt").content(&b"new"[..])).unwrap();
    let report = here.alice.send(source.copy_to(&target).at(there.alice.session()).attachments()).unwrap();
    assert!(report.is_success() && report.lists()[1].files() == 3, "{report}");
    let bare =
        |kinto, collection| files(kinto, collection).into_iter().map(|(id, file, _)| (id, file)).collect::<Vec<_>>();
    assert_eq!(bare(there, &target), bare(here, &source));
    from.host.assert_told_nothing();
    to.host.assert_told_nothing();
}

pub(crate) fn what_cannot_be_copied<D: Driver>(kinto: &Kinto<D>) {
    let [from, to] = both(kinto);
    let (here, there) = (&from.kinto, &to.kinto);
    let source = filled(here);
    let target = there.bucket().collection("d");
    let copy = source.copy_to(&target).at(there.alice.session()).attachments();
    let small = here.alice.with_policy(|policy| policy.limits.response_bytes = 60_000);
    let report = small.send(copy.clone()).unwrap();
    assert_eq!(report.to_string(), "5 created, 2 files copied, 1 not copied, 1 found to differ");
    let not = &report.lists()[1].not_copied()[0];
    assert_eq!((not.id(), not.part(), not.error().kind()), ("r2", CopyPart::File, ErrorKind::TooLarge));
    assert_eq!(report.lists()[1].differences().collect::<Vec<_>>(), [("r2", Difference::File)]);
    // Somebody else changes the record between its writing and its file.
    let (else_, records) = (somebody(there), target.records());
    let location =
        plainly(&here.alice, &source.records())["r2"].data["attachment"]["location"].as_str().unwrap().to_owned();
    let name = location.rsplit('/').next().unwrap().to_owned();
    let client = then(here, &name, 1, move || {
        else_.send(records.replace("r2", &json!({"n": "theirs"}))).unwrap();
    });
    let report = client.send(copy.clone()).unwrap();
    let why = report.lists()[1].not_copied()[0].error().to_string();
    assert!(why.contains("changed meanwhile"), "{report} {why}");
    let theirs = there.alice.send(target.records().get("r2")).unwrap();
    assert_eq!(theirs.data, crate::context::map(json!({"n": "theirs"})));
    // Once more, it is as it should be.
    let report = here.alice.send(copy).unwrap();
    assert_eq!(report.to_string(), "1 updated, 4 unchanged, 1 files copied; verified");
}

pub(crate) fn moved<D: Driver>(kinto: &Kinto<D>) {
    let [from, to] = both(kinto);
    let (here, there) = (&from.kinto, &to.kinto);
    let source = filled(here);
    let before = files(here, &source);
    let target = there.bucket().collection("d");
    let report = here.alice.send(source.move_to(&target).at(there.alice.session()).timestamps()).unwrap();
    assert_eq!(report.to_string(), "5 created, 3 files copied, 5 deleted from the source; verified");
    assert_eq!(files(there, &target), before);
    assert!(here.alice.send(here.bucket().collections().list()).unwrap().items.is_empty());
    assert!(here.alice.send(buckets().exists(&here.id)).unwrap());
}
