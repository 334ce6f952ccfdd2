//! Plans that bring files to their records: from another server, from here, from wherever the caller has them.

use std::fs;

use kinto_protocol::{Auth, Edit, ErrorKind, Object, Plan, Resource, Status, Wanted};
use kinto_tests::{Cut, Cutter, Ending};
use serde_json::json;

use crate::context::{Kinto, PASSWORD, map, refused};
use crate::copied_files::{both, files, filled};
use crate::copies::{plainly, somebody, then};
use crate::driver::{Driver, Setup};
use crate::files::Files;

/// The records of a list, as they are wanted elsewhere.
fn all<D: Driver>(client: &D, list: &Resource) -> Vec<Object> {
    client.items(list.list()).map(Result::unwrap).collect()
}

/// A list like `c` of the source, where nothing is yet.
fn target<D: Driver>(there: &Kinto<D>) -> Resource {
    there.alice.send(there.bucket().collections().create("d", &json!({}))).unwrap();
    there.bucket().collection("d").records()
}

fn saved(plan: &Plan) -> Plan {
    serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap()
}

pub(crate) fn from_one_server_to_another<D: Driver>(kinto: &Kinto<D>) {
    let [from, to] = both(kinto);
    let (here, there) = (&from.kinto, &to.kinto);
    let source = filled(here);
    let target = target(there);
    let wanted = || all(&here.alice, &source.records());
    let plan = |keep: bool| {
        let sync = target.sync(wanted()).attachments();
        there.alice.send(if keep { sync.keep_timestamps() } else { sync }).unwrap()
    };
    let first = plan(true);
    assert_eq!(first.to_string(), "4 to create, 3 files to attach");
    let error = refused(there.alice.send(first.clone().apply()));
    assert!(error.kind() == ErrorKind::Input && plainly(&there.alice, &target).is_empty(), "{error}");
    let report = there.alice.send(first.apply().files_from(here.alice.session())).unwrap();
    assert_eq!(report.to_string(), "4 done; files: 3 done", "{report:?}");
    let collection = there.bucket().collection("d");
    assert_eq!(files(there, &collection), files(here, &source), "with their timestamps");
    let before = there.alice.send(target.timestamp()).unwrap();
    let again = plan(true);
    assert_eq!(again.to_string(), "nothing to do, 4 unchanged");
    there.alice.send(again.apply()).unwrap().into_result().unwrap();
    assert_eq!(there.alice.send(target.timestamp()).unwrap(), before);

    // One is another, one is gone, one is new, and one has another record: saved, looked at, and applied later.
    here.alice.send(source.attachment("r0").upload("other.txt").content(&b"other"[..])).unwrap();
    here.alice.send(source.attachment("r1").remove()).unwrap();
    here.alice.send(source.attachment("none").upload("new.txt").content(&b"new"[..])).unwrap();
    let mut r2 = here.alice.send(source.records().get("r2")).unwrap();
    r2.data.insert("n".into(), json!(7));
    here.alice.send(source.records().update(&r2)).unwrap();
    let plan_of_changes = saved(&plan(false));
    assert_eq!(plan_of_changes.to_string(), "4 to update, 2 files to attach, 1 file to remove");
    let shown: Vec<String> = plan_of_changes.changes().map(Edit::to_string).collect();
    let line = "~ r0\n    attachment: é 0.txt, 0 bytes → other.txt, 5 bytes".to_owned();
    assert!(shown.contains(&line), "{shown:?}");
    let report = there.alice.send(plan_of_changes.apply().files_from(here.alice.session())).unwrap();
    assert_eq!(report.to_string(), "4 done; files: 3 done", "{report:?}");
    let bare = |all: Vec<(String, _, i64)>| all.into_iter().map(|(id, file, _)| (id, file)).collect::<Vec<_>>();
    assert_eq!(bare(files(there, &collection)), bare(files(here, &source)));
    assert!(plan(false).is_empty());
    // Who does not ask for files leaves them alone.
    let data = |record: Object| (record.id, json!({"n": record.data["n"]}));
    assert!(there.alice.send(target.sync(wanted().into_iter().map(data))).unwrap().is_empty());
}

pub(crate) fn what_somebody_changed_is_not_overwritten<D: Driver>(kinto: &Kinto<D>) {
    let [from, to] = both(kinto);
    let (here, there) = (&from.kinto, &to.kinto);
    let source = filled(here);
    let target = target(there);
    let wanted = all(&here.alice, &source.records());
    let plan = || there.alice.send(target.sync(wanted.clone()).attachments().keep_extra()).unwrap();
    // Since the plan: each of them is somebody else's now, and one has a file of theirs.
    let theirs = there.bucket().collection("d");
    there.record(&target, "r0", json!({"n": 0}));
    let first = saved(&plan());
    there.alice.send(theirs.attachment("r0").upload("theirs.txt").content("theirs")).unwrap();
    there.record(&target, "r1", json!({"n": "theirs"}));
    // And one while its file is fetched.
    let r2 = wanted.iter().find(|record| record.id == "r2").unwrap();
    let name = r2.data["attachment"]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let (else_, list) = (somebody(there), target.clone());
    let client = then(here, &name, 1, move || {
        else_.send(list.replace("r2", &json!({"n": "theirs"}))).unwrap();
    });
    let report = there.alice.send(first.apply().files_from(client.session())).unwrap();
    let ended: Vec<_> = report.items().map(|item| (item.id(), item.record(), item.file())).collect();
    use Status::{AlreadySo, Conflict, Done, NotSent};
    for (id, record, file) in [
        ("r0", AlreadySo, Some(Conflict)),
        ("r1", Conflict, Some(NotSent)),
        ("r2", Done, Some(Conflict)),
        ("none", Done, None),
    ] {
        assert!(ended.contains(&(id, record, file)), "{id}: {ended:?}");
    }
    assert!(refused(report.into_result()).maybe_applied());
    let is = plainly(&there.alice, &target);
    assert_eq!(is["r0"].data["attachment"]["filename"], "theirs.txt");
    assert_eq!(is["r2"].data, map(json!({"n": "theirs"})));
    // A new plan is another matter.
    there.alice.send(plan().apply().files_from(here.alice.session())).unwrap().into_result().unwrap();
    assert!(plan().is_empty());
}

pub(crate) fn content_of_the_callers<D: Driver>(kinto: &Kinto<D>) {
    let files = Files::of(kinto);
    let there = &files.kinto;
    let records = files.records();
    let wanted = || {
        let a = Wanted::new("a", &json!({"n": 1})).file("a.txt", "content of a");
        let b = Wanted::new("b", &json!({"n": 1})).file("b.json", "{}");
        [a, b, Wanted::new("c", &json!({"n": 1}))]
    };
    let plan = || there.alice.send(records.sync(wanted()).attachments()).unwrap();
    let report = there.alice.send(plan().apply()).unwrap();
    assert_eq!(report.to_string(), "3 done; files: 2 done");
    let stored = files.stored("b");
    assert_eq!(stored.data["attachment"]["mimetype"], "application/json");
    assert!(plan().is_empty());
    // Saved, a plan has no content: the caller has it on disk.
    there.alice.send(files.record("a").remove()).unwrap();
    there.alice.send(files.record("b").upload("b.json").content("[]")).unwrap();
    files.write("a.txt", "content of a");
    files.write("b.json", "{ }");
    let plan = saved(&plan());
    assert_eq!(plan.to_string(), "2 to update, 2 files to attach, 1 unchanged");
    let folder = files.path("");
    let report =
        there.alice.send(plan.apply().files_with(move |_, file| fs::read(folder.join(file.safe_name())))).unwrap();
    assert_eq!(report.to_string(), "1 done, 1 failed; files: 1 done, 1 failed");
    let failed = report.of(Status::Failed).next().unwrap();
    assert!(failed.id() == "b" && failed.error().unwrap().to_string().contains("has 3 bytes"), "{failed:?}");
    let attachment = |id: &str| serde_json::from_value(files.stored(id).data["attachment"].clone()).unwrap();
    assert_eq!(files.kept(&attachment("a")).unwrap(), b"content of a");
    assert_eq!(files.kept(&attachment("b")).unwrap(), b"[]", "what is another is not attached, and nothing is lost");
}

pub(crate) fn what_is_not_what_its_record_says<D: Driver>(kinto: &Kinto<D>) {
    let [from, to] = both(kinto);
    let (here, there) = (&from.kinto, &to.kinto);
    let source = filled(here);
    let target = target(there);
    let wanted = all(&here.alice, &source.records());
    for (id, content) in [("r2", Some(vec![b'y'; 70_000])), ("r1", None)] {
        let record = wanted.iter().find(|record| record.id == id).unwrap();
        let path = from.host.on_disk(record.data["attachment"]["location"].as_str().unwrap());
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    }
    let plan = there.alice.send(target.sync(wanted).attachments()).unwrap();
    let report = there.alice.send(plan.apply().files_from(here.alice.session())).unwrap();
    assert_eq!(report.to_string(), "2 done, 1 missing, 1 failed; files: 1 done, 1 missing, 1 failed");
    let failed = report.of(Status::Failed).next().unwrap();
    let error = failed.error().unwrap();
    assert!(failed.id() == "r2" && error.kind() == ErrorKind::Attachment && !error.maybe_applied(), "{error}");
    assert!(!plainly(&there.alice, &target)["r2"].data.contains_key("attachment"));
}

/// Whatever request is cut, the same one sent again goes on, and no file is attached twice.
pub(crate) fn broken_connections<D: Driver>(kinto: &Kinto<D>) {
    let [from, to] = both(kinto);
    let (here, there) = (&from.kinto, &to.kinto);
    let source = filled(here);
    let wanted = all(&here.alice, &source.records());
    let mut stopped = 0;
    for cut_at in 0..9 {
        let id = format!("c{cut_at}");
        there.alice.send(there.bucket().collections().create(&id, &json!({}))).unwrap();
        let target = there.bucket().collection(&id);
        let records = target.records();
        let sync = || records.sync(wanted.clone()).attachments();
        let plan = there.alice.send(sync()).unwrap();
        let cutter =
            Cutter::start(
                &there.url,
                Ending::Reset,
                move |head| {
                    if head.number == cut_at { Cut::AfterRequest } else { Cut::None }
                },
            );
        let mut setup = Setup::of(cutter.url());
        setup.auth = Some(Auth::basic("alice", PASSWORD));
        setup.policy.attempts = 1;
        let cut = D::build(setup).unwrap();
        let mut apply = plan.at(cut.session().url()).apply().files_from(here.alice.session());
        if let Err(error) = cut.send(&mut apply) {
            stopped += 1;
            assert!(error.kind() == ErrorKind::Interrupted, "{cut_at}: {error}");
            let summary = cut.send(&mut apply).unwrap();
            assert!(summary.is_success(), "{cut_at}: {summary}");
        }
        let report = apply.into_report();
        assert!(report.is_success() && report.items().count() == 4, "{cut_at}: {report}");
        assert!(there.alice.send(sync()).unwrap().is_empty(), "{cut_at}");
        let posts =
            cutter.log().into_iter().filter(|it| it.head.method == "POST" && it.head.path.ends_with("/attachment"));
        assert!(posts.filter(|it| it.answered.is_some_and(|status| status < 300)).count() == 3, "{cut_at}");
    }
    assert!(stopped > 3, "{stopped}");
}

pub(crate) fn where_there_are_none<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let wanted = [Wanted::new("a", &json!({})).file("a.txt", "a")];
    let plan = kinto.alice.send(records.sync(wanted).attachments()).unwrap();
    let error = refused(kinto.alice.send(plan.apply()));
    assert!(error.kind() == ErrorKind::Unsupported && !error.maybe_applied(), "{error}");
    assert!(plainly(&kinto.alice, &records).is_empty(), "nothing is sent");
}
