//! One record, published: asked for, reviewed by somebody else, waited for.
//!
//! ```text
//! cargo run --example publish_and_wait
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use kinto_blocking::{Client, ReviewStatus, bucket};
use kinto_examples::{review_place, say, title};
use serde_json::{Value, json};

/// The whole of what the service does.
fn publish(client: &Client, id: &str, experiment: &Value) -> Result<(), Box<dyn Error>> {
    let experiments = bucket("main-workspace").collection("nimbus-desktop");
    let review = experiments.review();
    let now = client.send(review.status())?.data;
    match now.status {
        Some(ReviewStatus::ToReview) => return Err("others are being reviewed".into()),
        Some(ReviewStatus::WorkInProgress) if now.last_reviewer_comment.is_some_and(|said| !said.is_empty()) => {
            client.send(review.roll_back("it was declined"))?;
            say("what was declined is taken back");
        }
        _ => {}
    }
    client.send(experiments.records().replace(id, experiment).overwrite())?;
    client.send(review.request("please"))?;
    say("a review was asked for");
    let signed = client.send(review.wait_until_signed().interval(Duration::from_millis(100)))?;
    say(&format!("signed, by {}", signed.data.last_review_by.unwrap_or_default()));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (_server, editor, reviewer) = review_place()?;
    client_scene(&editor)?;
    let review = bucket("main-workspace").collection("nimbus-desktop").review();
    title("Somebody looks at it meanwhile");
    let approval = thread::spawn(move || {
        for _ in 0..100 {
            let now = reviewer.send(review.status())?;
            if now.data.status == Some(ReviewStatus::ToReview) {
                // What was looked at, and nothing that came after.
                return reviewer.send(review.approve().if_match(now.last_modified)).map(drop);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    });
    publish(&editor, "dark-mode", &json!({"branches": ["on", "off"]}))?;
    approval.join().map_err(|_| "the reviewer is gone")??;
    let published = bucket("main").collection("nimbus-desktop").records();
    say(&format!("anybody reads {}", Value::Object(editor.send(published.get("dark-mode"))?.data)));
    Ok(())
}

fn client_scene(editor: &Client) -> Result<(), kinto_blocking::Error> {
    editor.send(bucket("main-workspace").collections().create("nimbus-desktop", &json!({}))).map(drop)
}
