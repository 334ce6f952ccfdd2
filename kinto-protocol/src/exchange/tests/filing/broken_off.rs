//! Plans with files that break off, wherever they do, and whatever else is going on.

use super::*;

#[test]
fn broken_off_anywhere_it_is_gone_on_with() {
    for how in [Breaks::Before, Breaks::After] {
        for breaks in 0.. {
            let mut pair = both();
            let plan = pair.plan();
            let mut apply: Apply = plan.apply().files_from(&pair.from());
            pair.breaks = Some((breaks, how));
            let first = pair.send(&mut apply);
            let reached = pair.requests > breaks;
            if let Err(error) = &first {
                assert!(error.kind() == ErrorKind::Interrupted, "{how:?} {breaks}: {error}");
                pair.breaks = None;
                let summary = pair.send(&mut apply).unwrap();
                assert!(summary.is_success() && summary.total() == 5, "{how:?} {breaks}: {summary}");
            } else {
                // A lost answer was cleared up at once.
                assert!(!reached || how == Breaks::After, "{breaks}");
            }
            let report = apply.into_report();
            assert!(report.is_success() && report.items().count() == 5, "{how:?} {breaks}: {report}");
            let files = pair.writes().iter().filter(|line| line.ends_with(" file")).count();
            assert_eq!(files, 3, "{how:?} {breaks}: no file is sent twice");
            let [is, wanted] = pair.kept();
            assert_eq!((is.len(), &is["new"], &is["other"]), (3, &wanted["new"], &wanted["other"]), "{how:?} {breaks}");
            pair.breaks = None;
            assert!(pair.plan().is_empty(), "{how:?} {breaks}");
            if !reached {
                assert!(breaks > 12);
                break;
            }
        }
    }
}

#[test]
fn what_stops_it_is_told() {
    for breaks in 0.. {
        let mut pair = both();
        let plan = pair.plan();
        pair.breaks = Some((breaks, Breaks::Before));
        let result = pair.send(plan.apply().files_from(&pair.from()));
        if pair.requests <= breaks {
            assert!(result.unwrap().is_success() && breaks > 12);
            break;
        }
        let written = pair.writes().len();
        let Ok(report) = result else {
            assert_eq!((written, breaks), (0, 0), "nothing was sent");
            continue;
        };
        assert!(report.stopped().is_some() && !report.is_success(), "{breaks}: {report}");
        let ended = statuses(&report);
        let [is, wanted] = pair.kept();
        for (id, file) in ended.iter().filter_map(|(id, (_, file))| Some((id, (*file)?))) {
            let there = is.get(id).map(|(_, content)| content) == wanted.get(id).map(|(_, content)| content);
            assert_eq!(there, file == Status::Done, "{breaks}: {id} {file}");
            assert!(matches!(file, Status::Done | Status::NotSent | Status::Unknown), "{breaks}: {id} {file}");
        }
        let error = report.into_result().unwrap_err();
        assert!(
            error.kind() == ErrorKind::Interrupted && error.maybe_applied() == (written > 0 || breaks > 0),
            "{error}"
        );
        pair.breaks = None;
        let rest = pair.plan();
        pair.send(rest.apply().files_from(&pair.from())).unwrap().into_result().unwrap();
        assert!(pair.plan().is_empty());
    }
}

#[test]
fn one_that_is_kept_knows_why_it_stopped() {
    let mut pair = both();
    let plan = pair.plan();
    let mut apply = plan.apply().files_from(&pair.from()).concurrency(2);
    // At the first file, which nobody knows what became of.
    let stopped = pair.send_at(0, &mut apply, |request, servers| {
        let posts = request.uri().path().ends_with("/attachment");
        servers[0].down |= posts;
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
    let report = apply.into_report();
    assert!(
        report.stopped().unwrap().to_string().contains("it stopped after 0 of 3 files: "),
        "{:?}",
        report.stopped()
    );
    let files: Vec<Status> = report.items().filter_map(|item| item.file()).collect();
    assert_eq!(files, [Status::Unknown, Status::NotSent, Status::NotSent]);
    let unknown = report.of(Status::Unknown).next().unwrap().error().unwrap();
    assert!(unknown.maybe_applied() && !report.is_success(), "{unknown}");
    assert_eq!(report.to_string(), "2 done, 2 not sent, 1 unknown; files: 2 not sent, 1 unknown");
}

#[test]
fn progress_counts_files() {
    let mut pair = both();
    let plan = pair.plan();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let apply = plan.apply().files_from(&pair.from());
    pair.send(apply.progress(move |over, all| tells.lock().unwrap().push((over, all)))).unwrap().into_result().unwrap();
    assert_eq!(*told.lock().unwrap(), [(0, 7), (3, 7), (4, 7), (5, 7), (6, 7), (7, 7)]);
}

#[test]
fn a_review_is_asked_for_when_files_are_there_too() {
    let review = bucket("b").collection("c").review();
    for works in [true, false] {
        let mut pair = both();
        let wanted = [Wanted::new("x", &json!({})).file(if works { "x.txt" } else { "x/y" }, "x")];
        let plan = pair.send(records().sync(wanted).attachments().keep_extra()).unwrap();
        let mut asked = false;
        let result = pair.send_at(0, plan.apply().then_request_review(&review, "please"), |request, _| {
            asked |= request.uri().path().ends_with("/collections/c");
        });
        // The model knows no reviews: what came of asking is told.
        assert_eq!(result.unwrap().reviewed().is_some(), works);
        assert_eq!(asked, works);
    }
}

#[test]
fn whatever_is_there_and_whatever_is_wanted() {
    let filled = |dice: &mut Dice| {
        let mut keeper = Keeper { model: Model::of(&[]), ..Keeper::default() };
        for n in 0..8 {
            let id = format!("r{n}");
            if dice.roll(3) > 0 {
                keeper.model.put(&id, &json!({"n": dice.roll(2)}));
                if dice.roll(3) > 0 {
                    let content = ["a", "b", "c"][dice.roll(3) as usize];
                    keeper.attach(&id, &format!("{content}.txt"), content.as_bytes());
                }
            }
        }
        keeper
    };
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let (here, there) = (filled(&mut dice), filled(&mut dice));
        let mut pair = Pair::of(here, there);
        let keep = seed % 3 == 0;
        let wanted = pair.source();
        let sync = |wanted: Vec<Object>| {
            let sync = records().sync(wanted).attachments();
            if keep { sync.keep_timestamps() } else { sync }
        };
        let plan = pair.send(sync(wanted.clone())).unwrap();
        let plan: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        let before = pair.servers[0].clone();
        // Somebody is faster, at any time.
        let when = dice.roll(20) as usize;
        let id = format!("r{}", dice.roll(8));
        let with_file = dice.roll(2) == 0;
        let mut theirs = None;
        let mut count = 0;
        let planned: Vec<String> = plan.changes().map(|edit| edit.id().to_owned()).collect();
        let attaches = plan.changes().filter(|edit| edit.file().is_some()).count();
        let report = pair.send_at(0, plan.apply().files_from(&pair.from()), |request, servers| {
            // Between the look at a record and its file is a moment that no precondition covers.
            let covered = !request.uri().path().ends_with("/attachment");
            count += 1;
            if seed % 2 == 1 && count > when && theirs.is_none() && covered {
                servers[0].model.put(&id, &json!({"theirs": 1}));
                if with_file {
                    servers[0].attach(&id, "t.txt", b"theirs");
                }
                theirs = Some(servers[0].model.records[&id].clone());
            }
        });
        let report = report.unwrap();
        assert!(report.stopped().is_none() && report.items().count() == planned.len(), "{seed}: {report}");
        assert!(report.items().filter(|item| item.file().is_some()).count() == attaches);
        let [is, wanted_files] = pair.kept();
        for record in &wanted {
            let stands = &pair.servers[0].model.records[&record.id];
            if let Some(theirs) = theirs.as_ref().filter(|_| record.id == id) {
                let ours = stands.data.get("theirs").is_none();
                assert!(!ours && stands == theirs, "{seed}: theirs stays");
                continue;
            }
            assert_eq!(stands.data["n"], record.data["n"], "{seed}: {}", record.id);
            let content = |files: &BTreeMap<String, (String, String)>| files.get(&record.id).map(|(_, it)| it.clone());
            assert_eq!(content(&is), content(&wanted_files), "{seed}: {}", record.id);
            if !planned.contains(&record.id) {
                assert_eq!(stands, &before.model.records[&record.id], "{seed}: what is as it is wanted is not written");
            }
        }
        if theirs.is_none() {
            assert!(report.is_success(), "{seed}: {report}");
            let again = pair.send(sync(wanted)).unwrap();
            // A timestamp that another record had may be free only now.
            let empty = if keep { again.changes().all(|edit| edit.file().is_none()) } else { again.is_empty() };
            assert!(empty, "{seed}: a second plan is empty");
        }
        assert!(report.items().all(|item| item.kind() != EditKind::Delete || item.file().is_none()));
    }
}
