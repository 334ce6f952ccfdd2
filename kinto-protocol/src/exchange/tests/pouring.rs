//! A stream of records that is poured into a list: what is taken from it, what is sent, and what is told of it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::model::Model;
use super::*;
use crate::{Bulk, BulkMode, BulkPart, BulkReport, BulkStep, Status, Summary, Wanted};

/// A driver whose server answers when it is told to.
struct Driver {
    model: Model,
    session: Session,
    under_way: VecDeque<BulkPart>,
    /// Whether the part that was begun last is done first.
    newest_first: bool,
}

impl Driver {
    /// The model takes 3 in a batch.
    fn of(model: Model) -> Self {
        let policy = Policy { attempts: 1, ..Policy::default() };
        let session = Session::builder("http://localhost:1/v1").policy(policy).seed(7).build().unwrap();
        Self { model, session, under_way: VecDeque::new(), newest_first: false }
    }

    /// Does what the bulk wants, until it waits or is over.
    fn advance<W: Into<Wanted>>(&mut self, bulk: &mut Bulk, input: &mut impl Iterator<Item = W>) -> bool {
        loop {
            match bulk.next(&self.session) {
                BulkStep::Input => bulk.input(input.next()),
                BulkStep::Send(part) => self.under_way.push_back(part),
                BulkStep::Wait => return true,
                BulkStep::Over => return false,
            }
        }
    }

    /// Does one of the parts that are under way.
    fn answer_one(&mut self) {
        let part = if self.newest_first { self.under_way.pop_back() } else { self.under_way.pop_front() };
        let (mut exchange, mut now) = (self.session.exchange(part.unwrap()), Moment::default());
        loop {
            match exchange.next(now) {
                Step::Send(request, _) => {
                    now = now.after(Duration::from_millis(10));
                    exchange.handle(self.model.answer(&request), now);
                }
                Step::Wait(wait) => now = now.after(wait),
                Step::Done(result) => return result.unwrap(),
            }
        }
    }

    fn pour<W: Into<Wanted>>(&mut self, bulk: &mut Bulk, input: impl IntoIterator<Item = W>) -> Result<Summary> {
        let mut input = input.into_iter();
        bulk.begin();
        while self.advance(bulk, &mut input) {
            self.answer_one();
        }
        bulk.outcome()
    }

    /// What was written so far, and by how many requests.
    fn asked(&mut self) -> String {
        std::mem::take(&mut self.model.asked).join(", ")
    }
}

fn bulk(mode: BulkMode) -> Bulk {
    records().bulk(mode)
}

fn numbered(numbers: std::ops::Range<usize>) -> impl Iterator<Item = (String, Value)> {
    numbers.map(|n| (format!("r{n}"), json!({"n": n})))
}

fn failures(report: &BulkReport) -> Vec<String> {
    report.failures().iter().map(ToString::to_string).collect()
}

#[test]
fn in_chunks_of_what_the_server_takes() {
    let mut driver = Driver::of(Model::default());
    let mut all = bulk(BulkMode::Create);
    assert_eq!(driver.pour(&mut all, numbered(0..8)).unwrap().to_string(), "8 done");
    assert_eq!(driver.model.data(), numbered(0..8).collect());
    let report = all.into_report();
    assert!(report.is_success() && report.taken() == 8 && report.unfinished().is_empty(), "{report:?}");
    assert_eq!(report.to_string(), "8 done");
    assert_eq!(report.into_result().unwrap().total(), 8);
    let none = bulk(BulkMode::SkipUnchanged);
    assert_eq!(none.into_report().to_string(), "nothing to do");
}

/// Of a stream without end, as much as may be under way and one chunk more.
#[test]
fn nothing_is_taken_that_there_is_no_room_for() {
    for (concurrency, chunk, chunks, taken) in [(1, 3, 1, 6), (2, 3, 2, 9), (4, 2, 4, 10)] {
        let mut driver = Driver::of(Model::default());
        let mut endless = bulk(BulkMode::Create).concurrency(concurrency).requests(chunk);
        let (mut numbers, mut answered) = (0..usize::MAX, 0);
        let mut input = std::iter::from_fn(|| numbers.next().map(|n| (format!("r{n}"), json!({}))));
        endless.begin();
        assert!(driver.advance(&mut endless, &mut input), "the first part is alone");
        assert_eq!(driver.under_way.len(), 1);
        driver.answer_one();
        while answered < 50 {
            assert!(driver.advance(&mut endless, &mut input));
            assert_eq!(driver.under_way.len(), chunks);
            driver.answer_one();
            answered += 1;
        }
        driver.under_way.clear();
        assert_eq!(numbers.start, taken + 49 * chunk);
        let report = endless.into_report();
        assert_eq!(report.taken() as usize, numbers.start);
        assert_eq!(report.summary().total(), numbers.start);
        assert_eq!(report.summary().count(Status::Done), answered * chunk);
    }
}

/// A chunk is bounded by bytes, too.
#[test]
fn large_records_make_small_chunks() {
    let mut driver = Driver::of(Model::default());
    let mut large = bulk(BulkMode::Create).bytes(100);
    let text = "x".repeat(90);
    let mut input = (0..).map(|n| (format!("r{n}"), json!({"text": text})));
    large.begin();
    assert!(driver.advance(&mut large, &mut input));
    driver.answer_one();
    assert!(driver.advance(&mut large, &mut input));
    assert_eq!(input.next().unwrap().0, "r2");
    driver.under_way.clear();
    let _ = large.into_report();
}

/// The later of two is written when the outcome of the earlier is known, whichever part is done first.
#[test]
fn one_id_is_under_way_once() {
    for mode in [BulkMode::Overwrite, BulkMode::SkipUnchanged] {
        for newest_first in [false, true] {
            let mut driver = Driver { newest_first, ..Driver::of(Model::default()) };
            let mut all = bulk(mode).concurrency(4).requests(2);
            let ids = ["a", "b", "a", "c", "a", "a", "d", "e", "f", "b", "a"];
            let input = ids.iter().enumerate().map(|(n, id)| (*id, json!({"n": n})));
            let summary = driver.pour(&mut all, input.clone()).unwrap();
            assert_eq!(summary.to_string(), "11 done", "{mode:?} {:?}", all.into_report());
            let expected: BTreeMap<_, _> = input.map(|(id, data)| (id.to_owned(), data)).collect();
            assert_eq!(driver.model.data(), expected);
            // In their order, each.
            let of_a = driver.model.asked.iter().filter(|line| line.ends_with(" a")).count();
            assert_eq!(of_a, 5, "{:?}", driver.model.asked);
        }
    }
}

#[test]
fn nothing_more_is_taken_while_an_id_is_awaited() {
    let mut driver = Driver::of(Model::default());
    let mut all = bulk(BulkMode::Overwrite).concurrency(3);
    let mut taken = Vec::new();
    let mut input = ["a", "b", "a", "c"].into_iter().map(|id| {
        taken.push(id);
        (id, json!({}))
    });
    all.begin();
    assert!(driver.advance(&mut all, &mut input));
    driver.answer_one();
    assert!(driver.advance(&mut all, &mut input));
    assert_eq!(driver.under_way.len(), 1);
    while driver.advance(&mut all, &mut input) {
        driver.answer_one();
    }
    drop(input);
    assert_eq!(taken, ["a", "b", "a", "c"]);
    assert_eq!(driver.asked(), "PUT a, PUT b, PUT a, PUT c");
}

#[test]
fn create_or_overwrite_or_patch() {
    let there = [("same", json!({"n": 1})), ("other", json!({"n": 1, "keep": true}))];
    let wanted = [("same", json!({"n": 1})), ("other", json!({"n": 2})), ("new", json!({"n": 3}))];
    let poured = |mode| {
        let mut driver = Driver::of(Model::of(&there));
        let mut all = bulk(mode);
        let summary = driver.pour(&mut all, wanted.clone()).unwrap().to_string();
        (summary, failures(&all.into_report()), driver.model.data())
    };
    let data = |other: Value, new: Option<Value>| {
        let both = [("same", json!({"n": 1})), ("other", other)].into_iter().chain(new.map(|new| ("new", new)));
        both.map(|(id, data)| (id.to_owned(), data)).collect::<BTreeMap<_, _>>()
    };
    let new = Some(json!({"n": 3}));
    let (summary, failed, after) = poured(BulkMode::Create);
    assert_eq!(
        (summary.as_str(), failed),
        ("1 done, 1 already so, 1 in conflict", vec!["number 1, \"other\", in conflict".into()])
    );
    assert_eq!(after, data(json!({"n": 1, "keep": true}), new.clone()));
    let (summary, failed, after) = poured(BulkMode::Overwrite);
    assert_eq!((summary.as_str(), failed), ("3 done", vec![]));
    assert_eq!(after, data(json!({"n": 2}), new.clone()));
    let (summary, failed, after) = poured(BulkMode::Patch);
    assert_eq!((summary.as_str(), failed), ("2 done, 1 missing", vec!["number 2, \"new\", missing".into()]));
    assert_eq!(after, data(json!({"n": 2, "keep": true}), None));
    let (summary, failed, after) = poured(BulkMode::SkipUnchanged);
    assert_eq!((summary.as_str(), failed), ("2 done, 1 already so", vec![]));
    assert_eq!(after, data(json!({"n": 2}), new));
}

#[test]
fn what_is_as_it_is_wanted_is_not_written() {
    let mut driver = Driver::of(Model::of(&[("a", json!({"n": 0})), ("b", json!({"x": [1.0]}))]));
    let wanted = [("a", json!({"n": 0})), ("b", json!({"x": [1]})), ("c", json!({}))];
    assert_eq!(driver.pour(&mut bulk(BulkMode::SkipUnchanged), wanted.clone()).unwrap().count(Status::AlreadySo), 2);
    assert_eq!(driver.asked(), "GET records, PUT c");
    let before = driver.model.records.clone();
    let again = driver.pour(&mut bulk(BulkMode::SkipUnchanged), wanted).unwrap();
    assert_eq!(again.to_string(), "3 already so");
    assert_eq!(driver.asked(), "GET records, GET records");
    assert_eq!(driver.model.records, before);
}

/// What was changed since the list was read is not overwritten.
#[test]
fn somebody_elses_change_is_a_conflict() {
    let mut driver = Driver::of(Model::of(&[("a", json!({"n": 0})), ("b", json!({"n": 0}))]));
    let mut all = bulk(BulkMode::SkipUnchanged);
    all.begin();
    let mut input = [("a", json!({"n": 1})), ("b", json!({"n": 1})), ("c", json!({"n": 1}))].into_iter();
    assert!(driver.advance(&mut all, &mut input));
    driver.answer_one();
    driver.model.put("b", &json!({"n": 7}));
    driver.model.put("c", &json!({"n": 8}));
    while driver.advance(&mut all, &mut input) {
        driver.answer_one();
    }
    let report = all.into_report();
    assert_eq!(failures(&report), ["number 1, \"b\", in conflict", "number 2, \"c\", in conflict"]);
    assert_eq!(report.failures()[0].existing().unwrap()["n"], 7);
    assert_eq!(driver.model.data()["c"], json!({"n": 8}));
    let error = report.into_result().unwrap_err();
    assert!(error.is_precondition_failed() && error.maybe_applied(), "{error}");
    assert!(
        error.to_string().contains("2 of 3 records failed, the first of them number 1, \"b\", in conflict"),
        "{error}"
    );
}

/// A file stays with its record, and what is the server's is not written.
#[test]
fn what_is_not_the_callers() {
    let file = json!({"location": "x", "size": 1});
    let wanted = json!({"id": "a", "last_modified": 5, "schema": 3, "n": 1});
    let wanted = || [wanted.as_object().unwrap().clone()];
    let mut driver = Driver::of(Model::of(&[("a", json!({"n": 0, "attachment": file, "schema": 2}))]));
    driver.pour(&mut bulk(BulkMode::SkipUnchanged), wanted()).unwrap();
    assert_eq!(driver.model.data()["a"], json!({"n": 1, "attachment": file}));
    assert!(driver.model.records["a"].at > 100);
    let mut copy = wanted();
    copy[0].insert("attachment".into(), file.clone());
    driver.pour(&mut bulk(BulkMode::Overwrite), copy).unwrap();
    assert_eq!(driver.model.data()["a"], json!({"n": 1, "attachment": file}));
    // Of a collection a schema is the caller's, and where its review stands is taken away if it is not sent along.
    let collections = bucket("b").collections();
    let mut all = collections.bulk(BulkMode::Overwrite);
    all.begin();
    let mut part = None;
    while let BulkStep::Send(next) = all.next(&driver.session) {
        drop(part.replace(next));
        driver.session.memory().learn_batch_most(3);
        let _ = Bench { session: driver.session.clone(), now: Moment::default() }.run(part.take().unwrap(), vec![]);
    }
    all.input(Some(("c", json!({"last_modified": 5, "schema": {}, "status": "signed"}))));
    all.input(None::<Wanted>);
    let BulkStep::Send(part) = all.next(&driver.session) else { panic!() };
    let sent =
        Bench { session: driver.session.clone(), now: Moment::default() }.run(part, vec![fails(FailureKind::Connect)]);
    assert_eq!(&sent.requests[0].body()[..], br#"{"data":{"schema":{},"status":"signed"}}"#);
}

#[test]
fn each_failure_has_its_position() {
    let lines =
        [r#"{"id": "a"}"#, "{", r#"{"id": "b/c"}"#, r#"{"n": 1}"#, "[]", r#"{"id": "d"}"#, r#"{"id": "a", "n": 2}"#];
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let mut all = bulk(BulkMode::Create)
        .keep_failures(3)
        .on_failure(move |failure| tells.lock().unwrap().push(failure.position()));
    let mut driver = Driver::of(Model::default());
    let summary = driver.pour(&mut all, lines.map(serde_json::from_str::<JsonMap>)).unwrap();
    assert_eq!(summary.to_string(), "2 done, 1 in conflict, 4 invalid");
    assert_eq!(*told.lock().unwrap(), [1, 2, 3, 4, 6]);
    let report = all.into_report();
    assert_eq!(report.taken(), 7);
    assert_eq!(failures(&report), ["number 1, invalid", "number 2, \"b/c\", invalid", "number 3, invalid"]);
    let why = report.failures()[0].error();
    assert!(why.kind() == ErrorKind::Input && why.to_string().contains("EOF"), "{why}");
    assert!(!report.is_success() && report.stopped().is_none());
}

#[test]
fn it_stops_after_so_many_failures() {
    let mut driver = Driver::of(Model::default());
    let mut all = bulk(BulkMode::Patch).stop_after(4).keep_failures(0);
    let mut input = numbered(0..1_000);
    let error = driver.pour(&mut all, &mut input).unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains("stopped after 4 failures"), "{error}");
    let report = all.into_report();
    assert!(report.summary().count(Status::Missing) == 6 && report.taken() < 15, "{report}");
    assert_eq!(report.summary().total() as u64, report.taken());
    assert_eq!(report.into_result().unwrap_err().to_string(), error.to_string());
    assert_eq!(input.next().unwrap().1["n"], 9);
}

/// What was not sent and what is in doubt is known, and pouring once more goes on with it.
#[test]
fn what_fails_for_all_stops_it() {
    for breaks in 0..8 {
        for again in [false, true] {
            let mut driver = Driver::of(Model { breaks: Some(breaks), ..Model::default() });
            let mut all = bulk(BulkMode::SkipUnchanged).concurrency(2);
            let mut input = numbered(0..12);
            let outcome = driver.pour(&mut all, &mut input);
            let Err(error) = outcome else {
                assert!(breaks >= 6 && outcome.unwrap().to_string() == "12 done", "{breaks}");
                continue;
            };
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
            assert!(error.to_string().contains("pouring stopped after"), "{error}");
            if again {
                driver.model.breaks = None;
                assert_eq!(driver.pour(&mut all, input).unwrap().to_string(), "12 done", "{breaks}");
                assert_eq!(driver.model.data(), numbered(0..12).collect());
                continue;
            }
            let report = all.into_report();
            let taken = report.taken() as usize;
            assert!(report.stopped().is_some() && report.summary().total() == taken, "{report}");
            let done = driver.model.records.len();
            assert_eq!(report.summary().count(Status::Done), done);
            let mut open = 0;
            for (range, status) in report.unfinished() {
                assert!(
                    range.start as usize >= done && matches!(status, Status::NotSent | Status::Unknown),
                    "{report:?}"
                );
                open += range.end - range.start;
            }
            assert_eq!(open as usize, taken - done);
            // Those that were not on their way by then never are.
            assert_eq!(report.summary().count(Status::Unknown), 3.min(taken), "{breaks}: {report}");
            assert_eq!(error.maybe_applied(), taken > 0, "{error}");
            if breaks < 2 {
                assert_eq!(taken, 0, "without knowing what is there nothing is taken");
            }
        }
    }
}

/// Parts that are dropped unfinished, wherever that is, are no loss.
#[test]
fn what_is_dropped_is_left() {
    let mut driver = Driver::of(Model::default());
    let mut all = bulk(BulkMode::Create).concurrency(2);
    let mut input = numbered(0..20);
    all.begin();
    assert!(driver.advance(&mut all, &mut input));
    driver.answer_one();
    assert!(driver.advance(&mut all, &mut input));
    assert_eq!(driver.under_way.len(), 2);
    // One was on its way, and carried out; the other was not begun.
    let part = driver.under_way.pop_front().unwrap();
    let mut exchange = driver.session.exchange(part);
    let Step::Send(request, _) = exchange.next(Moment::default()) else { panic!() };
    driver.model.answer(&request).unwrap();
    all.begin();
    assert!(matches!(all.next(&driver.session), BulkStep::Over));
    let error = all.outcome().unwrap_err();
    assert!(error.to_string().contains("still under way"), "{error}");
    drop(exchange);
    driver.under_way.clear();
    assert_eq!(driver.pour(&mut all, &mut input).unwrap().to_string(), "20 done");
    assert_eq!(driver.model.data(), numbered(0..20).collect());
    assert_eq!(driver.model.asked.iter().filter(|line| line.starts_with("PUT")).count(), 23);
    assert_eq!(driver.model.asked.iter().filter(|line| line.starts_with("GET")).count(), 3);

    let mut all = bulk(BulkMode::Overwrite);
    let mut input = numbered(0..4);
    all.begin();
    assert!(driver.advance(&mut all, &mut input));
    driver.answer_one();
    assert!(driver.advance(&mut all, &mut input));
    let mut exchange = driver.session.exchange(driver.under_way.pop_front().unwrap());
    let Step::Send(..) = exchange.next(Moment::default()) else { panic!() };
    drop(exchange);
    let report = all.into_report();
    assert_eq!(report.unfinished(), [(0..3, Status::Unknown), (3..4, Status::NotSent)]);
}

/// What is made ready need not wait for a stream that has nothing for now, if the server need not wait either.
#[test]
fn a_stream_that_pauses() {
    let mut driver = Driver::of(Model::default());
    let mut slow = bulk(BulkMode::Create);
    driver.pour(&mut slow, numbered(0..0)).unwrap();
    slow.begin();
    assert!(!slow.pause(), "there is nothing");
    assert!(matches!(slow.next(&driver.session), BulkStep::Input));
    slow.input(numbered(0..1).next());
    assert!(matches!(slow.next(&driver.session), BulkStep::Input) && slow.pause());
    let BulkStep::Send(part) = slow.next(&driver.session) else { panic!() };
    driver.under_way.push_back(part);
    assert!(matches!(slow.next(&driver.session), BulkStep::Input));
    slow.input(numbered(1..2).next());
    assert!(matches!(slow.next(&driver.session), BulkStep::Input) && !slow.pause(), "one is under way");
    driver.answer_one();
    assert!(matches!(slow.next(&driver.session), BulkStep::Input) && slow.pause());
    let BulkStep::Send(part) = slow.next(&driver.session) else { panic!() };
    driver.under_way.push_back(part);
    driver.answer_one();
    assert_eq!(slow.into_report().to_string(), "2 done");
}

/// Where the server does not say what it takes, it is the usual; a server that can be read only is asked one by one.
#[test]
fn servers_that_say_little() {
    let hello = |body: &str| {
        let mut bench = Bench::new(|policy| policy.attempts = 1);
        let mut all = bulk(BulkMode::Create).requests(30);
        all.begin();
        let BulkStep::Send(part) = all.next(&bench.session) else { panic!() };
        let asked = bench.run(part, vec![answer(200, &[], body)]);
        assert_eq!(asked.lines(), ["GET /v1/"]);
        let mut taken = 0;
        while matches!(all.next(&bench.session), BulkStep::Input) {
            all.input(Some((format!("r{taken}"), json!({}))));
            taken += 1;
        }
        taken
    };
    assert_eq!(hello(r#"{"settings": {"batch_max_requests": 7}}"#), 7);
    assert_eq!(hello(r#"{"settings": {"batch_max_requests": null}}"#), 30);
    assert_eq!(hello("nonsense"), 25);
    assert_eq!(hello(r#"{"settings": {"readonly": true}}"#), 1);

    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut all = bulk(BulkMode::Create);
    all.begin();
    let BulkStep::Send(part) = all.next(&bench.session) else { panic!() };
    bench.run(part, vec![answer(503, &[], "{}")]).result.unwrap();
    assert!(matches!(all.next(&bench.session), BulkStep::Over));
    let error = all.outcome().unwrap_err();
    assert!(error.status().is_some() && !error.maybe_applied(), "{error}");
}
