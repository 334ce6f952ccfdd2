//! Pages that are decoded while the next one is under way.

use std::cell::RefCell;

use serde::{Deserialize, Deserializer};

use super::*;
use crate::object::Object;

thread_local! {
    /// Which records were decoded, in this order.
    static DECODED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn decoded() -> Vec<String> {
    DECODED.take()
}

/// Notices when it is decoded. Its number is one, or else it is not what was expected.
#[derive(Debug)]
struct Noticed;

impl<'de> Deserialize<'de> for Noticed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            id: String,
            #[serde(rename = "n")]
            _n: u8,
        }
        let Fields { id, .. } = Fields::deserialize(from)?;
        assert_ne!(id, "panics", "as a type of a caller may");
        DECODED.with_borrow_mut(|decoded| decoded.push(id));
        Ok(Self)
    }
}

fn list() -> crate::List<Object<Noticed>> {
    records().typed().list()
}

/// A page that is large enough to be decoded later.
fn large(id: &str, n: &str, next: Option<&str>) -> Outcome {
    let headers: Vec<(&str, &str)> = next.map(|next| ("next-page", next)).into_iter().collect();
    let long = "x".repeat(64 * 1024);
    let body = format!(r#"{{"data":[{{"id":"{id}","last_modified":1,"n":{n},"text":"{long}"}}]}}"#);
    answer(200, &[&headers[..], &[("etag", "\"9\"")]].concat(), &body)
}

/// Drives a flow as a client does, and tells what happened in which order: `?` for a request, `!` for an answer.
fn story<F: Flow>(bench: &mut Bench, flow: F, answers: Vec<Outcome>) -> (Result<F::Output>, Vec<String>) {
    let mut exchange = bench.session.exchange(flow);
    drop(decoded());
    let (mut answers, mut story) = (answers.into_iter(), Vec::new());
    loop {
        match exchange.next(bench.now) {
            Step::Send(request, _) => {
                story.extend(decoded());
                let query = request.uri().query().unwrap_or_default();
                story.push(format!("?{query}"));
                exchange.meanwhile();
                story.extend(decoded());
                assert!(!exchange.has_work(), "it is done once");
                story.push("!".into());
                exchange.handle(answers.next().expect("one more answer"), bench.now);
            }
            Step::Wait(wait) => bench.now = bench.now.after(wait),
            Step::Done(result) => {
                assert!(answers.next().is_none(), "not all answers were asked for");
                story.extend(decoded());
                return (result, story);
            }
        }
    }
}

/// Once with a driver that does what there is to do meanwhile, and once with one that knows nothing of it.
fn both<T: PartialEq + std::fmt::Debug, F: Flow<Output = T>>(
    flow: impl Fn() -> F,
    answers: impl Fn() -> Vec<Outcome>,
) -> std::result::Result<T, String> {
    let told = |error: Error| format!("{error}, {:?}, {}", error.kind(), error.attempts());
    let with = story(&mut Bench::new(|_| {}), flow(), answers()).0.map_err(told);
    assert_eq!(with, run(flow(), answers()).result.map_err(told));
    with
}

#[test]
fn a_large_page_is_decoded_while_the_next_one_is_under_way() {
    let pages = vec![large("a", "1", Some("?_token=1")), large("b", "1", Some("?_token=2")), large("c", "1", None)];
    let (listing, story) = story(&mut Bench::new(|_| {}), list(), pages);
    assert_eq!(story, ["?", "!", "?_token=1", "a", "!", "?_token=2", "b", "!", "c"]);
    let listing = listing.unwrap();
    assert_eq!(listing.timestamp.unwrap().as_millis(), 9);
    assert_eq!(ids(listing), ["a", "b", "c"]);
}

#[test]
fn a_driver_that_knows_nothing_of_it_gets_the_same() {
    let pages = || vec![large("a", "1", Some("?_token=1")), large("b", "1", Some("?_token=2")), page(&["c"], None)];
    assert_eq!(both(|| records().list(), pages).unwrap().items.len(), 3);
    assert_eq!(both(|| records().list().consistent(), pages).unwrap().items.len(), 3);
    let at = crate::Timestamp::from_millis(8);
    let changed = both(|| records().list().if_changed_since(at), pages).unwrap();
    assert_eq!(ids(changed.modified().unwrap()), ["a", "b", "c"]);
    let partial = both(|| records().list().fields(["n"]), pages).unwrap();
    let mut bench = Bench::new(|_| {});
    for record in partial {
        let error = bench.run(records().update(&record), vec![]).error();
        assert_eq!(error.kind(), ErrorKind::Input, "what was read in part is not written back");
    }
}

#[test]
fn what_decides_whether_to_go_on_is_decoded_at_once() {
    let mut bench = Bench::new(|_| {});
    let small = answer(200, &[("next-page", "?_token=1")], r#"{"data":[{"id":"a","last_modified":1,"n":1}]}"#);
    let (_, small) = story(&mut bench, list(), vec![small, large("b", "1", None)]);
    assert_eq!(small, ["?", "!", "a", "?_token=1", "!", "b"], "a small one takes no time");
    let pages = vec![large("a", "1", Some("?_token=1")), large("b", "1", Some("?_token=2"))];
    let (limited, order) = story(&mut bench, list().limit(2), pages);
    assert_eq!(order, ["?_limit=2", "!", "a", "?_token=1", "!", "b"]);
    assert_eq!(ids(limited.unwrap()), ["a", "b"]);
    let mut cursor = list().pages();
    let (page, order) = story(&mut bench, &mut cursor, vec![large("a", "1", Some("?_token=1"))]);
    assert_eq!(order, ["?", "!", "a"], "whoever reads page by page is asked for each");
    assert_eq!(page.unwrap().unwrap().items.len(), 1);
}

#[test]
fn a_page_that_cannot_be_decoded_is_the_one_to_go_on_with() {
    for bare in [false, true] {
        for (before, broken) in [(0, "?"), (1, "?_token=1")] {
            let mut bench = Bench::new(|_| {});
            let mut list = list();
            let mut answers: Vec<_> = (0..before).map(|_| large("z", "1", Some("?_token=1"))).collect();
            answers.extend([large("a", "\"one\"", Some("?_token=2")), large("b", "1", None)]);
            let error = if bare {
                bench.run(&mut list, answers).error()
            } else {
                story(&mut bench, &mut list, answers).0.unwrap_err()
            };
            assert_eq!(error.kind(), ErrorKind::Decode);
            assert!(error.request().unwrap().to_string().contains("records"), "{error}");
            // And again, as often as that page comes like this.
            let again = vec![large("a", "\"one\"", Some("?_token=2")), large("b", "1", None)];
            let (again, order) = story(&mut bench, &mut list, again);
            assert_eq!(again.unwrap_err().kind(), ErrorKind::Decode);
            assert_eq!(order, [broken, "!", "?_token=2", "!"]);
            let rest = vec![large("a", "1", Some("?_token=2")), large("b", "1", None)];
            let (all, order) = story(&mut bench, &mut list, rest);
            assert_eq!(order, [broken, "!", "?_token=2", "a", "!", "b"]);
            assert_eq!(ids(all.unwrap()), if before == 0 { vec!["a", "b"] } else { vec!["z", "a", "b"] });
        }
    }
}

#[test]
fn it_ends_with_the_page_that_is_broken_whatever_comes_next() {
    let broken = || large("a", "\"one\"", Some("?_token=1"));
    for next in [
        || large("b", "1", None),
        || answer(503, &[("retry-after", "1")], ""),
        || fails(FailureKind::Interrupted),
        || answer(403, &[], "{}"),
        || answer(302, &[("location", "/v1/elsewhere")], ""),
    ] {
        // No retry and no redirect is followed for a list that is broken already.
        let error =
            both(|| records().typed::<std::collections::BTreeMap<String, u8>>().list(), || vec![broken(), next()]);
        assert!(error.unwrap_err().contains("Decode"));
    }
    // What the server asks of everybody is heard all the same.
    let mut bench = Bench::new(|_| {});
    let (result, _) = story(&mut bench, list(), vec![broken(), answer(200, &[("backoff", "10")], "{}")]);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(bench.run(records().get("a"), vec![answer(200, &[], RECORD)]).waits, [Duration::from_secs(10)]);
}

#[test]
fn a_write_under_way_may_have_been_carried_out() {
    /// A write, besides which something goes wrong.
    struct Besides;

    impl Flow for Besides {
        type Output = ();

        fn start(&mut self, session: &Session) -> Result<Turn<()>> {
            let call = records().replace("a", &json!({})).overwrite().call(session)?;
            Ok(Turn::Ask(crate::Ask::from(call).meanwhile()))
        }

        fn resume(&mut self, _: &Session, _: Reply) -> Result<Turn<()>> {
            panic!("no answer is read")
        }

        fn meanwhile(&mut self, _: &Session) -> Result<()> {
            Err(Error::input("besides"))
        }
    }

    let outcomes: [(fn() -> Outcome, bool); 3] = [
        (|| answer(200, &[], RECORD), true),
        (|| fails(FailureKind::Interrupted), true),
        (|| fails(FailureKind::Connect), false),
    ];
    for (outcome, maybe) in outcomes {
        assert!(both(|| Besides, || vec![outcome()]).unwrap_err().contains("besides"));
        let error = run(Besides, vec![outcome()]).error();
        assert_eq!((error.maybe_applied(), error.attempts()), (maybe, 1), "{error}");
    }
}

#[test]
fn a_list_goes_on_behind_what_is_decoded() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut list = list();
    let (lost, order) =
        story(&mut bench, &mut list, vec![large("a", "1", Some("?_token=1")), fails(FailureKind::Interrupted)]);
    assert_eq!((lost.unwrap_err().kind(), order.len()), (ErrorKind::Interrupted, 5));
    let (refused, order) = story(&mut bench, &mut list, vec![answer(403, &[], "{}")]);
    assert!(refused.unwrap_err().is_forbidden());
    assert_eq!(order, ["?_token=1", "!"], "a page that was decoded is not decoded again");
    let (all, _) = story(&mut bench, &mut list, vec![large("b", "1", None)]);
    assert_eq!(ids(all.unwrap()), ["a", "b"]);
}

#[test]
fn a_list_that_was_dropped_goes_on_with_what_it_has() {
    // With the request under way, decoded or not; and before it was sent.
    for (sent, worked) in [(true, false), (true, true), (false, false)] {
        for (n, rest) in [("1", vec![large("b", "1", None)]), ("\"one\"", vec![])] {
            let mut bench = Bench::new(|_| {});
            let mut list = list();
            let mut exchange = bench.session.exchange(&mut list);
            let Step::Send(..) = exchange.next(bench.now) else { panic!("the first page") };
            exchange.handle(large("a", n, Some("?_token=1")), bench.now);
            if sent {
                let Step::Send(..) = exchange.next(bench.now) else { panic!("the second page") };
                assert!(exchange.has_work());
            }
            if worked {
                exchange.meanwhile();
            }
            drop(exchange);
            let broken = rest.is_empty() && !worked;
            let all = if broken || n == "1" {
                story(&mut bench, &mut list, rest).0
            } else {
                // That it is broken was found, and told to nobody: it is the next one again.
                let (all, order) =
                    story(&mut bench, &mut list, vec![large("a", "1", Some("?_token=1")), large("b", "1", None)]);
                assert_eq!(order[..2], ["?", "!"]);
                all
            };
            if broken {
                let error = all.unwrap_err();
                assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1), "of the page that is broken");
                assert!(error.request().is_some(), "{error}");
                let pages = vec![large("a", "1", Some("?_token=1")), large("b", "1", None)];
                assert_eq!(ids(story(&mut bench, &mut list, pages).0.unwrap()), ["a", "b"]);
            } else {
                assert_eq!(ids(all.unwrap()), ["a", "b"]);
            }
        }
    }
}

#[test]
fn a_type_that_panics_loses_no_page() {
    let bench = Bench::new(|_| {});
    let mut list = list();
    for first in [true, false] {
        let mut exchange = bench.session.exchange(&mut list);
        let run = std::panic::AssertUnwindSafe(|| {
            let Step::Send(..) = exchange.next(bench.now) else { panic!("it is asked") };
            exchange.handle(large("panics", "1", Some("?_token=1")), bench.now);
            let Step::Send(..) = exchange.next(bench.now) else { panic!("the next one is asked") };
            exchange.meanwhile();
        });
        let panic = std::panic::catch_unwind(run).unwrap_err();
        let panic = panic.downcast::<String>().unwrap();
        assert!(panic.contains("a type of a caller"), "{first}: {panic}");
    }
}

#[test]
fn what_is_beyond_the_limit_of_pages_is_an_error_and_not_lost() {
    let mut bench = Bench::new(|policy| policy.pages = 1);
    let mut list = list();
    let (error, _) = story(&mut bench, &mut list, vec![large("a", "1", Some("?_token=1"))]);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Pagination);
    let (all, order) = story(&mut bench, &mut list, vec![large("b", "1", None)]);
    assert_eq!((ids(all.unwrap()), order[0].as_str()), (vec!["a".to_owned(), "b".to_owned()], "a"));
}

#[test]
fn pages_in_a_circle_are_found_when_they_are_large() {
    let pages = || (0..2).map(|_| large("a", "1", Some("?_token=1"))).collect();
    assert!(both(|| records().list(), pages).unwrap_err().contains("circle"));
}

#[cfg(feature = "export")]
#[test]
fn an_export_gives_what_was_decoded_while_the_next_page_was_under_way() {
    use std::fmt::Write as _;

    let collection = || answer(200, &[], r#"{"data":{"id":"c","last_modified":1}}"#);
    let pages = [
        || large("a", "1", Some("?_token=1")),
        || large("b", "1", Some("?_token=2")),
        || large("c", "1", Some("?_token=3")),
        || page(&["d"], None),
    ];
    // A piece is lost with each of its requests in turn, and once with none.
    for lost in 1..=5 {
        let mut bench = Bench::new(|policy| policy.attempts = 1);
        let mut export = bucket("b").collection("c").export();
        let mut answers: Vec<Outcome> = [collection()].into_iter().chain(pages.iter().map(|page| page())).collect();
        if lost < 5 {
            answers.insert(lost, fails(FailureKind::Interrupted));
        }
        let (mut answers, mut told) = (answers.into_iter(), String::new());
        let mut ids = Vec::new();
        loop {
            let mut exchange = bench.session.exchange(&mut export);
            let piece = loop {
                match exchange.next(bench.now) {
                    Step::Send(request, _) => {
                        let query = request.uri().query().unwrap_or_default();
                        let place = query.split_once("_token=").map_or("", |(_, token)| token);
                        write!(told, "?{place}{}", if exchange.has_work() { "+" } else { "" }).unwrap();
                        exchange.meanwhile();
                        exchange.handle(answers.next().unwrap(), bench.now);
                    }
                    Step::Wait(wait) => bench.now = bench.now.after(wait),
                    Step::Done(piece) => break piece,
                }
            };
            let Ok(piece) = piece else {
                told.push('!');
                continue;
            };
            let Some(piece) = piece else { break };
            for line in std::str::from_utf8(&piece).unwrap().lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                let id = line["data"]["id"].as_str().unwrap_or("-");
                write!(told, " {id}").unwrap();
                ids.push(id.to_owned());
            }
            told.push(';');
        }
        assert_eq!(ids, ["-", "c", "a", "b", "c", "d", "-"], "{lost}: {told}");
        // What was decoded already is given first.
        let expected = match lost {
            1 => " -;? c;?!??1+ a;?2+ b;?3+ c d; -;",
            2 => " -;? c;??1+! a;?1?2+ b;?3+ c d; -;",
            3 => " -;? c;??1+ a;?2+! b;?2?3+ c d; -;",
            4 => " -;? c;??1+ a;?2+ b;?3+! c;?3 d; -;",
            _ => " -;? c;??1+ a;?2+ b;?3+ c d; -;",
        };
        assert_eq!(told, expected);
    }
}

#[test]
fn a_survey_reads_in_the_same_way() {
    let pages = || vec![large("a", "1", Some("?_token=1")), large("b", "1", Some("?_token=2")), page(&["c"], None)];
    let (planner, order) = story(&mut Bench::new(|_| {}), records().survey(), pages());
    assert_eq!(order, ["?", "!", "?_token=1", "!", "?_token=2", "!"]);
    let extra = |planner: crate::Planner| planner.finish().count(crate::EditKind::Delete);
    assert_eq!(extra(planner.unwrap()), 3);
    assert_eq!(extra(run(records().survey(), pages()).result.unwrap()), 3, "without that");
    // And all of them are read one by one for their permissions.
    let one = |id| json!({"status": 200, "headers": {}, "body": {"data": {"id": id, "last_modified": 1}}});
    let batch = json!({"responses": [one("a"), one("b"), one("c")]}).to_string();
    let answers = pages().into_iter().chain([answer(200, &[], "{}"), answer(200, &[], &batch)]).collect();
    assert_eq!(extra(run(records().survey().permissions(), answers).result.unwrap()), 3);
}

/// Whether it finds out that a large page is broken while the next one is under way.
fn works_meanwhile<F: Flow>(flow: F, before: Vec<Outcome>) -> bool {
    let bench = Bench::new(|_| {});
    let mut exchange = bench.session.exchange(flow);
    for outcome in before.into_iter().chain([large("a", "1e999", Some("?_token=1"))]) {
        let Step::Send(..) = exchange.next(bench.now) else { panic!("it is asked") };
        assert!(!exchange.has_work());
        exchange.handle(outcome, bench.now);
    }
    let Step::Send(..) = exchange.next(bench.now) else { panic!("the next page is asked") };
    assert!(exchange.has_work());
    exchange.meanwhile();
    matches!(&exchange.course.phase, course::Phase::Flying(call) if call.spoiled.is_some())
}

#[test]
fn it_is_done_meanwhile_by_all_that_read_to_the_end() {
    let at = crate::Timestamp::from_millis(8);
    assert!(works_meanwhile(list(), vec![]));
    assert!(works_meanwhile(&mut list(), vec![]));
    assert!(works_meanwhile(list().if_changed_since(at), vec![]));
    assert!(works_meanwhile(records().survey(), vec![]));
    let wanted = || Vec::<(String, serde_json::Value)>::new();
    assert!(works_meanwhile(records().sync(wanted()), vec![]));
    let target = bucket("b").collection("d");
    assert!(works_meanwhile(bucket("b").collection("c").copy_records_to(&target), vec![]));
    #[cfg(feature = "export")]
    {
        let collection = || answer(200, &[], r#"{"data":{"id":"c","last_modified":1}}"#);
        let mut export = bucket("b").collection("c").export();
        let mut bench = Bench::new(|_| {});
        for answers in [vec![], vec![collection()]] {
            bench.run(&mut export, answers).result.unwrap();
        }
        assert!(works_meanwhile(&mut export, vec![]));
        #[cfg(feature = "yaml")]
        assert!(works_meanwhile(bucket("b").collection("c").export().into_tree(), vec![collection()]));
    }
}
