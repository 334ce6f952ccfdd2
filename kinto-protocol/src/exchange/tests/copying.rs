//! Copies and moves between two small models of servers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{Dice, LIST, Model, Record};
use super::*;
use crate::{Collection, CopyReport, CopyTo, Difference};

/// Two servers, the sessions that they are asked with, and what happens before a request.
struct Two {
    servers: [Model; 2],
    sessions: [Session; 2],
    now: Moment,
    requests: usize,
    /// Breaks off before this request.
    breaks: Option<usize>,
    /// Whether both URLs are of the first server.
    is_one: bool,
}

fn c() -> Collection {
    bucket("b").collection("c")
}

impl Two {
    fn of(source: Model, target: Model) -> Self {
        let policy = Policy { attempts: 1, ..Policy::default() };
        let session = |port: u16, secret: &str| {
            let builder = Session::builder(format!("http://localhost:{port}/v1")).auth(Auth::basic("me", secret));
            builder.policy(policy.clone()).seed(7).build().unwrap()
        };
        let sessions = [session(1, "s3cr3t"), session(2, "0therW0rd")];
        let mut servers = [source, target];
        for (server, at) in servers.iter_mut().zip([10, 20]) {
            let bucket = Record { at, data: JsonMap::new(), permissions: BTreeMap::new() };
            server.others.insert("/buckets".into(), [("b".to_owned(), bucket)].into());
        }
        Self { servers, sessions, now: Moment::default(), requests: 0, breaks: None, is_one: false }
    }

    fn target(&self) -> Session {
        self.sessions[1].clone()
    }

    fn send<F: Flow>(&mut self, flow: F, mut before: impl FnMut(usize, &mut [Model; 2])) -> Result<F::Output> {
        let mut exchange = self.sessions[0].exchange(flow);
        self.requests = 0;
        loop {
            match exchange.next(self.now) {
                Step::Send(request, _) => {
                    self.now = self.now.after(Duration::from_millis(10));
                    before(self.requests, &mut self.servers);
                    let at = usize::from(request.uri().port_u16() == Some(2));
                    let secret = &request.headers()["authorization"];
                    assert_eq!(secret, &self.sessions[at].request(&server_info()).unwrap().headers()["authorization"]);
                    let broken = self.breaks == Some(self.requests);
                    self.requests += 1;
                    let server = &mut self.servers[if self.is_one { 0 } else { at }];
                    let outcome = if broken { fails(FailureKind::Interrupted) } else { server.answer(&request) };
                    exchange.handle(outcome, self.now);
                }
                Step::Wait(wait) => self.now = self.now.after(wait),
                Step::Done(result) => return result,
            }
        }
    }

    fn copy(&mut self, change: impl FnOnce(CopyTo) -> CopyTo) -> Result<CopyReport> {
        let copy = change(c().copy_records_to(&c()).at(&self.target()));
        self.send(copy, |_, _| {})
    }

    fn data(&self) -> [BTreeMap<String, Value>; 2] {
        [self.servers[0].data(), self.servers[1].data()]
    }
}

fn writes(model: &Model) -> usize {
    model.asked.iter().filter(|line| !line.starts_with("GET")).count()
}

/// A model with these records, and the collection that they are in.
fn filled(records: &BTreeMap<String, Value>) -> Model {
    let mut model = Model::of(&[("c", json!({"schema": {}}))]);
    let collections = std::mem::take(&mut model.records);
    model.others.insert("/buckets/b/collections".into(), collections);
    records.iter().for_each(|(id, data)| model.put(id, data));
    model
}

fn some(n: i64) -> BTreeMap<String, Value> {
    ["a", "b", "c", "d", "e", "f", "g"].map(|id| (id.to_owned(), json!({"n": n}))).into()
}

#[test]
fn whatever_is_in_either_of_them() {
    for seed in 0..100 {
        let mut dice = Dice(seed);
        let (there, here) = (dice.collection(), dice.collection());
        let mut two = Two::of(filled(&there), filled(&here));
        let mirror = seed % 2 == 0;
        let change = |copy: CopyTo| if mirror { copy.delete_extra() } else { copy };
        let planned = two.copy(|copy| change(copy).dry_run()).unwrap();
        assert_eq!(two.data(), [there.clone(), here.clone()], "{seed}: a dry run changes nothing");
        let report = two.copy(change).unwrap();
        assert!(report.is_success(), "{seed}: {report}");
        let count = |report: &CopyReport| {
            use crate::EditKind::{Create, Delete, Update};
            [Create, Update, Delete].map(|kind| report.lists()[0].count(kind))
        };
        assert_eq!(count(&planned), count(&report), "{seed}");
        assert_eq!(writes(&two.servers[1]) as u64, count(&report).iter().sum::<u64>(), "{seed}: one write each");
        let [_, is] = two.data();
        let same = |id: &String| crate::json::same(&is[id], &there[id]);
        assert!(there.keys().all(same), "{seed}");
        assert_eq!(
            is.len(),
            if mirror {
                there.len()
            } else {
                there.keys().chain(here.keys()).collect::<std::collections::BTreeSet<_>>().len()
            }
        );
        two.servers[1].asked.clear();
        assert!(
            two.copy(change).unwrap().is_success() && writes(&two.servers[1]) == 0,
            "{seed}: a second one writes nothing"
        );
        assert_eq!(writes(&two.servers[0]), 0, "{seed}: the source is only read");
    }
}

#[test]
fn broken_off_anywhere_it_is_gone_on_with() {
    for breaks in 0.. {
        let mut two = Two::of(filled(&some(1)), filled(&BTreeMap::new()));
        two.breaks = Some(breaks);
        let first = two.copy(|copy| copy.timestamps());
        if two.requests <= breaks {
            assert!(breaks > 8 && first.unwrap().is_success());
            break;
        }
        let done = two.data()[1].len();
        match first {
            Ok(report) => {
                assert!(!report.is_success() && report.stopped().is_some(), "{breaks}: {report}");
                let error = report.into_result().unwrap_err();
                assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{breaks}: {error}");
            }
            Err(error) => assert!(done == 0 && error.kind() == ErrorKind::Interrupted, "{breaks}: {error}"),
        }
        two.breaks = None;
        let report = two.copy(|copy| copy.timestamps()).unwrap();
        assert!(report.is_success(), "{breaks}: {report}");
        assert_eq!((two.data()[0].clone(), report.lists()[0].unchanged()), (two.data()[1].clone(), done as u64));
        let at = |model: &Model| model.records.values().map(|record| record.at).collect::<Vec<_>>();
        assert_eq!(at(&two.servers[0]), at(&two.servers[1]));
    }
}

#[test]
fn what_changes_while_it_is_moved_is_lost_nowhere() {
    let mut moved = 0;
    for when in 0.. {
        for what in 0..3 {
            let mut two = Two::of(filled(&some(1)), Model::default());
            let (id, data) = (["a", "g", "new"][what], json!({"n": 2}));
            let flow = c().move_to(&c()).at(&two.target());
            let report = two.send(flow, |request, servers| {
                if request == when {
                    servers[0].put(id, &data);
                }
            });
            let report = report.unwrap();
            if two.requests <= when {
                assert!(report.is_success() && report.deleted() == 8 && when > 12, "{report}");
                assert_eq!((moved > 0, two.data()[0].len()), (true, 0));
                return;
            }
            let [there, here] = two.data();
            let kept = |id: &String, data: &Value| there.get(id) == Some(data) || here.get(id) == Some(data);
            let mut all = some(1);
            all.insert(id.to_owned(), data);
            assert!(all.iter().all(|(id, data)| kept(id, data)), "{when}, {what}: {report} {there:?} {here:?}");
            let collection = two.servers[0].others["/buckets/b/collections"].contains_key("c");
            // Between the look into it and its deletion is a moment that no precondition covers.
            let last = when + 1 == two.requests;
            assert!(collection || there.is_empty() || last, "{when}, {what}: a collection goes with what is in it");
            // Changed after it had all gone is none of the move's business.
            assert_eq!(report.is_success(), there.is_empty() || !collection, "{when}, {what}: {report}");
            moved += usize::from(report.is_success());
        }
    }
}

#[test]
fn one_server_with_two_urls_loses_nothing() {
    let mut two = Two::of(filled(&some(1)), Model::default());
    two.is_one = true;
    let error = two.send(c().move_to(&c()).at(&two.target()).timestamps(), |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("is the same in both places, as one server may have two URLs"), "{error}");
    assert_eq!((writes(&two.servers[0]), two.data()[0].clone()), (0, some(1)));
    assert!(two.servers[0].others["/buckets/b/collections"].contains_key("c"));
}

#[test]
fn what_changes_in_the_target_is_not_overwritten() {
    for when in 0..30 {
        let mut two = Two::of(filled(&some(1)), filled(&some(0)));
        let flow = c().copy_records_to(&c()).at(&two.target());
        let report = two.send(flow, |request, servers| {
            if request == when {
                servers[1].put("d", &json!({"theirs": 1}));
            }
        });
        let report = report.unwrap();
        if two.requests <= when {
            return;
        }
        let theirs = two.data()[1]["d"] == json!({"theirs": 1});
        let told = report.lists()[0].differences().any(|(id, it)| (id, it) == ("d", Difference::Data));
        // Before it was read it was not there to be kept, and after all was compared nobody looks.
        assert!(theirs || when == 0 || report.is_success(), "{when}: {report}");
        assert!(!theirs || told || report.is_verified(), "{when}: {report}");
    }
}

#[test]
fn each_server_has_its_own_secrets_and_its_own_silence() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let other = Session::builder("http://localhost:2/v1").auth(Auth::basic("you", "0therW0rd")).build().unwrap();
    let copy = || c().copy_records_to(&c()).at(&other);
    let echo = json!({"code": 403, "errno": 121, "message": "not you:0therW0rd nor me:s3cr3t"}).to_string();
    let run = bench.run(copy(), vec![answer(403, &[("backoff", "30")], &echo)]);
    assert_eq!(run.requests[0].uri().to_string(), format!("http://localhost:2/v1{LIST}"));
    let error = run.error();
    assert!(error.is_forbidden(), "{error}");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("s3cr3t") && !text.contains("0therW0rd"), "{text}");
    }
    assert!(other.quiet_until() > bench.now && bench.session.quiet_until() == Moment::default());
    // It waits at the gate of the one that asked for silence.
    let page = || answer(200, &[], r#"{"data":[]}"#);
    let run = bench.run(copy(), vec![page(), page(), page(), page()]);
    assert!(run.result.as_ref().unwrap().is_success());
    assert_eq!(run.waits.len(), 1);
    let hosts: Vec<_> = run.requests.iter().map(|request| request.uri().port_u16().unwrap()).collect();
    assert_eq!(hosts, [2, 1, 2, 1]);
}

#[test]
fn a_timestamp_is_not_planned_twice() {
    let mut two = Two::of(filled(&some(1)), filled(&BTreeMap::new()));
    // Of somebody else's record in the target, and of another in the source.
    let at = two.servers[0].records["b"].at;
    two.servers[0].records.get_mut("c").unwrap().at = two.servers[0].records["d"].at;
    (0..20).for_each(|_| two.servers[1].put("theirs", &json!({})));
    two.servers[1].records.get_mut("theirs").unwrap().at = at;
    let report = two.copy(|copy| copy.timestamps()).unwrap();
    let found: Vec<_> = report.lists()[0].differences().collect();
    assert!(found.len() == 2 && found.iter().all(|(_, it)| *it == Difference::Timestamp), "{found:?}");
    let mut all: Vec<i64> = two.servers[1].records.values().map(|record| record.at).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 8);
}

#[test]
fn plugins_redirects_and_limits_are_those_of_the_server_that_is_asked() {
    /// A flow of another session's.
    struct At<F>(F, Session);

    impl<F: Flow> Flow for At<F> {
        type Output = F::Output;

        fn start(&mut self, _: &Session) -> Result<Turn<F::Output>> {
            Ok(self.0.start(&self.1)?.at(&self.1))
        }

        fn resume(&mut self, _: &Session, reply: Reply) -> Result<Turn<F::Output>> {
            Ok(self.0.resume(&self.1, reply)?.at(&self.1))
        }
    }

    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let policy = Policy { attempts: 2, ..Policy::default() };
    let other = || Session::builder("http://localhost:2/v1").policy(policy.clone()).build().unwrap();
    let hosts = |run: &Run<Listing<crate::Object<crate::Change>>>| -> Vec<u16> {
        run.requests.iter().map(|request| request.uri().port_u16().unwrap()).collect()
    };
    let history = || bucket("b").history().list();
    let info = || answer(200, &[], r#"{"capabilities":{"history":{}}}"#);
    let run = bench.run(At(history(), other()), vec![info(), answer(503, &[], ""), answer(200, &[], r#"{"data":[]}"#)]);
    assert!(run.result.is_ok() && run.waits.len() == 1, "as patient as its own policy says");
    assert_eq!(hosts(&run), [2, 2, 2]);
    let to = |host: &str| answer(307, &[("location", &format!("http://{host}/v1/elsewhere"))], "");
    let run = bench.run(At(history(), other()), vec![info(), to("localhost:2"), answer(200, &[], r#"{"data":[]}"#)]);
    assert!(run.result.is_ok());
    let run = bench.run(At(history(), other()), vec![info(), to("localhost:1")]);
    assert_eq!(run.error().kind(), ErrorKind::Redirect, "not to where other credentials are at home");
    let run = bench.run(At(history(), other()), vec![answer(200, &[], "{}")]);
    assert_eq!(run.error().kind(), ErrorKind::Unsupported);
    // A server that does not say is asked once, and the other one by itself.
    struct Both(Vec<Session>);
    impl Flow for Both {
        type Output = ();

        fn start(&mut self, session: &Session) -> Result<Turn<()>> {
            let Some(other) = self.0.pop() else { return Ok(Turn::Done(())) };
            Ok(bucket("b").history().list().start(session)?.map(drop).at(&other))
        }

        fn resume(&mut self, session: &Session, _: Reply) -> Result<Turn<()>> {
            self.start(session)
        }
    }
    let (one, two) = (other(), bench.session.clone());
    let asks = Both(vec![two.clone(), one.clone(), two, one]);
    let nonsense = || answer(200, &[], "?");
    let run = bench.run(asks, (0..6).map(|_| nonsense()).collect());
    let lines: Vec<String> =
        run.requests.iter().map(|it| it.uri().to_string().replace("http://localhost:", "")).collect();
    let list = |n: u8| format!("{n}/v1/buckets/b/history");
    assert_eq!(lines, ["2/v1/".into(), list(2), "1/v1/".into(), list(1), list(2), list(1)]);
}
