//! Plans that bring files: against two small models of servers, which keep files on hosts of their own.

mod broken_off;

use std::collections::BTreeMap;

use serde_json::Value;

use super::attachments::sha;
use super::model::{Dice, Model, Record, map};
use super::*;
use crate::{Apply, CopyPart, Difference, Edit, EditKind, Object, Plan, Report, Status, Timestamp, Wanted};

/// A model that keeps files.
#[derive(Clone, Default)]
struct Keeper {
    model: Model,
    /// What is at which location.
    files: BTreeMap<String, Vec<u8>>,
    none: bool,
    /// Whether it does nothing any more.
    down: bool,
}

impl Keeper {
    /// Somebody attaches this.
    fn attach(&mut self, id: &str, name: &str, content: &[u8]) {
        let port = if self.files.is_empty() { 0 } else { self.files.len() };
        let location = format!("x{port}-{}", self.model.clock);
        self.files.insert(location.clone(), content.to_vec());
        let file = json!({"filename": name, "location": location, "hash": sha(content), "mimetype": "text/plain",
            "size": content.len()});
        self.model.clock += 1;
        let record = self.model.records.get_mut(id).unwrap();
        record.data.insert("attachment".into(), file);
        record.at = self.model.clock;
    }

    fn with(mut self, files: &[(&str, &str, &str)]) -> Self {
        files.iter().for_each(|(id, name, content)| self.attach(id, name, content.as_bytes()));
        self
    }

    fn of(records: &[(&str, Value)]) -> Self {
        Self { model: Model::of(records), ..Self::default() }
    }

    /// The name and content of each file, as its record says.
    fn kept(&self) -> BTreeMap<String, (String, String)> {
        let of = |(id, record): (&String, &Record)| {
            let file = record.data.get("attachment").filter(|file| !file.is_null())?;
            let content = self.files.get(file["location"].as_str()?).cloned().unwrap_or_default();
            let content = String::from_utf8(content).unwrap();
            Some((id.clone(), (file["filename"].as_str()?.to_owned(), content)))
        };
        self.model.records.iter().filter_map(of).collect()
    }

    fn answer(&mut self, request: &Request) -> Outcome {
        let path = request.uri().path().to_owned();
        if self.down {
            return fails(FailureKind::Interrupted);
        }
        if let Some(location) = path.strip_prefix("/files/") {
            assert!(!request.headers().contains_key("authorization"), "{request:?}");
            let content = self.files.get(location).cloned();
            let mut response = Response::new(content.clone().unwrap_or_default().into());
            *response.status_mut() = if content.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            return Ok(response);
        }
        if path == "/v1/" {
            let host = format!("{}/files/", request.uri().to_string().strip_suffix("/v1/").unwrap());
            let has = if self.none { json!({}) } else { json!({"attachments": {"base_url": host}, "signer": {}}) };
            let info = json!({"settings": {"batch_max_requests": 3}, "capabilities": has});
            return answer(200, &[], &info.to_string());
        }
        let Some(record) = path.strip_suffix("/attachment") else { return self.model.answer(request) };
        let id = record.rsplit('/').next().unwrap().to_owned();
        self.model.asked.push(format!("{} {id} file", request.method()));
        if request.method() == Method::DELETE {
            self.model.clock += 1;
            let record = self.model.records.get_mut(&id).unwrap();
            record.data.insert("attachment".into(), Value::Null);
            record.at = self.model.clock;
            return answer(204, &[], "");
        }
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        let part = |name: &str| {
            let (_, rest) = form.split_once(&format!("name=\"{name}\""))?;
            let (head, rest) = rest.split_once("\r\n\r\n")?;
            let end = rest.find("\r\n--").unwrap();
            Some((head.to_owned(), rest[..end].to_owned()))
        };
        let (head, content) = part("attachment").unwrap();
        let name = head.split("filename=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let was = self.model.records[&id].at;
        self.attach(&id, &name, content.as_bytes());
        let forced =
            part("data").and_then(|(_, data)| map(&serde_json::from_str(&data).unwrap())["last_modified"].as_i64());
        let record = self.model.records.get_mut(&id).unwrap();
        record.at = forced.filter(|at| *at > was).unwrap_or(record.at);
        answer(200, &[("etag", &format!("\"{}\"", record.at))], &record.data["attachment"].to_string())
    }
}

/// What happens to a request.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Breaks {
    Before,
    After,
}

/// The server of the plan, and that of the source.
struct Pair {
    servers: [Keeper; 2],
    sessions: [Session; 2],
    now: Moment,
    requests: usize,
    breaks: Option<(usize, Breaks)>,
}

impl Pair {
    fn of(here: Keeper, there: Keeper) -> Self {
        let policy = Policy { attempts: 1, ..Policy::default() };
        let session = |port: u16, secret: &str| {
            let builder = Session::builder(format!("http://localhost:{port}/v1")).auth(Auth::basic("me", secret));
            builder.policy(policy.clone()).seed(7).build().unwrap()
        };
        let sessions = [session(1, "s3cr3t"), session(2, "0therW0rd")];
        Self { servers: [here, there], sessions, now: Moment::default(), requests: 0, breaks: None }
    }

    fn from(&self) -> Session {
        self.sessions[1].clone()
    }

    fn send_at<F: Flow>(
        &mut self,
        at: usize,
        flow: F,
        mut before: impl FnMut(&Request, &mut [Keeper; 2]),
    ) -> Result<F::Output> {
        let mut exchange = self.sessions[at].exchange(flow);
        self.requests = 0;
        loop {
            match exchange.next(self.now) {
                Step::Send(request, _) => {
                    self.now = self.now.after(Duration::from_millis(10));
                    before(&request, &mut self.servers);
                    let at = usize::from(request.uri().port_u16() == Some(2));
                    let broken = self.breaks.filter(|(when, _)| *when == self.requests).map(|(_, how)| how);
                    self.requests += 1;
                    let outcome = match broken {
                        Some(Breaks::Before) => fails(FailureKind::Interrupted),
                        Some(Breaks::After) => self.servers[at].answer(&request).and(fails(FailureKind::Interrupted)),
                        None => self.servers[at].answer(&request),
                    };
                    exchange.handle(outcome, self.now);
                }
                Step::Wait(wait) => self.now = self.now.after(wait),
                Step::Done(result) => return result,
            }
        }
    }

    fn send<F: Flow>(&mut self, flow: F) -> Result<F::Output> {
        self.send_at(0, flow, |_, _| {})
    }

    fn source(&mut self) -> Vec<Object> {
        self.send_at(1, records().list(), |_, _| {}).unwrap().items
    }

    /// A plan to make it what the source is.
    fn plan(&mut self) -> Plan {
        let wanted = self.source();
        self.send(records().sync(wanted).attachments()).unwrap()
    }

    fn kept(&self) -> [BTreeMap<String, (String, String)>; 2] {
        [self.servers[0].kept(), self.servers[1].kept()]
    }

    fn writes(&self) -> Vec<&String> {
        self.servers[0].model.asked.iter().filter(|line| !line.starts_with("GET")).collect()
    }
}

fn there() -> Keeper {
    let records = ["same", "other", "gone", "new", "none"].map(|id| (id, json!({"n": 1})));
    Keeper::of(&records).with(&[
        ("same", "same.txt", "same"),
        ("other", "other.txt", "theirs"),
        ("new", "new.txt", "new"),
    ])
}

fn here() -> Keeper {
    let records = [("same", json!({"n": 1})), ("other", json!({"n": 1})), ("gone", json!({"n": 2})), ("x", json!({}))];
    let files = [("same", "renamed.txt", "same"), ("other", "old.txt", "mine"), ("gone", "gone.txt", "gone")];
    Keeper::of(&records).with(&files)
}

fn both() -> Pair {
    Pair::of(here(), there())
}

fn statuses(report: &Report) -> BTreeMap<String, (Status, Option<Status>)> {
    report.items().map(|item| (item.id().to_owned(), (item.record(), item.file()))).collect()
}

#[test]
fn planned_shown_and_applied() {
    use Status::{AlreadySo, Done};
    let mut pair = both();
    let plan = pair.plan();
    assert_eq!(
        plan.to_string(),
        "2 to create, 2 to update, 1 to delete, 2 files to attach, 1 file to remove, 1 unchanged"
    );
    let lines: BTreeMap<&str, String> = plan.changes().map(|edit| (edit.id(), edit.to_string())).collect();
    assert_eq!(lines["gone"], "~ gone\n    n: 2 → 1\n    attachment: gone.txt, 4 bytes → gone");
    assert_eq!(lines["new"], "+ new\n    n: 1\n    attachment: new.txt, 3 bytes");
    assert_eq!(lines["other"], "~ other\n    attachment: old.txt, 4 bytes → other.txt, 6 bytes");
    assert!(pair.writes().is_empty());

    let apply = plan.apply().files_from(&pair.from());
    let report = pair.send(apply).unwrap();
    assert_eq!(report.to_string(), "5 done; files: 3 done");
    assert!(report.is_success());
    assert_eq!(statuses(&report)["other"], (AlreadySo, Some(Done)), "its record is not written");
    assert_eq!(pair.writes().iter().filter(|line| line.ends_with(" file")).count(), 3);
    let [mut is, wanted] = pair.kept();
    assert_eq!(is.remove("same"), Some(("renamed.txt".into(), "same".into())), "the same content is the same file");
    assert_eq!((is.len(), &is["new"], &is["other"]), (2, &wanted["new"], &wanted["other"]));
    pair.servers[0].model.asked.clear();
    let again = pair.plan();
    assert!(again.is_empty(), "{again}");
    // Whoever does not ask for files leaves them alone.
    let bare = [("same", json!({"n": 1})), ("other", json!({"n": 2}))];
    let plan = pair.send(records().sync(bare).keep_extra()).unwrap();
    pair.send(plan.apply()).unwrap().into_result().unwrap();
    assert_eq!(pair.kept()[0]["other"].1, "theirs");
    let plan = pair.send(records().sync([("other", json!({"n": 2}))]).keep_extra().attachments()).unwrap();
    assert_eq!(plan.to_string(), "1 to update, 1 file to remove, 4 left alone");
}

#[test]
fn what_is_here_needs_no_source() {
    let mut pair = both();
    let wanted = || {
        let other = Wanted::new("other", &json!({"n": 1})).file("mine.txt", "here");
        [other, Wanted::new("fresh", &json!({})).file("é.txt", vec![b'x'; 3]), Wanted::new("x", &json!({}))]
    };
    let plan = pair.send(records().sync(wanted()).attachments()).unwrap();
    assert_eq!(plan.to_string(), "1 to create, 1 to update, 2 to delete, 2 files to attach, 1 unchanged");
    let report = pair.send(plan.apply()).unwrap();
    assert_eq!(report.into_result().unwrap().to_string(), "4 done");
    assert_eq!(pair.kept()[0]["fresh"], ("é.txt".into(), "xxx".into()));
    assert!(pair.send(records().sync(wanted()).attachments()).unwrap().is_empty());
    assert!(pair.send(records().sync(wanted())).unwrap().is_empty(), "nobody asked for files");
    // One that looks the same from afar.
    let alike = Wanted::new("other", &json!({"n": 1})).file("mine.txt", "hare");
    let plan = pair.send(records().sync([alike]).attachments().keep_extra()).unwrap();
    let shown = plan.changes().next().unwrap().to_string();
    let hashes = [sha(b"here"), sha(b"hare")].map(|hash| hash[..8].to_owned());
    let [old, new] = hashes;
    assert_eq!(shown, format!("~ other\n    attachment: mine.txt, 4 bytes, {old} → mine.txt, 4 bytes, {new}"));
}

#[test]
fn a_plan_is_saved_without_content() {
    let mut pair = both();
    let local = Wanted::new("x", &json!({})).file("x.txt", "local");
    let wanted: Vec<Wanted> = pair.source().into_iter().map(Wanted::from).chain([local]).collect();
    let plan = pair.send(records().sync(wanted).attachments()).unwrap();
    let saved = serde_json::to_string(&plan).unwrap();
    let read = || serde_json::from_str::<Plan>(&saved).unwrap();
    let lines = |plan: &Plan| plan.changes().map(Edit::to_string).collect::<Vec<_>>();
    assert_eq!((lines(&read()), read().to_string()), (lines(&plan), plan.to_string()));
    assert_eq!(serde_json::to_string(&read()).unwrap(), saved);
    assert!(!saved.contains("local\""));
    let file = read();
    let file = file.changes().find(|edit| edit.id() == "x").unwrap().file().unwrap();
    assert_eq!((file.old.as_ref(), file.new.as_ref().unwrap().hash.clone()), (None, sha(b"local")));

    // Nobody says where content comes from: nothing is sent.
    for plan in [plan, read()] {
        let error = pair.send(plan.apply()).unwrap_err();
        assert!(error.kind() == ErrorKind::Input && error.to_string().contains("files_from()"), "{error}");
        assert!(pair.requests == 0 && !error.maybe_applied());
    }
    // The caller gives it; what is another is not attached.
    let given = |id: &str, file: &crate::Attachment| match id {
        "x" => Ok("another".to_owned()),
        "new" => Err(std::io::Error::other("the disk is gone")),
        _ => Ok(file.filename.replace("other.txt", "theirs")),
    };
    let report = pair.send(read().apply().files_with(given)).unwrap();
    assert_eq!(report.to_string(), "3 done, 2 failed; files: 2 done, 2 failed");
    let errors: BTreeMap<&str, String> =
        report.of(Status::Failed).map(|item| (item.id(), item.error().unwrap().to_string())).collect();
    assert!(errors["x"].contains("has 7 bytes with the SHA-256") && errors["x"].contains("5 bytes"), "{errors:?}");
    assert!(errors["new"].contains("the disk is gone"), "{errors:?}");
    let error = report.into_result().unwrap_err();
    assert!(
        error.maybe_applied() && error.to_string().contains("2 of 4 files failed, the first of them, of \""),
        "{error}"
    );
    assert_eq!(pair.kept()[0].keys().collect::<Vec<_>>(), ["other", "same"]);
    // What was planned is there but for its files: a new plan goes on.
    let rest = pair.plan();
    assert_eq!(rest.to_string(), "1 to update, 1 to delete, 1 file to attach, 4 unchanged");
}

#[test]
fn plans_of_before_there_were_files() {
    let saved = r#"{"server": "http://localhost:1/v1", "path": "/buckets/b/collections/c/records", "edits":
        [{"kind": "update", "id": "other", "last_modified": 107, "data": {"n": 2, "attachment": {"size": 1}}}]}"#;
    let plan: Plan = serde_json::from_str(saved).unwrap();
    assert!(plan.changes().all(|edit| edit.file().is_none()));
    // And those that are not from this library at all.
    for (file, status) in [("{}", Status::Conflict), (r#"{"new": {"size": 3}}"#, Status::Failed)] {
        let path = "/buckets/b/collections/c/records";
        let saved = |path: &str, kind: &str| {
            format!(
                r#"{{"server":"http://localhost:1/v1","path":"{path}","edits":[{{"kind":"{kind}","id":"other","file":{file}}}]}}"#
            )
        };
        let mut pair = both();
        let plan: Plan = serde_json::from_str(&saved(path, "update")).unwrap();
        let report = pair.send(plan.apply().files_from(&pair.from())).unwrap();
        assert_eq!(report.items().next().unwrap().status(), status, "{file}: nobody knows which record was meant");
        let plan: Plan = serde_json::from_str(&saved("/buckets/b/groups", "update")).unwrap();
        assert_eq!(pair.send(plan.apply().files_from(&pair.from())).unwrap_err().kind(), ErrorKind::Input);
        assert_eq!(pair.kept()[0], here().kept());
    }
}

#[test]
fn a_record_that_was_changed_keeps_its_file() {
    use Status::{Conflict, Done, NotSent};
    // Since the plan.
    let mut pair = both();
    let plan = pair.plan();
    let here = &mut pair.servers[0];
    here.attach("other", "another.txt", b"somebody's");
    here.model.put("gone", &json!({"n": 3}));
    here.attach("gone", "gone.txt", b"gone");
    let report = pair.send(plan.apply().files_from(&pair.from())).unwrap();
    let ended = statuses(&report);
    assert_eq!(
        (ended["other"].1, ended["gone"], ended["new"].1),
        (Some(Conflict), (Conflict, Some(NotSent)), Some(Done))
    );
    assert_eq!(report.to_string(), "3 done, 2 in conflict; files: 1 done, 1 in conflict, 1 not sent");
    let error = report.of(Conflict).find(|item| item.id() == "other").unwrap().error().unwrap().to_string();
    assert!(error.contains("changed meanwhile"), "{error}");
    let kept = &pair.kept()[0];
    assert_eq!((kept["other"].1.as_str(), kept["gone"].1.as_str()), ("somebody's", "gone"));

    // Between its own write and its file.
    let mut pair = both();
    let plan = pair.plan();
    let mut left = true;
    let report = pair
        .send_at(0, plan.apply().files_from(&both().from()), |request, servers| {
            if request.uri().path().starts_with("/files/") && std::mem::take(&mut left) {
                servers[0].model.put("new", &json!({"n": 9}));
                servers[0].model.put("other", &json!({"n": 9}));
            }
        })
        .unwrap();
    let ended = statuses(&report);
    assert_eq!((ended["other"].1, ended["new"], ended["gone"].1), (Some(Conflict), (Done, Some(Conflict)), Some(Done)));
    assert_eq!(pair.kept()[0].keys().collect::<Vec<_>>(), ["same"]);
    // Whoever was faster with the very same file is not in the way.
    let mut pair = both();
    let plan = pair.plan();
    pair.servers[0].attach("other", "x.txt", b"theirs");
    let report = pair.send(plan.apply().files_from(&pair.from())).unwrap();
    assert!(report.is_success() && statuses(&report)["other"].1 == Some(Status::AlreadySo), "{report}");
    // Deleted, it stays so.
    let mut pair = both();
    let plan = pair.plan();
    pair.servers[0].model.records.remove("other");
    let report = pair.send(plan.apply().files_from(&pair.from())).unwrap();
    assert_eq!(statuses(&report)["other"].1, Some(Status::Missing));
}

#[test]
fn what_is_not_what_was_planned_is_not_attached() {
    let mut pair = both();
    let plan = pair.plan();
    for content in pair.servers[1].files.values_mut().filter(|content| **content == b"theirs") {
        *content = b"thEirs".to_vec();
    }
    pair.servers[1].files.retain(|_, content| *content != b"new");
    let report = pair.send(plan.apply().files_from(&pair.from())).unwrap();
    assert_eq!(report.to_string(), "3 done, 1 missing, 1 failed; files: 1 done, 1 missing, 1 failed");
    let error = report.of(Status::Failed).next().unwrap().error().unwrap();
    assert!(error.kind() == ErrorKind::Attachment && !error.maybe_applied(), "{error}");
    assert_eq!(pair.kept()[0]["other"].1, "mine");
    // What a record says of its file may be anything.
    for odd in [json!("x"), json!({"size": -1}), json!({"size": 1}), json!({"size": 1, "hash": "x"})] {
        let wanted = [("other", json!({"n": 1, "attachment": odd}))];
        assert!(pair.send(records().sync(wanted.clone())).is_ok(), "nobody asked for files");
        let error = pair.send(records().sync(wanted).attachments()).unwrap_err();
        assert!(error.kind() == ErrorKind::Attachment && error.to_string().contains("\"other\""), "{error}");
        // In the target, it is one to be removed.
        pair.servers[0].model.put("odd", &json!({"attachment": odd}));
        let plan = pair.send(records().sync([("odd", json!({}))]).attachments().keep_extra()).unwrap();
        pair.send(plan.apply()).unwrap().into_result().unwrap();
        assert!(pair.send(records().sync([("odd", json!({}))]).attachments().keep_extra()).unwrap().is_empty());
    }
    // A server that is not configured otherwise would refuse it, and delete the one that is there.
    let wanted = || [Wanted::new("same", &json!({"n": 1})).file("x.exe", "x")];
    let plan = pair.send(records().sync(wanted()).attachments().keep_extra()).unwrap();
    let report = pair.send(plan.clone().apply()).unwrap();
    assert_eq!(report.to_string(), "1 invalid; files: 1 invalid");
    assert!(report.into_result().unwrap_err().to_string().contains("any_extension()"));
    pair.send(plan.apply().any_extension()).unwrap().into_result().unwrap();
}

#[test]
fn where_there_are_no_files() {
    let mut pair = both();
    let plan = pair.plan();
    pair.servers[0].none = true;
    let error =
        Pair::of(pair.servers[0].clone(), there()).send(plan.clone().apply().files_from(&pair.from())).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && !error.maybe_applied(), "{error}");
    assert!(pair.writes().is_empty());
    // The source has lost them: it is asked once, and each record told.
    let mut pair = Pair::of(here(), Keeper { none: true, ..there() });
    let report = pair.send(plan.apply().files_from(&pair.from())).unwrap();
    assert_eq!(report.to_string(), "3 done, 2 failed; files: 1 done, 2 failed");
    assert!(report.of(Status::Failed).all(|item| item.error().unwrap().kind() == ErrorKind::Unsupported));
    // A copy tells it of each record, which is copied all the same.
    let copy = || bucket("b").collection("c").copy_records_to(&bucket("b").collection("c")).attachments();
    for none in 0..2 {
        let mut pair = Pair::of(here(), there());
        pair.servers[none].none = true;
        let to = pair.sessions[0].clone();
        let report = pair.send_at(1, copy().at(&to), |_, _| {}).unwrap();
        let list = &report.lists()[0];
        assert_eq!(list.not_copied().len(), if none == 0 { 3 } else { 2 }, "{report}");
        assert!(list.not_copied().iter().all(|not| not.error().kind() == ErrorKind::Unsupported), "{report}");
        assert_eq!(pair.servers[0].model.records["new"].data["n"], 1);
    }
}

#[test]
fn what_the_source_of_a_copy_says_may_be_anything() {
    let copy = bucket("b").collection("c").copy_records_to(&bucket("b").collection("c")).attachments();
    for odd in [json!("x"), json!({"size": 1}), json!({"size": 1, "hash": "x", "location": "x"})] {
        let mut pair = both();
        pair.servers[1].model.put("other", &json!({"n": 5, "attachment": odd}));
        let to = pair.sessions[0].clone();
        let report = pair.send_at(1, copy.clone().at(&to), |_, _| {}).unwrap();
        let [not] = report.lists()[0].not_copied() else { panic!("{report}") };
        assert_eq!((not.id(), not.part(), not.error().kind()), ("other", CopyPart::File, ErrorKind::Attachment));
        assert_eq!(pair.servers[0].model.records["other"].data["n"], 5, "the record is copied");
        assert_eq!(pair.kept()[0]["other"].1, "mine", "and keeps the file that it has");
        assert!(report.lists()[0].differences().eq([("other", Difference::File)]) && !report.is_success());
    }
}

#[test]
fn timestamps_are_kept_with_files() {
    let mut pair = Pair::of(Keeper::of(&[("other", json!({"n": 1}))]).with(&[("other", "a.txt", "a")]), there());
    // What is there is older than what is wanted.
    pair.servers[0].model.records.get_mut("other").unwrap().at = 50;
    let wanted = pair.source();
    let at: BTreeMap<String, Timestamp> = wanted.iter().map(|it| (it.id.clone(), it.last_modified)).collect();
    let sync = || records().sync(wanted.clone()).attachments().keep_timestamps();
    let plan = pair.send(sync()).unwrap();
    let plan: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    pair.send(plan.apply().files_from(&pair.from())).unwrap().into_result().unwrap();
    let is: BTreeMap<String, Timestamp> = pair.servers[0]
        .model
        .records
        .iter()
        .map(|(id, record)| (id.clone(), Timestamp::from_millis(record.at)))
        .collect();
    assert_eq!(is, at);
    assert!(pair.send(sync()).unwrap().is_empty());
    assert_eq!(pair.writes().iter().filter(|line| line.contains("other")).count(), 1, "its file brings the timestamp");
    // As early as it gets.
    let first = Wanted::new("first", &json!({})).file("a.txt", "a").last_modified(Timestamp::from_millis(i64::MIN));
    assert!(pair.send(records().sync([first]).attachments().keep_timestamps()).is_ok());
}
