//! Steps of a review whose answer is lost on the way.

use std::sync::atomic::{AtomicBool, Ordering};

use kinto_protocol::{ErrorKind, Review, ReviewStatus, Transition};
use kinto_tests::{Cut, Cutter, Ending};

use crate::context::{Kinto, refused};
use crate::driver::Driver;
use crate::reviews::{by_way_of, forbidden, invalid, reviewed, words};

/// Who takes it, which one it is, where it leads, and what the server answers to each of its requests.
type Step = (&'static str, fn(&Review) -> Transition, ReviewStatus, &'static [u16]);

/// Each step, whose first answer is lost after it was done: it is done once, and said to be done.
pub(crate) fn the_answer_to_a_step_is_lost<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    let steps: [Step; 7] = [
        ("alice", |it| it.request("please"), ReviewStatus::ToReview, &[200, 200, 200]),
        ("bob", |it| it.decline("no"), ReviewStatus::WorkInProgress, &[200, 200, 200]),
        ("alice", |it| it.request("now"), ReviewStatus::ToReview, &[200, 200, 200]),
        // The second attempt is refused, as it is signed by then.
        ("bob", Review::approve, ReviewStatus::Signed, &[200, 400, 200]),
        ("bob", Review::resign, ReviewStatus::Signed, &[200, 200, 200]),
        ("alice", |it| it.request("again"), ReviewStatus::ToReview, &[200, 200, 200]),
        ("alice", |it| it.roll_back(""), ReviewStatus::Signed, &[200, 400, 200]),
    ];
    it.write(kinto, "a", 1);
    for (name, step, status, answers) in steps {
        let cutter = losing_the_first_patch(&kinto.url);
        let outcome = by_way_of::<D>(&cutter, name).send(step(&it.review));
        let outcome = outcome.unwrap_or_else(|error| panic!("{status:?} by {name}: {error}"));
        assert_eq!(outcome.data.status, Some(status));
        assert_eq!(answered(&cutter, &it.id), answers, "{:?} by {name}", outcome.data.status);
        let read = kinto.alice.send(it.review.status()).unwrap();
        assert_eq!((read.data, read.last_modified), (outcome.data, outcome.last_modified));
    }
    assert_eq!(it.in_bucket(kinto, "main"), ["a=1"]);
}

/// The second attempt does not meet the condition any more, by the work of the first.
pub(crate) fn the_answer_to_a_step_on_condition_is_lost<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    let looked_at = kinto.alice.send(it.review.request("please")).unwrap();
    let cutter = losing_the_first_patch(&kinto.url);
    let approve = it.review.approve().if_match(looked_at.last_modified);
    let approved = by_way_of::<D>(&cutter, "bob").send(approve).unwrap();
    assert_eq!(approved.data.status, Some(ReviewStatus::Signed));
    assert_eq!(answered(&cutter, &it.id), [200, 412, 200]);
    it.stands(kinto, &approved);
}

/// A server without transactions keeps what it refuses: it looks at a status when that is in memory already. What is
/// said of it is true all the same.
pub(crate) fn refused_and_written_all_the_same<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    assert_eq!(words(kinto.bob.send(it.review.approve())), invalid("Collection already signed"));
    assert_eq!(kinto.bob.send(it.review.status()).unwrap().data.status, Some(ReviewStatus::ToSign));

    kinto.bob.send(it.review.decline("")).unwrap();
    it.write(kinto, "a", 1);
    kinto.alice.send(it.review.request("")).unwrap();
    let cutter = losing_the_first_patch(&kinto.url);
    let error = refused(by_way_of::<D>(&cutter, "bob").send(it.review.approve()));
    assert!(error.maybe_applied(), "{error}");
    assert_eq!(answered(&cutter, &it.id), [200, 400, 200]);
    assert_eq!(it.in_bucket(kinto, "main"), ["a=1"]);
    // Which takes no more than another step.
    let signed = kinto.bob.send(it.review.roll_back("")).unwrap();
    assert_eq!(signed.data.status, Some(ReviewStatus::Signed));
    it.stands(kinto, &signed);
}

pub(crate) fn the_refusal_of_a_step_is_lost<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    kinto.admin.send(it.review.request("mine")).unwrap();
    for (name, message) in [("admin", "Last editor cannot review"), ("alice", "Not in reviewers group")] {
        let cutter = losing_the_first_patch(&kinto.url);
        let refusal = by_way_of::<D>(&cutter, name).send(it.review.approve());
        assert_eq!(words(refusal), forbidden(message));
        assert_eq!(answered(&cutter, &it.id), [403, 403, 200]);
    }
    assert_eq!(it.in_bucket(kinto, "main"), [""; 0]);

    // With one attempt nobody knows, which is said.
    let cutter = losing_the_first_patch(&kinto.url);
    let error = refused(by_way_of::<D>(&cutter, "bob").once().send(it.review.approve()));
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(error.maybe_applied(), "{error}");
    assert_eq!(kinto.alice.send(it.review.status()).unwrap().data.status, Some(ReviewStatus::Signed));
}

fn losing_the_first_patch(url: &str) -> Cutter {
    let lost = AtomicBool::new(false);
    Cutter::start(url, Ending::Reset, move |head| match head.method.as_str() {
        "PATCH" if !lost.swap(true, Ordering::Relaxed) => Cut::AfterRequest,
        _ => Cut::None,
    })
}

/// What the server answered to all that was asked of the collection.
fn answered(cutter: &Cutter, id: &str) -> Vec<u16> {
    let log = cutter.log();
    log.iter().filter(|it| it.head.path.ends_with(id)).map(|it| it.answered.unwrap()).collect()
}
