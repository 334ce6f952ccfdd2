//! The main things, once each, on a real server.
//!
//! ```text
//! cargo run --example quickstart
//! cargo run --example quickstart -- --server https://kinto.example/v1 --auth USER:PASS
//! ```

use std::error::Error;
use std::process::ExitCode;

use kinto_blocking::{Batch, Bucket, Client, EVERYONE, Object, Permissions, bucket, buckets, field, server_info};
use kinto_examples::{Answers, Todo, introduce, place, say, title};
use serde_json::json;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let place = place()?;
    let answers = Answers::default();
    let counting = answers.clone();
    let client = Client::builder(&place.url)
        .auth(place.auth.clone())
        .user_agent("quickstart/1.0")
        .observer(move |event| counting.count(event))
        .build()?;
    introduce(&place, &client.send(server_info())?)?;

    title("A bucket and a collection");
    // With a new id, so that the tour can be taken on any server, any number of times.
    let home = client.send(buckets().add(&json!({"for": "a tour"})))?;
    say(&format!("bucket {} is there", home.id));
    let told = tour(&client, &bucket(&home.id));

    // Whatever happened, nothing is left behind.
    title("Cleaning up");
    let gone = client.send(buckets().delete(&home.id))?;
    say(&format!("bucket {} and all that was in it: deleted at {}", gone.id, gone.last_modified));
    told?;
    answers.tell();
    Ok(())
}

pub(crate) fn tour(client: &Client, bucket: &Bucket) -> Result<(), Box<dyn Error>> {
    let readers = Permissions::new().read([EVERYONE]);
    client.send(bucket.collections().create("todos", &json!({})).permissions(readers))?;
    let todos = bucket.collection("todos").records().typed::<Todo>();
    say("collection todos is in it, everybody may read it");

    title("Writing");
    for (id, title, priority) in [("milk", "Buy milk", 2), ("mail", "Answer the mail", 5), ("nap", "Take a nap", 9)] {
        let todo = client.send(todos.create(id, &Todo { title: title.into(), done: false, priority }))?;
        say(&format!("created {:5} {:?} at {}", todo.id, todo.data.title, todo.last_modified));
    }

    title("Reading");
    let urgent = todos.list().filter(field("done").eq(false)).filter(field("priority").min(5)).sort("-priority");
    say("those not done, of priority 5 and more:");
    for todo in client.items(urgent) {
        let Object { id, data, .. } = todo?;
        say(&format!("  {id:5} {} (priority {})", data.title, data.priority));
    }

    title("Changing, safely");
    let mut mine = client.send(todos.get("milk"))?;
    let mut theirs = client.send(todos.get("milk"))?;
    mine.data.title = "Buy oat milk".into();
    let changed = client.send(todos.update(&mine))?;
    say(&format!("milk is now {:?}", changed.data.title));
    theirs.data.title = "Buy soy milk".into();
    match client.send(todos.update(&theirs)) {
        Err(conflict) if conflict.is_precondition_failed() => {
            say("somebody who read it before cannot overwrite that:");
            say(&format!("  {conflict}"));
            let existing = conflict.server().and_then(|said| said.existing());
            say(&format!("  it holds {}", existing.and_then(|object| object.get("title")).unwrap_or(&().into())));
        }
        other => return Err(format!("a conflict was expected, not {other:?}").into()),
    }
    match client.send(todos.create("milk", &theirs.data)) {
        Err(conflict) if conflict.is_precondition_failed() => say("and neither can somebody who creates it again"),
        other => return Err(format!("a conflict was expected, not {other:?}").into()),
    }

    let raised = client.send(todos.modify("mail", |todo| todo.priority += 1))?;
    say(&format!("read, changed and written back in one go: priority {}", raised.data.priority));

    title("Many at once");
    let chore = |n: u8| Todo { title: format!("Chore {n}"), done: false, priority: n % 10 };
    let mut batch: Batch = (1..=40).map(|n| todos.add(&chore(n))).collect();
    let nap = batch.push(todos.get("nap"));
    let taken = batch.push(todos.create("milk", &chore(0)));
    let mut outcome = client.send(batch)?;
    say(&format!("42 operations, few requests, an outcome each: {}", outcome.summary()));
    say(&format!("one of them read: {:?}", outcome.take(nap)?.data.title));
    say(&format!("and one of them was refused: {}", outcome.take(taken).err().ok_or("a conflict was expected")?));

    title("Deleting");
    let done = client.send(todos.delete(&changed))?;
    say(&format!("{} is gone, {} are left", done.id, client.send(todos.count())?));
    let rest = client.send(todos.delete_all())?;
    say(&format!("and the other {} as well", rest.len()));
    Ok(())
}
