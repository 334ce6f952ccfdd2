//! What was saved and is read back, and may have been changed meanwhile: plans, cursors, copies, descriptions of files,
//! recordings.

use kinto_protocol::testing::Recording;
use kinto_protocol::{Attachment, Cursor, FullRead, LocalCopy, Plan, Tombstone, bucket};

use super::bench::{self, Bench};
use super::flows::{look_at_report, records};
use super::{server, uploads};

/// A server that has nothing, does nothing and knows everything.
const ANSWERS: &[u8] = br#"200

{"settings": {"batch_max_requests": 5}, "capabilities": {"attachments": {"base_url": "https://files.example/att/"}}}
%%
200
etag: "9"

{"responses": [], "data": []}
%%
404
"#;

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(plan) = serde_json::from_str::<Plan>(&text) {
        plan_of(&plan, bytes);
    }
    cursor(&Cursor::from(&*text), bytes);
    if let Ok(saved) = serde_json::from_str::<Cursor>(&text) {
        cursor(&saved, bytes);
    }
    if let Ok(copy) = serde_json::from_str::<LocalCopy>(&text) {
        let stored = serde_json::to_string(&copy).expect("it can be stored");
        assert_eq!(serde_json::from_str::<LocalCopy>(&stored).expect("what was stored"), copy);
        let _ = copy.records::<kinto_protocol::JsonMap>().count();
        drop((copy.signed_text(), copy.signatures()));
    }
    if let Ok(file) = serde_json::from_str::<Attachment>(&text) {
        uploads::look_at_name(&file);
        let mut bench = Bench::new("once", ANSWERS).hears(bytes);
        bench.elsewhere = true;
        drop(bench.read(file.download()));
    }
    drop(serde_json::from_str::<Tombstone>(&text));
    if let Ok(recording) = text.parse::<Recording>() {
        let stored = recording.to_string();
        let again: Recording = stored.parse().expect("what was stored");
        assert_eq!((again.to_string(), &again), (stored, &recording));
        // Whoever dropped it would have to play all of it before.
        std::mem::forget(recording.replay());
    }
}

fn plan_of(plan: &Plan, bytes: &[u8]) {
    let stored = serde_json::to_string(plan).expect("it can be stored");
    let again: Plan = serde_json::from_str(&stored).expect("what was stored");
    assert_eq!((again.to_string(), serde_json::to_string(&again).expect("again")), (plan.to_string(), stored));
    bench::look_for_control(&plan.to_string());
    for edit in plan.changes() {
        bench::look_for_control(&edit.to_string());
        drop((edit.fields(), edit.data(), edit.old()));
    }
    let number = plan.changes().count();
    // A plan of another server is refused; this one is said to be of this server.
    for plan in [plan.clone(), plan.clone().at("https://here.example/v1")] {
        let mut bench = Bench::new("once", ANSWERS).hears(bytes);
        let apply = plan.apply().files_from(&bench.there.clone());
        bench.elsewhere = true;
        if let Ok(report) = bench.read(apply) {
            assert_eq!(report.items().count(), number, "an outcome for each");
            look_at_report(&report);
        }
    }
    // On a server that does what it is told, and no more than the plan says.
    let server = server::at("/buckets/b/collections/c");
    let path = server.session();
    match server.send(plan.clone().at(path.url()).apply()) {
        Ok(report) => look_at_report(&report),
        Err(error) => bench::look_at_line(&error),
    }
    drop(server.send(bucket("b").collection("c").records().list()).expect("a list"));
}

fn cursor(saved: &Cursor, bytes: &[u8]) {
    let text = saved.to_string();
    assert_eq!(text.lines().count(), usize::from(!text.is_empty()), "one line");
    let again = Cursor::from(text.as_str());
    assert_eq!((again.to_string(), again.is_empty(), again.timestamp()), (text, saved.is_empty(), saved.timestamp()));
    let _ = saved.timestamp();
    let mut bench = Bench::new("once", ANSWERS).hears(bytes);
    drop(bench.read(records().changes(saved)));
    let server = server::at("/buckets/b/collections/c");
    server.send(records().create("a", &serde_json::json!({"n": 1}))).expect("a record");
    let told = server.send(records().changes(saved)).expect("changes");
    // Where not all is shown, all is told each time.
    if told.full == Some(FullRead::Hidden) {
        return;
    }
    let then = server.send(records().changes(&told.cursor)).expect("changes");
    assert!(!then.is_full() && then.items.is_empty(), "each is told once: {then:?}");
}
