//! Changes since a cursor: answers as scripted, and a model of a server whose writes become visible late.

use std::collections::{BTreeMap, HashSet};
use std::time::UNIX_EPOCH;

use super::*;
use crate::{Changes, Cursor, Entry, FullRead};

const LIST: &str = "/v1/buckets/b/collections/c/records";
const PARENT: &str = "HEAD /v1/buckets/b/collections/c";

/// A time of day, in milliseconds.
const NOON: i64 = 1_700_000_000_000;

/// What the server answers at this time, with this timestamp of the list.
fn list(now: i64, timestamp: i64, next: Option<&str>, items: &[(&str, i64)]) -> Outcome {
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now.unsigned_abs()));
    let etag = format!("\"{timestamp}\"");
    let mut headers = vec![("date", date.as_str()), ("etag", &etag)];
    headers.extend(next.map(|next| ("next-page", next)));
    let items: Vec<_> = items
        .iter()
        .map(|(id, at)| match id.strip_prefix('-') {
            Some(id) => json!({"id": id, "last_modified": at, "deleted": true}),
            None => json!({"id": id, "last_modified": at, "n": at}),
        })
        .collect();
    answer(200, &headers, &json!({"data": items}).to_string())
}

fn parent(timestamp: i64) -> Outcome {
    answer(200, &[("etag", &format!("\"{timestamp}\""))], "")
}

/// What was told: ids, those of deleted records with a hyphen.
fn told<T>(items: &[Entry<T>]) -> Vec<String> {
    items.iter().map(|item| format!("{}{}", if let Entry::Deleted(_) = item { "-" } else { "" }, item.id())).collect()
}

fn since(cursor: &Cursor, answers: Vec<Outcome>) -> Run<Changes<JsonMap>> {
    run(records().changes(cursor), answers)
}

/// A cursor that has seen `a` and `b`, at a time when they were that old.
fn seen(age: i64) -> Cursor {
    let run = since(&Cursor::default(), vec![parent(7), list(NOON + age, NOON, None, &[("a", NOON - 9), ("b", NOON)])]);
    assert_eq!(run.lines(), [PARENT.to_owned(), format!("GET {LIST}?_sort=last_modified")]);
    let changes = run.result.unwrap();
    assert_eq!((told(&changes.items), changes.full), (vec!["a".into(), "b".into()], Some(FullRead::First)));
    // As it would be the next day.
    Cursor::from(changes.cursor.to_string().as_str())
}

const LATER: i64 = 70_000;

#[test]
fn what_is_told_once_is_not_told_again() {
    let cursor = seen(1_000);
    let again = |answer| since(&cursor, vec![answer]);
    let run = again(list(NOON + 1_000, NOON, None, &[("a", NOON - 9), ("b", NOON)]));
    assert_eq!(run.lines(), [format!("GET {LIST}?_since={}&_sort=last_modified", NOON + 1_000 - 2_010 - 60_000)]);
    assert!(!run.requests[0].headers().contains_key("if-none-match"), "something may still be on its way");
    let changes = run.result.unwrap();
    assert_eq!((changes.items, changes.full), (vec![], None));
    // Committed late, changed, and deleted.
    let items = [("late", NOON - 5), ("b", NOON), ("new", NOON + 1), ("-a", NOON + 2)];
    let changes = again(list(NOON + 1_000, NOON + 2, None, &items)).result.unwrap();
    assert_eq!((told(&changes.items), changes.full), (vec!["late".into(), "new".into(), "-a".into()], None));
    assert_eq!(changes.cursor.timestamp().unwrap().as_millis(), NOON + 2);
}

#[test]
fn nothing_new_is_one_small_request() {
    let cursor = seen(LATER);
    let run = since(&cursor, vec![answer(304, &[], "")]);
    assert_eq!(run.lines(), [format!("GET {LIST}?_since={}&_sort=last_modified", NOON - 1)]);
    assert_eq!(run.requests[0].headers()["if-none-match"], format!("\"{NOON}\"").as_str());
    let changes = run.result.unwrap();
    assert_eq!((changes.items, changes.full, &changes.cursor), (vec![], None, &cursor));

    // On the first page alone, and the second is asked for once more after an error.
    let mut pages = records().changes(&cursor).pages();
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let first = list(NOON + LATER, NOON + 2, Some("?_token=1"), &[("b", NOON), ("x", NOON + 1)]);
    assert_eq!(told(&bench.run(&mut pages, vec![first]).result.unwrap().unwrap().items), ["x"]);
    assert!(pages.cursor().is_none());
    assert!(bench.run(&mut pages, vec![fails(FailureKind::Interrupted)]).result.is_err());
    let run = bench.run(&mut pages, vec![list(NOON + LATER, NOON + 3, None, &[("y", NOON + 2), ("z", NOON + 3)])]);
    assert!(!run.requests[0].headers().contains_key("if-none-match"));
    assert!(run.lines()[0].ends_with("&_token=1"));
    assert_eq!(told(&run.result.unwrap().unwrap().items), ["y", "z"]);
    assert!(bench.run(&mut pages, vec![]).result.unwrap().is_none());
    // As it was before the first page: what came after that is looked for again.
    assert_eq!(pages.cursor().unwrap().timestamp().unwrap().as_millis(), NOON + 2);
}

#[test]
fn without_a_date_nothing_is_taken_for_settled() {
    let answer = |timestamp: i64, items: &str| {
        answer(200, &[("etag", &format!("\"{timestamp}\""))], &format!("{{\"data\":[{items}]}}"))
    };
    let cursor = since(&Cursor::default(), vec![parent(7), answer(NOON, "")]).result.unwrap().cursor;
    let run = since(&cursor, vec![answer(NOON, "")]);
    assert_eq!(run.lines(), [format!("GET {LIST}?_since={}&_sort=last_modified", NOON - 60_000)]);
    assert!(run.requests[0].headers().get("if-none-match").is_none());
    let none = since(&cursor, vec![super::answer(200, &[], r#"{"data":[]}"#)]).error();
    assert_eq!(none.kind(), ErrorKind::Decode, "{none}");
}

#[test]
fn everything_is_read_where_that_is_all_that_is_safe() {
    let all = || list(NOON + LATER, NOON + 9, None, &[("c", NOON + 9)]);
    let cursor = seen(LATER);
    let text = cursor.to_string();
    let elsewhere = Cursor::from(text.replace("localhost", "elsewhere").as_str());
    let other = Cursor::from(text.replace("/c/", "/d/").as_str());
    let refused = || answer(400, &[], r#"{"errno":107,"message":"_since in querystring: Invalid value for _since"}"#);
    let unlike = || list(NOON + LATER, NOON + 9, None, &[("b", NOON + 8), ("c", NOON + 9)]);
    let older = || list(NOON + LATER, NOON - 1, None, &[("a", NOON - 1)]);
    let shared = || vec![answer(403, &[], ""), all()];
    for (cursor, answers, why) in [
        (Cursor::from("2 of the future"), vec![parent(7), all()], FullRead::UnknownCursor),
        (elsewhere, vec![parent(7), all()], FullRead::OtherList),
        (other, vec![parent(7), all()], FullRead::OtherList),
        (cursor.clone(), vec![refused(), parent(7), all()], FullRead::Refused),
        (cursor.clone(), vec![older(), parent(7), all()], FullRead::WentBack),
        (cursor.clone(), vec![unlike(), parent(8), all()], FullRead::Recreated),
        (cursor.clone(), vec![unlike(), answer(403, &[], ""), all()], FullRead::Hidden),
        (since(&Cursor::default(), shared()).result.unwrap().cursor, vec![all()], FullRead::Hidden),
    ] {
        let changes = since(&cursor, answers).result.unwrap();
        assert_eq!((told(&changes.items), changes.full), (vec!["c".into()], Some(why)));
        assert!(!why.to_string().is_empty() && changes.is_full());
    }
    // It need not be, if the collection is still the one.
    let run = since(&cursor, vec![unlike(), parent(7)]);
    assert_eq!(run.lines().len(), 2);
    let changes = run.result.unwrap();
    assert_eq!((told(&changes.items), changes.full), (vec!["b".into(), "c".into()], None));
    // Nor if that was changed, and what was told last is as it was.
    let alike = list(NOON + LATER, NOON + 9, None, &[("b", NOON), ("c", NOON + 9)]);
    assert_eq!(told(&since(&cursor, vec![alike]).result.unwrap().items), ["c"]);
}

#[test]
fn what_is_not_shown_is_no_silence() {
    // The list was changed, and nothing of that is shown.
    let cursor = seen(LATER);
    let silent = || list(NOON + LATER, NOON + 9, None, &[("b", NOON)]);
    let run = since(&cursor, vec![silent(), parent(7), list(NOON + LATER, NOON + 9, None, &[("b", NOON)])]);
    let changes = run.result.unwrap();
    assert_eq!((told(&changes.items), changes.full), (vec!["b".into()], Some(FullRead::Hidden)));
    // From then on it is looked at as a whole, without a precondition; and in the end it is an error.
    let run = since(&changes.cursor, vec![answer(403, &[], r#"{"errno":121}"#)]);
    assert_eq!(run.lines(), [format!("GET {LIST}?_sort=last_modified")]);
    assert!(run.requests[0].headers().get("if-none-match").is_none());
    assert!(run.error().is_forbidden());
    // Of buckets one sees those that are one's own.
    let run = super::run(buckets().changes(&Cursor::default()), vec![list(NOON, NOON, None, &[("b", NOON)])]);
    let run = super::run(buckets().changes(&run.result.unwrap().cursor), vec![list(NOON, NOON, None, &[])]);
    assert_eq!(run.result.unwrap().full, Some(FullRead::Hidden));
    // Page by page, the changes come first.
    let (mut pages, mut bench) = (records().changes(&cursor).pages(), Bench::new(|_| {}));
    assert_eq!(bench.run(&mut pages, vec![silent()]).result.unwrap().unwrap().full, None);
    let all = list(NOON + LATER, NOON + 9, None, &[]);
    assert_eq!(bench.run(&mut pages, vec![parent(7), all]).result.unwrap().unwrap().full, Some(FullRead::Hidden));
    // That it is another list is something else.
    let answers = vec![silent(), parent(8), list(NOON + LATER, NOON + 9, None, &[])];
    assert_eq!(since(&cursor, answers).result.unwrap().full, Some(FullRead::Recreated));
}

#[test]
fn a_list_made_anew_while_it_is_read_is_noticed_the_next_time() {
    let first = || list(NOON + LATER, NOON, Some("?_token=1"), &[("a", NOON - 9), ("b", NOON)]);
    let second = || list(NOON + LATER, NOON + 5, None, &[("c", NOON + 5)]);
    let anew = || vec![second(), parent(8), second()];
    let cursor = since(&Cursor::default(), vec![parent(7), first(), second()]).result.unwrap().cursor;
    assert_eq!(since(&cursor, anew()).result.unwrap().full, Some(FullRead::Recreated));
    let cursor = since(&seen(1_000), vec![first(), second()]).result.unwrap().cursor;
    assert_eq!(since(&cursor, anew()).result.unwrap().full, Some(FullRead::Recreated));
}

#[test]
fn errors_are_errors_and_leave_it_where_it_is() {
    let gone = || answer(404, &[], r#"{"errno":110}"#);
    assert!(since(&Cursor::default(), vec![gone(), gone()]).error().is_not_found());
    assert!(since(&seen(LATER), vec![gone()]).error().is_not_found());
    let broken = since(&seen(LATER), vec![list(NOON + LATER, NOON + 9, Some("?"), &[("b", NOON)])]).error();
    assert_eq!(broken.kind(), ErrorKind::Pagination);
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    assert!(bench.run(records().changes(&Cursor::default()), vec![answer(500, &[], "")]).result.is_err());
    let mut bench = Bench::new(|policy| policy.pages = 1);
    let long = || list(NOON + LATER, NOON + 9, Some("?_token=1"), &[("b", NOON)]);
    let error = bench.run(records().changes(&seen(LATER)), vec![long()]).error();
    assert_eq!(error.kind(), ErrorKind::Pagination);
}

/// A server on PostgreSQL: a write has its timestamp when it begins, and is seen when it is committed.
struct Model {
    clock: i64,
    parent: i64,
    timestamp: i64,
    there: BTreeMap<String, (i64, bool)>,
    /// When each is committed.
    under_way: Vec<(i64, String, i64, bool)>,
    dice: u64,
    /// Nothing happens any more.
    is_over: bool,
    asked: usize,
}

/// A request takes no longer than this.
const OVERLAP: i64 = 10_000;

impl Model {
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % sides
    }

    /// Time passes, and somebody does something.
    fn live(&mut self) {
        if self.is_over {
            return;
        }
        self.clock += 1 + i64::try_from(self.roll(700)).unwrap();
        let clock = self.clock;
        for (_, id, at, dead) in self.under_way.extract_if(.., |(done, ..)| *done <= clock) {
            self.there.insert(id, (at, dead));
            self.timestamp = self.timestamp.max(at);
        }
        let id = format!("r{}", self.roll(12));
        // One row is locked by one.
        let free = self.under_way.iter().all(|(_, other, ..)| *other != id);
        match self.roll(300) {
            0 => {
                self.under_way.clear();
                self.there.clear();
                (self.parent, self.timestamp) = (clock, clock);
            }
            1 => self.parent = clock,
            2..100 if free => {
                let dead = self.roll(3) == 0 && self.there.get(&id).is_some_and(|(_, dead)| !dead);
                let takes = if self.roll(2) == 0 { 0 } else { i64::try_from(self.roll(OVERLAP as u64)).unwrap() };
                self.under_way.push((clock + takes, id, clock, dead));
            }
            _ => {}
        }
    }

    fn answer(&mut self, request: &Request) -> Outcome {
        self.live();
        self.asked += 1;
        if request.method() == Method::HEAD {
            return parent(self.parent);
        }
        let etag = format!("\"{}\"", self.timestamp);
        if request.headers().get("if-none-match").is_some_and(|tag| tag == etag.as_str()) {
            return answer(304, &[], "");
        }
        let query = request.uri().query().unwrap();
        let asked = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.parse::<i64>().ok());
        let (since, after) = (asked("_since="), asked("_token=").or(asked("_since=")).unwrap_or(0));
        let mut found: Vec<_> = self.there.iter().filter(|(_, (at, _))| *at > after).collect();
        found.retain(|(_, (_, dead))| since.is_some() || !dead);
        found.sort_by_key(|(_, (at, _))| *at);
        let next = (found.len() > 3).then(|| format!("?_token={}", found[2].1.0));
        let items: Vec<_> = found
            .iter()
            .take(3)
            .map(|(id, (at, dead))| (format!("{}{id}", if *dead { "-" } else { "" }), *at))
            .collect();
        let items: Vec<_> = items.iter().map(|(id, at)| (id.as_str(), *at)).collect();
        // As if it had taken that long.
        let took = i64::try_from(self.roll(5_000)).unwrap();
        list(self.clock - took, self.timestamp, next.as_deref(), &items)
    }

    fn changes(&mut self, cursor: &Cursor) -> Changes<JsonMap> {
        let (session, now) = (Bench::new(|_| {}).session, Moment::default());
        let flow = records().changes(cursor).overlap(Duration::from_millis(OVERLAP.unsigned_abs()));
        let mut exchange = session.exchange(flow);
        loop {
            match exchange.next(now) {
                Step::Send(request, _) => exchange.handle(self.answer(&request), now),
                Step::Wait(_) => panic!("there is nothing to wait for"),
                Step::Done(result) => return result.unwrap(),
            }
        }
    }
}

#[test]
fn a_copy_is_what_is_there_whatever_happens() {
    let (mut fulls, mut late, mut small) = (0, 0, 0);
    for seed in 0..10 {
        let mut model = Model {
            clock: NOON,
            parent: NOON,
            timestamp: NOON,
            there: BTreeMap::new(),
            under_way: Vec::new(),
            dice: seed,
            is_over: false,
            asked: 0,
        };
        let (mut copy, mut cursor, mut told) = (BTreeMap::new(), Cursor::default(), HashSet::new());
        for round in 0..300 {
            // Now and then all that is under way comes to its end, and nothing else happens.
            model.is_over = round % 10 == 9;
            if model.is_over {
                for (_, id, at, dead) in std::mem::take(&mut model.under_way) {
                    model.there.insert(id, (at, dead));
                    model.timestamp = model.timestamp.max(at);
                }
                model.clock += if round % 20 == 9 { 0 } else { 2 * OVERLAP };
            }
            for _ in 0..model.roll(12) {
                model.live();
            }
            let (before, newest) = (model.asked, cursor.timestamp());
            let changes = model.changes(&cursor);
            if changes.is_full() {
                copy.clear();
                told.clear();
                fulls += 1;
            }
            small += usize::from(changes.items.is_empty() && model.asked == before + 1);
            for item in changes.items {
                let at = item.last_modified();
                assert!(told.insert((item.id().to_owned(), at)), "{} {at} is told twice", item.id());
                late += usize::from(!copy.is_empty() && newest.is_some_and(|newest| at < newest));
                match item {
                    Entry::Live(record) => copy.insert(record.id, at.as_millis()),
                    Entry::Deleted(record) => copy.remove(&record.id),
                };
            }
            cursor = Cursor::from(changes.cursor.to_string().as_str());
            if model.is_over {
                let live = model.there.iter().filter(|(_, (_, dead))| !dead);
                let there: BTreeMap<_, _> = live.map(|(id, (at, _))| (id.clone(), *at)).collect();
                assert_eq!(copy, there, "{seed}, {round}");
            }
        }
    }
    assert!(fulls > 20 && late > 100 && small > 20, "{fulls} {late} {small}");
}
